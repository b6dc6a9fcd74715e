//! Clients and the operator: what they have asked for, and what they were told.

use super::ConsensusBounds;
use super::host::Told;
use cutover::core::control_plane::Answer;
use cutover::core::ids::{Names, NodeId, Relabel, Serial, SessionId};
use cutover::core::raft::{Effect, Outcome, ProposalId, ReadId, Ticket};

/// What was asked, of which node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Asked<I> {
    node: NodeId,
    id: I,
}

/// A write of a client.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Write {
    attempts: u8,
    /// The latest attempt, while it is not answered.
    asked: Option<Asked<ProposalId>>,
    done: bool,
}

/// Clients and the operator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Clients {
    writes: Vec<Write>,
    openings: u8,
    opening: Option<Asked<ProposalId>>,
    session: Option<SessionId>,
    /// Sessions that others have opened.
    pub(super) others: u8,
    /// Reads begun.
    pub(super) reads: u8,
    /// The latest read, while it is not answered. A client that reads again has given up the one before.
    reading: Option<Asked<ReadId>>,
    /// Changes of the members that were appended.
    pub(super) changes: u8,
    /// Hand-overs begun.
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

    /// The writes that may be proposed now, from 1, by their numbers: in order, each until it is answered.
    pub(super) fn wanted_writes<'a>(&'a self, cluster: &'a ConsensusBounds) -> impl Iterator<Item = u8> + 'a {
        // The first write goes under the session, if there is one.
        let ready = move |at: usize| !cluster.session || at > 0 || self.session.is_some();
        let attempts = cluster.attempts;
        // Writes are alike but for their numbers: the first that was not proposed yet stands for all of those.
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

    /// The name that a write goes under.
    pub(super) fn ticket(&self, write: u8) -> Option<Ticket> {
        let session = self.session.filter(|_| write == 1)?;
        Some(Ticket { session, serial: Serial(u64::from(write)), acknowledged_through: Serial::ZERO })
    }

    pub(super) fn opens(&mut self, node: NodeId, id: ProposalId) {
        self.openings += 1;
        self.opening = Some(Asked { node, id });
    }

    /// `follows`: whether the answer matters; else only the count is kept.
    pub(super) fn writes(&mut self, write: u8, node: NodeId, id: ProposalId, follows: bool) {
        if let Some(write) = self.writes.get_mut(usize::from(write).saturating_sub(1)) {
            write.attempts += 1;
            write.asked = follows.then_some(Asked { node, id });
        }
    }

    /// The number of the read, from 1.
    pub(super) fn reads(&mut self, node: NodeId, id: ReadId) -> u8 {
        self.reads += 1;
        self.reading = Some(Asked { node, id });
        self.reads
    }

    /// Takes an answer. `Some`: it was the one to the latest read, of this number.
    pub(super) fn told(&mut self, node: NodeId, told: &Told) -> Option<u8> {
        match told {
            Told::Read(id, _) => {
                let ours = self.reading == Some(Asked { node, id: *id });
                ours.then(|| {
                    self.reading = None;
                    self.reads
                })
            }
            Told::Decided(id, outcome) => {
                self.decided(Asked { node, id: *id }, outcome);
                None
            }
        }
    }

    fn decided(&mut self, asked: Asked<ProposalId>, outcome: &Outcome<Answer>) {
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

    /// A node has forgotten what it was asked.
    pub(super) fn forgotten_by(&mut self, node: NodeId) {
        let gone = |asked: &Option<Asked<ProposalId>>| asked.is_some_and(|asked| asked.node == node);
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

    /// What there is to know of them, in words.
    pub(super) fn text(&self) -> String {
        let done = self.writes.iter().filter(|write| write.done).count();
        let asked: u8 = self.writes.iter().map(|write| write.attempts).sum();
        let session = self.session.map_or_else(String::new, |session| format!("session {session}, "));
        format!("{session}proposed {asked}, answered {done}, reads {}", self.reads)
    }
}

impl<I: Copy> Asked<I> {
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
