//! A sink's copy of one partition: the production fence, its data, and what a crash takes.

use super::net::{Asker, Made};
use super::truth::Beside;
use cutover::core::fence::{
    Cell, Change, Chunk, Config, Contents, CutError, Durable, Fence, Frontier, Input, Output, Read, Reply,
    Row, Rows, Source, Write,
};
use cutover::core::ids::{Epoch, Halt, MigrationId, Placement, Position, WriteId};
use cutover::core::migration::Said;
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::store::StoreBeside;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What leaves a sink. Data is read when the fence says so, and leaves when what it shows is durable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Leaving {
    Reply(Reply, Option<Asker>),
    Serve(Read, Option<Asker>, Vec<WriteId>),
    /// A chunk, with the writes of which its rows and changes are made.
    Hand(Chunk, Made),
}

/// A sink's copy, in memory and on disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Sink {
    pub(super) fence: Fence,
    beside: Beside<StoreBeside>,
    /// The rows and changes.
    contents: Contents,
    disk_contents: Contents,
    disk: Durable,
    /// All writes that have taken effect in the copy, or where it was copied from. No store knows them.
    made: Made,
    disk_made: Made,
    /// The copy that the mover beside the store pulls, and from where.
    pub(super) pulls: Option<(MigrationId, Placement)>,
    /// What waits until everything so far is durable.
    held: Vec<Leaving>,
    /// The writes that are admitted: who asked, and until when each may take effect.
    pub(super) admitted: Vec<(Write, Option<Asker>, Option<u64>)>,
}

/// What a sink did with an input.
#[derive(Default, Debug)]
pub(super) struct Did {
    pub(super) applied: Option<Write>,
    pub(super) leaving: Vec<Leaving>,
    pub(super) halts: Vec<Halt>,
    /// A write that the copy has now more than once.
    pub(super) twice: Option<WriteId>,
    /// A row that is not what the writes make of it: what it is, and what it should be.
    pub(super) wrong: Option<(String, String)>,
    /// What the fence did, and its reference does not.
    pub(super) disagrees: Option<Disagreement>,
}

impl Sink {
    pub(super) fn unknown(config: Config) -> Self {
        Self::of(Fence::unknown(config), StoreBeside::new(&config))
    }

    /// A sink that lost its state, and read this epoch and migration of the record afterwards.
    pub(super) fn returned(config: Config, epoch: Epoch, migration: MigrationId) -> Self {
        Self::of(Fence::returned(config, epoch, migration), StoreBeside::returned(&config, epoch, migration))
    }

    fn of(fence: Fence, beside: StoreBeside) -> Self {
        let disk = fence.durable().clone();
        Self {
            fence,
            beside: Beside(beside),
            contents: Contents::default(),
            disk_contents: Contents::default(),
            disk,
            made: Made::default(),
            disk_made: Made::default(),
            pulls: None,
            held: Vec::new(),
            admitted: Vec::new(),
        }
    }

    /// The ids of the writes that have taken effect in the copy, in memory.
    pub(super) fn data(&self) -> Vec<WriteId> {
        self.made.iter().map(|change| change.id).collect()
    }

    /// What the store says of itself to an operator.
    pub(super) fn said(&self) -> Said {
        Said::of(&self.disk)
    }

    /// The ids of the writes that have taken effect in the copy, durably.
    pub(super) fn disk_data(&self) -> Vec<WriteId> {
        self.disk_made.iter().map(|change| change.id).collect()
    }

    /// Gives the fence an input, and performs its outputs: what follows a `Persist` waits for [`Sink::flush`]. `made`: for a chunk,
    /// the writes that its source had.
    pub(super) fn handle(
        &mut self,
        input: &Input,
        asker: Option<Asker>,
        until: Option<u64>,
        made: Option<&Made>,
    ) -> Did {
        let mut did = Did::default();
        let mut persists = false;
        let outputs = self.fence.handle(input, self.contents.rows());
        let agrees = self.beside.0.handled(input, &outputs);
        let agrees = agrees.and_then(|()| self.beside.0.compare_state(self.fence.durable()));
        did.disagrees = agrees.err();
        for output in outputs {
            self.contents.perform(&output);
            let leaving = match output {
                Output::Append(change) => {
                    if let Input::Apply(write) = input {
                        did.applied = Some(write.clone());
                    }
                    Arc::make_mut(&mut self.made.0).push(change);
                    continue;
                }
                Output::Erase => {
                    self.made = Made::default();
                    continue;
                }
                Output::Import { .. } | Output::Trim { .. } => continue,
                Output::Pull { migration, source } => {
                    self.pulls = Some((migration, source));
                    continue;
                }
                Output::Persist => {
                    persists = true;
                    continue;
                }
                Output::Admitted(write) => {
                    self.admitted.push((write, asker, until));
                    continue;
                }
                Output::Halt(halt) => {
                    did.halts.push(halt);
                    continue;
                }
                Output::Serve(read) => Leaving::Serve(read, asker, self.data()),
                Output::Hand(export) => {
                    let &Config { store, incarnation, limits, .. } = self.fence.config();
                    let source = Source { store, incarnation, durable: self.fence.durable(), limits };
                    match Chunk::cut(source, &export, &self.contents) {
                        Ok(chunk) => {
                            let made = self.made.until(chunk.position);
                            Leaving::Hand(chunk, made)
                        }
                        // The fence has said that there is such a chunk.
                        Err(CutError::Refused(refusal)) => {
                            did.wrong = Some((format!("no chunk: {refusal}"), format!("{export:?}")));
                            continue;
                        }
                        Err(CutError::Failed(never)) => match never {},
                    }
                }
                Output::Reply(reply) => {
                    if let (Reply::ChunkTaken(_), Some(made)) = (&reply, made) {
                        self.made = made.clone();
                    }
                    Leaving::Reply(reply, asker)
                }
            };
            if persists { self.held.push(leaving) } else { did.leaving.push(leaving) }
        }
        self.judge(&mut did);
        did
    }

    /// The copy has each write once, and its rows, as far as they go, are what the writes make of them.
    fn judge(&self, did: &mut Did) {
        let mut seen = std::collections::BTreeSet::new();
        did.twice = self.made.iter().map(|change| change.id).find(|id| !seen.insert(*id));
        let Some(copy) = self.fence.durable().copy() else { return };
        let covered = |key: &_| copy.frontier().covers(key);
        let (have, expected) = (self.contents.rows(), self.made.rows());
        // Of a copy that was forced when it lacked rows, what is there is right.
        let keys = have.keys().chain(expected.keys().filter(|key| covered(key) && !self.made.1));
        let wrong = keys.into_iter().find(|key| have.get(*key) != expected.get(*key));
        if let Some(key) = wrong {
            let of = |rows: &Rows| rows.get(key).map_or("not there".to_owned(), |row| format!("{row:?}"));
            did.wrong =
                Some((format!("row {key} is {}", of(have)), format!("the writes make it {}", of(&expected))));
        }
    }

    /// An operator has forced the partition to this copy although it lacks rows.
    pub(super) fn forced_in_part(&mut self) {
        (self.made.1, self.disk_made.1) = (true, true);
    }

    /// Where a mover goes on: how far the rows go, and the position.
    pub(super) fn reached(&self) -> Option<(Frontier, Position)> {
        let copy = self.fence.durable().copy()?;
        Some((copy.frontier().clone(), copy.position()))
    }

    /// The position through which changes may be forgotten; `None`: there are none.
    pub(super) fn trims(&self) -> Option<Position> {
        self.contents.log().last().map(|change| change.position)
    }

    /// Whether memory is ahead of the disk, or something waits for it.
    pub(super) fn is_dirty(&self) -> bool {
        !self.held.is_empty() || self.contents != self.disk_contents || *self.fence.durable() != self.disk
    }

    /// Everything so far is durable: returns what waited for that.
    pub(super) fn flush(&mut self) -> (Vec<Leaving>, Option<Disagreement>) {
        self.disk = self.fence.durable().clone();
        self.disk_contents.clone_from(&self.contents);
        self.disk_made.clone_from(&self.made);
        self.beside.0.performed(&Output::Persist);
        (std::mem::take(&mut self.held), self.beside.0.compare(&self.fence).err())
    }

    /// Back to what the disk has.
    pub(super) fn crash(&mut self) -> Option<Disagreement> {
        self.beside.0.crashed();
        self.fence = Fence::recover(*self.fence.config(), self.disk.clone());
        self.contents.clone_from(&self.disk_contents);
        self.made.clone_from(&self.disk_made);
        self.pulls = None;
        self.held.clear();
        self.admitted.clear();
        self.beside.0.compare(&self.fence).err()
    }

    /// The write at this place among the admitted ones, taken out.
    pub(super) fn take(&mut self, at: usize) -> Option<(Write, Option<Asker>)> {
        let write = self.fence.admitted().get(at)?.clone();
        let place = self.admitted.iter().position(|(known, ..)| *known == write);
        let asker = place.and_then(|place| self.admitted.remove(place).1);
        Some((write, asker))
    }
}

impl Made {
    /// What these writes make of rows.
    fn rows(&self) -> Rows {
        let mut rows: BTreeMap<_, Row> = Rows::new();
        for Change { position, effects, .. } in self.iter() {
            for Cell { key, value } in effects.iter() {
                match value {
                    Some(value) => {
                        rows.insert(key.clone(), Row { value: value.clone(), position: *position })
                    }
                    None => rows.remove(key),
                };
            }
        }
        rows
    }
}
