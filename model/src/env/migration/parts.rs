//! The parts that a state of the migration environment consists of.

use crate::shared::hasher;
use cutover::core::fence::{Contents, Durable, Fence, Reply, Request, Row};
use cutover::core::gate::Operation;
use cutover::core::ids::{Epoch, MigrationId, Placement, Position, Revision};
use cutover::core::migration::{
    Controller, PartitionRecord, PlacementTable, Timer, Transition, TransitionKind,
};
use cutover::core::placement::{PartitionState, Resolution};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The atomic log: the committed commands' effects, in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Log {
    /// The production placement table.
    pub table: PlacementTable,
    /// The partition's record after each change, `None` while it is deleted. A revision is a position in this list.
    pub history: Vec<Option<Arc<PartitionRecord>>>,
    /// The table at each of these revisions, if the scope may restore one.
    pub tables: Vec<Arc<PlacementTable>>,
    /// The owner at the moment when the log was lost. `None`: it was not lost.
    pub lost_owner: Option<Placement>,
    /// Number of migrations that have begun.
    pub begun: u8,
    /// Number of creations after the first.
    pub created: u8,
    /// Number of forced completions.
    pub forced: u8,
}

impl Log {
    /// The newest committed record.
    pub fn current(&self) -> Option<&Arc<PartitionRecord>> {
        self.history.last()?.as_ref()
    }

    /// Records the effect of a committed command.
    pub fn note(&mut self, transition: &Transition, after: Option<PartitionRecord>) {
        if self.current().map(AsRef::as_ref) != after.as_ref() {
            self.history.push(after.map(Arc::new));
            if !self.tables.is_empty() {
                self.tables.push(Arc::new(self.table.clone()));
            }
        }
        let kind = transition.kind();
        let counts = [
            (TransitionKind::Begin, &mut self.begun),
            (TransitionKind::Create, &mut self.created),
            (TransitionKind::Force, &mut self.forced),
        ];
        for (_, count) in counts.into_iter().filter(|(counted, _)| *counted == kind) {
            *count += 1;
        }
    }

    /// The owner of the partition at a restore of this revision. `None` if it cannot be restored: the scope does not, or the
    /// restored record would not show the owner, so an operator could not tell that it moved.
    pub fn restorable(&self, revision: usize) -> Option<Placement> {
        let owner = self.current()?.placed?.state.read_placement();
        let placed = self.tables.get(revision)?.record(super::PARTITION)?.placed?;
        let shown = match placed.state {
            PartitionState::Active(at) => at == owner,
            PartitionState::Migrating { from, to, .. } => from == owner || to == owner,
        };
        shown.then_some(owner)
    }

    /// The revision of the newest committed record.
    pub fn revision(&self) -> usize {
        self.history.len().saturating_sub(1)
    }

    /// Whether the next record resolves differently for a gateway. Otherwise this revision is left out as a view:
    /// retiring a copy, for example, changes the record but not the placement.
    pub fn is_view(&self, revision: usize) -> bool {
        let view = self.history.get(revision).and_then(resolved);
        view.is_some() && self.history.get(revision + 1).is_none_or(|later| resolved(later) != view)
    }

    /// The first revision that resolves like this one: a gateway cannot tell the two apart.
    pub fn like(&self, revision: usize) -> usize {
        let view = self.history.get(revision).and_then(resolved);
        let before = self.history.get(..revision).unwrap_or_default().iter().rev();
        revision - before.take_while(|record| resolved(record) == view).count()
    }

    /// How a gateway resolves the partition at a revision, with the record.
    pub fn resolution(&self, revision: usize) -> Option<(&PartitionRecord, Resolution)> {
        let record = self.history.get(revision)?.as_ref()?;
        let number = Revision(u64::try_from(self.like(revision)).unwrap_or(u64::MAX));
        Some((record, record.resolution(number)?))
    }
}

/// What a gateway sees of a record.
fn resolved(record: &Option<Arc<PartitionRecord>>) -> Option<(Epoch, PartitionState)> {
    let resolution = record.as_ref()?.resolution(Revision::ZERO)?;
    Some((resolution.epoch, resolution.state))
}

/// A sink: the production machine, its data, and the durable part of both.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sink {
    /// The production machine.
    pub fence: Fence,
    /// The rows and changes.
    pub data: Contents,
    /// The machine's durable state.
    pub disk: Durable,
    /// The durable part of `data`.
    pub disk_data: Contents,
    /// Outputs that wait for a `Persist` to become durable.
    pub held: Vec<Held>,
}

/// An output that waits for durability.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Held {
    /// The migration that made the sink's newest copy at the time of the output.
    pub copy: MigrationId,
    /// The output to release.
    pub output: Leaving,
}

/// An output that leaves a sink.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every output is a reply")]
pub enum Leaving {
    /// A reply to a controller or client.
    Reply(Reply),
    /// A chunk, handed to the mover.
    Chunk(Message),
    /// The value of a strong read.
    Value {
        /// Number of the reader, from 0.
        reader: u8,
        /// The token that the read carried.
        token: Epoch,
        /// The row; `None` if there is none.
        value: Option<Row>,
        /// The position of the copy when the row was read.
        position: Position,
    },
}

impl Sink {
    /// Whether a crash would lose nothing.
    pub fn is_synced(&self) -> bool {
        self.disk == *self.fence.durable() && self.disk_data == self.data
    }

    /// Makes everything durable.
    pub fn sync(&mut self) {
        self.disk = self.fence.durable().clone();
        self.disk_data.clone_from(&self.data);
    }
}

/// A request with its hash, shared by all states in which it may be delivered.
#[derive(Clone, Debug)]
pub struct Message(Arc<(u64, Request)>);

impl Message {
    /// Wraps a request and computes its hash.
    #[must_use]
    pub fn new(request: Request) -> Self {
        Self(Arc::new((hasher().hash_one(&request), request)))
    }

    /// The hash computed when the request was wrapped.
    #[must_use]
    pub fn hash_once(&self) -> u64 {
        self.0.0
    }
}

impl std::ops::Deref for Message {
    type Target = Request;

    fn deref(&self) -> &Request {
        &self.0.1
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.0.0 == other.0.0
    }
}

impl Eq for Message {}

impl PartialOrd for Message {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Message {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if self == other { std::cmp::Ordering::Equal } else { self.0.1.cmp(&other.0.1) }
    }
}

impl Hash for Message {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.0);
    }
}

/// Messages of clients and the mover; they stay deliverable for ever.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Net {
    /// Attempts at writes, each with its age in ticks (0 in scopes without a clock).
    pub writes: Vec<(Message, u8)>,
    /// Chunks from the mover to sinks.
    pub chunks: Vec<Message>,
    /// Acknowledgements from sinks to gateways.
    pub answers: Vec<Reply>,
}

/// The gateways and readers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Clients {
    /// Gateways, in the order of their sessions.
    pub gateways: Vec<Gateway>,
    /// Number of strong readers.
    pub readers: Vec<Reader>,
    /// Number of writes that the gate over a watched table has admitted.
    pub gated: u8,
}

/// A gateway with the write that it is working on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Gateway {
    /// The production machine for the write.
    pub operation: Operation,
    /// Number of the write within the gateway's session, from 1.
    pub serial: u8,
    /// Number of attempts sent.
    pub attempts: u8,
}

/// A strong reader with the read that it is working on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reader {
    /// The production machine for the read.
    pub operation: Operation,
    /// The revision at which it resolved last, and the request that it sent then.
    pub sent: Option<(usize, Request)>,
    /// Number of completed reads.
    pub done: u8,
    /// Progress of its fresh read of the control plane.
    pub fresh: Fresh,
}

/// Progress of a reader's fresh read of the control plane. With an atomic log it takes no time and stays at
/// `Unasked`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Fresh {
    /// The reader has not asked.
    #[default]
    Unasked,
    /// The reader has asked and has no answer yet.
    Asked,
    /// The control plane has shown this revision, and the reader has not acted on it.
    Shown(usize),
}

/// Controllers with state, and their clocks.
///
/// Messages do not name controllers, so controllers are interchangeable: the hash ignores their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Controllers {
    /// The controllers with state.
    pub machines: Vec<Manager>,
    /// Number of ticks by which clocks have run ahead, in total.
    pub gained: u8,
}

/// A controller with its clock.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Manager {
    /// The production machine.
    pub machine: Controller,
    /// The newest revision that it has read; 0 if its machine is in the initial state, which a new controller would
    /// be in as well.
    pub seen: usize,
    /// Its running timers, with the ticks that they have counted.
    pub timers: Vec<(Timer, u64)>,
}

impl Hash for Controllers {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut sorted: Vec<_> = self.machines.iter().collect();
        sorted.sort();
        sorted.hash(state);
        self.gained.hash(state);
    }
}

/// Inserts into a sorted vector; returns false if the value was there.
pub fn add<T: Ord>(sorted: &mut Vec<T>, value: T) -> bool {
    match sorted.binary_search(&value) {
        Ok(_) => false,
        Err(at) => {
            sorted.insert(at, value);
            true
        }
    }
}
