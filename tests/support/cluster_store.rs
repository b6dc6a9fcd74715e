//! An in-memory cluster as a migration store: a call runs the cluster until the outcome is known, or gives up.

use super::cluster::Cluster;
use super::site::{CALM, Engine, ROUGH};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneError, epoch_of};
use cutover::core::ids::{Epoch, NodeId, PartitionId, Revision, Serial, SessionId};
use cutover::core::migration::{
    BackendFailure, Caps, Command, MigrationError, MigrationStore, PartitionRecord,
};
use cutover::core::raft::{Effect, Outcome, ProposalId, Ticket, Timer};

/// Number of steps after which a client gives up.
const PATIENCE: usize = 4000;

/// A client together with its cluster.
#[derive(Clone, Debug)]
pub struct ClusterStore<C> {
    pub cluster: Cluster<C>,
    /// Percentage of requests during which the leader is lost.
    trouble: usize,
    /// The session under which the client repeats requests, if it does.
    session: Option<Session>,
    /// Number of requests without an answer.
    pub failures: usize,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    id: Option<SessionId>,
    serial: Serial,
}

impl<C: Engine> ClusterStore<C> {
    /// A cluster without faults, and a client without a session.
    pub fn calm(count: u8, caps: Caps) -> Self {
        let cluster = Cluster::new(count, caps, 3);
        Self { cluster, trouble: 0, session: None, failures: 0 }
    }

    /// A cluster with faults that sometimes loses its leader.
    pub fn rough(count: u8, caps: Caps, seed: u64, in_session: bool) -> Self {
        let mut cluster = Cluster::new(count, caps, seed);
        cluster.weather = ROUGH;
        let session = in_session.then_some(Session { id: None, serial: Serial::ZERO });
        Self { cluster, trouble: 30, session, failures: 0 }
    }

    /// A leader, if one is elected in time.
    fn find(&mut self) -> Result<u8, BackendFailure> {
        let found = self.cluster.run_until(PATIENCE, |cluster| cluster.leader().is_some());
        self.cluster.leader().filter(|_| found).ok_or(BackendFailure::NoLeader)
    }

    /// Asks a leader, again if it cannot accept the request yet.
    fn ask<T>(
        &mut self,
        ask: impl FnOnce(&mut Cluster<C>, u8) -> Result<T, ControlPlaneError>,
    ) -> Result<(u8, T), BackendFailure> {
        if self.trouble > 0 && self.cluster.random.chance(50) {
            self.cluster.heal();
        }
        if self.cluster.weather.loss == 0 {
            self.cluster.settle();
        }
        let leader = self.find()?;
        if self.cluster.weather.loss == 0 {
            self.cluster.settle();
        }
        match ask(&mut self.cluster, leader) {
            Ok(asked) => Ok((leader, asked)),
            Err(error) => {
                self.steps(40);
                Err(error.failure())
            }
        }
    }

    fn steps(&mut self, steps: usize) {
        for _ in 0..steps {
            self.cluster.step();
        }
    }

    /// Schedules a fault at the leader.
    fn trouble(&mut self, leader: u8) {
        let random = &mut self.cluster.random;
        if !random.chance(self.trouble) {
            return;
        }
        let (steps, what) = (random.below(15), random.below(4));
        self.steps(steps);
        let other = self.cluster.nodes().find(|node| *node != leader && self.cluster.is_up(*node));
        match (what, other) {
            (0, _) => self.cluster.crash(leader),
            (1, _) => self.cluster.cut(leader),
            (2, Some(other)) if self.cluster.is_up(leader) => {
                self.cluster.call(leader, |engine| engine.transfer(Some(NodeId(other))));
            }
            (3, Some(other)) => {
                for timer in [Timer::MinElectionTimeout, Timer::Election] {
                    self.cluster.fire(other, timer);
                }
            }
            _ => {}
        }
    }

    /// Proposes and waits for the outcome.
    fn submit(
        &mut self,
        ask: impl FnOnce(&mut C) -> Result<ProposalId, ControlPlaneError>,
    ) -> Result<Outcome<Answer>, BackendFailure> {
        let (leader, id) = self.ask(|cluster, leader| cluster.call(leader, ask))?;
        self.trouble(leader);
        self.cluster
            .run_until(PATIENCE, |cluster| !cluster.is_up(leader) || cluster.decided(leader, id).is_some());
        Ok(self.cluster.decided(leader, id).cloned().unwrap_or(Outcome::Indeterminate))
    }

    /// Makes one attempt.
    fn once(&mut self, command: &Command, ticket: Option<Ticket>) -> Result<Epoch, MigrationError> {
        let entry = ControlPlaneEntry::OwnershipTransition(command.clone());
        let outcome = self.submit(|engine| engine.propose(entry, ticket));
        let outcome = outcome.map_err(|reason| MigrationError::Backend { reason });
        let answer = outcome.and_then(|outcome| epoch_of(&outcome));
        self.failures += usize::from(matches!(answer, Err(MigrationError::Backend { .. })));
        answer
    }

    /// The ticket of the next request.
    fn ticket(&mut self) -> Option<Ticket> {
        let Session { mut id, serial } = self.session?;
        for _ in 0..100 {
            if id.is_some() {
                break;
            }
            if let Ok(Outcome::Committed { effect: Effect::SessionOpened(opened), .. }) =
                self.submit(|engine| engine.open_session())
            {
                id = Some(opened);
            }
        }
        let session = id.expect("a session comes to be opened");
        let next = Serial(serial.0 + 1);
        self.session = Some(Session { id, serial: next });
        Some(Ticket { session, serial: next, acknowledged_through: serial })
    }

    /// Ends all faults, and waits until all nodes know what is committed.
    pub fn recover(&mut self) {
        self.trouble = 0;
        self.cluster.weather = CALM;
        self.cluster.heal();
        assert!(self.cluster.converge(20_000), "the cluster does not recover");
    }
}

impl<C: Engine> MigrationStore for ClusterStore<C> {
    fn propose(&mut self, command: &Command) -> Result<Epoch, MigrationError> {
        let ticket = self.ticket();
        let mut answer = self.once(command, ticket);
        for _ in 0..100 {
            if ticket.is_none() || !matches!(answer, Err(MigrationError::Backend { .. })) {
                break;
            }
            answer = self.once(command, ticket);
        }
        answer
    }

    fn state(
        &mut self,
        partition: PartitionId,
    ) -> Result<Option<(PartitionRecord, Revision)>, MigrationError> {
        let backend = |reason| MigrationError::Backend { reason };
        let (leader, id) = self.ask(|cluster, leader| cluster.ask_to_read(leader)).map_err(backend)?;
        self.cluster
            .run_until(PATIENCE, |cluster| !cluster.is_up(leader) || cluster.read(leader, id).is_some());
        if !matches!(self.cluster.read(leader, id), Some(Ok(_))) {
            return Err(backend(BackendFailure::NoQuorum));
        }
        let state = self.cluster.engine(leader).state();
        Ok(state.table().record(partition).map(|record| (record.clone(), state.revision())))
    }
}
