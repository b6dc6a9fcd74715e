//! Changes of the table, for watchers.
//!
//! A watcher resumes at the last revision that it has seen. It gets every later change in order or, if this
//! node no longer has them all, all records, so there is never an unnoticed gap. Of changes applied together,
//! it gets the last one per partition.

use super::failure::Failure;
use super::view::View;
use crate::core::control_plane::{ControlPlaneState, PartitionName};
use crate::core::ids::{PartitionId, Revision};
use crate::core::migration::PartitionRecord;
use metrics::counter;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// A partition's record, with the partition's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedRecord {
    /// The record of the partition.
    pub record: PartitionRecord,
    /// The name, or `None` for a partition that was created by number.
    pub name: Option<PartitionName>,
}

impl NamedRecord {
    /// The current record of a partition; `None` if the table has none.
    #[must_use]
    pub fn of(state: &ControlPlaneState, partition: PartitionId) -> Option<Self> {
        let record = state.table().record(partition)?.clone();
        Some(Self { record, name: state.directory().name(partition).cloned() })
    }

    /// All records, by partition id.
    pub fn all(state: &ControlPlaneState) -> impl Iterator<Item = Self> {
        let name = |record: &PartitionRecord| state.directory().name(record.partition).cloned();
        state.table().records().map(move |record| Self { record: record.clone(), name: name(record) })
    }
}

/// A change of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// The revision of the previous change of any partition: a watcher that has seen less has a gap.
    pub after: Revision,
    /// The revision of this change.
    pub revision: Revision,
    /// The partition that has changed.
    pub partition: PartitionId,
    /// The new record; `None` if the partition was deleted and has no old copies left.
    pub record: Option<Arc<NamedRecord>>,
}

/// An update for a watcher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FeedItem {
    /// All records at one revision. They replace all earlier updates.
    Resync {
        /// The state with all records; [`NamedRecord::all`] iterates over them.
        state: Arc<ControlPlaneState>,
        /// The revision of that state.
        revision: Revision,
    },
    /// A change of one partition.
    Changed(Changed),
}

/// The recent changes and the open watches of one node.
#[derive(Debug)]
pub(super) struct Feed {
    history: VecDeque<Changed>,
    /// The history has every change after this revision.
    complete_after: Revision,
    last: Revision,
    watchers: Vec<Watcher>,
    history_max: usize,
    watch_max: usize,
    watchers_max: usize,
}

/// An open watch. A watcher that resumes with a revision this node has not reached gets nothing until the
/// node passes it.
#[derive(Debug)]
struct Watcher {
    seen: Revision,
    sender: mpsc::Sender<FeedItem>,
}

impl FeedItem {
    const fn revision(&self) -> Revision {
        match self {
            Self::Resync { revision, .. } => *revision,
            Self::Changed(change) => change.revision,
        }
    }
}

impl Feed {
    /// A feed without history: after a restart of the node, earlier changes are not known.
    pub(super) fn new(state: &ControlPlaneState, queues: &super::Queues) -> Self {
        Self {
            history: VecDeque::new(),
            complete_after: state.revision(),
            last: state.revision(),
            watchers: Vec::new(),
            history_max: queues.history,
            watch_max: queues.watch,
            watchers_max: queues.watchers,
        }
    }

    /// Adds a watcher, and queues the updates after the revision it has seen.
    pub(super) fn watch(
        &mut self,
        after: Revision,
        state: &Arc<ControlPlaneState>,
    ) -> Result<mpsc::Receiver<FeedItem>, Failure> {
        self.watchers.retain(|watcher| !watcher.sender.is_closed());
        if self.watchers.len() >= self.watchers_max {
            return Err(Failure::Busy { what: "watchers" });
        }
        let (sender, receiver) = mpsc::channel(self.watch_max.max(1));
        let seen = self.history.partition_point(|change| change.revision <= after);
        if after >= self.complete_after && self.history.len() - seen < self.watch_max {
            for change in self.history.range(seen..) {
                let _fits = sender.try_send(FeedItem::Changed(change.clone()));
            }
        } else {
            let _fits = sender.try_send(everything(state));
        }
        self.watchers.push(Watcher { seen: after, sender });
        Ok(receiver)
    }

    /// Sends the changes to all watchers: for each touched partition its current record, at the revision of
    /// its last change.
    pub(super) fn publish(&mut self, touched: &BTreeMap<PartitionId, Revision>, state: &ControlPlaneState) {
        let mut changes: Vec<_> =
            touched.iter().map(|(partition, revision)| (*revision, *partition)).collect();
        changes.sort_unstable();
        for (revision, partition) in changes {
            let record = NamedRecord::of(state, partition).map(Arc::new);
            let change = Changed { after: self.last, revision, partition, record };
            self.last = revision;
            self.send_to_watchers(&FeedItem::Changed(change.clone()));
            self.history.push_back(change);
        }
        while self.history.len() > self.history_max
            && let Some(gone) = self.history.pop_front()
        {
            self.complete_after = gone.revision;
        }
    }

    /// Clears the history after a snapshot was installed, since the changes in between are not known, and
    /// sends all records.
    pub(super) fn restart(&mut self, state: &Arc<ControlPlaneState>) {
        self.history.clear();
        (self.complete_after, self.last) = (state.revision(), state.revision());
        if !self.watchers.is_empty() {
            self.send_to_watchers(&everything(state));
        }
    }

    /// Sends an item to every watcher that has not seen it. Drops a watcher whose queue is full: its stream
    /// ends, and it resumes.
    fn send_to_watchers(&mut self, item: &FeedItem) {
        let revision = item.revision();
        let ahead = |watcher: &Watcher| watcher.seen >= revision && watcher.seen > Revision::ZERO;
        let sent = |watcher: &Watcher| match watcher.sender.try_send(item.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                counter!("cutover_watchers_cut_off_total").increment(1);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        };
        self.watchers.retain(|watcher| ahead(watcher) || sent(watcher));
    }
}

fn everything(state: &Arc<ControlPlaneState>) -> FeedItem {
    FeedItem::Resync { state: Arc::clone(state), revision: state.revision() }
}

/// A request to the feed: the updates after a revision.
pub(super) struct Watching {
    pub(super) after: Revision,
    pub(super) reply: oneshot::Sender<Result<mpsc::Receiver<FeedItem>, Failure>>,
}

/// What the pump tells the feed.
#[derive(Debug)]
pub(super) struct Applied {
    /// A snapshot was installed: the changes before it are not known.
    pub(super) installed: bool,
    /// The changed partitions, each with the revision of its last change. Empty after a snapshot, which has them.
    pub(super) touched: BTreeMap<PartitionId, Revision>,
    /// The node after these changes.
    pub(super) view: View,
}

/// Runs the feed beside the pump, until the pump ends: neither a new watcher nor a change for many of them holds up
/// the engine.
pub(super) async fn run(
    mut feed: Feed,
    mut state: Arc<ControlPlaneState>,
    mut applied: mpsc::Receiver<Applied>,
    mut watching: mpsc::Receiver<Watching>,
    fed: watch::Sender<Revision>,
) {
    loop {
        tokio::select! {
            biased;
            changes = applied.recv() => {
                let Some(Applied { installed, touched, view }) = changes else { return };
                state = view.shared_state();
                if installed {
                    feed.restart(&state);
                }
                feed.publish(&touched, &state);
                fed.send_replace(feed.last);
            }
            Some(Watching { after, reply }) = watching.recv() => {
                let _gone = reply.send(feed.watch(after, &state));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::control_plane::{ControlPlaneEntry, OwnershipTransition};
    use crate::core::ids::{Index, Placement};
    use crate::core::migration::{Caps, Transition};
    use crate::core::placement::Guarantee;
    use crate::core::raft::Machine as _;
    use crate::node::driver::Queues;

    /// Creates partition `at` with the entry at index `at`, and publishes the change.
    fn create(state: &mut Arc<ControlPlaneState>, feed: &mut Feed, at: u64) {
        let partition = PartitionId(at);
        let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        let entry = ControlPlaneEntry::OwnershipTransition(OwnershipTransition { partition, transition });
        Arc::make_mut(state).apply(Index(at), &entry, &mut None);
        feed.publish(&BTreeMap::from([(partition, Revision(at))]), state);
    }

    fn revisions(receiver: &mut mpsc::Receiver<FeedItem>) -> Vec<u64> {
        core::iter::from_fn(|| receiver.try_recv().ok()).map(|item| item.revision().0).collect()
    }

    /// A watcher that has seen a later revision at another node must not get an earlier one: its view would
    /// go back in time.
    #[test]
    fn a_node_that_is_behind_waits_until_it_has_news() {
        let mut state =
            Arc::new(ControlPlaneState::new(crate::core::ids::ClusterId(1), Caps::PRODUCTION, []));
        let mut feed = Feed::new(&state, &Queues::default());
        create(&mut state, &mut feed, 3);
        let mut ahead = feed.watch(Revision(5), &state).unwrap();
        let mut fresh = feed.watch(Revision::ZERO, &state).unwrap();
        for at in 4..=6 {
            create(&mut state, &mut feed, at);
        }
        assert_eq!(revisions(&mut ahead), [6]);
        assert_eq!(revisions(&mut fresh), [3, 4, 5, 6]);
        let mut ahead = feed.watch(Revision(9), &state).unwrap();
        feed.restart(&state);
        assert_eq!(revisions(&mut ahead), [0_u64; 0], "a snapshot that is older, too");
    }
}
