//! The shadow of a partition at a store: the pure machine with its rows in memory, and what it makes of an input.

use cutover::core::fence::{
    Chunk, Config, Contents, CutError, Effect, Fence, Input, Output, Reply, Rows, Source,
};
use cutover::core::ids::{Epoch, MigrationId, Position};
use cutover::core::invariant::{SinkNow, Statement};
use std::collections::VecDeque;

/// The machine of a partition at a store, with its rows.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// The machine.
    pub fence: Fence,
    /// Its rows and changes.
    pub data: Contents,
}

impl Shadow {
    /// A store that has nothing of the partition, closed to tokens up to an epoch.
    #[must_use]
    pub fn new(config: Config, closed_through: Epoch, newest: MigrationId) -> Self {
        Self { fence: Fence::returned(config, closed_through, newest), data: Contents::default() }
    }

    /// Whether the store has nothing of the partition, as at its beginning with this epoch and this migration.
    #[must_use]
    pub fn has_nothing(&self, closed_through: Epoch, newest: MigrationId) -> bool {
        let began = Fence::returned(*self.fence.config(), closed_through, newest);
        *self.fence.durable() == *began.durable()
    }

    pub(super) const fn now(&self) -> SinkNow<'_> {
        let (fence, data) = (&self.fence, &self.data);
        SinkNow { fence, data, durable: fence.durable(), durable_data: data }
    }

    /// What a statement says, and of which copy.
    pub(super) fn states(&self, effect: &Effect) -> (Effect, MigrationId) {
        (effect.clone(), self.fence.durable().newest())
    }
}

/// A step of a machine that changed it.
pub(super) struct Stepped {
    pub(super) before: Shadow,
    pub(super) wrote: bool,
}

/// Hands an input to a shadow, and returns what is to be done about it. `stepped` is called after each step that changed something.
pub(super) fn handle(
    shadow: &mut Shadow,
    input: &Input,
    mut stepped: impl FnMut(&Stepped, &Shadow, &Input),
) -> Vec<Effect> {
    let (mut effects, mut waiting) = (Vec::new(), VecDeque::from([input.clone()]));
    while let Some(input) = waiting.pop_front() {
        let found = |key| Some((Clone::clone(key), shadow.data.rows().get(key)?.clone()));
        let rows: Rows = input.keys().filter_map(found).collect();
        let fence = shadow.fence.clone();
        let outputs = shadow.fence.handle(&input, &rows);
        let writes = outputs.iter().any(|output| {
            matches!(output, Output::Append(_) | Output::Import { .. } | Output::Trim { .. } | Output::Erase)
        });
        let changed = writes || fence.durable() != shadow.fence.durable();
        let before = changed.then(|| Shadow { fence, data: shadow.data.clone() });
        let wrote = outputs.iter().any(|output| matches!(output, Output::Append(_)));
        for output in outputs {
            shadow.data.perform(&output);
            match output {
                Output::Append(_) | Output::Import { .. } | Output::Trim { .. } => {}
                Output::Erase | Output::Persist => {}
                Output::Admitted(write) => waiting.push_back(Input::Apply(write)),
                Output::Serve(read) => {
                    let row = shadow.data.rows().get(&read.key).cloned();
                    let copy = shadow.fence.durable().copy();
                    let position = copy.map_or(Position::ZERO, |copy| copy.position());
                    effects.push(Effect::Value { read, row, position });
                }
                Output::Hand(export) => {
                    let config = shadow.fence.config();
                    let (store, incarnation, limits) = (config.store, config.incarnation, config.limits);
                    let source = Source { store, incarnation, durable: shadow.fence.durable(), limits };
                    let chunk = Chunk::cut(source, &export, &shadow.data);
                    let chunk = chunk.map_err(|error| match error {
                        CutError::Refused(refusal) => refusal,
                        CutError::Failed(never) => match never {},
                    });
                    effects.push(Effect::Chunk { export, chunk });
                }
                Output::Pull { migration, source } => effects.push(Effect::Pull { migration, source }),
                Output::Reply(reply) => effects.push(Effect::Reply(reply)),
                Output::Halt(halt) => effects.push(Effect::Halt(halt)),
            }
        }
        if let Some(before) = before {
            stepped(&Stepped { before, wrote }, shadow, &input);
        }
    }
    effects
}

/// The statement of an effect, if it is one.
pub(super) fn statement(effect: &Effect) -> Option<Statement<'_>> {
    Some(match effect {
        Effect::Value { position, .. } => Statement::Read(*position),
        Effect::Chunk { chunk: Ok(chunk), .. } => Statement::Handed(chunk),
        Effect::Chunk { chunk: Err(_), .. } | Effect::Pull { .. } | Effect::Halt(_) => return None,
        Effect::Reply(reply) => match reply {
            Reply::Prepared(said) => Statement::Prepared(said),
            Reply::Sealed(said) => Statement::Sealed(said),
            Reply::Evidence(said) => Statement::Evidence(said),
            Reply::Watermark(said) => Statement::Watermark(said),
            Reply::Dropped(said) => Statement::Dropped(said),
            Reply::Ended(said) => Statement::Ended(said),
            Reply::Applied { write, .. } => Statement::Applied(write),
            Reply::ChunkTaken(_) | Reply::Refused { .. } => return None,
        },
    })
}
