//! What can happen next.

/// A choice of the environment. Numbers index lists of the state in which the choice is made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// A gateway makes its next attempt, resolving the partition from this revision.
    Send {
        /// Which gateway.
        gateway: u8,
        /// The revision that its cache, or its fresh read, shows.
        revision: u8,
    },
    /// An attempt arrives at its sink.
    Write {
        /// Which message.
        message: u8,
    },
    /// A sink gets to a write that it admitted.
    Apply {
        /// Which sink.
        sink: u8,
        /// Which admitted write.
        index: u8,
    },
    /// An acknowledgement arrives at its client.
    Answer {
        /// Which message.
        message: u8,
    },
    /// A strong reader resolves the partition.
    Resolve {
        /// Which reader.
        reader: u8,
        /// The revision shown.
        revision: u8,
    },
    /// A strong read arrives at its sink.
    Serve {
        /// Which reader.
        reader: u8,
    },
    /// A read from a cache is served.
    Stale {
        /// The revision that the cache shows.
        revision: u8,
    },
    /// A controller's request arrives at its sink.
    Request {
        /// Which of the requests on offer.
        offer: u8,
    },
    /// A controller's request arrives at the wrong sink.
    Misroute {
        /// Which of the requests on offer.
        offer: u8,
    },
    /// A client's write arrives at the wrong sink.
    MisrouteWrite {
        /// Which message.
        message: u8,
    },
    /// A chunk arrives at the wrong sink.
    MisrouteChunk {
        /// Which message.
        message: u8,
    },
    /// The log commits a command.
    Commit {
        /// Which of the commands on offer.
        offer: u8,
    },
    /// A chunk arrives at its target.
    Chunk {
        /// Which message.
        message: u8,
    },
    /// A sink makes everything durable.
    Sync {
        /// Which sink.
        sink: u8,
    },
    /// A sink loses what is not durable.
    Crash {
        /// Which sink.
        sink: u8,
    },
    /// A sink comes back empty, with a new incarnation.
    Wipe {
        /// Which sink.
        sink: u8,
    },
    /// A gateway forgets what it was doing; its client asks again.
    Restart {
        /// Which gateway.
        gateway: u8,
    },
    /// A controller that keeps something takes an event.
    Controller {
        /// Which of the steps on offer.
        offer: u8,
    },
    /// The gate over a watched table is asked for a write.
    Gate {
        /// The revision that the table shows.
        revision: u8,
    },
    /// All controllers are replaced, and what they were told is lost.
    TakeOver,
    /// A controller is replaced by one that knows nothing.
    Replace {
        /// Which controller.
        controller: u8,
    },
    /// A controller's timer fires.
    Fire {
        /// Which controller.
        controller: u8,
        /// Which of its timers.
        timer: u8,
        /// The revision that it read last.
        revision: u8,
    },
    /// Time passes.
    Tick,
    /// A controller's clock gains a tick.
    Gain {
        /// Which controller.
        controller: u8,
    },
}
