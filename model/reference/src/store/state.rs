//! What a store has of a partition.

use crate::statement::Receipt;
use cutover::core::fence::{Read, Write};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, WriteId};

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
    /// Writes of a chunk.
    pub chunk_max: usize,
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
    /// Its writes, in the order of their positions, which count from 1.
    pub writes: Vec<WriteId>,
    /// Whether it takes no chunk any more.
    pub finished: bool,
    /// The incarnation of the source that its chunks are from.
    pub source: Option<Incarnation>,
}

impl Copy {
    /// The position of its last write.
    #[must_use]
    pub fn watermark(&self) -> Position {
        Position(self.writes.len() as u64)
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
}

/// What is done to the data, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Everything of the partition is erased.
    Erase,
    /// These writes are stored from this position on, as a mover brought them.
    Import(Position, Vec<WriteId>),
    /// This write of a client is stored at this position.
    Append(Position, WriteId),
}

/// What is said, or let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Says {
    /// The copy is prepared.
    Prepared(crate::statement::Prepared),
    /// It is sealed.
    Sealed(Receipt),
    /// The copy reaches a position.
    Evidence(crate::statement::Reached),
    /// The writes reach a position, and are sealed through an epoch.
    Reading(crate::statement::Reached, Epoch),
    /// The copy is gone.
    Dropped(crate::statement::Dropped),
    /// The copy of a migration reaches a position.
    Taken(crate::statement::Speaker, MigrationId, Position),
    /// The write has taken effect at this position.
    Applied(Write, Position),
    /// The value is read for a client.
    Serves(Read),
    /// The writes from one position to another are handed to the mover of this migration.
    Hands(MigrationId, Position, Position),
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
        Self { settings, durable: state.clone(), state, waiting: Vec::new() }
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
    }
}
