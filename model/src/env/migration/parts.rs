//! The parts of the world.

use crate::shared::hasher;
use cutover::core::fence::{Durable, Fence, Reply, Request};
use cutover::core::gate::Operation;
use cutover::core::ids::{Epoch, MigrationId, Revision, WriteId};
use cutover::core::migration::{
    Controller, PartitionRecord, PlacementTable, Timer, Transition, TransitionKind,
};
use cutover::core::placement::Resolution;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The log, taken as atomic: what was committed, in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Log {
    /// The production table.
    pub table: PlacementTable,
    /// The partition's record after each change of it; `None` when it was gone.
    pub history: Vec<Option<Arc<PartitionRecord>>>,
    /// Migrations begun.
    pub begun: u8,
    /// Creations.
    pub created: u8,
    /// Forced completions.
    pub forced: u8,
}

impl Log {
    /// The committed record.
    pub fn current(&self) -> Option<&Arc<PartitionRecord>> {
        self.history.last()?.as_ref()
    }

    /// Keeps what a command did.
    pub fn note(&mut self, transition: &Transition, after: Option<PartitionRecord>) {
        if self.current().map(AsRef::as_ref) != after.as_ref() {
            self.history.push(after.map(Arc::new));
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

    /// The revision of the committed record.
    pub fn revision(&self) -> usize {
        self.history.len().saturating_sub(1)
    }

    /// Whether a gateway is told something by this revision that it is not told by a later one. Retiring a copy, say,
    /// changes the record and not the placement.
    pub fn is_view(&self, revision: usize) -> bool {
        let told = |record: &Option<Arc<PartitionRecord>>| {
            record.as_ref().and_then(|record| Some((record.epoch, record.placed?.state)))
        };
        let later = self.history.get(revision + 1).map(told);
        self.history.get(revision).map(told).is_some_and(|view| view.is_some() && later != Some(view))
    }

    /// What a gateway is told of a revision.
    pub fn resolution(&self, revision: usize) -> Option<(&PartitionRecord, Resolution)> {
        let record = self.history.get(revision)?.as_ref()?;
        let number = Revision(u64::try_from(revision).unwrap_or(u64::MAX));
        Some((record, record.resolution(number)?))
    }
}

/// A store: the production machine, its data, and what of both a crash leaves.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sink {
    /// The production machine.
    pub fence: Fence,
    /// Write ids by position.
    pub data: Vec<WriteId>,
    /// What is durable of the machine.
    pub disk: Durable,
    /// What is durable of the data.
    pub disk_data: Vec<WriteId>,
    /// Outputs behind a `Persist` that has not happened yet.
    pub held: Vec<Held>,
}

/// An output that waits for durability, and the newest copy when it was made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Held {
    /// The newest copy then.
    pub copy: MigrationId,
    /// The output.
    pub output: Leaving,
}

/// What leaves a sink.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Leaving {
    /// An answer.
    Reply(Reply),
    /// A chunk for the mover.
    Chunk(Message),
    /// A read's value.
    Value {
        /// Which reader.
        reader: u8,
        /// What its read carried.
        token: Epoch,
        /// The newest write.
        value: Option<WriteId>,
    },
}

impl Sink {
    /// Whether a crash would take nothing back.
    pub fn is_synced(&self) -> bool {
        self.disk == *self.fence.durable() && self.disk_data == self.data
    }

    /// Makes everything durable.
    pub fn sync(&mut self) {
        self.disk = self.fence.durable().clone();
        self.disk_data.clone_from(&self.data);
    }
}

/// A message, shared by all states in which it is on its way.
#[derive(Clone, Debug)]
pub struct Message(Arc<(u64, Request)>);

impl Message {
    /// Wraps a request.
    #[must_use]
    pub fn new(request: Request) -> Self {
        Self(Arc::new((hasher().hash_one(&request), request)))
    }

    /// Its hash.
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

/// What was sent, and stays deliverable for ever.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Net {
    /// Attempts at writes, with their age in ticks where the scope has time.
    pub writes: Vec<(Message, u8)>,
    /// Chunks on their way.
    pub chunks: Vec<Message>,
    /// Acknowledgements to clients.
    pub answers: Vec<Reply>,
}

/// The clients' side.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Clients {
    /// One for each gateway, by session.
    pub gateways: Vec<Gateway>,
    /// Strong readers.
    pub readers: Vec<Reader>,
    /// Writes that the gate over a watched table has let out.
    pub gated: u8,
}

/// A gateway, busy with one write.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Gateway {
    /// The production machine of the write.
    pub operation: Operation,
    /// Its number, from 1.
    pub serial: u8,
    /// Attempts sent.
    pub attempts: u8,
}

/// A strong reader.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reader {
    /// The production machine of the read.
    pub operation: Operation,
    /// The revision it resolved last, and the request it sent.
    pub sent: Option<(usize, Request)>,
    /// Reads done.
    pub done: u8,
    /// What it knows of the control plane as it is now.
    pub fresh: Fresh,
}

/// How far a reader has come with asking the control plane afresh. Where the log is atomic, that takes no time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Fresh {
    /// It has not asked.
    #[default]
    Unasked,
    /// It has asked.
    Asked,
    /// It was shown this revision, and has made no use of it.
    Shown(usize),
}

/// Controllers that keep something, and their clocks.
///
/// No message names a controller, so which of them is which makes no difference: the hash does not see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Controllers {
    /// The controllers.
    pub machines: Vec<Manager>,
    /// Ticks that clocks have gained.
    pub gained: u8,
}

/// One controller.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Manager {
    /// The production machine.
    pub machine: Controller,
    /// The newest revision that it has read. One that keeps nothing has read none: it may be a new one.
    pub seen: usize,
    /// Its running timers, with the ticks counted.
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

/// Adds to a sorted set; `false` if it was there.
pub fn add<T: Ord>(sorted: &mut Vec<T>, value: T) -> bool {
    match sorted.binary_search(&value) {
        Ok(_) => false,
        Err(at) => {
            sorted.insert(at, value);
            true
        }
    }
}
