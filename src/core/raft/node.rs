//! One participant: its state, and how an input becomes outputs.

use super::configuration::{Configuration, Peer};
use super::durable::{Batch, Durable, HardState, Snapshot};
use super::election::VoteTracker;
use super::io::{BatchNumber, Input, Output, StartError, Timer, refuse};
use super::leader::Leader;
use super::log::{Log, LogPosition};
use super::machine::{Applied, Effect, Machine};
use super::mark::Mark;
use super::message::{Body, Message};
use crate::core::ids::{ClusterId, Halt, Index, NodeId};
use crate::enforce;
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

/// What a node is at the moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) enum Role {
    Follower(Follower),
    PreCandidate(VoteTracker),
    Candidate(VoteTracker),
    Leader(Leader),
}

/// A node that waits for a leader, or has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Follower {
    pub(super) leader: Option<Peer>,
    /// RemovalNotice from that leader within the shortest election timeout.
    pub(super) hears: bool,
}

/// What a node is, without the details.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum RoleName {
    /// Waits for a leader, or has one.
    Follower,
    /// Asks whether it would be elected.
    PreCandidate,
    /// Stands for election.
    Candidate,
    /// Leads.
    Leader,
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

    /// Takes an input, and says what is to be done.
    #[must_use = "what a node wants done has to be done, in this order"]
    pub fn handle(&mut self, input: Input<M::Payload>) -> Vec<Output<M>> {
        if self.halted {
            return refuse(&input);
        }
        let mut turn = Turn::new(self);
        turn.take(input);
        turn.finish()
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
    pub fn progress(&self) -> &[super::Progress] {
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

/// A node while it takes an input. What it says is collected, and leaves behind what it has to persist.
pub(super) struct Turn<'n, M: Machine> {
    pub(super) node: &'n mut Node<M>,
    outputs: Vec<Output<M>>,
    vote_before: HardState,
    commit_before: Index,
    /// The first place whose entry is not the one on the disk.
    changed_from: Option<Index>,
    /// A snapshot that replaces the log.
    installed: bool,
    pub(super) halt: Option<Halt>,
}

impl<'n, M: Machine> Turn<'n, M> {
    fn new(node: &'n mut Node<M>) -> Self {
        let (vote_before, commit_before) = (node.hard_state, node.commit());
        let outputs = Vec::new();
        Self { node, outputs, vote_before, commit_before, changed_from: None, installed: false, halt: None }
    }

    fn take(&mut self, input: Input<M::Payload>) {
        match input {
            Input::Received(message) => self.receive(message),
            Input::TimerFired(Timer::Election) => self.election_timeout(),
            Input::TimerFired(Timer::MinElectionTimeout) => self.contact_lost(),
            Input::TimerFired(Timer::Heartbeat) => self.heartbeat(),
            Input::TimerFired(Timer::Transfer) => self.abandon_transfer(),
            Input::Synced(through) => self.synced(through),
            Input::Propose { id, content } => self.propose(id, content),
            Input::Read { id } => self.read(id),
            Input::Transfer { to } => self.transfer(to),
        }
    }

    pub(super) fn emit(&mut self, output: Output<M>) {
        self.outputs.push(output);
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        self.outputs.push(Output::Mark(mark));
    }

    pub(super) fn send(&mut self, to: Peer, body: Body<M::Payload>) {
        let Config { cluster, me, .. } = self.node.config;
        self.outputs.push(Output::Send(Message {
            cluster,
            from: me,
            to,
            term: self.node.hard_state.term,
            body,
        }));
    }

    /// The log was changed from this place on.
    pub(super) fn changed(&mut self, from: Index) {
        self.changed_from = Some(self.changed_from.map_or(from, |earlier| earlier.min(from)));
    }

    /// What was on its way to the disk from this place on is no longer the log.
    pub(super) fn disown(&mut self, from: Index) {
        let kept = from.previous();
        self.node.stable = self.node.stable.min(kept);
        for batch in &mut self.node.unsynced {
            batch.last = batch.last.min(kept);
        }
    }

    /// Replaces everything by a snapshot.
    pub(super) fn install(&mut self, snapshot: Arc<Snapshot>, applied: Applied<M>) {
        self.disown(Index::ZERO);
        self.node.log = Log::above(snapshot.last);
        self.node.later.clear();
        self.node.applied = applied;
        self.emit(Output::Installed(snapshot.last));
        self.node.snapshot = snapshot;
        (self.installed, self.changed_from) = (true, None);
    }

    /// Applies everything up to this place, which is committed.
    pub(super) fn commit_to(&mut self, index: Index) {
        let last = self.node.log.last().index;
        enforce!(
            self.halt,
            "raft.state-machine-safety",
            index <= last,
            "{} is committed, the log ends at {last}",
            index
        );
        while self.node.commit() < index.min(last) {
            let at = self.node.commit().next();
            let Some(entry) = self.node.log.entry(at).cloned() else { return };
            let effect = self.node.applied.apply(&entry);
            match &effect {
                Effect::Answered { repeated: true, .. } => self.mark(Mark::Retried),
                Effect::SessionRefused(_) => self.mark(Mark::SessionRefused),
                Effect::Answered { .. } | Effect::SessionOpened(_) | Effect::SessionClosed(_) => {}
            }
            self.node.later.retain(|(place, _)| *place > at);
            self.decided(at, &effect);
            self.emit(Output::Applied { at: self.node.applied.last, entry, effect });
        }
    }

    /// Batches are durable: now they count (section 5.3; a leader and a candidate count themselves here).
    fn synced(&mut self, through: BatchNumber) {
        let batches = through.0.saturating_sub(self.node.synced.0);
        let count = usize::try_from(batches).unwrap_or(usize::MAX).min(self.node.unsynced.len());
        let Some(newest) = self.node.unsynced.drain(..count).next_back() else { return };
        self.node.synced.0 =
            self.node.synced.0.saturating_add(batches.min(u64::try_from(count).unwrap_or(u64::MAX)));
        self.node.stable = newest.last;
        self.node.durable_hard_state = newest.hard_state;
        if newest.hard_state == self.node.hard_state {
            self.vote_is_durable();
        }
        self.advance_commit();
    }

    fn finish(mut self) -> Vec<Output<M>> {
        self.check_monotone();
        if let Some(halt) = self.halt {
            self.node.halted = true;
            return vec![Output::Halt(halt)];
        }
        let mut outputs = Vec::new();
        if let Some(batch) = self.batch() {
            outputs.push(self.persist(batch));
        }
        outputs.append(&mut self.outputs);
        if let Some(batch) = self.compact() {
            outputs.push(Output::Mark(Mark::Compacted));
            outputs.push(self.persist(batch));
        }
        outputs
    }

    fn persist(&mut self, batch: Batch<M::Payload>) -> Output<M> {
        let (last, vote) = (self.node.log.last().index, self.node.hard_state);
        self.node.unsynced.push(Unsynced { last, hard_state: vote });
        let waiting = u64::try_from(self.node.unsynced.len()).unwrap_or(u64::MAX);
        Output::Persist { number: BatchNumber(self.node.synced.0.saturating_add(waiting)), batch }
    }

    fn batch(&self) -> Option<Batch<M::Payload>> {
        let node = &self.node;
        let vote = (node.hard_state != self.vote_before).then_some(node.hard_state);
        let snapshot = self.installed.then(|| Arc::clone(&node.snapshot));
        let base = self.installed.then_some(node.snapshot.last);
        let suffix = self.changed_from.map(|from| (from, node.log.from(from, u32::MAX).to_vec()));
        let any = vote.is_some() || snapshot.is_some() || suffix.is_some();
        any.then_some(Batch { hard_state: vote, snapshot, suffix, base })
    }

    /// Takes a snapshot of what is applied, never of more, and forgets the entries that it stands for (section 7).
    fn compact(&mut self) -> Option<Batch<M::Payload>> {
        let limits = self.node.config.limits;
        let covered = self.node.snapshot.last.index;
        if self.node.commit().since(covered) < limits.compact_after_entries.max(1) {
            return None;
        }
        let snapshot = Arc::new(Snapshot::of(&self.node.applied).ok()?);
        let keep = Index(snapshot.last.index.0.saturating_sub(limits.keep_entries));
        let index = keep.max(self.node.log.base().index);
        let base = LogPosition { term: self.node.log.term_at(index)?, index };
        self.node.log.rebase(base);
        self.node.snapshot = Arc::clone(&snapshot);
        Some(Batch { hard_state: None, snapshot: Some(snapshot), suffix: None, base: Some(base) })
    }

    fn check_monotone(&mut self) {
        let (term, before) = (self.node.hard_state.term, self.vote_before.term);
        enforce!(self.halt, "raft.monotone", term >= before, "term {term} after {before}");
        let (commit, before) = (self.node.commit(), self.commit_before);
        enforce!(self.halt, "raft.monotone", commit >= before, "committed through {commit} after {before}");
    }

    pub(super) fn hint(&self) -> Option<NodeId> {
        self.node.leader().map(|peer| peer.node).filter(|node| *node != self.node.config.me.node)
    }
}
