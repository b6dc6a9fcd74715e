//! The actions of the migration environment.

/// What a damaged chunk lacks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Damage {
    /// Its last row.
    Row,
    /// Its last change.
    Change,
    /// What it says of write ids.
    Ids,
}

impl Damage {
    pub(super) const ALL: [Self; 3] = [Self::Row, Self::Change, Self::Ids];
}

/// An action of the environment. A number is a position in a list of the state in which the action is enabled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// A gateway makes its next attempt at a write, with the partition resolved at this revision.
    Send {
        /// Number of the gateway, from 0.
        gateway: u8,
        /// The revision at which its cache, or its fresh read, resolves the partition.
        revision: u8,
    },
    /// An attempt at a write arrives at its sink.
    Write {
        /// Position in [`Net::writes`](super::Net::writes).
        message: u8,
    },
    /// A sink applies a write that it has admitted.
    Apply {
        /// Position in [`SINKS`](super::SINKS).
        sink: u8,
        /// Position among the sink's admitted writes.
        index: u8,
    },
    /// An acknowledgement arrives at its client.
    Answer {
        /// Position in [`Net::answers`](super::Net::answers).
        message: u8,
    },
    /// A strong reader resolves the partition and sends its read.
    Resolve {
        /// Number of the reader, from 0.
        reader: u8,
        /// The revision at which it resolves the partition.
        revision: u8,
    },
    /// A strong read arrives at its sink.
    Serve {
        /// Number of the reader, from 0.
        reader: u8,
    },
    /// A read that may be stale is resolved from a cache and served.
    Stale {
        /// The revision that the cache shows.
        revision: u8,
    },
    /// A controller's request arrives at its sink.
    Request {
        /// Position in the list of enabled requests.
        offer: u8,
    },
    /// A controller's request arrives at the wrong sink.
    Misroute {
        /// Position in the list of enabled requests.
        offer: u8,
    },
    /// A client's write arrives at the wrong sink.
    MisrouteWrite {
        /// Position in [`Net::writes`](super::Net::writes).
        message: u8,
    },
    /// A chunk arrives at the wrong sink.
    MisrouteChunk {
        /// Position in [`Net::chunks`](super::Net::chunks).
        message: u8,
    },
    /// The log commits a command.
    Commit {
        /// Position in the list of enabled commands.
        offer: u8,
    },
    /// A chunk arrives at its target.
    Chunk {
        /// Position in [`Net::chunks`](super::Net::chunks).
        message: u8,
    },
    /// A chunk arrives at its target with something missing.
    Damaged {
        /// Position in [`Net::chunks`](super::Net::chunks).
        message: u8,
        /// What is missing.
        what: Damage,
    },
    /// A source forgets its changes.
    Trim {
        /// Position in [`SINKS`](super::SINKS).
        sink: u8,
    },
    /// The mover finds that the copy of a target cannot go on.
    Stuck {
        /// Position in [`SINKS`](super::SINKS).
        sink: u8,
    },
    /// A sink makes its whole state durable.
    Sync {
        /// Position in [`SINKS`](super::SINKS).
        sink: u8,
    },
    /// A sink crashes and loses what is not durable.
    Crash {
        /// Position in [`SINKS`](super::SINKS).
        sink: u8,
    },
    /// A sink loses its disk and restarts empty, in a new incarnation.
    Wipe {
        /// Position in [`SINKS`](super::SINKS).
        sink: u8,
    },
    /// A gateway restarts in the middle of an operation; its client retries.
    Restart {
        /// Number of the gateway, from 0.
        gateway: u8,
    },
    /// A controller handles an event that changes the controller's own state.
    Controller {
        /// Position in the list of enabled controller steps.
        offer: u8,
    },
    /// A client asks the gate over a watched table to admit a write.
    Gate {
        /// The revision of the watched table.
        revision: u8,
    },
    /// The log is lost, and goes on from the state that it had at a revision.
    Restore {
        /// The revision of the restored state.
        revision: u8,
    },
    /// All controllers are replaced, and the replies to them are lost.
    TakeOver,
    /// A controller is replaced by a new one without state.
    Replace {
        /// Number of the controller, from 0.
        controller: u8,
    },
    /// A controller's timer fires.
    Fire {
        /// Number of the controller, from 0.
        controller: u8,
        /// Position among its running timers.
        timer: u8,
        /// The revision that the controller has read when it handles the timer.
        revision: u8,
    },
    /// The environment's clock advances by one tick.
    Tick,
    /// A controller's clock runs one tick ahead.
    Gain {
        /// Number of the controller, from 0.
        controller: u8,
    },
}
