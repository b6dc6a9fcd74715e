//! What a store has of a partition.

use super::memory::{Known, Remembered, remembered};
use crate::statement::{Dropped, Ended, Prepared, Reached, Receipt, Speaker};
use cutover::core::fence::{
    Change, Digest, Export, Frontier, Key, Read, Row, RowsDigest, Stuck, Value, Write,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, WriteId};
use std::collections::BTreeMap;

/// The store, and its limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Its name.
    pub store: Placement,
    /// The partition.
    pub partition: PartitionId,
    /// The lifetime of its state.
    pub incarnation: Incarnation,
    /// Whether it checks tokens.
    pub enforces: bool,
    /// Sessions that a copy remembers.
    pub sessions_max: usize,
    /// Writes that it remembers of each.
    pub writes_max: usize,
    /// Writes that may wait.
    pub waiting_max: usize,
    /// Rows and changes of a chunk.
    pub chunk_items: usize,
    /// Bytes of keys and values of a chunk.
    pub chunk_bytes: usize,
    /// How far the positions of two writes are apart.
    pub apart: u64,
}

/// What must be durable together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// No write with a token up to it is applied.
    pub sealed_through: Epoch,
    /// No write and no read with a token up to it is.
    pub closed_through: Epoch,
    /// The newest migration that made a copy, or whose copy was dropped.
    pub newest: MigrationId,
    /// The last receipt.
    pub receipt: Option<Receipt>,
    /// The copy.
    pub copy: Option<Copy>,
}

/// A copy of the partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copy {
    /// Its last write, or the one of its source that it has come to.
    pub position: Position,
    /// How far its rows go.
    pub frontier: Frontier,
    /// Its rows.
    pub rows: BTreeMap<Key, Row>,
    /// The write ids that it began with, as they were carried to it.
    pub carried: Remembered,
    /// The writes that it has heard of since, its own and its source's, oldest first.
    pub since: Vec<(WriteId, Position)>,
    /// Its own changes, oldest first, as far as they are not trimmed.
    pub log: Vec<Change>,
    /// Nothing is missing in the log after this position.
    pub logged_after: Position,
    /// Whether it takes no chunk any more.
    pub finished: bool,
    /// The incarnation of the source that its chunks are from.
    pub source: Option<Incarnation>,
}

impl Copy {
    /// One that has nothing. What is not copied from anywhere has all that there is.
    #[must_use]
    pub fn empty(copied: bool) -> Self {
        Self {
            position: Position::ZERO,
            frontier: if copied { Frontier::Nothing } else { Frontier::Everything },
            rows: BTreeMap::new(),
            carried: Remembered::default(),
            since: Vec::new(),
            log: Vec::new(),
            logged_after: Position::ZERO,
            finished: !copied,
            source: None,
        }
    }

    /// What it remembers of its writes.
    #[must_use]
    pub fn remembered(&self, settings: &Settings) -> Remembered {
        remembered(&self.carried, &self.since, settings.sessions_max, settings.writes_max)
    }

    /// What a write is to it. The row of one that it remembers may not be there, if it lacks rows.
    #[must_use]
    pub fn known(&self, settings: &Settings, id: WriteId) -> Known {
        match self.remembered(settings).known(id) {
            // F24
            Known::Applied(_) if !self.is_complete() => Known::Forgotten,
            known @ (Known::New | Known::Applied(_) | Known::Forgotten) => known,
        }
    }

    /// Whether it has all rows.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.frontier == Frontier::Everything
    }

    /// Nothing more comes from the source.
    pub fn finish(&mut self, settings: &Settings) {
        // F24
        if !self.is_complete() {
            self.carried = self.remembered(settings).forgotten();
            self.since.clear();
            self.frontier = Frontier::Everything;
        }
        self.finished = true;
    }

    /// How many rows it has, and the bytes of their keys and values.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        // F31
        let bytes = |(key, row): (&Key, &Row)| key.bytes().len() + row.value.bytes().len();
        let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        (size(self.rows.len()), size(self.rows.iter().map(bytes).sum()))
    }

    /// Its digest: of all its rows as they are, and of what it remembers. Nothing if the ids cannot be written down.
    #[must_use]
    pub fn digest(&self, settings: &Settings) -> Option<Digest> {
        // F25
        let mut rows = RowsDigest::EMPTY;
        self.rows.iter().for_each(|(key, row)| rows.add(key, row));
        Some(Digest { rows, ids: self.remembered(settings).digest()? })
    }
}

/// A store: its state, what of it is durable, and the writes that wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    /// Who it is.
    pub settings: Settings,
    /// The state.
    pub state: State,
    /// The state that a crash leaves.
    pub durable: State,
    /// Writes that are admitted, oldest first.
    pub waiting: Vec<Write>,
    /// The migration whose copy cannot go on, and why, as the last pull has found out.
    pub stuck: Option<(MigrationId, Stuck)>,
}

/// What is done to the data, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Everything of the partition is erased.
    Erase,
    /// These rows are set, or deleted, as a mover brought them.
    Import(BTreeMap<Key, Option<Row>>),
    /// This write of a client is logged, and its rows are set or deleted.
    Append(Change),
    /// The changes up to this position are forgotten.
    Trim(Position),
}

/// What is said, let in, or begun.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Says {
    /// The copy is prepared.
    Prepared(Prepared),
    /// It is to be pulled for this migration from this store.
    Pulls(MigrationId, Placement),
    /// It is sealed.
    Sealed(Receipt),
    /// The copy reaches a position.
    Evidence(Reached),
    /// The writes reach a position, and are sealed through an epoch.
    Reading(Reached, Epoch),
    /// The copy is gone.
    Dropped(Dropped),
    /// The copy takes no chunk any more.
    Ended(Ended),
    /// The copy of a migration has come to a position, and has all rows or lacks some.
    Taken(Speaker, MigrationId, Position, bool),
    /// The write has taken effect at this position.
    Applied(Write, Position),
    /// The write finds another value than it expects.
    Differs(Write, Option<Value>),
    /// The value is read for a client.
    Serves(Read),
    /// A chunk is cut for the mover.
    Hands(Export),
    /// The write waits.
    Admitted(Write),
}

impl Store {
    /// A store that never held the partition.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        // F17
        Self::returned(settings, Epoch::ZERO, MigrationId::ZERO)
    }

    /// A store that lost its state, and has read the committed record.
    #[must_use]
    pub fn returned(settings: Settings, epoch: Epoch, migration: MigrationId) -> Self {
        // F18
        let state = State {
            sealed_through: Epoch::ZERO,
            closed_through: epoch,
            newest: migration,
            receipt: None,
            copy: None,
        };
        Self { settings, durable: state.clone(), state, waiting: Vec::new(), stuck: None }
    }

    /// A `Persist` is completed.
    pub fn persisted(&mut self) {
        // F15
        self.durable = self.state.clone();
    }

    /// It crashes, and comes back.
    pub fn crashed(&mut self) {
        // F16
        self.state = self.durable.clone();
        self.waiting.clear();
        self.stuck = None;
    }
}
