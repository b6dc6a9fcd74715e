//! What nodes say to one another.

use super::configuration::Peer;
use super::durable::{HardState, Snapshot};
use super::entry::{Entry, LogPosition};
use crate::core::ids::{ClusterId, Index, Term};
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A message. It counts only for the very life of the node that it names, in the cluster that it names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Message<P> {
    /// The cluster.
    pub cluster: ClusterId,
    /// Who says it.
    pub from: Peer,
    /// To whom.
    pub to: Peer,
    /// The term that the sender was in.
    pub term: Term,
    /// What is said.
    pub body: Body<P>,
}

/// What is said.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Body<P> {
    /// "Would you vote for me in this term?" Changes nothing (thesis, section 9.6).
    PreVote {
        /// The term that the sender would stand in.
        campaign_term: Term,
        /// The end of its log.
        last: LogPosition,
    },
    /// The answer.
    PreVoted {
        /// The term asked about.
        campaign_term: Term,
        /// Yes or no.
        granted: bool,
    },
    /// "Vote for me in my term" (section 5.2).
    RequestVote {
        /// The end of the sender's log.
        last: LogPosition,
        /// The leader wants this election: a follower that hears from a leader does not stand in the way (thesis,
        /// section 3.10).
        transfer: bool,
    },
    /// The answer.
    VoteReply {
        /// Yes or no.
        granted: bool,
    },
    /// Entries to append, or none: "I lead" (section 5.3).
    Append(Append<P>),
    /// The log agrees with the leader's up to this place, durably.
    Appended {
        /// The last entry of the append that is answered, never one after it.
        matched: Index,
        /// The round of the append.
        round: u64,
    },
    /// The log does not have the entry that the append comes after.
    AppendRejected {
        /// The place that was asked for.
        at: Index,
        /// The last place where the logs can agree, by what the follower knows.
        hint: LogPosition,
        /// The round of the append.
        round: u64,
    },
    /// A snapshot in place of entries that the leader no longer has (section 7).
    Install(Arc<Snapshot>),
    /// "Stand for election at once" (thesis, section 3.10). Means nothing in another term.
    TimeoutNow,
    /// "I am in a higher term than you": to a leader or candidate of the past.
    StaleTerm,
}

/// Entries to append.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Append<P> {
    /// The place that they come after.
    pub prev: LogPosition,
    /// The entries.
    pub entries: Vec<Entry<P>>,
    /// What the leader has committed.
    pub commit: Index,
    /// The leader's latest attempt to confirm that it leads; the answer carries it back. Unique within the term.
    pub round: u64,
}

/// Bytes that are no message.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MessageError {
    /// Not decodable.
    #[error("not a message: {0}")]
    Malformed(postcard::Error),
    /// A message, and then more.
    #[error("{have} bytes after the message, expected none")]
    Trailing {
        /// Bytes left over.
        have: usize,
    },
}

impl<P> Body<P> {
    /// Whether it rests on the sender's disk, so that it leaves once every batch in front of it is durable.
    ///
    /// What a leader says does not (thesis, section 10.2.1). Its term and its vote were durable before it was elected. Its
    /// entries are no promise of its own: it counts its own copy once that is durable, and if it crashes before, no other
    /// node can make an entry of that term. What it says to be committed a quorum has, durably.
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
}

impl<P> Message<P> {
    /// What it tells of its sender's term and vote: a promise, if the vote is one.
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
    /// The bytes that go to the peer.
    ///
    /// # Errors
    /// The codec's, which has none for these types.
    pub fn encode(&self) -> Result<Vec<u8>, MessageError> {
        postcard::to_allocvec(self).map_err(MessageError::Malformed)
    }

    /// Reads what [`Message::encode`] wrote.
    ///
    /// # Errors
    /// [`MessageError`]
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let (message, rest) = postcard::take_from_bytes(bytes).map_err(MessageError::Malformed)?;
        if rest.is_empty() { Ok(message) } else { Err(MessageError::Trailing { have: rest.len() }) }
    }
}
