//! The state of clients and operators: their outstanding requests and the answers.

use super::ConsensusBounds;
use super::host::ClientAnswer;
use cutover::core::control_plane::Answer;
use cutover::core::ids::{Names, NodeId, Relabel, Serial, SessionId};
use cutover::core::raft::{Effect, Outcome, ProposalId, ReadId, Ticket};

/// A request: its id and the node at which it was made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Outstanding<I> {
    node: NodeId,
    id: I,
}

/// The state of a client's write.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Write {
    attempts: u8,
    /// The latest attempt, if it has no answer yet.
    asked: Option<Outstanding<ProposalId>>,
    done: bool,
}

/// The state of all clients and operators.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Clients {
    writes: Vec<Write>,
    openings: u8,
    opening: Option<Outstanding<ProposalId>>,
    session: Option<SessionId>,
    /// Number of sessions opened by other clients.
    pub(super) others: u8,
    /// Number of reads begun.
    pub(super) reads: u8,
    /// The latest read, if it has no answer yet. A client that starts another read gives up this one.
    reading: Option<Outstanding<ReadId>>,
    /// Number of membership changes that were appended.
    pub(super) changes: u8,
    /// Number of leadership transfers begun.
    pub(super) transfers: u8,
}

impl Clients {
    pub(super) fn new(cluster: &ConsensusBounds) -> Self {
        Self {
            writes: vec![Write::default(); usize::from(cluster.writes)],
            openings: 0,
            opening: None,
            session: None,
            others: 0,
            reads: 0,
            reading: None,
            changes: 0,
            transfers: 0,
        }
    }

    pub(super) fn wants_session(&self, cluster: &ConsensusBounds) -> bool {
        cluster.session && self.session.is_none() && self.openings < cluster.attempts
    }

    pub(super) const fn lets_others_in(&self, cluster: &ConsensusBounds) -> bool {
        self.session.is_some() && self.others < cluster.other_sessions
    }

    /// Numbers of the writes that may be proposed now, from 1. Writes are proposed in order, each until it is
    /// answered.
    pub(super) fn wanted_writes<'a>(&'a self, cluster: &'a ConsensusBounds) -> impl Iterator<Item = u8> + 'a {
        // The first write needs its session, if the scope has one.
        let ready = move |at: usize| !cluster.session || at > 0 || self.session.is_some();
        let attempts = cluster.attempts;
        // Writes differ only in their numbers, so the first unproposed one represents all of them.
        let plain = usize::from(cluster.session);
        let untouched =
            self.writes.iter().skip(plain).position(|write| write.attempts == 0).map(|at| at + plain);
        let wanted = move |(at, write): &(usize, &Write)| {
            let first = *at < plain || Some(*at) == untouched;
            ready(*at) && !write.done && write.attempts < attempts && (write.attempts > 0 || first)
        };
        let numbered = self.writes.iter().enumerate().filter(wanted);
        numbered.map(|(at, _)| u8::try_from(at + 1).unwrap_or(u8::MAX))
    }

    /// The ticket of a write, if it belongs to a session.
    pub(super) fn ticket(&self, write: u8) -> Option<Ticket> {
        let session = self.session.filter(|_| write == 1)?;
        Some(Ticket { session, serial: Serial(u64::from(write)), acknowledged_through: Serial::ZERO })
    }

    pub(super) fn opens(&mut self, node: NodeId, id: ProposalId) {
        self.openings += 1;
        self.opening = Some(Outstanding { node, id });
    }

    /// Records an attempt at a write. `follows`: wait for its answer; otherwise only count it.
    pub(super) fn writes(&mut self, write: u8, node: NodeId, id: ProposalId, follows: bool) {
        if let Some(write) = self.writes.get_mut(usize::from(write).saturating_sub(1)) {
            write.attempts += 1;
            write.asked = follows.then_some(Outstanding { node, id });
        }
    }

    /// Records a read and returns its number, from 1.
    pub(super) fn reads(&mut self, node: NodeId, id: ReadId) -> u8 {
        self.reads += 1;
        self.reading = Some(Outstanding { node, id });
        self.reads
    }

    /// Processes an answer. Returns the number of the latest read if the answer is to that read.
    pub(super) fn answered(&mut self, node: NodeId, answer: &ClientAnswer) -> Option<u8> {
        match answer {
            ClientAnswer::Read(id, _) => {
                let ours = self.reading == Some(Outstanding { node, id: *id });
                ours.then(|| {
                    self.reading = None;
                    self.reads
                })
            }
            ClientAnswer::Decided(id, outcome) => {
                self.decided(Outstanding { node, id: *id }, outcome);
                None
            }
        }
    }

    fn decided(&mut self, asked: Outstanding<ProposalId>, outcome: &Outcome<Answer>) {
        if self.opening == Some(asked) {
            self.opening = None;
            if let Outcome::Committed { effect: Effect::SessionOpened(id), .. } = outcome {
                self.session = Some(*id);
            }
        }
        for write in self.writes.iter_mut().filter(|write| write.asked == Some(asked)) {
            write.asked = None;
            write.done = matches!(outcome, Outcome::Committed { .. });
        }
    }

    /// Forgets the outstanding requests at a node that has crashed.
    pub(super) fn forgotten_by(&mut self, node: NodeId) {
        let gone = |asked: &Option<Outstanding<ProposalId>>| asked.is_some_and(|asked| asked.node == node);
        if gone(&self.opening) {
            self.opening = None;
        }
        for write in self.writes.iter_mut().filter(|write| gone(&write.asked)) {
            write.asked = None;
        }
        if self.reading.is_some_and(|asked| asked.node == node) {
            self.reading = None;
        }
    }

    /// The state of all clients in words.
    pub(super) fn text(&self) -> String {
        let done = self.writes.iter().filter(|write| write.done).count();
        let asked: u8 = self.writes.iter().map(|write| write.attempts).sum();
        let session = self.session.map_or_else(String::new, |session| format!("session {session}, "));
        format!("{session}proposed {asked}, answered {done}, reads {}", self.reads)
    }
}

impl<I: Copy> Outstanding<I> {
    fn renamed(self, names: &dyn Names) -> Self {
        Self { node: names.node(self.node), id: self.id }
    }
}

impl Relabel for Clients {
    fn relabel(&self, names: &dyn Names) -> Self {
        let renamed =
            |write: &Write| Write { asked: write.asked.map(|asked| asked.renamed(names)), ..write.clone() };
        Self {
            writes: self.writes.iter().map(renamed).collect(),
            opening: self.opening.map(|asked| asked.renamed(names)),
            reading: self.reading.map(|asked| asked.renamed(names)),
            ..self.clone()
        }
    }
}
