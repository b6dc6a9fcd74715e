//! The simplest store around a [`Fence`]: its data is a list, and a crash leaves what was durable.

use cutover::core::fence::{Chunk, Config, Durable, Enforcement, Fence, FenceLimits, Input, Output};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, WriteId};

/// A store with one partition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Store {
    pub fence: Fence,
    /// Ids of the applied writes, by position from 1.
    pub data: Vec<WriteId>,
    /// The durable state of the fence.
    pub durable: Durable,
    pub durable_data: Vec<WriteId>,
    /// The chunk that the last step handed to the mover.
    pub handed: Option<Chunk>,
}

/// Limits small enough to be reached in a short run.
pub const SMALL: FenceLimits =
    FenceLimits { sessions_max: 2, writes_per_session_max: 2, admitted_max: 2, chunk_writes_max: 3 };

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
        let fence = Fence::unknown(config);
        let durable = fence.durable().clone();
        Self { fence, data: Vec::new(), durable, durable_data: Vec::new(), handed: None }
    }

    /// Gives one input to the machine and performs its outputs in order.
    pub fn step(&mut self, input: &Input) -> Vec<Output> {
        let outputs = self.fence.handle(input);
        self.handed = None;
        for output in &outputs {
            match output {
                Output::Append { id, .. } => self.data.push(*id),
                Output::Import { writes, .. } => self.data.extend(writes),
                Output::Erase => self.data.clear(),
                Output::Persist => {
                    self.durable = self.fence.durable().clone();
                    self.durable_data.clone_from(&self.data);
                }
                Output::Hand { migration, first, last } => {
                    let from = usize::try_from(first.0 - 1).unwrap_or(usize::MAX);
                    let to = usize::try_from(last.0).unwrap_or(usize::MAX);
                    let writes = self.durable_data.get(from..to).map_or_else(Vec::new, <[_]>::to_vec);
                    let source = self.fence.config().incarnation;
                    self.handed = Some(Chunk { migration: *migration, source, first: *first, writes });
                }
                Output::Admitted(_) | Output::Serve(_) | Output::Reply(_) | Output::Halt(_) => {}
            }
        }
        outputs
    }

    /// Loses everything that was not durable.
    pub fn crash(&mut self) {
        self.fence = Fence::recover(*self.fence.config(), self.durable.clone());
        self.data.clone_from(&self.durable_data);
    }

    /// Loses everything, and restarts in a new incarnation, which reads the committed record first.
    pub fn wipe(&mut self, epoch: Epoch, migration: MigrationId) {
        let config = *self.fence.config();
        let config = Config { incarnation: config.incarnation.next(), ..config };
        let fence = Fence::returned(config, epoch, migration);
        *self = Self { durable: fence.durable().clone(), fence, ..Self::new(config) };
    }
}
