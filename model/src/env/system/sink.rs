//! A sink's copy of one partition: the production fence, its data, and what a crash takes.

use super::net::Asker;
use super::truth::Beside;
use cutover::core::fence::{Config, Durable, Fence, Input, Output, Read, Reply, Write};
use cutover::core::ids::{Epoch, Halt, MigrationId, Position, WriteId};
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::store::StoreBeside;

/// What leaves a sink. Data is read when the fence says so, and leaves when what it shows is durable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Leaving {
    Reply(Reply, Option<Asker>),
    Serve(Read, Option<Asker>, Vec<WriteId>),
    Hand { migration: MigrationId, first: Position, writes: Vec<WriteId> },
}

/// A sink's copy, in memory and on disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Sink {
    pub(super) fence: Fence,
    beside: Beside<StoreBeside>,
    /// The ids of the applied writes, by position.
    pub(super) data: Vec<WriteId>,
    disk: Durable,
    pub(super) disk_data: Vec<WriteId>,
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
            data: Vec::new(),
            disk,
            disk_data: Vec::new(),
            held: Vec::new(),
            admitted: Vec::new(),
        }
    }

    /// Gives the fence an input, and performs its outputs: what follows a `Persist` waits for [`Sink::flush`].
    pub(super) fn handle(&mut self, input: &Input, asker: Option<Asker>, until: Option<u64>) -> Did {
        let mut did = Did::default();
        let mut persists = false;
        let outputs = self.fence.handle(input);
        let agrees = self.beside.0.handled(input, &outputs);
        let agrees = agrees.and_then(|()| self.beside.0.compare_state(self.fence.durable()));
        did.disagrees = agrees.err();
        for output in outputs {
            let leaving = match output {
                Output::Append { position, id } => {
                    if let Input::Apply(write) = input {
                        did.applied = Some(*write);
                    }
                    self.place(position, &[id], &mut did);
                    continue;
                }
                Output::Import { first, writes } => {
                    self.place(first, &writes, &mut did);
                    continue;
                }
                Output::Erase => {
                    self.data.clear();
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
                Output::Serve(read) => Leaving::Serve(read, asker, self.data.clone()),
                Output::Hand { migration, first, last } => {
                    let places =
                        (first.0.saturating_sub(1)..last.0).filter_map(|at| usize::try_from(at).ok());
                    let writes = places.filter_map(|at| self.data.get(at).copied()).collect();
                    Leaving::Hand { migration, first, writes }
                }
                Output::Reply(reply) => Leaving::Reply(reply, asker),
            };
            if persists { self.held.push(leaving) } else { did.leaving.push(leaving) }
        }
        did
    }

    fn place(&mut self, first: Position, writes: &[WriteId], did: &mut Did) {
        for (offset, id) in (0_u64..).zip(writes) {
            let at = usize::try_from(first.plus(offset).minus(1).0).unwrap_or(usize::MAX);
            if self.data.iter().enumerate().any(|(other, known)| other != at && known == id) {
                did.twice = Some(*id);
            }
            match self.data.get_mut(at) {
                Some(slot) => *slot = *id,
                None => self.data.push(*id),
            }
        }
    }

    /// Whether memory is ahead of the disk, or something waits for it.
    pub(super) fn is_dirty(&self) -> bool {
        !self.held.is_empty() || self.data != self.disk_data || *self.fence.durable() != self.disk
    }

    /// Everything so far is durable: returns what waited for that.
    pub(super) fn flush(&mut self) -> (Vec<Leaving>, Option<Disagreement>) {
        self.disk = self.fence.durable().clone();
        self.disk_data.clone_from(&self.data);
        self.beside.0.performed(&Output::Persist);
        (std::mem::take(&mut self.held), self.beside.0.compare(&self.fence).err())
    }

    /// Back to what the disk has.
    pub(super) fn crash(&mut self) -> Option<Disagreement> {
        self.beside.0.crashed();
        self.fence = Fence::recover(*self.fence.config(), self.disk.clone());
        self.data.clone_from(&self.disk_data);
        self.held.clear();
        self.admitted.clear();
        self.beside.0.compare(&self.fence).err()
    }

    /// The write at this place among the admitted ones, taken out.
    pub(super) fn take(&mut self, at: usize) -> Option<(Write, Option<Asker>)> {
        let write = *self.fence.admitted().get(at)?;
        let place = self.admitted.iter().position(|(known, ..)| *known == write);
        let asker = place.and_then(|place| self.admitted.remove(place).1);
        Some((write, asker))
    }
}
