//! What a node reports when it ends by itself.

use cutover::node::driver::Stopped;

/// A node has ended. `boot` counts the starts of the node, so that a report of an earlier process can be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The power failed in the middle of a write.
    PowerFailed {
        /// The node.
        node: u8,
        /// The start that has ended.
        boot: u64,
    },
    /// Its driver has stopped.
    Stopped {
        /// The node.
        node: u8,
        /// The start that has ended.
        boot: u64,
        /// The driver's reason.
        why: Stopped,
    },
}
