//! The report of a node that ended by itself.

use cutover::node::driver::Stopped;

/// What a node says whose disk is full: the text of the operating system's error.
pub const NO_ROOM: &str = "no storage space";

/// A node has ended by itself. `boot` is the number of the node's start: a report of an earlier process is ignored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The power failed in the middle of a write.
    PowerFailed {
        /// Number of the node.
        node: u8,
        /// Number of the start that ended.
        boot: u64,
    },
    /// The node cannot start, since its disk is full.
    NoRoom {
        /// Number of the node.
        node: u8,
        /// Number of the start that ended.
        boot: u64,
    },
    /// The node's driver has stopped.
    Stopped {
        /// Number of the node.
        node: u8,
        /// Number of the start that ended.
        boot: u64,
        /// The reason that the driver gives.
        why: Stopped,
    },
}
