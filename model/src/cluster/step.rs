//! One step: a state and a choice give the next state, what it broke and what it said.

use super::action::{Action, Deed, Stimulus, What};
use super::host::{Effect, Host, Told};
use super::mark::Mark;
use super::net::Sent;
use super::{State, World};
use crate::scope::Wish;
use crate::shared::Shared;
use cutover::ids::{Incarnation, NodeId};
use cutover::invariant::{Findings, Violation};
use cutover::raft::{Body, RoleName};
use std::sync::Arc;

/// What a step did.
pub(crate) struct Stepped {
    pub(crate) state: State,
    pub(crate) said: Vec<String>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) marks: u64,
    /// What it did to a node.
    pub(crate) effect: Option<Arc<Effect>>,
}

impl World {
    /// Takes a step; `None` if it changes nothing.
    pub(crate) fn step(&self, state: &State, action: Action, explain: bool) -> Option<Stepped> {
        let mut stepped = self.happen(state, action.what, explain)?;
        stepped.state.net.lose(action.lose);
        (stepped.state.broken != 0 || !stepped.state.same_place(state)).then_some(stepped)
    }

    /// How many messages are on their way after a choice, and how many of them there is no room for.
    pub(super) fn overflow(&self, state: &State, what: What) -> (u32, u32) {
        let room = usize::from(self.cluster.in_flight);
        // A step sends two messages to each other node at the very most, and mostly none.
        if self.sends(state, what) + state.net.messages().len() <= room {
            return (0, 0);
        }
        let messages = self.happen(state, what, false).map_or(0, |stepped| stepped.state.net.messages().len());
        let count = |messages: usize| u32::try_from(messages).unwrap_or(u32::MAX);
        (count(messages), count(messages.saturating_sub(room)))
    }

    /// At most so many messages leave, if nobody but this node has to speak.
    fn sends(&self, state: &State, what: What) -> usize {
        let sent = |effect: Option<Arc<Effect>>| effect.map_or(0, |effect| effect.sent.len());
        match what {
            What::Deliver { message } | What::Repeat { message } => {
                let Some(message) = state.net.messages().get(usize::from(message)) else { return 0 };
                sent(self.effect_of(state, message.0.to.node.0, &Stimulus::Deliver, Some(message), false))
            }
            // The last crash lets all the others speak.
            What::Do { deed: Deed::Crash { .. }, .. } => usize::from(u8::MAX),
            What::Do { node, deed } => {
                let stimulus = self.stimulus(state, node, deed);
                stimulus.map_or(0, |stimulus| sent(self.effect_of(state, node, &stimulus, None, false)))
            }
        }
    }

    fn happen(&self, state: &State, what: What, explain: bool) -> Option<Stepped> {
        match what {
            What::Deliver { message } => self.deliver(state, message.into(), false, explain),
            What::Repeat { message } => self.deliver(state, message.into(), true, explain),
            What::Do { node, deed } => {
                let stimulus = self.stimulus(state, node, deed)?;
                self.stimulate(state, node, deed, &stimulus, explain)
            }
        }
    }

    fn deliver(&self, state: &State, at: usize, again: bool, explain: bool) -> Option<Stepped> {
        let message = state.net.messages().get(at)?;
        let node = message.0.to.node.0;
        let effect = self.effect_of(state, node, &Stimulus::Deliver, Some(message), explain)?;
        if effect.idle || self.is_too_long(&effect) {
            self.note(effect.marks);
            return None;
        }
        let mut next = state.clone();
        if !again {
            next.net.remove(at);
        } else if matches!(self.cluster.duplicates, crate::scope::Duplicates::AtMost(_)) {
            next.spent.duplicates += 1;
        }
        self.absorb(state, next, node, None, effect, explain)
    }

    /// What a deed means for the node, given who asks and what for.
    fn stimulus(&self, state: &State, node: u8, deed: Deed) -> Option<Stimulus> {
        Some(match deed {
            Deed::Fire(timer) => Stimulus::Fire(timer),
            Deed::Sync => Stimulus::Sync,
            Deed::Crash { keep } => Stimulus::Crash { keep },
            Deed::Wipe => Stimulus::Wipe,
            Deed::Open => Stimulus::Open,
            Deed::Write(write) => Stimulus::Write { write, ticket: state.clients.ticket(write) },
            Deed::Read => Stimulus::Read,
            Deed::Transfer(to) => Stimulus::Transfer(to),
            Deed::Change(wish) => Stimulus::Change(wish, named_life(state, node, wish)?),
        })
    }

    pub(crate) fn stimulate(
        &self,
        state: &State,
        node: u8,
        deed: Deed,
        stimulus: &Stimulus,
        explain: bool,
    ) -> Option<Stepped> {
        let effect = self.effect_of(state, node, stimulus, None, explain)?;
        if self.is_too_long(&effect) {
            return None;
        }
        let accepted = effect.proposed.as_ref().is_none_or(Result::is_ok);
        if (effect.idle && effect.read.is_none()) || !accepted {
            self.note(effect.marks);
            return None;
        }
        let mut next = state.clone();
        match deed {
            Deed::Crash { .. } => next.spent.crashes += 1,
            Deed::Wipe => next.spent.wipes += 1,
            Deed::Open
            | Deed::Write(_)
            | Deed::Change(_)
            | Deed::Read
            | Deed::Transfer(_)
            | Deed::Fire(_)
            | Deed::Sync => {}
        }
        self.absorb(state, next, node, Some(deed), effect, explain)
    }

    /// Whether a log has outgrown the bound.
    fn is_too_long(&self, effect: &Effect) -> bool {
        effect.host.engine.node().log().last().index.since(self.founded) > self.cluster.entries
    }

    /// Once no crash can come any more, nobody can tell when a disk is synced: it is at once.
    fn syncs(&self, state: &State) -> bool {
        state.spent.crashes >= self.cluster.crashes
    }

    fn effect_of(
        &self,
        state: &State,
        node: u8,
        stimulus: &Stimulus,
        sent: Option<&Shared<Sent>>,
        explain: bool,
    ) -> Option<Arc<Effect>> {
        let host = state.host(node)?;
        let last = matches!(stimulus, Stimulus::Crash { .. }) && state.spent.crashes + 1 >= self.cluster.crashes;
        let syncs = last || self.syncs(state);
        Some(if explain {
            Arc::new(self.work_out(host, stimulus, sent, syncs, true))
        } else {
            self.effect(host, stimulus, sent, syncs)
        })
    }

    /// Puts what happened to a node into the state, and judges it.
    fn absorb(
        &self,
        before: &State,
        mut next: State,
        node: u8,
        deed: Option<Deed>,
        effect: Arc<Effect>,
        explain: bool,
    ) -> Option<Stepped> {
        let mut findings = Findings::new(explain);
        (next.broken, next.stands_for) = (0, None);
        let mut marks = effect.marks;
        self.put(&mut next, node, &effect);
        let name = NodeId(node);
        self.judge(before, &mut next, node, deed, &effect, &mut findings, &mut marks);
        self.ask(&mut next, name, deed, &effect, &mut findings, &mut marks);
        self.tell(&mut next, node, &effect.told, &mut findings, &mut marks);
        if self.syncs(&next) && !self.syncs(before) {
            self.sync_all(&mut next, &mut findings, &mut marks);
        }
        self.prune(&mut next);
        self.forget(&mut next);
        next.broken = findings.bits();
        self.note(marks);
        if next.broken == 0 && next.same_place(before) {
            return None;
        }
        let (said, violations) = (effect.said.clone(), findings.violations().to_vec());
        Some(Stepped { state: next, said, violations, marks, effect: Some(effect) })
    }

    fn put(&self, next: &mut State, node: u8, effect: &Effect) {
        if let Some(slot) = usize::from(node).checked_sub(1).and_then(|at| next.hosts.get_mut(at)) {
            *slot = Some(effect.host.clone());
        }
        for sent in &effect.sent {
            if self.may_matter(next, sent) {
                next.net.add(sent);
            }
        }
    }

    /// The last crash is over: the others sync, too.
    fn sync_all(&self, next: &mut State, findings: &mut Findings, marks: &mut u64) {
        for node in 1..=u8::try_from(next.hosts.len()).unwrap_or(u8::MAX) {
            while let Some(host) = next.host(node).filter(|host| !host.waiting.is_empty()) {
                let effect = self.effect(host, &Stimulus::Sync, None, true);
                let before = next.clone();
                self.put(next, node, &effect);
                self.judge(&before, next, node, Some(Deed::Sync), &effect, findings, marks);
                self.tell(next, node, &effect.told, findings, marks);
                *marks |= effect.marks;
            }
        }
    }

    /// Drops what can never do anything again. Of a term that the receiver's disk has left behind, or an answer to an
    /// office that it does not hold and cannot hold again in that term: it would change nothing now, and what it meets
    /// from now on is of that term or later. A message for another life is never heard.
    fn prune(&self, next: &mut State) {
        let mut net = std::mem::take(&mut next.net);
        net.retain(|sent| self.may_matter(next, sent));
        next.net = net;
    }

    fn may_matter(&self, state: &State, sent: &Shared<Sent>) -> bool {
        let message = &sent.0;
        let Some(host) = state.host(message.to.node.0) else { return false };
        if host.me() != message.to {
            return false;
        }
        if self.cluster.loses_old && message.term < host.engine.node().vote().term {
            return false;
        }
        let past = is_past(host, &message.body, message.term);
        if !past && !self.cluster.loses_old {
            return true;
        }
        let effect = self.effect(host, &Stimulus::Deliver, Some(sent), self.syncs(state));
        if past {
            return !effect.idle;
        }
        !self.says_nothing_new(state, host, &effect)
    }

    /// Whether a delivery changes nothing, and neither do the answers to it.
    fn says_nothing_new(&self, state: &State, host: &Shared<Host>, effect: &Effect) -> bool {
        let idle = |sent: &Shared<Sent>| {
            let asker = state.host(sent.0.to.node.0);
            asker.is_none_or(|asker| self.effect(asker, &Stimulus::Deliver, Some(sent), self.syncs(state)).idle)
        };
        effect.host.same(host) && effect.told.is_empty() && effect.sent.iter().all(idle)
    }

    fn ask(
        &self,
        next: &mut State,
        node: NodeId,
        deed: Option<Deed>,
        effect: &Effect,
        findings: &mut Findings,
        marks: &mut u64,
    ) {
        let mut clients = (*next.clients).clone();
        match (deed, &effect.proposed, &effect.read) {
            (Some(Deed::Open), Some(Ok(id)), _) => clients.opens(node, *id),
            (Some(Deed::Write(write)), Some(Ok(id)), _) => {
                clients.writes(write, node, *id, self.cluster.session || self.cluster.attempts > 1);
            }
            (Some(Deed::Change(_)), Some(Ok(_)), _) => clients.changes += 1,
            (Some(Deed::Transfer(_)), _, _) => clients.transfers += 1,
            (Some(Deed::Read), _, Some(read)) => match read {
                Ok(id) => {
                    let reader = clients.reads(node, *id);
                    self.read_invoked(next, reader, node, marks);
                }
                Err(_) => {
                    *marks |= Mark::ReadRefused.bit();
                    return;
                }
            },
            (Some(Deed::Crash { .. } | Deed::Wipe), _, _) => clients.forgotten_by(node),
            (_, _, _) => return,
        }
        let _ = findings;
        if clients != *next.clients {
            next.clients = self.share(clients);
        }
    }

    fn tell(&self, next: &mut State, node: u8, told: &[Told], findings: &mut Findings, marks: &mut u64) {
        for told in told {
            let mut clients = (*next.clients).clone();
            let reader = clients.told(NodeId(node), told);
            if clients != *next.clients {
                next.clients = self.share(clients);
            }
            if let (Some(reader), Told::Read(_, outcome)) = (reader, told) {
                self.read_ended(next, node, reader, outcome.is_ok(), findings, marks);
            }
        }
    }
}

/// Whether a message is of a time that its receiver has left for good.
fn is_past(host: &Host, body: &Body<cutover::control_plane::ControlPlaneEntry>, term: cutover::ids::Term) -> bool {
    let on_disk = host.disk.vote.term;
    let role = host.engine.node().role();
    let office = match body {
        Body::Voted { .. } => RoleName::Candidate,
        Body::Appended { .. } | Body::Diverged { .. } => RoleName::Leader,
        Body::PreVote { .. }
        | Body::PreVoted { .. }
        | Body::Vote { .. }
        | Body::Append(_)
        | Body::Install(_)
        | Body::TimeoutNow
        | Body::Outdated => return term < on_disk,
    };
    // An answer to the candidate can come before the one to the leader that it becomes, not the other way round.
    let may_be = role == office || (office == RoleName::Leader && role == RoleName::Candidate);
    term < on_disk || (term == on_disk && !may_be)
}

/// The life of the node that a change is about: the one that the leader's configuration has; for one that is to be
/// admitted, the one that it is in.
fn named_life(state: &State, leader: u8, wish: Wish) -> Option<Incarnation> {
    let (Wish::Admit(node) | Wish::Promote(node) | Wish::Remove(node)) = wish;
    if let Wish::Admit(_) = wish {
        return Some(state.host(node)?.me().incarnation);
    }
    let leader = state.host(leader)?;
    let member = leader.engine.node().configuration().member(NodeId(node))?;
    Some(member.peer.incarnation)
}
