//! Messages between nodes.

use super::configuration::Peer;
use super::durable::{HardState, Snapshot};
use super::entry::{Entry, LogPosition};
use crate::core::ids::{HistoryId, Index, Term};
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A message. Only the peer that it names takes it, and only in the history that it names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Message<P> {
    /// The history of the log that the message belongs to.
    pub history: HistoryId,
    /// The node that sent the message.
    pub from: Peer,
    /// The node for which the message is meant.
    pub to: Peer,
    /// The index of the entry that admitted the sender; 0 if the history began with it, or it is no member. A receiver
    /// that does not know the sender sees from it whether the sender may be newer than its own log.
    pub admitted: Index,
    /// The sender's term when it sent the message.
    pub term: Term,
    /// The kind of message and its content.
    pub body: Body<P>,
}

/// The content of a message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Body<P> {
    /// Asks whether the receiver would grant a vote. Changes no state (thesis, section 9.6).
    PreVote {
        /// The term of the election that would follow.
        campaign_term: Term,
        /// The sender's last log entry.
        last: LogPosition,
    },
    /// Answers a request for a pre-vote.
    PreVoted {
        /// The term in the request.
        campaign_term: Term,
        /// Whether the vote is, or would be, granted.
        granted: bool,
    },
    /// Requests a vote in the sender's term (Raft, section 5.2).
    RequestVote {
        /// The sender's last log entry.
        last: LogPosition,
        /// The leader asked for this election: a follower in contact with it takes part (thesis, section 3.10).
        transfer: bool,
    },
    /// Answers a request for a vote.
    VoteReply {
        /// Whether the vote is, or would be, granted.
        granted: bool,
    },
    /// Entries to append; without entries, a heartbeat (Raft, section 5.3).
    Append(Append<P>),
    /// The follower's durable log matches the leader's up to an index.
    Appended {
        /// The index of the last entry of the answered append, never a later one.
        matched: Index,
        /// The round of the answered append.
        round: u64,
    },
    /// The follower's log does not have the entry before the appended ones.
    AppendRejected {
        /// The index of that entry.
        at: Index,
        /// The last position at which the logs can match, as far as the follower knows.
        hint: LogPosition,
        /// The round of the answered append.
        round: u64,
    },
    /// A snapshot, in place of entries that the leader has compacted away (Raft, section 7).
    Install(Arc<Snapshot>),
    /// Asks the receiver to start an election at once (thesis, section 3.10). Ignored in another term.
    TimeoutNow,
    /// Tells a deposed leader or candidate the sender's higher term.
    StaleTerm,
}

/// The content of an append: entries, or none in a heartbeat.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Append<P> {
    /// The position of the entry before the first of `entries`.
    pub prev: LogPosition,
    /// The entries to append, possibly none.
    pub entries: Vec<Entry<P>>,
    /// The commit index of the leader.
    pub commit: Index,
    /// The number of the leader's latest attempt to confirm its leadership, unique within the term. The answer carries
    /// it back.
    pub round: u64,
}

/// Bytes that are not a message.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MessageError {
    /// The bytes cannot be decoded.
    #[error("not a message: {0}")]
    Malformed(postcard::Error),
    /// Bytes are left over after a message.
    #[error("{have} bytes after the message, expected none")]
    Trailing {
        /// The number of bytes left over.
        have: usize,
    },
}

impl<P> Body<P> {
    /// Whether the message may be sent only once every batch emitted before it is durable.
    ///
    /// A leader replicates in parallel with its own write to disk (thesis, section 10.2.1), so its messages do not
    /// wait. Its term and vote were durable before it was elected. It counts its own copy of an entry only once that is
    /// durable; if it crashes before, no other node can create an entry of that term. What it reports as committed is
    /// durable on a quorum.
    pub const fn after_persist(&self) -> bool {
        match self {
            Self::Append(_) | Self::Install(_) | Self::TimeoutNow => false,
            Self::PreVote { .. }
            | Self::PreVoted { .. }
            | Self::RequestVote { .. }
            | Self::VoteReply { .. }
            | Self::Appended { .. }
            | Self::AppendRejected { .. }
            | Self::StaleTerm => true,
        }
    }

    /// Whether the message answers a request.
    #[must_use]
    pub const fn is_reply(&self) -> bool {
        match self {
            Self::PreVoted { .. }
            | Self::VoteReply { .. }
            | Self::Appended { .. }
            | Self::AppendRejected { .. }
            | Self::StaleTerm => true,
            Self::PreVote { .. }
            | Self::RequestVote { .. }
            | Self::Append(_)
            | Self::Install(_)
            | Self::TimeoutNow => false,
        }
    }
}

impl<P> Message<P> {
    /// The term and vote of the sender that the message reveals. They must be durable before it is sent.
    #[must_use]
    pub const fn vote_claim(&self) -> HardState {
        let voted_for = match &self.body {
            Body::VoteReply { granted: true } => Some(self.to),
            Body::RequestVote { .. } => Some(self.from),
            Body::VoteReply { granted: false }
            | Body::PreVote { .. }
            | Body::PreVoted { .. }
            | Body::Append(_)
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::Install(_)
            | Body::TimeoutNow
            | Body::StaleTerm => None,
        };
        HardState { term: self.term, voted_for }
    }
}

impl<P: super::Payload> Message<P> {
    /// Encodes the message as bytes for the peer.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn encode(&self) -> Result<Vec<u8>, MessageError> {
        postcard::to_allocvec(self).map_err(MessageError::Malformed)
    }

    /// Decodes what [`Message::encode`] wrote.
    ///
    /// # Errors
    /// [`MessageError`]
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let (message, rest) = postcard::take_from_bytes(bytes).map_err(MessageError::Malformed)?;
        if rest.is_empty() { Ok(message) } else { Err(MessageError::Trailing { have: rest.len() }) }
    }
}
