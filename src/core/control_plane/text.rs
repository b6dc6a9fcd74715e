//! The text of entries and answers in traces and logs.

use super::{Answer, ControlPlaneEntry, MembershipChange, Override, StoreChange, StoreFacts};
use alloc::format;
use alloc::string::String;
use core::fmt::{Display, Formatter, Result};

impl Display for ControlPlaneEntry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::MembershipChange(change) => write!(f, "{change}"),
            Self::OwnershipTransition(command) => write!(f, "{} {command}", command.partition),
            Self::NamedTransition { name, transition } => write!(f, "{name} {transition}"),
            Self::LeaderConfiguration { term, leader } => write!(f, "{leader} leads {term}"),
            Self::StoreChange(change) => write!(f, "{change}"),
            Self::OrderChange(change) => write!(f, "{change}"),
        }
    }
}

impl Display for MembershipChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Admit { peer, identity, endpoints: _ } => write!(f, "admit {peer} as {identity}"),
            Self::Promote { peer, even_so } => write!(f, "promote {peer}{}", forced(even_so.as_ref())),
            Self::Remove { peer, even_so } => write!(f, "remove {peer}{}", forced(even_so.as_ref())),
        }
    }
}

impl Display for StoreChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Add { number, store } => {
                let StoreFacts { name, kind, endpoints, guarantee, identity } = store;
                let number = number.map_or_else(String::new, |number| format!(" as {number}"));
                write!(f, "add store {name}{number}: {kind} at {endpoints}, {guarantee}, {identity}")
            }
            Self::MoveEndpoints { store, expected, endpoints } => {
                write!(f, "move store {store} at {expected} to {endpoints}")
            }
            Self::Remove { store, expected } => write!(f, "remove store {store} at {expected}"),
        }
    }
}

fn forced(even_so: Option<&Override>) -> String {
    even_so.map_or_else(String::new, |Override { operator, reason }| {
        format!(" even so by {}: {}", operator.as_ref(), reason.as_ref())
    })
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Noted => f.write_str("noted"),
            Self::Epoch(epoch) => write!(f, "epoch {epoch}"),
            Self::Named { partition, epoch } => write!(f, "{partition} at epoch {epoch}"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Store { store, revision } => write!(f, "store {store} at {revision}"),
            Self::StoreRefused(refusal) => write!(f, "refused: {refusal}"),
            Self::OrderRefused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}
