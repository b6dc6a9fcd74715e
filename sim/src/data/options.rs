//! What a seed draws for the stores with data and those who use them.

use crate::stream::Stream;
use cutover::core::ids::{PartitionId, Placement};
use cutover::core::migration::Policy;
use cutover::core::placement::Guarantee;
use serde::{Deserialize, Serialize};

/// The longest time after a read of the record at which a write takes effect at a store that cannot seal, in milliseconds.
pub const WRITE_EFFECT_MS: u64 = 300;
/// First number of the partitions that have data.
const DATA: u64 = 1 << 30;
/// The most partitions that have data.
const DATA_MAX: u64 = 1 << 10;

/// Whether a partition has data. The statements about all others are invented by clients.
#[must_use]
pub const fn has_data(partition: PartitionId) -> bool {
    partition.0 >= DATA && partition.0 < DATA + DATA_MAX
}

/// Options of the stores with data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DataOptions {
    /// Number of stores.
    pub stores: u8,
    /// The placement of the first store.
    pub first: u64,
    /// Number of partitions.
    pub partitions: u8,
    /// Number of rows that are used of each partition.
    pub rows: u8,
    /// Number of gateways.
    pub gateways: u8,
    /// Number of callers of each gateway.
    pub callers: u8,
    /// Scale of the time between two faults of a gateway's process, in milliseconds; 0: none.
    pub gateways_end_ms: u64,
    /// Number of requests per second of each caller.
    pub requests_per_s: u64,
    /// Scale of the time between two steps of the operator of moves, in milliseconds.
    pub moves_ms: u64,
    /// Whether the operator forces moves now and then. What is written to a partition that was forced is not judged by its history.
    pub forces: bool,
    /// Whether the operator works by orders: moves with holds and budgets, pauses, drains.
    pub orders: bool,
    /// Scale of the time between two stores that lose their disks, in milliseconds; 0: none does.
    pub wipes_ms: u64,
    /// Whether every second store cannot seal.
    pub timed: bool,
    /// By how much clocks of nodes gain at most, in parts per million.
    pub clock_error_ppm: u32,
    /// How long a read or a write may take, in milliseconds.
    pub deadline_ms: u64,
    /// How long one attempt of it may take, in milliseconds.
    pub attempt_ms: u64,
    /// The controllers' budget of blocked writes, in milliseconds.
    pub budget_ms: u64,
    /// How often controllers repeat what they ask, in milliseconds.
    pub retry_ms: u64,
    /// The greatest lag at which controllers block writes, in writes.
    pub lag_writes: Option<u64>,
    /// The most rows and changes of a chunk.
    pub chunk_items: u32,
    /// The most sessions whose writes a store remembers.
    pub sessions: u32,
    /// The most inputs of one commit of a store.
    pub group_max: usize,
}

impl DataOptions {
    /// Draws the options of a seed. `first`: the placement of the first store.
    #[must_use]
    pub fn draw(seed: u64, first: u64) -> Self {
        let mut stream = Stream::new(seed, "options", 5);
        let mut drawn = Self {
            stores: stream.pick(&[1, 2, 2, 3, 4]).unwrap_or(2),
            first,
            partitions: stream.pick(&[1, 2, 3, 6]).unwrap_or(2),
            rows: stream.pick(&[1, 3, 8]).unwrap_or(3),
            gateways: stream.pick(&[1, 2, 2]).unwrap_or(2),
            callers: stream.pick(&[1, 2, 3]).unwrap_or(2),
            gateways_end_ms: stream.pick(&[0, 2_000, 10_000]).unwrap_or(0),
            requests_per_s: stream.pick(&[2, 5, 10]).unwrap_or(5),
            moves_ms: stream.pick(&[100, 400, 1_500]).unwrap_or(400),
            deadline_ms: stream.pick(&[500, 3_000, 10_000]).unwrap_or(3_000),
            attempt_ms: stream.pick(&[100, 500, 2_000]).unwrap_or(500),
            budget_ms: stream.pick(&[400, 1_000, 5_000]).unwrap_or(1_000),
            retry_ms: stream.pick(&[20, 50, 200]).unwrap_or(50),
            lag_writes: stream.pick(&[None, Some(0), Some(1), Some(8), Some(64)]).flatten(),
            chunk_items: stream.pick(&[1, 2, 4096]).unwrap_or(4096),
            forces: stream.below(4) == 0,
            sessions: stream.pick(&[4, 16, 4096]).unwrap_or(4096),
            group_max: stream.pick(&[1, 4, 256]).unwrap_or(256),
            orders: stream.below(2) == 0,
            wipes_ms: stream.pick(&[0, 0, 0, 0, 8_000]).unwrap_or(0),
            timed: stream.below(4) == 0,
            clock_error_ppm: 200,
        };
        if drawn.timed {
            // A move has to wait for the writes under way. A store that cannot seal and has lost its disk takes what is late.
            drawn.budget_ms = drawn.budget_ms.max(1_000);
            drawn.wipes_ms = 0;
        }
        drawn
    }

    /// What a store can give.
    #[must_use]
    pub fn guarantee(&self, store: Placement) -> Guarantee {
        let odd = store.0.saturating_sub(self.first) % 2 == 1;
        if self.timed && odd { Guarantee::Timed } else { Guarantee::Sealed }
    }

    /// The partitions.
    pub fn all(&self) -> impl Iterator<Item = PartitionId> + use<> {
        let partitions = if self.stores == 0 { 0 } else { self.partitions };
        (0..u64::from(partitions)).map(|number| PartitionId(DATA + number))
    }

    /// The placements of the stores.
    pub fn placements(&self) -> impl Iterator<Item = Placement> + use<> {
        let first = self.first;
        (0..u64::from(self.stores)).map(move |number| Placement(first + number))
    }

    /// What the controllers keep to.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        Policy {
            lag_writes_max: self.lag_writes,
            hold: false,
            blocked_budget_ms: self.budget_ms,
            retry_ms: self.retry_ms,
            write_effect_ms_max: WRITE_EFFECT_MS,
            clock_error_ppm: self.clock_error_ppm,
            clock_granule_ms: 1,
        }
    }
}
