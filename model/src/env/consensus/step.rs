//! Applies an action to a state, and reports violations, marks and a transcript.

use super::action::{Action, ActionKind, HostInput, NodeAction};
use super::host::{Disk, HostEffect};
use super::net::{NodeMessage, crosses};
use super::stepped::Stepped;
use super::{Consensus, Duplicates, MembershipRequest, State, peer};
use crate::shared::Shared;
use cutover::core::ids::{DirectoryId, NodeId};
use cutover::core::invariant::{ClusterFact, Findings};
use cutover::core::raft::{RoleName, Timer};
use std::sync::Arc;

impl Consensus {
    /// Applies an action; `None` if it changes nothing. `explain`: also produce the transcript and the facts of
    /// violations.
    pub(crate) fn take(&self, state: &State, action: Action, explain: bool) -> Option<Stepped> {
        let Action { what, crash, lose } = action;
        let known = if explain { None } else { super::successor_cache::known(self, state, action) };
        let mut stepped = known.or_else(|| self.apply_event(state, what, crash, explain))?;
        stepped.state.net.lose(lose);
        if self.cluster.world.is_some() {
            let surplus = stepped.state.net.messages().len().saturating_sub(self.cluster.in_flight.into());
            for _ in 0..surplus {
                stepped.state.net.remove(0);
            }
        }
        stepped.state = stepped.state.sealed();
        (stepped.broken != 0 || !stepped.state.same_place(state)).then_some(stepped)
    }

    /// The node that handles an event, its effect, and the position of the message that is removed; `None` for a
    /// crash that releases messages of other nodes.
    fn sends(
        &self,
        state: &State,
        what: ActionKind,
        disk: Disk,
    ) -> Option<(u8, Arc<HostEffect>, Option<usize>)> {
        match what {
            ActionKind::Deliver { message } | ActionKind::Repeat { message } => {
                let at = usize::from(message);
                let message = state.net.messages().get(at)?;
                let node = message.0.to.node.0;
                let effect = self.effect_of(state, node, &HostInput::Deliver, Some(message), disk, false)?;
                Some((node, effect, matches!(what, ActionKind::Deliver { .. }).then_some(at)))
            }
            ActionKind::Forge { .. } | ActionKind::Client { .. } | ActionKind::Cut { .. } => None,
            ActionKind::Do { action: NodeAction::Crash { .. }, .. } if self.cluster.lingers => None,
            ActionKind::Do { node, action } => {
                let host_input = self.host_input(state, node, action)?;
                Some((node, self.effect_of(state, node, &host_input, None, disk, false)?, None))
            }
        }
    }

    /// Number of batches that the node must write before it sends the messages of this event.
    pub(super) fn batches(&self, state: &State, what: ActionKind) -> u8 {
        if let ActionKind::Do {
            action: NodeAction::Crash { .. } | NodeAction::Wipe | NodeAction::Sync | NodeAction::SyncAll,
            ..
        } = what
        {
            return 0;
        }
        self.sends(state, what, Disk::Lingers).map_or(0, |(_, effect, _)| effect.host.batches())
    }

    pub(super) fn apply_event(
        &self,
        state: &State,
        what: ActionKind,
        crash: Option<u8>,
        explain: bool,
    ) -> Option<Stepped> {
        match what {
            ActionKind::Deliver { message } => self.deliver(state, message.into(), false, crash, explain),
            ActionKind::Repeat { message } => self.deliver(state, message.into(), true, crash, explain),
            ActionKind::Forge { node, to, kind } => {
                let message = self.forge(state, node, to, kind)?;
                let disk = self.disk(state, None);
                let effect = self.effect_of(state, to, &HostInput::Deliver, Some(&message), disk, explain)?;
                // It arrives at once: it could be sent as well when it arrives. If it does nothing, no state follows.
                if effect.idle {
                    self.reached.add(effect.marks);
                    None
                } else {
                    self.absorb(state, state.clone(), (to, None, None), Some(&message), effect, explain)
                }
            }
            ActionKind::Client { write, event } => self.call_event(state, write, event, explain),
            ActionKind::Cut { nodes } => self.cut(state, nodes, explain),
            ActionKind::Do { node, action } => {
                let host_input = self.host_input(state, node, action)?;
                self.apply_input(state, node, action, &host_input, crash, explain)
            }
        }
    }

    fn deliver(
        &self,
        state: &State,
        at: usize,
        again: bool,
        crash: Option<u8>,
        explain: bool,
    ) -> Option<Stepped> {
        let message = state.net.messages().get(at)?;
        let node = message.0.to.node.0;
        let disk = self.disk(state, crash);
        let effect = self.effect_of(state, node, &HostInput::Deliver, Some(message), disk, explain)?;
        // A search leaves out what changes nothing; a walk has no list of what does, and goes on without the message.
        let gone = self.cluster.world.is_some() && !again;
        if (effect.idle && !gone) || self.is_too_long(&effect) {
            self.reached.add(effect.marks);
            return None;
        }
        let mut next = state.clone();
        if !again {
            next.net.remove(at);
        } else if matches!(self.cluster.duplicates, Duplicates::AtMost(_)) {
            next.spent.duplicates += 1;
        }
        self.absorb(state, next, (node, None, crash), Some(message), effect, explain)
    }

    /// The host's input for an event at a node, with the contents that the clients' state determines.
    fn host_input(&self, state: &State, node: u8, action: NodeAction) -> Option<HostInput> {
        Some(match action {
            NodeAction::Fire(timer) => HostInput::Fire(timer),
            NodeAction::Sync => HostInput::Sync,
            NodeAction::SyncAll => HostInput::SyncAll,
            NodeAction::Crash { keep } => HostInput::Crash { keep },
            NodeAction::Wipe => HostInput::Wipe,
            NodeAction::Open | NodeAction::OpenOther => HostInput::Open,
            NodeAction::Write(write) | NodeAction::Arrive(write) => {
                HostInput::Write { write, ticket: state.clients.ticket(write) }
            }
            NodeAction::Command(at) => {
                HostInput::Command(state.requests.commands.get(usize::from(at))?.clone())
            }
            NodeAction::Read => HostInput::Read,
            NodeAction::Transfer(to) => HostInput::Transfer(to),
            NodeAction::Rare(request) => HostInput::Rare(request),
            NodeAction::Change(request) => HostInput::Change(request, named_life(state, node, request)?),
        })
    }

    pub(crate) fn apply_input(
        &self,
        state: &State,
        node: u8,
        action: NodeAction,
        host_input: &HostInput,
        crash: Option<u8>,
        explain: bool,
    ) -> Option<Stepped> {
        let effect = self.effect_of(state, node, host_input, None, self.disk(state, crash), explain)?;
        if self.is_too_long(&effect) {
            return None;
        }
        let accepted = effect.proposed.as_ref().is_none_or(Result::is_ok);
        let idle = effect.idle && (!accepted || effect.read.is_none());
        if idle && self.wrong_refusal(state, (node, Some(action)), &effect).is_none() {
            self.reached.add(effect.marks);
            return None;
        }
        let mut next = state.clone();
        if let (NodeAction::Fire(timer), Some(_)) = (action, self.cluster.world) {
            next.timers.set(node, timer, false);
        }
        match action {
            NodeAction::Crash { .. } => next.spent.crashes += 1,
            NodeAction::Wipe => next.spent.wipes += 1,
            NodeAction::Fire(Timer::Election) if self.cluster.timeouts < u8::MAX && !leads(state, node) => {
                next.spent.timeouts += 1;
            }
            NodeAction::Open
            | NodeAction::OpenOther
            | NodeAction::Write(_)
            | NodeAction::Arrive(_)
            | NodeAction::Command(_)
            | NodeAction::Change(_)
            | NodeAction::Read
            | NodeAction::Transfer(_)
            | NodeAction::Rare(_)
            | NodeAction::Fire(_)
            | NodeAction::Sync
            | NodeAction::SyncAll => {}
        }
        self.absorb(state, next, (node, Some(action), crash), None, effect, explain)
    }

    /// Whether a log is longer than the bounds allow.
    fn is_too_long(&self, effect: &HostEffect) -> bool {
        effect.host.engine.node().log().last().index.since(self.founded) > self.cluster.entries
    }

    /// Whether disks sync at once: after the last crash, no behaviour depends on when they do.
    fn syncs(&self, state: &State) -> bool {
        !self.cluster.lingers || state.spent.crashes >= self.cluster.crashes
    }

    pub(super) fn disk(&self, state: &State, crash: Option<u8>) -> Disk {
        match crash {
            Some(keep) => Disk::Crashes { keep },
            None if self.syncs(state) => Disk::Syncs,
            None => Disk::Lingers,
        }
    }

    pub(super) fn effect_of(
        &self,
        state: &State,
        node: u8,
        host_input: &HostInput,
        sent: Option<&Shared<NodeMessage>>,
        disk: Disk,
        explain: bool,
    ) -> Option<Arc<HostEffect>> {
        let host = state.host(node)?;
        let last =
            matches!(host_input, HostInput::Crash { .. }) && state.spent.crashes + 1 >= self.cluster.crashes;
        let disk = if last { Disk::Syncs } else { disk };
        Some(if explain {
            Arc::new(self.work_out(host, host_input, sent, disk, true))
        } else {
            self.effect(host, host_input, sent, disk)
        })
    }

    /// Puts an effect into the state and judges it.
    fn absorb(
        &self,
        before: &State,
        mut next: State,
        (node, action, crash): (u8, Option<NodeAction>, Option<u8>),
        heard: Option<&Shared<NodeMessage>>,
        effect: Arc<HostEffect>,
        explain: bool,
    ) -> Option<Stepped> {
        let mut findings = Findings::new(explain);
        let mut marks = effect.marks;
        if crash.is_some() {
            next.spent.crashes += 1;
        }
        let died = crash.is_some() || matches!(action, Some(NodeAction::Crash { .. } | NodeAction::Wipe));
        if let Some((host, message)) = before.host(node).zip(heard) {
            let fact = ClusterFact::Heard { by: host.engine.node(), message: &message.0, idle: effect.idle };
            next.monitor.judge(&fact, &mut findings);
            self.undisturbed(before, node, &message.0, &effect, &mut findings);
            self.campaign_answered(before, node, &message.0, &effect, &mut findings);
        }
        self.put(&mut next, node, &effect);
        let name = NodeId(node);
        self.judge(before, &mut next, node, died, &effect, &mut findings, &mut marks);
        marks |= super::judge::cluster_marks(before, &next, node, (action, crash), &effect);
        self.voters_only(before, &next, (node, action), &effect, &mut findings);
        self.refused_rightly(before, (node, action), &effect, &mut findings);
        self.hands_over(before, (node, action), &effect, &mut findings);
        self.configurations_logged(&next, node, &effect, &mut findings);
        self.members_known(&next, node, &effect, &mut findings);
        self.forced_audited(before, &next, node, &mut findings);
        self.ids_once(before, &mut next, (node, action), died, &effect, &mut findings);
        self.ask(&mut next, name, action, &effect, &mut findings, &mut marks);
        if died {
            self.forgotten(&mut next, name, &mut findings, &mut marks);
        }
        self.tell(&mut next, node, &effect.answers, &mut findings, &mut marks);
        let last_crash = self.syncs(&next) && !self.syncs(before);
        let synced =
            if last_crash { self.sync_all(&mut next, &mut findings, &mut marks) } else { Vec::new() };
        // Messages between two other nodes need not be examined again.
        let touched = if next.spent.crashes == before.spent.crashes { Some(name) } else { None };
        self.prune(&mut next, touched);
        self.forget(&mut next);
        self.reached.add(marks);
        let (lines, violations) = (effect.lines.clone(), findings.violations().to_vec());
        let broken = findings.bits();
        Some(Stepped { state: next, broken, lines, violations, marks, effect: (node, effect), synced })
    }

    fn put(&self, next: &mut State, node: u8, effect: &HostEffect) {
        if let Some(slot) = usize::from(node).checked_sub(1).and_then(|at| next.hosts.get_mut(at)) {
            *slot = Some(effect.host.clone());
        }
        if self.cluster.world.is_some() {
            next.timers.follow(node, &effect.timers);
        }
        let cut = next.spent.cut;
        for sent in &effect.sent {
            if !crosses(cut, sent) && self.may_matter(next, sent) {
                next.net.add(sent);
            }
        }
    }

    /// Cuts nodes off: what is in flight between them and the others is lost.
    fn cut(&self, state: &State, nodes: u8, explain: bool) -> Option<Stepped> {
        let (name, _) = state.hosts().next()?;
        let effect = self.effect_of(state, name, &HostInput::Idle, None, Disk::Lingers, explain)?;
        let mut next = state.clone();
        next.spent.cut = nodes;
        next.net.retain(|sent| !crosses(nodes, sent));
        Some(Stepped {
            state: next,
            broken: 0,
            lines: Vec::new(),
            violations: Vec::new(),
            marks: 0,
            effect: (name, effect),
            synced: Vec::new(),
        })
    }

    /// Syncs all disks after the last crash, since from now on batches are durable at once.
    fn sync_all(
        &self,
        next: &mut State,
        findings: &mut Findings,
        marks: &mut u64,
    ) -> Vec<(u8, Arc<HostEffect>)> {
        let mut effects = Vec::new();
        for node in 1..=u8::try_from(next.hosts.len()).unwrap_or(u8::MAX) {
            while let Some(host) = next.host(node).filter(|host| host.is_writing()) {
                let effect = self.effect(host, &HostInput::Sync, None, Disk::Syncs);
                let before = next.clone();
                self.put(next, node, &effect);
                self.judge(&before, next, node, false, &effect, findings, marks);
                self.tell(next, node, &effect.answers, findings, marks);
                *marks |= effect.marks;
                effects.push((node, effect));
            }
        }
        effects
    }
}

fn leads(state: &State, node: u8) -> bool {
    state.host(node).is_some_and(|host| host.engine.node().role() == RoleName::Leader)
}

/// The directory of the node that a membership change names: that in the leader's configuration. For a node to be
/// admitted, its present one, or the first if it does not exist.
fn named_life(state: &State, leader: u8, request: MembershipRequest) -> Option<DirectoryId> {
    let (MembershipRequest::Admit(node)
    | MembershipRequest::Promote(node)
    | MembershipRequest::Remove(node)
    | MembershipRequest::PromoteEvenSo(node)
    | MembershipRequest::RemoveEvenSo(node)) = request;
    if let MembershipRequest::Admit(_) = request {
        return Some(state.host(node).map_or(peer(node), |host| host.me()).directory);
    }
    let leader = state.host(leader)?;
    let member = leader.engine.node().configuration().member(NodeId(node))?;
    Some(member.peer.directory)
}
