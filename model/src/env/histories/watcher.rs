//! A watcher and its stream.

use super::cluster::{Change, Cluster};
use cutover::core::gate::{Step, Update, WatchCache, WatchEvent};
use cutover::core::ids::{HistoryId, PartitionId, Revision};
use cutover::core::migration::PartitionRecord;
use std::collections::{BTreeMap, VecDeque};

type Event = WatchEvent<PartitionRecord>;

/// A stream: the messages that have not arrived.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Stream {
    messages: VecDeque<Event>,
    /// Whether the node has ended.
    ended: bool,
}

/// A watcher: the production machine, its stream and its table.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Watcher {
    cache: WatchCache<PartitionRecord>,
    stream: Option<Stream>,
    records: BTreeMap<PartitionId, PartitionRecord>,
    /// The history and the revision of the table.
    told: (HistoryId, Revision),
}

impl Default for Watcher {
    fn default() -> Self {
        Self {
            cache: WatchCache::default(),
            stream: None,
            records: BTreeMap::new(),
            told: (HistoryId::NONE, Revision::ZERO),
        }
    }
}

/// What the watcher has been told by an update.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// That there is another history, of which it knows nothing yet.
    Anew,
    /// The whole table.
    Whole,
    /// A change.
    Change,
}

fn message(change: &Change) -> Event {
    WatchEvent::Changed {
        after: change.after,
        revision: change.revision,
        partition: change.record.partition,
        record: Some(change.record.clone()),
    }
}

impl Watcher {
    /// Opens a stream where the node begins it.
    pub(super) fn connect(&mut self, cluster: &Cluster) -> Option<()> {
        if self.stream.is_some() {
            return None;
        }
        let status = cluster.status();
        let after = status.watch_begins(self.cache.history(), self.cache.resume())?;
        let mut messages = VecDeque::from([WatchEvent::History(status.history)]);
        if let Some(changes) = cluster.changes_after(after) {
            messages.extend(changes.map(message));
        } else {
            let revision = status.revision;
            let pages = cluster.records().into_iter();
            messages.extend(pages.map(|record| WatchEvent::Page {
                records: vec![record],
                revision,
                last: false,
            }));
            messages.push_back(WatchEvent::Page { records: Vec::new(), revision, last: true });
        }
        self.stream = Some(Stream { messages, ended: false });
        Some(())
    }

    /// Adds a change to the stream.
    pub(super) fn publish(&mut self, change: &Change) {
        if let Some(stream) = self.stream.as_mut().filter(|stream| !stream.ended) {
            stream.messages.push_back(message(change));
        }
    }

    /// The node has ended: what was sent may still arrive.
    pub(super) fn cut(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.ended = true;
        }
    }

    /// Breaks the stream.
    pub(super) fn end(&mut self) -> Option<()> {
        self.stream.take()?;
        let _reopened_later = self.cache.handle(WatchEvent::Ended);
        Some(())
    }

    /// Delivers the next message, or the end of the stream.
    pub(super) fn deliver(&mut self) -> Option<Option<Told>> {
        let stream = self.stream.as_mut()?;
        let Some(message) = stream.messages.pop_front() else {
            let ended = stream.ended;
            return ended.then(|| self.end().map(|()| None))?;
        };
        let history = self.cache.history();
        match self.cache.handle(message) {
            Step::Wait => Some(None),
            Step::Reopen => {
                self.stream = None;
                Some(None)
            }
            Step::Apply(update) => Some(Some(self.apply(update, history))),
        }
    }

    fn apply(&mut self, update: Update<PartitionRecord>, before: HistoryId) -> Told {
        match update {
            Update::Everything { records, revision, history } => {
                self.records = records.into_iter().map(|record| (record.partition, record)).collect();
                self.told = (history, revision);
                if history == before { Told::Whole } else { Told::Anew }
            }
            Update::Changed { partition, record, revision } => {
                match record {
                    Some(record) => self.records.insert(partition, record),
                    None => self.records.remove(&partition),
                };
                self.told.1 = revision;
                if self.told.0 == HistoryId::NONE {
                    self.told.0 = self.cache.history();
                }
                Told::Change
            }
        }
    }

    /// The history and the revision of the watcher's table.
    pub(super) const fn told(&self) -> (HistoryId, Revision) {
        self.told
    }

    /// The records of the watcher's table.
    pub(super) fn records(&self) -> Vec<PartitionRecord> {
        self.records.values().cloned().collect()
    }

    /// The watcher's record of a partition.
    pub(super) fn record(&self, partition: PartitionId) -> Option<&PartitionRecord> {
        self.records.get(&partition)
    }

    /// The next message in words; `None` if none can arrive.
    pub(super) fn arriving(&self) -> Option<String> {
        let stream = self.stream.as_ref()?;
        Some(match stream.messages.front() {
            Some(WatchEvent::History(history)) => format!("history {history}"),
            Some(WatchEvent::Page { records, revision, last }) => {
                format!("{} records of {revision}{}", records.len(), if *last { ", the last" } else { "" })
            }
            Some(WatchEvent::Changed { revision, partition, .. }) => format!("{partition} at {revision}"),
            Some(WatchEvent::Ended) | None => "the end".to_owned(),
        })
    }

    /// The state in words.
    pub(super) fn text(&self) -> String {
        let (history, revision) = self.told;
        let stream = self.stream.as_ref().map_or_else(
            || "no stream".to_owned(),
            |stream| format!("{} messages on their way", stream.messages.len()),
        );
        format!("{} partitions at {revision} of history {history}, {stream}", self.records.len())
    }
}
