//! The text of entries and answers in traces and logs.

use super::{Answer, ControlPlaneEntry, MembershipChange};
use core::fmt::{Display, Formatter, Result};

impl Display for ControlPlaneEntry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::MembershipChange(change) => write!(f, "{change}"),
            Self::OwnershipTransition(command) => write!(f, "{} {command}", command.partition),
            Self::CreatePartition { name, placement, guarantee } => {
                write!(f, "create {name} at {placement} {guarantee}")
            }
            Self::LeaderConfiguration { term, leader } => write!(f, "{leader} leads {term}"),
        }
    }
}

impl Display for MembershipChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Admit { peer, identity, endpoints: _ } => write!(f, "admit {peer} as {identity}"),
            Self::Promote { peer } => write!(f, "promote {peer}"),
            Self::Remove { peer } => write!(f, "remove {peer}"),
        }
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Noted => f.write_str("noted"),
            Self::Epoch(epoch) => write!(f, "epoch {epoch}"),
            Self::Created { partition, epoch } => write!(f, "{partition} at epoch {epoch}"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}
