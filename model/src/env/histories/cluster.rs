//! The cluster: the production engine of one node, and the tables of all its histories.

use crate::host::{Host, known_stores};
use cutover::core::control_plane::{
    Answer, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneInput,
    ControlPlaneState, ControlPlaneStatus, Founder, SingleNodeControlPlane,
};
use cutover::core::ids::{
    ClusterId, DirectoryId, Epoch, HistoryId, Index, MigrationId, NodeId, PartitionId, Revision, SessionId,
};
use cutover::core::migration::{Caps, Command, PartitionRecord};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{
    Applied, Config, Content, Durable, Effect, NodeLimits, Outcome, Output, Peer, SessionLimits, Ticket,
};
use std::collections::BTreeMap;

/// The history with which the cluster is founded.
pub(super) const FIRST: HistoryId = HistoryId(1);

const ME: Peer = Peer { node: NodeId(1), directory: DirectoryId(1) };

/// The state of the cluster at the time of a backup.
pub(super) type Backup = Applied<ControlPlaneState>;

/// A change of a partition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Change {
    /// The revision before it.
    pub(super) after: Revision,
    /// The revision of the change.
    pub(super) revision: Revision,
    /// The partition's record after it.
    pub(super) record: PartitionRecord,
}

/// How a request was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answered {
    /// By the table, which applied it.
    Applied,
    /// By the table, which refused it.
    Refused,
    /// With the answer to an earlier attempt.
    Repeated,
    /// With a refusal: its session is not known.
    Expired,
}

/// The cluster of one node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Cluster {
    host: Host<SingleNodeControlPlane>,
    /// The changes since the node started.
    changes: Vec<Change>,
    /// The revision at which the node started.
    since: Revision,
    /// The tables of all histories.
    tables: BTreeMap<(HistoryId, Revision), Vec<PartitionRecord>>,
}

fn founder(history: HistoryId) -> Founder {
    let identity = ClusterVoterIdentity::from_certificate_subject("CN=n1").ok();
    Founder {
        cluster: ClusterId(1),
        history,
        voters: identity.into_iter().map(|identity| (ME, identity.into())).collect(),
        caps: Caps::PRODUCTION,
        sessions: SessionLimits::PRODUCTION,
        stores: known_stores([Guarantee::Sealed; 2]),
    }
}

impl Cluster {
    /// The cluster as founded.
    pub(super) fn founded() -> Option<Self> {
        Self::start(founder(FIRST).disk().ok()?, BTreeMap::new())
    }

    fn start(
        disk: Durable<ControlPlaneEntry>,
        tables: BTreeMap<(HistoryId, Revision), Vec<PartitionRecord>>,
    ) -> Option<Self> {
        let config = Config { me: ME, limits: NodeLimits::PRODUCTION };
        let host = Host::start(config, disk).ok()?;
        let mut cluster = Self { host, changes: Vec::new(), since: Revision::ZERO, tables };
        cluster.settle();
        cluster.since = cluster.status().revision;
        cluster.note();
        Some(cluster)
    }

    /// Continues with a new history from a state. `number`: how many times this has happened, the time on the clock.
    pub(super) fn continue_from(&mut self, state: &Backup, number: u8) -> Option<()> {
        let founder = founder(HistoryId(FIRST.0 + u64::from(number)));
        let disk = founder.continued(state.clone(), number.into()).ok()?;
        *self = Self::start(disk, std::mem::take(&mut self.tables))?;
        Some(())
    }

    /// The present history.
    pub(super) fn history(&self) -> HistoryId {
        self.status().history
    }

    /// The status of the node.
    pub(super) fn status(&self) -> ControlPlaneStatus {
        self.host.engine.status()
    }

    /// What a backup holds.
    pub(super) fn backup(&self) -> Backup {
        self.host.engine.applied().clone()
    }

    /// The records at a revision of a history, if there is such a one.
    pub(super) fn table_at(&self, history: HistoryId, revision: Revision) -> Option<&Vec<PartitionRecord>> {
        self.tables.get(&(history, revision))
    }

    /// The records of the present table.
    pub(super) fn records(&self) -> Vec<PartitionRecord> {
        self.host.engine.state().table().records().cloned().collect()
    }

    /// The changes after a revision; `None` if the node does not have them all.
    pub(super) fn changes_after(&self, revision: Revision) -> Option<impl Iterator<Item = &Change>> {
        let all = revision >= self.since;
        all.then(|| self.changes.iter().filter(move |change| change.revision > revision))
    }

    /// Opens a session.
    pub(super) fn open_session(&mut self) -> Option<SessionId> {
        let (_, Effect::SessionOpened(session)) = self.commit(Content::OpenSession)? else { return None };
        Some(session)
    }

    /// Proposes an entry. Returns how it was answered, and the change that it made.
    pub(super) fn propose(
        &mut self,
        ticket: Option<Ticket>,
        payload: ControlPlaneEntry,
    ) -> Option<(Answered, Option<Change>)> {
        let after = self.status().revision;
        let named = match &payload {
            ControlPlaneEntry::OwnershipTransition(command) => Some(command.partition),
            ControlPlaneEntry::NamedTransition { .. }
            | ControlPlaneEntry::MembershipChange(_)
            | ControlPlaneEntry::StoreChange(_)
            | ControlPlaneEntry::OrderChange(_)
            | ControlPlaneEntry::LeaderConfiguration { .. } => None,
        };
        let (index, effect) = self.commit(Content::Payload { ticket, payload })?;
        let (answered, named) = match effect {
            Effect::Answered { repeated: true, .. } => (Answered::Repeated, named),
            Effect::Answered {
                answer: Answer::Refused(_) | Answer::StoreRefused(_) | Answer::OrderRefused(_),
                ..
            } => (Answered::Refused, named),
            Effect::Answered { answer: Answer::Named { partition, .. }, .. } => {
                (Answered::Applied, Some(partition))
            }
            Effect::Answered { answer: Answer::Epoch(_) | Answer::Noted | Answer::Store { .. }, .. } => {
                (Answered::Applied, named)
            }
            Effect::SessionRefused(_) => (Answered::Expired, named),
            Effect::SessionOpened(_) | Effect::SessionClosed(_) => return None,
        };
        let revision = Revision(index.0);
        if self.status().revision != revision {
            return Some((answered, None));
        }
        self.note();
        let change = Change { after, revision, record: self.record(named?)?.clone() };
        self.changes.push(change.clone());
        Some((answered, Some(change)))
    }

    /// Whether the table would apply this command.
    pub(super) fn accepts(&self, command: &Command) -> bool {
        self.host.engine.state().table().clone().apply(command).is_ok()
    }

    /// The record of a partition.
    pub(super) fn record(&self, partition: PartitionId) -> Option<&PartitionRecord> {
        self.host.engine.state().table().record(partition)
    }

    /// The highest epoch and the highest migration id of all tables that there were.
    pub(super) fn highest(&self) -> (Epoch, MigrationId) {
        let none = (Epoch::ZERO, MigrationId::ZERO);
        self.tables.values().flatten().fold(none, |(epoch, migration), record| {
            (epoch.max(record.epoch), migration.max(record.migration))
        })
    }

    /// Streams of the node begin here: it has no change from before.
    pub(super) fn forget_changes(&mut self) {
        self.changes.clear();
        self.since = self.status().revision;
    }

    /// Notes the present table.
    fn note(&mut self) {
        let ControlPlaneStatus { history, revision, .. } = self.status();
        self.tables.insert((history, revision), self.records());
    }

    fn commit(&mut self, content: Content<ControlPlaneEntry>) -> Option<(Index, Effect<Answer>)> {
        self.host.engine.handle(ControlPlaneInput::Propose(content)).ok()?;
        self.settle()
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

    /// The state in words.
    pub(super) fn text(&self) -> String {
        let ControlPlaneStatus { history, commit, revision, .. } = self.status();
        format!("history {history}, committed {commit}, {} partitions at {revision}", self.records().len())
    }
}
