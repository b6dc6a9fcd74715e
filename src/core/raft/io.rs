//! What goes into a node and what comes out of it.

use super::configuration::{Change, ChangeRefusal};
use super::durable::{Batch, SnapshotError};
use super::entry::{Content, Entry, LogPosition};
use super::machine::{Effect, Machine};
use super::mark::Mark;
use super::message::Message;
use crate::core::ids::{Halt, Index, NodeId, Term};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Names a proposal, chosen by whoever proposes; the outcome carries it back. The place in the log that the entry gets
/// if it is taken is such a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ProposalId(pub LogPosition);

/// Names a read, likewise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ReadId(pub u64);

/// Numbers the batches that a node wants written, from 1 in each of its runs: what is durable is reported by this name, so
/// that a report that comes twice, or late, counts for nothing.
///
/// It is left out of every hash: it only ever grows, and of two nodes that differ in nothing else, each does what the other
/// does. A checker that told them apart would find no end of states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct BatchNumber(pub u64);

impl BatchNumber {
    /// Before the first batch.
    pub const ZERO: Self = Self(0);

    /// The number so many batches later.
    #[must_use]
    pub fn plus(self, batches: usize) -> Self {
        Self(self.0.saturating_add(u64::try_from(batches).unwrap_or(u64::MAX)))
    }

    /// Batches after the other one, up to this one.
    #[must_use]
    pub fn since(self, other: Self) -> usize {
        usize::try_from(self.0.saturating_sub(other.0)).unwrap_or(usize::MAX)
    }
}

impl Hash for BatchNumber {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// What a node waits for. It says when; the driver knows how long.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// A follower that hears from no leader stands for election; a leader looks whether a quorum hears it. Set anew, with
    /// jitter, whenever a leader is heard.
    Election,
    /// The shortest election timeout: a follower that heard from its leader within it takes part in no election.
    MinElectionTimeout,
    /// A leader speaks up.
    Heartbeat,
    /// A leader gives up handing over: one election timeout.
    Transfer,
}

/// What can happen to a node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Input<P> {
    /// A message arrived.
    Received(Message<P>),
    /// A timer ended.
    TimerFired(Timer),
    /// This batch is durable, and every batch before it.
    Synced(BatchNumber),
    /// Somebody wants an entry in the log.
    Propose {
        /// To tell the outcome by.
        id: ProposalId,
        /// What the entry is to do.
        content: Content<P>,
    },
    /// Somebody wants to read what is committed by now.
    Read {
        /// To tell the outcome by.
        id: ReadId,
    },
    /// An operator wants another leader.
    Transfer {
        /// Whom.
        to: NodeId,
    },
}

/// What a node wants done, in this order. What has to wait for the disk is the [outbox](crate::core::outbox)'s to say.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output<M: Machine> {
    /// Write this, durably, then say so with [`Input::Synced`].
    Persist {
        /// Its number, by which it is reported durable.
        number: BatchNumber,
        /// What to write.
        batch: Batch<M::Payload>,
    },
    /// Send this; it may be lost.
    Send(Message<M::Payload>),
    /// Start this timer anew.
    SetTimer(Timer),
    /// Stop this timer.
    CancelTimer(Timer),
    /// This place was committed and applied.
    Applied {
        /// The place.
        at: LogPosition,
        /// What was there.
        entry: Entry<M::Payload>,
        /// What it did.
        effect: Effect<M::Answer>,
    },
    /// Everything was replaced by a snapshot up to this place.
    Installed(LogPosition),
    /// What came of a proposal.
    Decided {
        /// Which.
        id: ProposalId,
        /// What.
        outcome: Outcome<M::Answer>,
    },
    /// What came of a read: what is applied from this place on may be read, or why not.
    Read {
        /// Which.
        id: ReadId,
        /// The place, or why not.
        outcome: Result<Index, ReadRefusal>,
    },
    /// What came of an operator's wish to hand over: this node no longer leads (whether the other does, it cannot know), or
    /// why it still does.
    Transfer(Result<NodeId, TransferRefusal>),
    /// This node leads now.
    BecameLeader(Term),
    /// A place that a test or a run wants to have reached.
    Mark(Mark),
    /// An invariant is broken: stop this node.
    Halt(Halt),
}

impl<M: Machine> Output<M> {
    /// The batch to persist, if it is one.
    #[must_use]
    pub const fn batch(&self) -> Option<&Batch<M::Payload>> {
        if let Self::Persist { batch, .. } = self { Some(batch) } else { None }
    }

    /// The message to send, if it is one.
    #[must_use]
    pub const fn message(&self) -> Option<&Message<M::Payload>> {
        if let Self::Send(message) = self { Some(message) } else { None }
    }

    /// The outcome of a proposal, if it is one.
    #[must_use]
    pub const fn decided(&self) -> Option<(ProposalId, &Outcome<M::Answer>)> {
        if let Self::Decided { id, outcome } = self { Some((*id, outcome)) } else { None }
    }
}

/// What came of a proposal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Outcome<A> {
    /// It is in the log for good, and this is what it did.
    Committed {
        /// Its place.
        index: Index,
        /// What it did, a refusal included.
        effect: Effect<A>,
    },
    /// It is not in the log, and will not be.
    Rejected(Rejection),
    /// It may or may not come to be in the log.
    Indeterminate,
}

/// Why a proposal did not go into the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum Rejection {
    /// Not the leader.
    #[error("not the leader{}", hint(*leader))]
    NotLeader {
        /// Who may be.
        leader: Option<NodeId>,
    },
    /// Handing over.
    #[error("the leader is handing over to {to}")]
    Transferring {
        /// To whom.
        to: NodeId,
    },
    /// Too much is not committed yet.
    #[error("{have} bytes are not committed yet, at most {max}")]
    Busy {
        /// With this one.
        have: u32,
        /// The bound.
        max: u32,
    },
    /// The entry is too long.
    #[error("the entry has {have} bytes, at most {max}")]
    TooLong {
        /// Its length.
        have: u32,
        /// The bound.
        max: u32,
    },
    /// A change of the configuration that must not be.
    #[error("{change}: {refusal}")]
    Change {
        /// The change.
        change: Change,
        /// Why.
        refusal: ChangeRefusal,
    },
    /// A change of the configuration takes effect when it is appended, so a session cannot hold it back.
    #[error("{change}: a change of the configuration goes without a session")]
    ChangeInSession {
        /// The change.
        change: Change,
    },
    /// A leader's entry is made by a leader alone.
    #[error("the entry that opens a term is made by its leader")]
    OpensTerm,
    /// This node found an invariant broken.
    #[error("this node has stopped: it found an invariant broken")]
    Halted,
}

/// Why a read is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum ReadRefusal {
    /// Not the leader, or no longer.
    #[error("not the leader{}", hint(*leader))]
    NotLeader {
        /// Who may be.
        leader: Option<NodeId>,
    },
    /// A new leader does not know yet what is committed (section 8).
    #[error("the leader has committed nothing in its term yet")]
    NotYetInTerm,
    /// Too many are waiting.
    #[error("{max} reads are waiting already")]
    Busy {
        /// The bound.
        max: u32,
    },
    /// This node found an invariant broken.
    #[error("this node has stopped: it found an invariant broken")]
    Halted,
}

/// Why a leader does not hand over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum TransferRefusal {
    /// Not the leader.
    #[error("not the leader{}", hint(*leader))]
    NotLeader {
        /// Who may be.
        leader: Option<NodeId>,
    },
    /// The other must be a voter.
    #[error("{to} is no other voter")]
    NotVoter {
        /// Whom.
        to: NodeId,
    },
    /// Handing over already.
    #[error("the leader is handing over to {to}")]
    Transferring {
        /// To whom.
        to: NodeId,
    },
    /// It took too long.
    #[error("{to} did not take over in time")]
    Abandoned {
        /// Who.
        to: NodeId,
    },
    /// The leader leads no longer, and not because of the other, as far as it knows.
    #[error("the leader stepped down before it heard that {to} takes over")]
    SteppedDown {
        /// Who.
        to: NodeId,
    },
    /// This node found an invariant broken.
    #[error("this node has stopped: it found an invariant broken")]
    Halted,
}

/// What a node that has stopped says.
pub(super) fn refuse<M: Machine>(input: &Input<M::Payload>) -> Vec<Output<M>> {
    match input {
        Input::Propose { id, .. } => {
            vec![Output::Decided { id: *id, outcome: Outcome::Rejected(Rejection::Halted) }]
        }
        Input::Read { id } => vec![Output::Read { id: *id, outcome: Err(ReadRefusal::Halted) }],
        Input::Transfer { .. } => vec![Output::Transfer(Err(TransferRefusal::Halted))],
        Input::Received(_) | Input::TimerFired(_) | Input::Synced(_) => Vec::new(),
    }
}

/// Why a node does not start.
pub type StartError = SnapshotError;

fn hint(leader: Option<NodeId>) -> String {
    leader.map_or_else(String::new, |leader| format!(", {leader} may be"))
}
