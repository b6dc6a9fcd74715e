//! The state of clients and operators: their outstanding requests and the answers.

use super::ConsensusBounds;
use super::action::CallEvent;
use super::call::{Outstanding, Write};
use super::host::ClientAnswer;
use cutover::core::control_plane::Answer;
use cutover::core::ids::{Names, NodeId, Relabel, Serial, SessionId};
use cutover::core::raft::{Effect, Outcome, ProposalId, ReadId, Ticket};
use cutover::core::retry::Repeat;

/// A call that has ended, with a claim: the number of its write, and whether the client is told that it was done.
pub(super) type Claim = (u8, bool);

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
        let ticketed = usize::from(cluster.session);
        let repeat = |at: usize| if at < ticketed { Repeat::Ticketed } else { Repeat::Never };
        Self {
            writes: (0..usize::from(cluster.writes)).map(|at| Write::new(repeat(at))).collect(),
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
            self.writes.iter().skip(plain).position(|write| write.attempts() == 0).map(|at| at + plain);
        let wanted = move |(at, write): &(usize, &Write)| {
            let first = *at < plain || Some(*at) == untouched;
            ready(*at)
                && write.attempts() < attempts
                && write.may_be_sent()
                && (write.attempts() > 0 || first)
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

    fn write(&mut self, write: u8) -> Option<&mut Write> {
        self.writes.get_mut(usize::from(write).checked_sub(1)?)
    }

    /// Records an attempt at a write. `follows`: wait for its answer; otherwise only count it. Returns whether it is the first.
    pub(super) fn writes(&mut self, write: u8, node: NodeId, id: ProposalId, follows: bool) -> bool {
        let asked = follows.then_some(Outstanding { node, id });
        self.write(write).is_some_and(|write| write.proposed(asked))
    }

    /// The events of calls that are possible now.
    pub(super) fn call_events(&self, cluster: &ConsensusBounds) -> Vec<(u8, CallEvent)> {
        let attempts = self.wanted_writes(cluster);
        let attempts = attempts.flat_map(|write| {
            [CallEvent::Delay, CallEvent::Busy, CallEvent::Deny].map(|event| (write, event))
        });
        let due = (1u8..).zip(&self.writes).filter(|(_, write)| write.may_expire());
        attempts.chain(due.map(|(write, _)| (write, CallEvent::Expire))).collect()
    }

    /// Lets an event happen to the call of a write. Returns whether the call begins with it, and what it claims if it ends.
    pub(super) fn call(&mut self, write: u8, event: CallEvent) -> (bool, Option<Claim>) {
        let Some(call) = self.write(write) else { return (false, None) };
        let begins = call.attempts() == 0;
        let told = call.happens(event);
        (begins, told.map(|done| (write, done)))
    }

    /// The writes of which a delayed attempt may arrive.
    pub(super) fn delayed(&self) -> impl Iterator<Item = u8> {
        (1..).zip(&self.writes).filter(|(_, write)| write.is_delayed()).map(|(write, _)| write)
    }

    /// Records that a delayed attempt has arrived.
    pub(super) fn arrives(&mut self, write: u8) {
        if let Some(write) = self.write(write) {
            write.arrived();
        }
    }

    /// Records a read and returns its number, from 1.
    pub(super) fn reads(&mut self, node: NodeId, id: ReadId) -> u8 {
        self.reads += 1;
        self.reading = Some(Outstanding { node, id });
        self.reads
    }

    /// Processes an answer. Returns the number of the latest read if the answer is to that read, and what a call claims if it
    /// ends with the answer.
    pub(super) fn answered(&mut self, node: NodeId, answer: &ClientAnswer) -> (Option<u8>, Option<Claim>) {
        match answer {
            ClientAnswer::Read(id, _) => {
                let ours = self.reading == Some(Outstanding { node, id: *id });
                let reader = ours.then(|| {
                    self.reading = None;
                    self.reads
                });
                (reader, None)
            }
            ClientAnswer::Decided(id, outcome) => {
                (None, self.decided(Outstanding { node, id: *id }, outcome))
            }
        }
    }

    fn decided(&mut self, asked: Outstanding<ProposalId>, outcome: &Outcome<Answer>) -> Option<Claim> {
        if self.opening == Some(asked) {
            self.opening = None;
            if let Outcome::Committed { effect: Effect::SessionOpened(id), .. } = outcome {
                self.session = Some(*id);
            }
        }
        let (number, write) = (1..).zip(&mut self.writes).find(|(_, write)| write.asked() == Some(asked))?;
        write.decided(outcome).map(|done| (number, done))
    }

    /// Forgets the outstanding requests at a node that has crashed: their connections break. Returns what calls claim that
    /// end by it.
    pub(super) fn forgotten_by(&mut self, node: NodeId) -> Vec<Claim> {
        if self.opening.is_some_and(|asked| asked.node == node) {
            self.opening = None;
        }
        if self.reading.is_some_and(|asked| asked.node == node) {
            self.reading = None;
        }
        let gone = (1..)
            .zip(&mut self.writes)
            .filter(|(_, write)| write.asked().is_some_and(|asked| asked.node == node));
        gone.filter_map(|(number, write)| Some((number, write.lost()?))).collect()
    }

    /// What a way depends on: not what counts against bounds alone.
    pub(super) fn calm(&self) -> Self {
        Self { openings: 0, others: 0, reads: 0, changes: 0, transfers: 0, ..self.clone() }
    }

    /// A call that has begun and not ended, and that may make another attempt.
    pub(super) fn unended(&self) -> Option<u8> {
        let begun = |write: &Write| write.attempts() > 0 && write.may_be_sent();
        (1..).zip(&self.writes).find(|(_, write)| begun(write)).map(|(write, _)| write)
    }

    /// The nodes whose answers clients wait for.
    pub(super) fn waits_at(&self) -> impl Iterator<Item = NodeId> {
        let asked = self.writes.iter().filter_map(|write| Some(write.asked()?.node));
        asked.chain(self.opening.map(|asked| asked.node)).chain(self.reading.map(|asked| asked.node))
    }

    /// The state of all clients in words.
    pub(super) fn text(&self) -> String {
        let done = self.writes.iter().filter(|write| write.is_done()).count();
        let asked: u8 = self.writes.iter().map(Write::attempts).sum();
        let session = self.session.map_or_else(String::new, |session| format!("session {session}, "));
        format!("{session}proposed {asked}, answered {done}, reads {}", self.reads)
    }
}

impl Relabel for Clients {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self {
            writes: self.writes.iter().map(|write| write.renamed(names)).collect(),
            opening: self.opening.map(|asked| asked.renamed(names)),
            reading: self.reading.map(|asked| asked.renamed(names)),
            ..self.clone()
        }
    }
}
