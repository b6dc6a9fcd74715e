//! What is found, and by which name.

/// Something that must not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// When, in nanoseconds of the run.
    pub at_ns: u64,
    /// What is broken.
    pub id: &'static str,
    /// What was found.
    pub found: String,
    /// What it contradicts.
    pub against: String,
}

/// Invariants that only a whole run shows. The registry has the others.
pub mod own {
    /// What the disk acknowledged is there after a crash, and nothing is there in part.
    pub const DURABLE: &str = "store.durable";
    /// The driver decides nothing: its calls, made to the machine alone, end in the same state.
    pub const LOWERING: &str = "driver.lowering";
    /// A watcher that applies what it is told has the table, without a gap.
    pub const WATCH: &str = "watch.no-gap";
    /// What a client is told of a change is what the log says of it.
    pub const ANSWER: &str = "client.answer";
    /// A name leads to the partition that the log gave it, and a list is the table as it was at its revision.
    pub const DIRECTORY: &str = "directory.as-the-log";
    /// After the faults a leader is elected, and changes go through.
    pub const CONVERGES: &str = "run.converges";
    /// A panic.
    pub const PANIC: &str = "run.no-panic";
    /// A node stops for no other reason than a failed disk, or an order.
    pub const STOP: &str = "node.keeps-running";
}
