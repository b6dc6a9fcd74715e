//! The limits of a node, and the rules by which elections are held.

use serde::{Deserialize, Serialize};

/// The rules by which elections are held.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Elections {
    /// The rules of the paper (Raft, figure 2).
    Plain,
    /// With pre-vote, a quorum check of the leader, and voters that refuse elections while in contact with a leader
    /// (thesis, sections 9.6, 6.2 and 4.2.3). All three or none: each of the first two alone can leave a cluster
    /// without a leader forever.
    Stable,
}

/// The limits of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct NodeLimits {
    /// The rules by which elections are held.
    pub elections: Elections,
    /// Appends with entries in flight to one follower, at most.
    pub window: u8,
    /// Entries in one append, at most.
    pub append_entries_max: u32,
    /// Bytes of one encoded entry, at most.
    pub entry_bytes_max: u32,
    /// Bytes of uncommitted entries at a leader, at most.
    pub uncommitted_bytes_max: u32,
    /// Reads that wait for a quorum, at most.
    pub reads_max: u32,
    /// Entries applied since the last snapshot that trigger the next one.
    pub compact_after_entries: u64,
    /// Entries before the snapshot that stay in the log, for followers that lag a little.
    pub keep_entries: u64,
    /// Terms by which a message may be ahead of the node, at most. A message further ahead is dropped: terms advance by
    /// elections, so it is damaged or forged, and adopting it would use up the terms that are left.
    pub term_leap_max: u64,
}

impl NodeLimits {
    /// The limits that a cluster runs with.
    pub const PRODUCTION: Self = Self {
        elections: Elections::Stable,
        window: 8,
        append_entries_max: 64,
        entry_bytes_max: 4096,
        uncommitted_bytes_max: 1 << 20,
        reads_max: 4096,
        compact_after_entries: 4096,
        keep_entries: 1024,
        term_leap_max: 1 << 20,
    };
}
