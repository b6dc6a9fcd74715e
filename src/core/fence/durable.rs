//! A sink's durable state of one partition.

use super::{AppliedIds, SealReceipt};
use crate::core::ids::{Epoch, Incarnation, MigrationId, Names, Position, Relabel};
use serde::{Deserialize, Serialize};

/// The part of a fence's state that is written atomically with the data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Durable {
    pub(super) sealed_through: Epoch,
    pub(super) closed_through: Epoch,
    pub(super) newest: MigrationId,
    #[serde(deserialize_with = "super::statement::stored_receipt")]
    pub(super) receipt: Option<SealReceipt>,
    pub(super) copy: Option<Copy>,
}

/// A sink's copy of a partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Copy {
    pub(super) watermark: Position,
    /// Whether a client write was applied or the copy was sealed. The copy is then no longer a prefix of its
    /// source, and takes no more chunks.
    pub(super) finished: bool,
    /// The incarnation of the source from which the copy's chunks came. `None` before the first chunk.
    pub(super) source: Option<Incarnation>,
    pub(super) applied: AppliedIds,
}

impl Durable {
    /// Writes with a token up to this epoch are refused; 0 if the sink was never sealed.
    #[must_use]
    pub const fn sealed_through(&self) -> Epoch {
        self.sealed_through
    }

    /// Reads and writes with a token up to this epoch are refused.
    #[must_use]
    pub const fn closed_through(&self) -> Epoch {
        self.closed_through
    }

    /// The migration that made the newest copy, even if that copy was erased; 0 if there was none.
    #[must_use]
    pub const fn newest(&self) -> MigrationId {
        self.newest
    }

    /// The receipt of the latest seal; `None` if the sink was never sealed.
    #[must_use]
    pub const fn receipt(&self) -> Option<&SealReceipt> {
        self.receipt.as_ref()
    }

    /// The copy; `None` if it was never prepared, or was dropped.
    #[must_use]
    pub const fn copy(&self) -> Option<&Copy> {
        self.copy.as_ref()
    }
}

impl Copy {
    /// The position of the copy's last write.
    #[must_use]
    pub const fn watermark(&self) -> Position {
        self.watermark
    }

    /// Whether the copy takes no more chunks.
    #[must_use]
    pub const fn finished(&self) -> bool {
        self.finished
    }

    /// The incarnation of the source from which the copy's chunks came; `None` before the first chunk.
    #[must_use]
    pub const fn source(&self) -> Option<Incarnation> {
        self.source
    }

    /// The writes that the copy remembers.
    #[must_use]
    pub const fn applied(&self) -> &AppliedIds {
        &self.applied
    }

    pub(super) const fn empty() -> Self {
        Self { watermark: Position::ZERO, finished: false, source: None, applied: AppliedIds::new() }
    }
}

impl Relabel for Copy {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { applied: self.applied.relabel(names), ..self.clone() }
    }
}

impl Relabel for Durable {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { copy: self.copy.relabel(names), ..self.clone() }
    }
}
