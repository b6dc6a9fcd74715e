//! The line that `demo` prints.

use serde::{Deserialize, Serialize};

/// What became of the writes of a demo, and how long its moves kept them waiting.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Demo {
    /// Number of writes that were acknowledged to clients.
    pub acknowledged: u64,
    /// Number of acknowledged writes that were not found at the end.
    pub lost: u64,
    /// Number of writes of which nobody knows whether they were done.
    pub unknown: u64,
    /// Number of effects beyond those of the writes.
    pub duplicates: u64,
    /// Blocked time per key and move in milliseconds, from the last acknowledgement at the source to the first at the target: half of
    /// the keys were blocked for no longer.
    pub blocked_ms_p50: u64,
    /// Likewise, 99 % of the keys.
    pub blocked_ms_p99: u64,
    /// Likewise, all keys.
    pub blocked_ms_max: u64,
    /// Longest time between two acknowledgements to a writer in milliseconds, whatever the reason was.
    pub silent_ms_max: u64,
    /// 99th percentile of the latency of a write in microseconds, while no move was under way; `None` if there was no such write.
    pub at_rest_us_p99: Option<u64>,
    /// Likewise, while a target copied.
    pub copying_us_p99: Option<u64>,
    /// Most KiB that a node had resident; `None` where the system does not tell.
    pub node_kib_max: Option<u64>,
    /// Likewise, a store.
    pub store_kib_max: Option<u64>,
    /// Likewise, a gateway.
    pub gateway_kib_max: Option<u64>,
    /// Millions of bytes of rows per second, from the begin of a move until it blocks writes; the median of the moves.
    pub copy_mb_s: f64,
    /// Number of rows before the load began.
    pub rows: u64,
    /// Bytes of the keys and values of these rows.
    pub bytes: u64,
    /// Number of moves that arrived.
    pub moves: u64,
    /// Number of times a move was aborted and begun again.
    pub aborts: u64,
    /// Number of processes that were killed.
    pub kills: u64,
    /// Whether the history of the clients is linearizable; `None` if that could not be judged.
    pub linearizable: Option<bool>,
}
