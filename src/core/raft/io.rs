//! The inputs and outputs of a node.

use super::configuration::{Change, ChangeRefusal};
use super::durable::Batch;
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

/// Identifies a proposal; its outcome carries the same id. Chosen by the caller: for instance the position that the
/// entry gets if the proposal is accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ProposalId(pub LogPosition);

/// Identifies a read; its outcome carries the same id. Chosen by the caller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ReadId(pub u64);

/// The number of a batch, from 1 in each run of a node. A report that a batch is durable names
/// it, so a repeated or delayed report has no effect.
///
/// `Hash` leaves it out: the number only grows, and nodes that differ in nothing else behave the same. A search that
/// distinguished them would not end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct BatchNumber(pub u64);

impl BatchNumber {
    /// The number before the first batch: "none".
    pub const ZERO: Self = Self(0);

    /// The number of the batch that comes `batches` after this one.
    #[must_use]
    pub fn plus(self, batches: usize) -> Self {
        Self(self.0.saturating_add(u64::try_from(batches).unwrap_or(u64::MAX)))
    }

    /// The number of batches after `other`, up to and including this one.
    #[must_use]
    pub fn since(self, other: Self) -> usize {
        usize::try_from(self.0.saturating_sub(other.0)).unwrap_or(usize::MAX)
    }
}

impl Hash for BatchNumber {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// A timer that a node sets. The driver knows the durations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// Election timeout, with jitter. A follower or candidate that it fires on starts an election; a leader checks that
    /// a quorum has answered. Set again on each message of the leader and each granted vote.
    Election,
    /// Minimum election timeout. Until it fires, a follower that has received a message of its leader takes part in no
    /// election (thesis, section 4.2.3).
    MinElectionTimeout,
    /// Heartbeat interval of a leader.
    Heartbeat,
    /// The time that a leader waits for a transfer of leadership: one election timeout.
    Transfer,
}

/// An input of a node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Input<P> {
    /// A message from another node arrived.
    Received(Message<P>),
    /// A timer that the node set has fired.
    TimerFired(Timer),
    /// This batch is durable, and every batch before it.
    Synced(BatchNumber),
    /// A request to append an entry.
    Propose {
        /// The id that [`Output::Decided`] will carry.
        id: ProposalId,
        /// The content of the entry.
        content: Content<P>,
    },
    /// A linearizable read: it sees everything committed before this input.
    Read {
        /// The id that [`Output::Read`] will carry.
        id: ReadId,
    },
    /// A request to transfer leadership (thesis, section 3.10).
    Transfer {
        /// The node that is to lead; `None`: the voter that has the most of the log, among those that answer.
        to: Option<NodeId>,
    },
}

/// An output of a node. Outputs are performed in order; the [outbox](crate::core::outbox) holds back those that must wait
/// for the disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output<M: Machine> {
    /// A batch to write durably; its completion is reported with [`Input::Synced`].
    Persist {
        /// The number by which [`Input::Synced`] will report the batch.
        number: BatchNumber,
        /// The batch to write.
        batch: Batch<M::Payload>,
    },
    /// A message to send. It may be lost.
    Send(Message<M::Payload>),
    /// Start or restart a timer.
    SetTimer(Timer),
    /// Stop a timer, if it is running.
    CancelTimer(Timer),
    /// An entry was committed and applied.
    Applied {
        /// The position of the entry in the log.
        at: LogPosition,
        /// The entry that was applied.
        entry: Entry<M::Payload>,
        /// The effect of applying the entry.
        effect: Effect<M::Answer>,
    },
    /// The log and the applied state were replaced by a snapshot that ends at this position.
    Installed(LogPosition),
    /// The outcome of a proposal.
    Decided {
        /// The id of the proposal.
        id: ProposalId,
        /// Whether the entry was committed, rejected, or its outcome is unknown.
        outcome: Outcome<M::Answer>,
    },
    /// The outcome of a read.
    Read {
        /// The id of the read.
        id: ReadId,
        /// The state applied at this index or later may be read; or why the read is refused.
        outcome: Result<Index, ReadRefusal>,
    },
    /// The outcome of a transfer of leadership. `Ok`: this node no longer leads (whether the other node does is
    /// unknown).
    Transfer(Result<NodeId, TransferRefusal>),
    /// This node became the leader of the term.
    BecameLeader(Term),
    /// A situation that tests and searches count.
    Mark(Mark),
    /// An invariant is violated: the driver must stop this node.
    Halt(Halt),
}

impl<M: Machine> Output<M> {
    /// The batch, if this output is one to persist.
    #[must_use]
    pub const fn batch(&self) -> Option<&Batch<M::Payload>> {
        if let Self::Persist { batch, .. } = self { Some(batch) } else { None }
    }

    /// The message, if this output is one to send.
    #[must_use]
    pub const fn message(&self) -> Option<&Message<M::Payload>> {
        if let Self::Send(message) = self { Some(message) } else { None }
    }

    /// The id and outcome of a proposal, if this output is one.
    #[must_use]
    pub const fn decided(&self) -> Option<(ProposalId, &Outcome<M::Answer>)> {
        if let Self::Decided { id, outcome } = self { Some((*id, outcome)) } else { None }
    }
}

/// The outcome of a proposal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Outcome<A> {
    /// The entry is committed and applied.
    Committed {
        /// The index of the entry.
        index: Index,
        /// The effect of applying the entry, which may be a refusal by the state machine.
        effect: Effect<A>,
    },
    /// The entry is not in the log and never will be.
    Rejected(Rejection),
    /// The entry may or may not get committed.
    Indeterminate,
}

/// Why a proposal was not appended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum Rejection {
    /// This node is not the leader.
    #[error("not the leader{}", hint(*leader))]
    NotLeader {
        /// The leader as far as this node knows.
        leader: Option<NodeId>,
    },
    /// The leader is transferring leadership and accepts no proposals.
    #[error("the leader is handing over to {to}")]
    Transferring {
        /// The voter to which leadership is being transferred.
        to: NodeId,
    },
    /// Too many bytes are uncommitted.
    #[error("{have} bytes are not committed yet, at most {max}")]
    Busy {
        /// Uncommitted bytes, this entry included.
        have: u32,
        /// The most uncommitted bytes allowed.
        max: u32,
    },
    /// The encoded entry is too long.
    #[error("the entry has {have} bytes, at most {max}")]
    TooLong {
        /// The length of the encoded entry, in bytes.
        have: u32,
        /// The longest length allowed, in bytes.
        max: u32,
    },
    /// The change of the configuration is not allowed now.
    #[error("{change}: {refusal}")]
    Change {
        /// The change that was proposed.
        change: Change,
        /// Why the change is refused now.
        refusal: ChangeRefusal,
    },
    /// A change of the configuration was proposed in a session. It takes effect when it is appended, so the session
    /// check, which is made when it is applied, would come too late.
    #[error("{change}: a change of the configuration goes without a session")]
    ChangeInSession {
        /// The change that was proposed.
        change: Change,
    },
    /// Only a new leader appends the entry that opens its term.
    #[error("the entry that opens a term is made by its leader")]
    OpensTerm,
    /// The node has halted on a violated invariant.
    #[error("this node has stopped: it found an invariant broken")]
    Halted,
}

/// Why a read is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum ReadRefusal {
    /// This node is not the leader, or stepped down while the read waited.
    #[error("not the leader{}", hint(*leader))]
    NotLeader {
        /// The leader as far as this node knows.
        leader: Option<NodeId>,
    },
    /// The leader has not committed an entry of its own term yet, so it does not know the commit index (Raft, section
    /// 8).
    #[error("the leader has committed nothing in its term yet")]
    NotYetInTerm,
    /// Too many reads are waiting.
    #[error("{max} reads are waiting already")]
    Busy {
        /// The most reads that may wait.
        max: u32,
    },
    /// The node has halted on a violated invariant.
    #[error("this node has stopped: it found an invariant broken")]
    Halted,
}

/// Why a transfer of leadership did not happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Error)]
pub enum TransferRefusal {
    /// This node is not the leader.
    #[error("not the leader{}", hint(*leader))]
    NotLeader {
        /// The leader as far as this node knows.
        leader: Option<NodeId>,
    },
    /// The target is this node or not a voter.
    #[error("{to} is no other voter")]
    NotVoter {
        /// The node that was to become the leader.
        to: NodeId,
    },
    /// No other voter answers, so there is nobody to transfer leadership to.
    #[error("no other voter answers")]
    NoVoter,
    /// Another transfer is in progress.
    #[error("the leader is handing over to {to}")]
    Transferring {
        /// The target of the transfer in progress.
        to: NodeId,
    },
    /// The target did not take over within an election timeout.
    #[error("{to} did not take over in time")]
    Abandoned {
        /// The target of the transfer.
        to: NodeId,
    },
    /// The leader stepped down for another reason before it learned that the target takes over.
    #[error("the leader stepped down before it heard that {to} takes over")]
    SteppedDown {
        /// The target of the transfer.
        to: NodeId,
    },
    /// The node has halted on a violated invariant.
    #[error("this node has stopped: it found an invariant broken")]
    Halted,
}

/// The outputs of a halted node: every request is refused.
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

fn hint(leader: Option<NodeId>) -> String {
    leader.map_or_else(String::new, |leader| format!(", {leader} may be"))
}
