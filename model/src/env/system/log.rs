//! The log: the production engine of one node, what its tables were, and its feed of changes.

use crate::host::Host;
use cutover::core::control_plane::{
    Answer, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneInput,
    ControlPlaneState, Founder, SingleNodeControlPlane, Stores,
};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, Index, NodeId, PartitionId, Revision};
use cutover::core::migration::{Caps, PartitionRecord, PlacementTable};
use cutover::core::raft::{
    Applied, Config, Content, Durable, Effect, NodeLimits, Outcome, Output, Peer, SessionLimits,
};
use std::collections::VecDeque;
use std::sync::Arc;

const ME: Peer = Peer { node: NodeId(1), directory: DirectoryId(1) };

/// Tables that a late watcher may still be told of.
const PAST: usize = 24;
/// Changes that the node's feed keeps.
const FEED: usize = 8;

/// What a backup holds.
pub(super) type Backup = Applied<ControlPlaneState>;

/// The records at a revision of a history.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Version {
    pub(super) history: HistoryId,
    pub(super) revision: Revision,
    pub(super) records: Arc<Vec<PartitionRecord>>,
}

/// A change of a partition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Change {
    pub(super) after: Revision,
    pub(super) revision: Revision,
    pub(super) partition: PartitionId,
    pub(super) record: Option<PartitionRecord>,
}

/// The cluster of one node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Log {
    host: Host<SingleNodeControlPlane>,
    /// The newest tables, the present one last.
    pub(super) past: VecDeque<Version>,
    /// The newest changes, in order.
    pub(super) feed: VecDeque<Change>,
    /// The revision at which the feed begins.
    pub(super) since: Revision,
}

fn founder(history: HistoryId, caps: Caps, sessions: SessionLimits, stores: Stores) -> Founder {
    let identity = ClusterVoterIdentity::from_certificate_subject("CN=n1").ok();
    let voters = identity.into_iter().map(|identity| (ME, identity.into())).collect();
    Founder { cluster: ClusterId(1), history, voters, caps, sessions, stores }
}

const fn config() -> Config {
    let limits = NodeLimits { compact_after_entries: 24, keep_entries: 4, ..NodeLimits::PRODUCTION };
    Config { me: ME, limits }
}

impl Log {
    pub(super) fn founded(caps: Caps, sessions: SessionLimits, stores: Stores) -> Option<Self> {
        Self::start(founder(HistoryId(1), caps, sessions, stores).disk().ok()?, VecDeque::new())
    }

    fn start(disk: Durable<ControlPlaneEntry>, past: VecDeque<Version>) -> Option<Self> {
        let host = Host::start(config(), disk).ok()?;
        let mut log = Self { host, past, feed: VecDeque::new(), since: Revision::ZERO };
        log.settle();
        log.since = log.revision();
        log.note();
        Some(log)
    }

    /// The node starts anew from its disk.
    pub(super) fn restart(&mut self) -> Option<()> {
        *self = Self::start(self.host.disk.clone(), std::mem::take(&mut self.past))?;
        Some(())
    }

    /// Continues as a new history from a state. `now`: seconds on the clock.
    pub(super) fn continue_from(&mut self, state: &Backup, history: HistoryId, now: u64) -> Option<()> {
        let founder = founder(history, Caps::PRODUCTION, SessionLimits::PRODUCTION, Stores::none());
        let disk = founder.continued(state.clone(), now).ok()?;
        *self = Self::start(disk, std::mem::take(&mut self.past))?;
        Some(())
    }

    pub(super) fn history(&self) -> HistoryId {
        self.host.engine.status().history
    }

    pub(super) fn revision(&self) -> Revision {
        self.state().revision()
    }

    pub(super) fn state(&self) -> &ControlPlaneState {
        self.host.engine.applied().machine()
    }

    pub(super) fn table(&self) -> &PlacementTable {
        self.state().table()
    }

    pub(super) fn engine(&self) -> &SingleNodeControlPlane {
        &self.host.engine
    }

    pub(super) fn record(&self, partition: PartitionId) -> Option<&PartitionRecord> {
        self.table().record(partition)
    }

    pub(super) fn backup(&self) -> Backup {
        self.host.engine.applied().clone()
    }

    /// The records of the present table.
    pub(super) fn records(&self) -> Arc<Vec<PartitionRecord>> {
        self.past.back().map_or_else(Arc::default, |version| Arc::clone(&version.records))
    }

    /// The table of a revision, if it is kept.
    pub(super) fn at(&self, history: HistoryId, revision: Revision) -> Option<&Version> {
        self.past.iter().find(|version| (version.history, version.revision) == (history, revision))
    }

    /// Commits what is proposed. Returns its index, its effect, and the change that it made.
    pub(super) fn commit(
        &mut self,
        content: Content<ControlPlaneEntry>,
    ) -> Option<(Index, Effect<Answer>, Option<Change>)> {
        let after = self.revision();
        let named = match &content {
            Content::Payload { payload: ControlPlaneEntry::OwnershipTransition(command), .. } => {
                Some(command.partition)
            }
            Content::Payload { .. } | Content::OpenSession | Content::CloseSession(_) => None,
        };
        self.host.engine.handle(ControlPlaneInput::Propose(content)).ok()?;
        let (index, effect) = self.settle()?;
        let revision = self.revision();
        if revision == after {
            return Some((index, effect, None));
        }
        let by_name = match &effect {
            Effect::Answered { answer: Answer::Named { partition, .. }, .. } => Some(*partition),
            Effect::Answered {
                answer:
                    Answer::Noted
                    | Answer::Epoch(_)
                    | Answer::Refused(_)
                    | Answer::Store { .. }
                    | Answer::StoreRefused(_)
                    | Answer::OrderRefused(_),
                ..
            }
            | Effect::SessionOpened(_)
            | Effect::SessionClosed(_)
            | Effect::SessionRefused(_) => None,
        };
        self.note();
        let partition = by_name.or(named)?;
        let change = Change { after, revision, partition, record: self.record(partition).cloned() };
        self.feed.push_back(change.clone());
        if self.feed.len() > FEED {
            let oldest = self.feed.pop_front();
            self.since = oldest.map_or(self.since, |change| change.revision);
        }
        Some((index, effect, Some(change)))
    }

    fn note(&mut self) {
        let records = Arc::new(self.table().records().cloned().collect());
        let version = Version { history: self.history(), revision: self.revision(), records };
        self.past.push_back(version);
        if self.past.len() > PAST {
            self.past.pop_front();
        }
    }

    /// Performs outputs and writes batches until nothing is left. Returns the last outcome of a proposal.
    fn settle(&mut self) -> Option<(Index, Effect<Answer>)> {
        let mut decided = None;
        loop {
            for output in self.host.outputs() {
                if let Output::Decided { outcome: Outcome::Committed { index, effect }, .. } = output {
                    decided = Some((index, effect));
                }
            }
            if self.host.write().is_none() {
                return decided;
            }
            self.host.report();
        }
    }

    /// Whether an invariant halted the engine.
    pub(super) fn is_halted(&self) -> bool {
        self.host.engine.status().halted
    }
}
