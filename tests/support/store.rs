//! The simplest store around a [`Fence`]: its data is in memory, and a crash leaves what was durable.

use cutover::core::fence::{
    Chunk, Config, Contents, Durable, Enforcement, Fence, FenceLimits, Input, Output, Read, Row, Rows, Source,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};

/// A store with one partition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Store {
    pub fence: Fence,
    /// The rows, and the log of changes.
    pub data: Contents,
    /// The durable state of the fence.
    pub durable: Durable,
    pub durable_data: Contents,
    /// The chunk that the last step handed to the mover.
    pub handed: Option<Chunk>,
    /// The read that the last step served, and the row that it found.
    pub served: Option<(Read, Option<Row>)>,
    /// The copy that the store pulls, and from where.
    pub pulls: Option<(MigrationId, Placement)>,
}

/// Limits small enough to be reached in a short run.
pub const SMALL: FenceLimits = FenceLimits {
    sessions_max: 2,
    writes_per_session_max: 2,
    admitted_max: 2,
    chunk_items_max: 3,
    chunk_bytes_max: 24,
    positions_apart: 1,
};

/// The configuration of a store in its first incarnation.
pub const fn config(
    store: Placement,
    partition: PartitionId,
    enforcement: Enforcement,
    limits: FenceLimits,
) -> Config {
    Config { store, partition, incarnation: Incarnation(1), enforcement, limits }
}

impl Store {
    /// A store that does not know the partition.
    pub fn new(config: Config) -> Self {
        Self::with(Fence::unknown(config))
    }

    fn with(fence: Fence) -> Self {
        Self {
            durable: fence.durable().clone(),
            fence,
            data: Contents::default(),
            durable_data: Contents::default(),
            handed: None,
            served: None,
            pulls: None,
        }
    }

    /// The rows that the machine must be given with an input, and no others.
    pub fn rows(&self, input: &Input) -> Rows {
        let row = |key| Some((Clone::clone(key), self.data.rows().get(key)?.clone()));
        input.keys().filter_map(row).collect()
    }

    /// Gives one input to the machine and performs its outputs in order.
    pub fn step(&mut self, input: &Input) -> Vec<Output> {
        let rows = self.rows(input);
        let outputs = self.fence.handle(input, &rows);
        (self.handed, self.served) = (None, None);
        for output in &outputs {
            self.data.perform(output);
            match output {
                Output::Persist => {
                    self.durable = self.fence.durable().clone();
                    self.durable_data.clone_from(&self.data);
                }
                Output::Hand(export) => {
                    self.handed = Chunk::cut(self.source(), export, &self.durable_data).ok();
                }
                Output::Serve(read) => {
                    self.served = Some((read.clone(), self.data.rows().get(&read.key).cloned()));
                }
                Output::Pull { migration, source } => self.pulls = Some((*migration, *source)),
                Output::Append(_)
                | Output::Import { .. }
                | Output::Trim { .. }
                | Output::Erase
                | Output::Admitted(_)
                | Output::Reply(_)
                | Output::Halt(_) => {}
            }
        }
        outputs
    }

    /// The store as the source of a chunk.
    pub const fn source(&self) -> Source<'_> {
        let &Config { store, incarnation, limits, .. } = self.fence.config();
        Source { store, incarnation, durable: &self.durable, limits }
    }

    /// Loses everything that was not durable.
    pub fn crash(&mut self) {
        self.fence = Fence::recover(*self.fence.config(), self.durable.clone());
        self.data.clone_from(&self.durable_data);
        (self.handed, self.served, self.pulls) = (None, None, None);
    }

    /// Loses everything, and restarts in a new incarnation, which reads the committed record first.
    pub fn wipe(&mut self, epoch: Epoch, migration: MigrationId) {
        let config = *self.fence.config();
        let config = Config { incarnation: config.incarnation.next(), ..config };
        *self = Self::with(Fence::returned(config, epoch, migration));
    }
}
