//! A sink's durable state of one partition.

use super::digest::{self, Digest, RowsDigest};
use super::{AppliedIds, Frontier, Key, Row, SealReceipt, Window};
use crate::core::ids::{Epoch, Incarnation, MigrationId, Names, Position, Relabel, SessionId};
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
///
/// The rows below the frontier, and the memory of write ids, are exactly those of the source at `position`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Copy {
    pub(super) position: Position,
    pub(super) frontier: Frontier,
    /// The log has all changes after this position.
    pub(super) logged_after: Position,
    /// Whether the intake has ended: a client write was applied, the copy was sealed, or the controller ended it. The copy then takes
    /// no more chunks.
    pub(super) finished: bool,
    /// The incarnation of the source from which the copy's chunks came. `None` before the first chunk.
    pub(super) source: Option<Incarnation>,
    pub(super) applied: AppliedIds,
    pub(super) rows: RowsDigest,
    pub(super) size: Size,
}

/// How much a copy has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Size {
    /// The number of rows.
    pub rows: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
}

impl Size {
    pub(super) fn add(&mut self, key: &Key, row: &Row) {
        self.rows = self.rows.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes(key, row));
    }

    pub(super) fn remove(&mut self, key: &Key, row: &Row) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes(key, row));
    }
}

fn bytes(key: &Key, row: &Row) -> u64 {
    u64::try_from(key.bytes().len() + row.value.bytes().len()).unwrap_or(u64::MAX)
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

    /// The same state without the sessions that the copy remembers. A store keeps each of these by itself: they are thousands, and a
    /// write changes one.
    #[must_use]
    pub fn outline(&self) -> Self {
        let Self { sealed_through, closed_through, newest, receipt, .. } = *self;
        let copy = self.copy.as_ref().map(Copy::outline);
        Self { sealed_through, closed_through, newest, receipt, copy }
    }

    /// The state of which this is the outline. Without a copy there are no sessions.
    #[must_use]
    pub fn with_sessions(mut self, sessions: impl IntoIterator<Item = (SessionId, Window)>) -> Self {
        if let Some(copy) = &mut self.copy {
            copy.applied.extend(sessions);
        }
        self
    }
}

impl Copy {
    fn outline(&self) -> Self {
        let Self { position, logged_after, finished, source, rows, size, .. } = *self;
        let (frontier, applied) = (self.frontier.clone(), self.applied.without_sessions());
        Self { position, frontier, logged_after, finished, source, applied, rows, size }
    }

    /// The position of the source's, or the copy's own, last write that the copy has.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// How far the copy's rows go.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The log of changes has all of them after this position.
    #[must_use]
    pub const fn logged_after(&self) -> Position {
        self.logged_after
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

    /// The digest of the copy.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest { rows: self.rows, ids: digest::of_ids(&self.applied) }
    }

    /// How much the copy has.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// A copy without rows. One into which nothing is copied is all there is from the start.
    pub(super) const fn empty(copied: bool) -> Self {
        Self {
            position: Position::ZERO,
            frontier: if copied { Frontier::Nothing } else { Frontier::Everything },
            logged_after: Position::ZERO,
            finished: !copied,
            source: None,
            applied: AppliedIds::new(),
            rows: RowsDigest::EMPTY,
            size: Size { rows: 0, bytes: 0 },
        }
    }

    /// The copy is written to, or sealed: nothing more is taken from the source. Rows that did not come by then are lost (a forced
    /// move that the operator called partial), and so is the certainty of what its write ids stand for: a retry must not be told that
    /// its write took effect, when its row is not there.
    pub(super) fn finish(&mut self) {
        self.finished = true;
        if self.frontier != Frontier::Everything {
            self.applied.forget_all();
            self.frontier = Frontier::Everything;
        }
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
