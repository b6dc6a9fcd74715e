//! Violations found in a run, and the invariants that only a whole run can show.

use cutover::core::ids::PartitionId;

/// A violation found in a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Simulated time in nanoseconds.
    pub at_ns: u64,
    /// Id of the violated invariant.
    pub id: &'static str,
    /// The fact that was observed.
    pub found: String,
    /// The fact that it contradicts.
    pub against: String,
    /// The partition with data that it is about.
    pub partition: Option<PartitionId>,
}

/// Invariants that only a whole run can show. The registry has all others.
pub mod own {
    use cutover::core::invariant::Id;

    /// Batches that the disk acknowledged survive a crash, and no batch survives in part.
    pub const DURABLE: &str = "store.durable";
    /// The driver decides nothing: the pure machine, given the driver's calls, ends in the same state.
    pub const LOWERING: &str = "driver.lowering";
    /// A watcher that applies all changes has the table of each revision, without a gap.
    pub const WATCH: &str = "watch.no-gap";
    /// The answer to a client's change agrees with the log.
    pub const ANSWER: &str = "client.answer";
    /// A history of the cluster that a restore or a recovery begins gives out no epoch, no migration id and no number of a name that
    /// an earlier history gave out; and an answer under a ticket is of the ticket's history.
    pub const HISTORY: &str = "history.apart";
    /// A name resolves to the partition to which the log gave it; a list is the table as of its revision.
    pub const DIRECTORY: &str = "directory.as-the-log";
    /// After the faults a leader is elected, and changes are committed.
    pub const CONVERGES: &str = "run.converges";
    /// The program under test does not panic.
    pub const PANIC: &str = "run.no-panic";
    /// Once a process has heard two processes as one member, one of them again after the other, it takes nothing of either; and a
    /// member that runs once is never refused for that.
    pub const TWINS: &str = "peer.twins-refused";
    /// An election timeout is drawn from the range that is configured.
    pub const TIMERS: &str = "node.timers";
    /// A call of the client library ends by its deadline, whoever answers or not.
    pub const DEADLINE: &str = "client.deadline";
    /// A caller does what its role permits, and nothing else; a caller whose role is taken away sees nothing further.
    pub const ROLES: &str = "client.roles";
    /// The placement table does what its reference does.
    pub const TABLE: &str = "table.agrees-with-its-reference";
    /// The sessions do what their reference does.
    pub const SESSIONS: &str = "session.agrees-with-its-reference";
    /// A watcher makes of its stream what its reference makes of it, and has then been told what the log says.
    pub const WATCHER: &str = "watch.agrees-with-its-reference";
    /// A node writes, holds back and sends what its disk's reference does, and starts from what the reference says a crash leaves.
    pub const DISK: &str = Id::DiskAgrees.entry().id;
    /// A store with data does what the machines of its partitions do, given the same inputs.
    pub const STORE: &str = "sink.agrees-with-its-machines";
    /// When nothing fails, a move blocks writes for no longer than its budget.
    pub const BLOCKS: &str = "move.blocks-within-its-budget";
    /// A move that was ordered to hold before it began blocks no write until another order says so, none that began while moves were paused
    /// does before they are resumed, and no drain begins one meanwhile.
    pub const ORDERS: &str = "move.goes-as-ordered";
    /// A node or a store stops only because its disk failed, or because it was told to.
    pub const STOP: &str = "node.keeps-running";
}
