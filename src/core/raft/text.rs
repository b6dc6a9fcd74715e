//! The text of messages, inputs and outputs in traces and logs.

use super::entry::{Content, Entry};
use super::io::{Outcome, ProposalId, ReadId, Timer};
use super::machine::Effect;
use super::message::{Append, Body, Message};
use super::node::Elections;
use super::role::RoleName;
use crate::core::ids::Index;
use core::fmt::{Display, Formatter, Result};

impl Display for Timer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.pad(match self {
            Self::Election => "election",
            Self::MinElectionTimeout => "contact",
            Self::Heartbeat => "heartbeat",
            Self::Transfer => "transfer",
        })
    }
}

impl Display for RoleName {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.pad(match self {
            Self::Follower => "follower",
            Self::PreCandidate => "pre-candidate",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
        })
    }
}

impl Display for Elections {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.pad(match self {
            Self::Plain => "plain elections",
            Self::Stable => "pre-vote, check-quorum and stickiness",
        })
    }
}

impl Display for ProposalId {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "proposal {}", self.0)
    }
}

impl Display for ReadId {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "read {}", self.0)
    }
}

impl<P: Display> Display for Content<P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Payload { ticket: Some(ticket), payload } => write!(f, "{payload} [{ticket}]"),
            Self::Payload { ticket: None, payload } => write!(f, "{payload}"),
            Self::OpenSession => f.write_str("open a session"),
            Self::CloseSession(id) => write!(f, "close session {id}"),
        }
    }
}

impl<P: Display> Display for Entry<P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {}", self.term, self.content)
    }
}

impl<P: Display> Display for Append<P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Append after {}", self.prev)?;
        for (at, entry) in (1..).zip(&self.entries) {
            write!(f, " {}={entry}", Index(self.prev.index.0 + at))?;
        }
        write!(f, " commit {}", self.commit)?;
        if self.round > 0 { write!(f, " round {}", self.round) } else { Ok(()) }
    }
}

impl<P: Display> Display for Body<P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let word = |granted: &bool| if *granted { "granted" } else { "refused" };
        let in_round = |f: &mut Formatter<'_>, round: &u64| {
            if *round > 0 { write!(f, " round {round}") } else { Ok(()) }
        };
        match self {
            Self::PreVote { campaign_term, last } => {
                write!(f, "PreVote for {campaign_term}, log ends at {last}")
            }
            Self::PreVoted { campaign_term, granted } => {
                write!(f, "PreVote for {campaign_term} {}", word(granted))
            }
            Self::RequestVote { last, transfer } => {
                write!(f, "Vote, log ends at {last}{}", if *transfer { ", handed over" } else { "" })
            }
            Self::VoteReply { granted } => write!(f, "Vote {}", word(granted)),
            Self::Append(append) => write!(f, "{append}"),
            Self::Appended { matched, round } => {
                write!(f, "Appended through {matched}")?;
                in_round(f, round)
            }
            Self::AppendRejected { at, hint, round } => {
                write!(f, "Diverged at {at}, try {hint}")?;
                in_round(f, round)
            }
            Self::Install(snapshot) => write!(f, "Snapshot at {}", snapshot.last),
            Self::TimeoutNow => f.write_str("TimeoutNow"),
            Self::StaleTerm => f.write_str("Outdated"),
        }
    }
}

impl<P: Display> Display for Message<P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}->{} {} {}", self.from, self.to, self.term, self.body)
    }
}

impl<A: Display> Display for Effect<A> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Answered { answer, repeated: false } => write!(f, "{answer}"),
            Self::Answered { answer, repeated: true } => write!(f, "{answer}, as before"),
            Self::SessionOpened(id) => write!(f, "session {id} opened"),
            Self::SessionClosed(id) => write!(f, "session {id} closed"),
            Self::SessionRefused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}

impl<A: Display> Display for Outcome<A> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Committed { index, effect } => write!(f, "committed at {index}: {effect}"),
            Self::Rejected(rejection) => write!(f, "rejected: {rejection}"),
            Self::Indeterminate => f.write_str("indeterminate"),
        }
    }
}
