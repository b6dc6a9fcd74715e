//! One participant: its state.

use super::configuration::{Configuration, Peer};
use super::durable::{Durable, HardState, Snapshot};
use super::io::{BatchNumber, Output, StartError, Timer};
use super::log::Log;
use super::machine::{Applied, Machine};
use super::progress::Progress;
use super::role::{Follower, Role, RoleName};
use crate::core::ids::{ClusterId, Index};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// How leaders are elected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Elections {
    /// As in the paper's figure 2.
    Plain,
    /// With pre-vote, with a quorum check of the leader, and with voters that stay with a leader they hear. All three or
    /// none: each of the first two alone can leave a cluster without a leader for ever.
    Stable,
}

/// Bounds of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// How leaders are elected.
    pub elections: Elections,
    /// Appends with entries on their way to one follower.
    pub window: u8,
    /// Entries in one append.
    pub append_entries_max: u32,
    /// Bytes of one encoded entry.
    pub entry_bytes_max: u32,
    /// Bytes of encoded entries that a leader has proposed and not committed.
    pub uncommitted_bytes_max: u32,
    /// Reads that wait for a quorum.
    pub reads_max: u32,
    /// A snapshot is taken once so many entries were applied after the last one.
    pub compact_after_entries: u64,
    /// Entries before the snapshot that are kept, for followers that are a little behind.
    pub keep_entries: u64,
}

impl Limits {
    /// What a cluster runs with.
    pub const PRODUCTION: Self = Self {
        elections: Elections::Stable,
        window: 8,
        append_entries_max: 64,
        entry_bytes_max: 4096,
        uncommitted_bytes_max: 1 << 20,
        reads_max: 4096,
        compact_after_entries: 4096,
        keep_entries: 1024,
    };
}

/// Who a node is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its name and life.
    pub me: Peer,
    /// Its bounds.
    pub limits: Limits,
}

/// A batch that is on its way to the disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Unsynced {
    /// The end of the log in it, as far as it is still the log.
    pub(super) last: Index,
    /// The term and the vote in it.
    pub(super) hard_state: HardState,
}

/// One participant. Its whole state can be written down, for a recording to begin with.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Node<M: Machine> {
    pub(super) config: Config,
    pub(super) hard_state: HardState,
    pub(super) log: Log<M::Payload>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) applied: Applied<M>,
    /// Configurations in the log that are not committed, each in force from its place on.
    pub(super) later: Vec<(Index, Configuration)>,
    pub(super) role: Role,
    /// Everything up to here is on the own disk as it is in the log.
    pub(super) stable: Index,
    /// The term and the vote on the own disk.
    pub(super) durable_hard_state: HardState,
    /// Batches not reported durable, oldest first.
    pub(super) unsynced: Vec<Unsynced>,
    /// The newest batch that was reported durable: the one before the oldest of those.
    pub(super) synced: BatchNumber,
    pub(super) halted: bool,
}

impl<M: Machine> Node<M> {
    /// A node with what it finds on its disk: a follower that knows of no leader.
    ///
    /// # Errors
    /// [`StartError`], if the snapshot cannot be read.
    pub fn start(config: Config, durable: Durable<M::Payload>) -> Result<(Self, Vec<Output<M>>), StartError> {
        let applied: Applied<M> = durable.snapshot.applied()?;
        let stable = durable.log.last().index;
        let role = Role::Follower(Follower { leader: None, hears: false });
        let Durable { hard_state, snapshot, log } = durable;
        let mut node = Self {
            config,
            hard_state,
            log,
            snapshot,
            applied,
            later: Vec::new(),
            role,
            stable,
            durable_hard_state: hard_state,
            unsynced: Vec::new(),
            synced: BatchNumber::ZERO,
            halted: false,
        };
        node.find_configurations();
        Ok((node, vec![Output::SetTimer(Timer::Election)]))
    }

    /// Who it is.
    pub const fn config(&self) -> Config {
        self.config
    }

    /// Its term and vote.
    pub const fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// Its term and vote, as they are on its disk.
    pub const fn durable_hard_state(&self) -> HardState {
        self.durable_hard_state
    }

    /// Batches that it has not been told to be durable.
    pub const fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// What it is.
    pub const fn role(&self) -> RoleName {
        match &self.role {
            Role::Follower(_) => RoleName::Follower,
            Role::PreCandidate(_) => RoleName::PreCandidate,
            Role::Candidate(_) => RoleName::Candidate,
            Role::Leader(_) => RoleName::Leader,
        }
    }

    /// Whom it takes for the leader of its term.
    pub fn leader(&self) -> Option<Peer> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::Leader(_) => Some(self.config.me),
            Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// Its log.
    pub const fn log(&self) -> &Log<M::Payload> {
        &self.log
    }

    /// Its snapshot.
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// What follows from what it knows to be committed.
    pub const fn applied(&self) -> &Applied<M> {
        &self.applied
    }

    /// What it knows to be committed.
    pub const fn commit(&self) -> Index {
        self.applied.last.index
    }

    /// The end of the log that is durable here.
    pub const fn stable(&self) -> Index {
        self.stable
    }

    /// The configuration in force: the last one in the log, committed or not.
    pub fn configuration(&self) -> &Configuration {
        self.later.last().map_or(&self.applied.configuration, |(_, configuration)| configuration)
    }

    /// The configurations of its log that it does not know to be committed, with their places.
    pub fn uncommitted_configurations(&self) -> &[(Index, Configuration)] {
        &self.later
    }

    /// How far the others are, if it leads.
    pub fn progress(&self) -> &[Progress] {
        match &self.role {
            Role::Leader(leader) => &leader.progress,
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => &[],
        }
    }

    /// Whether it found an invariant broken, and stopped.
    pub const fn is_halted(&self) -> bool {
        self.halted
    }

    /// The configurations above the snapshot, from the log: nothing but the log says which are in force.
    fn find_configurations(&mut self) {
        let mut at = self.applied.last.index.next();
        let mut current = self.applied.configuration.clone();
        while let Some(entry) = self.log.entry(at) {
            if let Some(Ok(next)) = entry.change().map(|change| current.changed(change)) {
                current = next.clone();
                self.later.push((at, next));
            }
            at = at.next();
        }
    }
}
