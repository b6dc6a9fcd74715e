//! What a scope around the nodes of the control plane bounds.

use crate::protocol::{Bounds, InvariantSet};
use crate::render::plural;
use cutover::core::fault::Fault;
use cutover::core::invariant::Id;
use cutover::core::raft::{NodeLimits, SessionLimits};

/// How often messages arrive again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duplicates {
    /// So many in all arrive once more.
    AtMost(u8),
    /// A message that has arrived stays on its way.
    Unbounded,
}

/// A change of the members that an operator may want.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wish {
    /// A node that is no member is admitted, as learner.
    Admit(u8),
    /// A learner is promoted.
    Promote(u8),
    /// A member is removed.
    Remove(u8),
}

/// Bounds of the nodes, of the network and of what is asked of them.
#[derive(Clone, Debug)]
pub struct ConsensusBounds {
    /// Nodes that the cluster is founded with.
    pub founders: u8,
    /// Nodes with an empty disk, after the founders.
    pub joiners: u8,
    /// Terms; nobody stands for election in a higher one.
    pub terms: u64,
    /// Election timeouts of nodes that do not lead, in all.
    pub timeouts: u8,
    /// Writes: each creates a partition of its own.
    pub writes: u8,
    /// Entries in a log above the founding, those that open terms included.
    pub entries: u64,
    /// Whether the first write goes under a session, which has to be opened first.
    pub session: bool,
    /// Sessions that others open, once the first is open.
    pub other_sessions: u8,
    /// Times that each write is proposed, retries included.
    pub attempts: u8,
    /// Reads, one after the other, at any node that takes them.
    pub reads: u8,
    /// Hand-overs.
    pub transfers: u8,
    /// Changes of the members that may be appended, in all.
    pub changes: u8,
    /// The changes that are wanted.
    pub wishes: &'static [Wish],
    /// Messages on their way at once. What does not fit is lost, whichever it is.
    pub in_flight: u8,
    /// Messages that arrive again.
    pub duplicates: Duplicates,
    /// Crashes of nodes, in all. Each keeps any prefix of what is not synced.
    pub crashes: u8,
    /// Whether nodes go on while a batch is not durable yet; otherwise it is durable, or lost in a crash, before they do.
    pub lingers: bool,
    /// Disks lost, in all; the node comes back under another incarnation.
    pub wipes: u8,
    /// Whether leaders speak without having something to say.
    pub heartbeats: bool,
    /// Whether messages are lost that say nothing new: those of a term that their receiver has left, refused votes, and those
    /// that change nothing there while the answers to them change nothing either.
    pub loses_old: bool,
    /// Bounds of the nodes.
    pub limits: NodeLimits,
    /// Bounds of the sessions.
    pub sessions: SessionLimits,
    /// Whether the founders are interchangeable.
    pub symmetric: bool,
}

impl ConsensusBounds {
    pub(crate) fn parts(&self) -> Vec<String> {
        let some = |count: u8, what: &str| plural(u64::from(count), what);
        let mut parts = vec![some(self.founders, "node")];
        if self.joiners > 0 {
            parts.push(format!("{} more with an empty disk", self.joiners));
        }
        parts.push(plural(self.terms, "term"));
        if self.timeouts < u8::MAX {
            parts.push(some(self.timeouts, "election timeout"));
        }
        if self.writes > 0 {
            parts.push(some(self.writes, "write"));
        }
        parts.push("the entry that opens a term comes on top".to_owned());
        parts.push(format!("logs of at most {} entries", self.entries));
        if self.session {
            parts
                .push(format!("the first write under a session, {} at each", some(self.attempts, "attempt")));
        } else if self.attempts > 1 {
            parts.push(format!("{} at a write", some(self.attempts, "attempt")));
        }
        if self.other_sessions > 0 {
            let max = self.sessions.sessions_max;
            parts.push(format!("{} of another client, room for {max}", some(self.other_sessions, "session")));
        }
        for (count, what) in [(self.reads, "read"), (self.transfers, "hand-over"), (self.changes, "change")] {
            if count > 0 {
                parts.push(some(count, what));
            }
        }
        let NodeLimits { elections, window, append_entries_max, compact_after_entries, .. } = self.limits;
        parts.push(format!("{} in flight", some(self.in_flight, "message")));
        parts.push(format!("features: {elections}"));
        parts.push(format!(
            "{} in an append, window {window}",
            plural(append_entries_max.into(), "entry").replace("entrys", "entries")
        ));
        if compact_after_entries < 1000 {
            parts.push(format!("a snapshot after {compact_after_entries}"));
        }
        parts
    }

    pub(crate) fn fault_parts(&self) -> Vec<String> {
        let mut parts =
            vec!["delay, lose, reorder any message between nodes".to_owned(), "pause any".to_owned()];
        match self.duplicates {
            Duplicates::AtMost(0) => parts.push("no message twice".to_owned()),
            Duplicates::AtMost(count) => parts.push(format!("{} <= {count}", Fault::Duplicate)),
            Duplicates::Unbounded => parts.push("repeat any message, any number of times".to_owned()),
        }
        if self.crashes > 0 {
            let when = if self.lingers {
                "at any time, keeping any prefix of the unsynced batches; synced at once after the last"
            } else {
                "at rest, or between a batch and what is said after it, keeping any prefix of the batches"
            };
            parts.push(format!("{} of a node <= {}, {when}", Fault::Crash, self.crashes));
        }
        if self.wipes > 0 {
            parts.push(format!("{} of a node <= {}", Fault::Wipe, self.wipes));
        }
        if !self.heartbeats {
            parts.push(
                "under-approximation: no heartbeats, so nothing that was lost is sent again".to_owned(),
            );
        }
        if self.loses_old {
            parts.push("under-approximation: messages of a lower term, refused votes, and messages that say nothing new are lost".to_owned());
        }
        parts
    }
}

/// The invariants about nodes and their log, but for the one that the compiler judges: the log's type has no place for user data.
pub(crate) fn judged() -> InvariantSet {
    let ids = Id::ALL.iter().filter(|id| id.entry().id.starts_with("raft.") && **id != Id::NoUserData);
    ids.fold(0, |set, id| set | u64::from(id.bit()))
}

impl Bounds for ConsensusBounds {
    fn text(&self) -> String {
        self.parts().join(", ")
    }

    fn faults(&self) -> String {
        self.fault_parts().join(", ")
    }

    fn judged(&self, _: InvariantSet) -> InvariantSet {
        judged()
    }
}
