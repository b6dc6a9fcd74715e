//! A store in memory, which does what one on disk has to do.

use super::disk::Disk;
use super::store::SMALL;
use cutover::core::fence::{
    Body, Chunk, Config, Contents, CutError, Enforcement, Export, Fence, FenceLimits, Frontier, Input,
    Output, Request, Rows, Source,
};
use cutover::core::ids::{Incarnation, PartitionId, Placement, Position};
use cutover::sink::storage::{Beginning, Effect, Setup, SinkIdentity, Storage, StorageError};
use std::collections::BTreeMap;

/// The store under test.
pub const STORE: Placement = Placement(0);
/// Its first partition.
pub const PARTITION: PartitionId = PartitionId(1);
/// The store, and the incarnation of its directory.
pub const ME: SinkIdentity = SinkIdentity { store: STORE, incarnation: Incarnation(1) };
/// What it keeps to.
pub const SETUP: Setup = Setup {
    enforcement: Enforcement::Tokens,
    limits: FenceLimits { chunk_items_max: 4096, chunk_bytes_max: 1 << 20, ..SMALL },
};

/// Creates the storage on a disk.
pub fn create(disk: &Disk) -> Result<Storage, StorageError> {
    Storage::create_on(disk.clone(), ME, SETUP, &Beginning::EMPTY)
}

/// Opens the storage of a disk.
pub fn open(disk: &Disk) -> Result<Storage, StorageError> {
    Storage::open_on(disk.clone(), STORE, SETUP)
}

/// A request for the whole copy of a partition.
pub fn whole(partition: PartitionId, machine: &Fence) -> (PartitionId, Input) {
    let migration = machine.durable().newest();
    let export = Export { migration, after: Frontier::Nothing, position: Position::ZERO, limit: u32::MAX };
    (partition, Input::Request(Request { store: STORE, partition, body: Body::Export(export) }))
}

/// A request for the changes of a partition after a position.
pub fn changes(partition: PartitionId, machine: &Fence, position: Position) -> (PartitionId, Input) {
    let migration = machine.durable().newest();
    let export = Export { migration, after: Frontier::Everything, position, limit: u32::MAX };
    (partition, Input::Request(Request { store: STORE, partition, body: Body::Export(export) }))
}

/// The machines of all partitions, and their data.
#[derive(Clone, Debug, Default)]
pub struct Twin(pub BTreeMap<PartitionId, (Fence, Contents)>);

impl Twin {
    /// Handles the inputs in order. Admitted writes are applied at once.
    pub fn perform(&mut self, inputs: &[(PartitionId, Input)]) -> Vec<Vec<Effect>> {
        inputs.iter().map(|(partition, input)| self.handle(*partition, input)).collect()
    }

    fn handle(&mut self, partition: PartitionId, input: &Input) -> Vec<Effect> {
        let config = Config {
            store: STORE,
            partition,
            incarnation: ME.incarnation,
            enforcement: SETUP.enforcement,
            limits: SETUP.limits,
        };
        let (fence, data) =
            self.0.entry(partition).or_insert_with(|| (Fence::unknown(config), Contents::default()));
        let mut effects = Vec::new();
        let mut waiting = vec![input.clone()];
        while let Some(input) = waiting.pop() {
            let rows: Rows = input
                .keys()
                .filter_map(|key| data.rows().get(key).map(|row| (key.clone(), row.clone())))
                .collect();
            for output in fence.handle(&input, &rows) {
                data.perform(&output);
                match output {
                    Output::Admitted(write) => waiting.push(Input::Apply(write)),
                    Output::Serve(read) => {
                        let position = fence.durable().copy().map_or(Position::ZERO, |copy| copy.position());
                        effects.push(Effect::Value {
                            row: data.rows().get(&read.key).cloned(),
                            read,
                            position,
                        });
                    }
                    Output::Hand(export) => {
                        let source = Source {
                            store: STORE,
                            incarnation: ME.incarnation,
                            durable: fence.durable(),
                            limits: SETUP.limits,
                        };
                        let chunk = Chunk::cut(source, &export, &*data).map_err(|error| match error {
                            CutError::Refused(refusal) => refusal,
                            CutError::Failed(never) => match never {},
                        });
                        effects.push(Effect::Chunk { export, chunk });
                    }
                    Output::Pull { migration, source } => effects.push(Effect::Pull { migration, source }),
                    Output::Reply(reply) => effects.push(Effect::Reply(reply)),
                    Output::Halt(halt) => effects.push(Effect::Halt(halt)),
                    Output::Append(_)
                    | Output::Import { .. }
                    | Output::Trim { .. }
                    | Output::Erase
                    | Output::Persist => {}
                }
            }
        }
        effects
    }

    /// A crash: what is not durable is gone.
    pub fn crash(&mut self) {
        for (fence, _) in self.0.values_mut() {
            *fence = Fence::recover(*fence.config(), fence.durable().clone());
        }
    }

    /// Whether the storage has the same machines and data. Asks both for their copies, which changes neither.
    pub fn agrees(&self, storage: &mut Storage) -> Result<(), String> {
        for (partition, (fence, _)) in &self.0 {
            let untouched = Fence::unknown(*fence.config());
            let found = storage.fence(*partition).unwrap_or(&untouched).durable().clone();
            if found != *fence.durable() {
                return Err(format!("{partition}: found {found:?}, expected {:?}", fence.durable()));
            }
            let mut asked = vec![whole(*partition, fence)];
            if let Some(copy) = fence.durable().copy() {
                asked.push(changes(*partition, fence, copy.logged_after()));
            }
            let expected = self.clone().perform(&asked);
            let found = storage.perform(&asked).map_err(|error| error.to_string())?;
            if found != expected {
                return Err(format!("{partition}: found {found:?}, expected {expected:?}"));
            }
        }
        Ok(())
    }
}

/// Numbers from a seed.
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = usize::try_from(self.0 >> 33).unwrap();
        high % bound.max(1)
    }
}
