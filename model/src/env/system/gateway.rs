//! A gateway: a watcher's table, and the operations of its clients.

use super::log::{Change, Log};
use super::truth::Beside;
use cutover::core::gate::{Freshness, Operation, Step, Timer, Update, WatchCache, WatchEvent};
use cutover::core::ids::{HistoryId, PartitionId, Revision, SessionId, WriteId};
use cutover::core::migration::PartitionRecord;
use cutover::core::placement::Resolution;
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::gateway::OperationBeside;
use cutover_reference::beside::watch::WatchBeside;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};

type Event = WatchEvent<PartitionRecord>;

/// Writes that a client may send again, without an answer so far.
const OPEN: usize = 4;

/// The reference of a watcher. It follows from what the machine was given, so states are told apart without it.
#[derive(Clone, Debug)]
struct Watched(WatchBeside<PartitionRecord>);

impl PartialEq for Watched {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Watched {}

impl Hash for Watched {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// An operation, from its invocation to its outcome.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Op {
    pub(super) machine: Operation,
    pub(super) beside: Beside<OperationBeside>,
    pub(super) partition: PartitionId,
    pub(super) nonce: u32,
    /// Whether an earlier operation may have sent the write.
    pub(super) again: bool,
    /// What it asked for and has not got.
    pub(super) wants: Option<Freshness>,
    /// What a read of the control plane gave, on its way, and when it was read.
    pub(super) read: Option<(Option<Resolution>, u64)>,
    pub(super) timers: Vec<Timer>,
    /// For a strong read: the writes that were acknowledged before it.
    pub(super) before: Vec<WriteId>,
}

/// A gateway.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Gateway {
    cache: WatchCache<PartitionRecord>,
    beside: Watched,
    /// What has not arrived; `None` without a stream.
    stream: Option<VecDeque<Event>>,
    /// Whether the stream goes on: changes are added to it.
    live: bool,
    /// Whether the last update was the whole table.
    everything: bool,
    table: BTreeMap<PartitionId, PartitionRecord>,
    told: (HistoryId, Revision),
    pub(super) ops: Vec<Option<Op>>,
    /// The session of its writes, and the last serial used in it.
    pub(super) session: SessionId,
    pub(super) serial: u64,
    pub(super) nonces: u32,
    /// Writes whose outcome is unknown: its client may send them again.
    pub(super) open: Vec<(PartitionId, WriteId)>,
}

fn message(change: &Change) -> Event {
    WatchEvent::Changed {
        after: change.after,
        revision: change.revision,
        partition: change.partition,
        record: change.record.clone(),
    }
}

impl Gateway {
    pub(super) fn new(slots: u8, session: SessionId) -> Self {
        Self {
            cache: WatchCache::default(),
            beside: Watched(WatchBeside::new(|record: &PartitionRecord| record.partition)),
            stream: None,
            live: false,
            everything: false,
            table: BTreeMap::new(),
            told: (HistoryId::NONE, Revision::ZERO),
            ops: vec![None; slots.into()],
            session,
            serial: 0,
            nonces: 0,
            open: Vec::new(),
        }
    }

    /// Opens a stream at the node, or at one that is behind and has only the table before the present one.
    pub(super) fn connect(&mut self, log: &Log, behind: bool) -> Option<()> {
        if self.stream.is_some() {
            return None;
        }
        use cutover::core::control_plane::ControlPlaneConsensus as _;
        let status = log.engine().status();
        let after = status.watch_begins(self.cache.history(), self.cache.resume())?;
        let mut messages = VecDeque::from([WatchEvent::History(status.history)]);
        let version = if behind { log.past.iter().rev().nth(2) } else { log.past.back() }?;
        if version.history != status.history {
            return None;
        }
        // A node that is behind has no news for a watcher that has seen more.
        let known = after != Revision::ZERO && (after >= log.since || after >= version.revision);
        if known {
            let changes = log.feed.iter().filter(|change| change.revision > after);
            messages.extend(changes.filter(|change| change.revision <= version.revision).map(message));
        } else {
            let revision = version.revision;
            let pages = version.records.iter().cloned().map(|record| WatchEvent::Page {
                records: vec![record],
                revision,
                last: false,
            });
            messages.extend(pages);
            messages.push_back(WatchEvent::Page { records: Vec::new(), revision, last: true });
        }
        self.stream = Some(messages);
        self.live = !behind;
        Some(())
    }

    /// Adds a change to the stream.
    pub(super) fn publish(&mut self, change: &Change) {
        if self.live
            && let Some(stream) = &mut self.stream
        {
            stream.push_back(message(change));
        }
    }

    /// The node has ended: what was sent may still arrive.
    pub(super) const fn cut(&mut self) {
        self.live = false;
    }

    /// Breaks the stream.
    pub(super) fn end(&mut self) -> Option<()> {
        self.stream.take()?;
        let step = self.cache.handle(WatchEvent::Ended);
        let _agrees = self.beside.0.handled(&WatchEvent::Ended, &step, &self.cache);
        Some(())
    }

    /// Delivers the next message, or the end of the stream. Says whether the table was updated, and whether the reference agrees.
    pub(super) fn deliver(&mut self) -> Option<(bool, Option<Disagreement>)> {
        let Some(message) = self.stream.as_mut()?.pop_front() else {
            return if self.live { None } else { self.end().map(|()| (false, None)) };
        };
        let step = self.cache.handle(message.clone());
        let disagrees = self.beside.0.handled(&message, &step, &self.cache).err();
        let updated = match step {
            Step::Wait => false,
            Step::Reopen => {
                self.stream = None;
                false
            }
            Step::Apply(update) => {
                self.apply(update);
                true
            }
        };
        Some((updated, disagrees))
    }

    fn apply(&mut self, update: Update<PartitionRecord>) {
        self.everything = matches!(update, Update::Everything { .. });
        match update {
            Update::Everything { records, revision, history } => {
                self.table = records.into_iter().map(|record| (record.partition, record)).collect();
                self.told = (history, revision);
            }
            Update::Changed { partition, record, revision } => {
                match record {
                    Some(record) => self.table.insert(partition, record),
                    None => self.table.remove(&partition),
                };
                self.told = (self.cache.history(), revision);
            }
        }
    }

    /// The history and the revision of the table.
    pub(super) const fn told(&self) -> (HistoryId, Revision) {
        self.told
    }

    pub(super) const fn was_told_everything(&self) -> bool {
        self.everything
    }

    pub(super) const fn table(&self) -> &BTreeMap<PartitionId, PartitionRecord> {
        &self.table
    }

    /// The messages on their way; `None` without a stream.
    pub(super) fn arriving(&self) -> Option<usize> {
        let stream = self.stream.as_ref()?;
        (!stream.is_empty() || !self.live).then_some(stream.len())
    }

    pub(super) const fn has_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// A partition as the table has it.
    pub(super) fn cached(&self, partition: PartitionId) -> Option<Resolution> {
        self.table.get(&partition)?.resolution(self.told.1)
    }

    /// A write may be sent again under its id.
    pub(super) fn reopen(&mut self, partition: PartitionId, id: WriteId) {
        self.open.retain(|known| *known != (partition, id));
        self.open.push((partition, id));
        if self.open.len() > OPEN {
            self.open.remove(0);
        }
    }

    pub(super) fn op(&self, slot: u8) -> Option<&Op> {
        self.ops.get(usize::from(slot))?.as_ref()
    }

    pub(super) fn op_mut(&mut self, slot: u8) -> Option<&mut Op> {
        self.ops.get_mut(usize::from(slot))?.as_mut()
    }
}
