//! The pull of a copy, which runs beside the target's store: what it asks the source for next, and when the copy cannot go on.

use super::{Body, Durable, Export, Refusal, Stuck};
use crate::core::ids::MigrationId;

impl Export {
    /// What the pull of this migration's copy asks the source for next. `None`: it has ended, since the copy takes no more chunks, was made
    /// by another migration, or is gone.
    #[must_use]
    pub fn next(durable: &Durable, migration: MigrationId, limit: u32) -> Option<Self> {
        let copy = durable.copy().filter(|copy| !copy.finished() && durable.newest() == migration)?;
        let (after, position) = (copy.frontier().clone(), copy.position());
        Some(Self { migration, after, position, limit })
    }
}

impl Stuck {
    /// Why the copy cannot go on, if a refusal says so: the source's, of what was asked for, or the target's, of a chunk. After any
    /// other the pull asks again.
    #[must_use]
    pub const fn found(asked: &Body, refusal: &Refusal) -> Option<Self> {
        match (asked, refusal) {
            (Body::Export(_), Refusal::Trimmed { .. }) => Some(Self::Trimmed),
            (Body::Export(_), Refusal::UnknownPartition { .. } | Refusal::Incomplete { .. }) => {
                Some(Self::NoSource)
            }
            (Body::Chunk(_), Refusal::OtherSource { .. }) => Some(Self::OtherSource),
            _ => None,
        }
    }
}
