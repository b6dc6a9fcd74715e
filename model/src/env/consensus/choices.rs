//! Lists the actions that are enabled in a state.

use super::action::{Action, ActionKind, NodeAction, RareRequest};
use super::host::Host;
use super::net::bit;
use super::successor_cache::SuccessorCache;
use super::{Consensus, Duplicates, MembershipRequest, State};
use cutover::core::control_plane::{ControlPlaneConsensus as _, ControlPlaneState};
use cutover::core::ids::NodeId;
use cutover::core::raft::{Elections, MemberRole, Node, Peer, RoleName, Timer};

/// All sets of `over` messages out of `messages`, as bits; a single empty set if `over` is 0.
fn sets((messages, over): (u32, u32)) -> impl Iterator<Item = u16> {
    let all: u16 = if over == 0 { 1 } else { 1 << messages.min(15) };
    (0..all).filter(move |set| set.count_ones() == over)
}

/// Where events come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// Messages in flight.
    Wire,
    /// The nodes themselves: timers, disks, crashes.
    Nodes,
    /// Requests of clients and operators.
    Clients,
    /// What happens to a call on its way.
    Calls,
    /// What happens to the network.
    Network,
    /// Messages that nobody has a reason to send.
    Forged,
}

impl Source {
    const ALL: [Self; 6] = [Self::Wire, Self::Nodes, Self::Clients, Self::Calls, Self::Network, Self::Forged];
}

/// Whether a change may be made of the members that the leader has.
fn fits(state: &State, leader: &Host, request: MembershipRequest) -> bool {
    let role = |node| leader.engine.node().configuration().member(NodeId(node)).map(|member| member.role);
    match request {
        MembershipRequest::Admit(node) => state.host(node).is_some() && role(node).is_none(),
        MembershipRequest::Promote(node) => role(node) == Some(MemberRole::Learner),
        MembershipRequest::Remove(node) => role(node).is_some(),
        MembershipRequest::PromoteEvenSo(node) | MembershipRequest::RemoveEvenSo(node) => {
            role(node).is_some() && survives(state, leader, request)
        }
    }
}

/// Whether a majority of the voters after the change have the disks with which they were admitted: an operator who overrides the
/// check must see to that.
fn survives(state: &State, leader: &Host, request: MembershipRequest) -> bool {
    let (promoted, removed) = match request {
        MembershipRequest::PromoteEvenSo(node) => (Some(NodeId(node)), None),
        MembershipRequest::RemoveEvenSo(node) => (None, Some(NodeId(node))),
        MembershipRequest::Admit(_) | MembershipRequest::Promote(_) | MembershipRequest::Remove(_) => {
            (None, None)
        }
    };
    let members = leader.engine.node().configuration().members().iter();
    let after = members.filter(|member| {
        let node = member.peer.node;
        Some(node) != removed && (member.role == MemberRole::Voter || Some(node) == promoted)
    });
    let whole = |peer: Peer| state.host(peer.node.0).is_some_and(|host| host.me() == peer);
    let (voters, there) = after.fold((0_usize, 0_usize), |(voters, there), member| {
        (voters + 1, there + usize::from(whole(member.peer)))
    });
    2 * there > voters
}

fn number(at: usize) -> u8 {
    u8::try_from(at).unwrap_or(u8::MAX)
}

impl Consensus {
    /// Every action that is enabled in a state, in a fixed order.
    pub(super) fn choices(&self, state: &State, into: &mut Vec<Action>) {
        let all = self.events(state);
        // A walk takes one of them: what each of them does is not looked up before.
        if self.cluster.world.is_some() {
            return into.extend(all.into_iter().map(|what| Action { what, crash: None, lose: 0 }));
        }
        let mut ahead = SuccessorCache::of(self, state);
        for what in all {
            self.offer(state, what, None, &mut ahead, into);
            for keep in 0..self.crash_points(state, what) {
                self.offer(state, what, Some(keep), &mut ahead, into);
            }
        }
        ahead.keep();
    }

    /// Every event that may happen in a state, whether or not it changes anything.
    pub(super) fn events(&self, state: &State) -> Vec<ActionKind> {
        let mut all = Vec::new();
        for source in Source::ALL {
            self.events_from(state, source, &mut all);
        }
        all
    }

    /// The events from one source.
    pub(super) fn events_from(&self, state: &State, source: Source, into: &mut Vec<ActionKind>) {
        match source {
            Source::Wire => self.arrivals(state, into),
            Source::Nodes => state.hosts().for_each(|(node, _)| self.own_choices(state, node, into)),
            Source::Clients => self.client_choices(state, into),
            Source::Calls if self.cluster.calls => {
                let events = state.clients.call_events(&self.cluster);
                into.extend(events.into_iter().map(|(write, event)| ActionKind::Client { write, event }));
            }
            Source::Network if self.cluster.world.is_some() => {
                let there = state.hosts().fold(0, |set, (node, _)| set | bit(node));
                let apart = (0..=there).filter(|nodes| {
                    *nodes != state.spent.cut
                        && nodes & !there == 0
                        && nodes.count_ones() * 2 <= there.count_ones()
                });
                into.extend(apart.map(|nodes| ActionKind::Cut { nodes }));
            }
            Source::Forged if self.cluster.forges => {
                for (node, _) in state.hosts() {
                    let forged = Self::forgeries(state, node);
                    into.extend(forged.map(|(to, kind)| ActionKind::Forge { node, to, kind }));
                }
            }
            Source::Calls | Source::Network | Source::Forged => {}
        }
    }

    fn arrivals(&self, state: &State, into: &mut Vec<ActionKind>) {
        for message in (0..state.net.messages().len()).map(number) {
            match self.cluster.duplicates {
                Duplicates::Unbounded => into.push(ActionKind::Repeat { message }),
                Duplicates::AtMost(most) => {
                    into.push(ActionKind::Deliver { message });
                    if state.spent.duplicates < most {
                        into.push(ActionKind::Repeat { message });
                    }
                }
            }
        }
    }

    /// Adds the actions for an event, unless it changes nothing: one for each set of messages that may be lost
    /// because too many are in flight.
    fn offer(
        &self,
        state: &State,
        what: ActionKind,
        crash: Option<u8>,
        ahead: &mut SuccessorCache,
        into: &mut Vec<Action>,
    ) {
        let Some(stepped) = self.apply_event(state, what, crash, false) else { return };
        let messages = stepped.state.net.messages().len();
        let over = messages.saturating_sub(self.cluster.in_flight.into());
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        into.extend(sets((number(messages), number(over))).map(|lose| Action { what, crash, lose }));
        ahead.note(what, crash, stepped);
    }

    /// Number of possible crash points: how many prefixes of its batches the disk can have if the node crashes
    /// before sending.
    fn crash_points(&self, state: &State, what: ActionKind) -> u8 {
        if self.cluster.lingers || state.spent.crashes >= self.cluster.crashes {
            return 0;
        }
        match self.batches(state, what) {
            0 => 0,
            batches => batches + 1,
        }
    }

    fn own_choices(&self, state: &State, node: u8, into: &mut Vec<ActionKind>) {
        let Some(host) = state.host(node) else { return };
        let machine = host.engine.node();
        let mut add = |action| into.push(ActionKind::Do { node, action });
        if host.is_writing() {
            add(NodeAction::Sync);
        }
        if self.cluster.world.is_some() && host.batches() > 1 {
            add(NodeAction::SyncAll);
        }
        if self.cluster.world.is_some() {
            state.running(node).for_each(|timer| add(NodeAction::Fire(timer)));
        } else {
            self.timers(state, machine, &mut add);
        }
        if state.spent.crashes < self.cluster.crashes {
            for keep in 0..=host.batches() {
                add(NodeAction::Crash { keep });
            }
        }
        if state.spent.wipes < self.cluster.wipes {
            add(NodeAction::Wipe);
        }
    }

    /// The timers that may fire in a search: those of the node's role that make a difference.
    fn timers(&self, state: &State, machine: &Node<ControlPlaneState>, add: &mut impl FnMut(NodeAction)) {
        let limits = self.cluster.limits;
        // In the last term no node campaigns again, so contact with a leader makes no difference.
        let another = machine.hard_state().term.0 < self.cluster.terms;
        let stable = limits.elections == Elections::Stable && another;
        match machine.role() {
            RoleName::Leader => {
                if self.cluster.heartbeats {
                    add(NodeAction::Fire(Timer::Heartbeat));
                }
                // At this timer a leader checks its quorum, and sends a snapshot again, which matters if one may be
                // lost.
                if stable || (limits.compact_after_entries < 1000 && !self.cluster.loses_old) {
                    add(NodeAction::Fire(Timer::Election));
                }
                if self.cluster.transfers > 0 {
                    add(NodeAction::Fire(Timer::Transfer));
                }
            }
            RoleName::Follower | RoleName::PreCandidate | RoleName::Candidate => {
                if another && state.spent.timeouts < self.cluster.timeouts {
                    add(NodeAction::Fire(Timer::Election));
                }
                if stable {
                    add(NodeAction::Fire(Timer::MinElectionTimeout));
                }
            }
        }
    }

    fn client_choices(&self, state: &State, into: &mut Vec<ActionKind>) {
        for (node, host) in state.hosts() {
            let mut add = |action| into.push(ActionKind::Do { node, action });
            if self.cluster.world.is_some() {
                RareRequest::ALL.into_iter().for_each(|request| add(NodeAction::Rare(request)));
            }
            if !host.engine.is_leader() {
                // In a walk somebody asks a node that does not lead, too.
                if self.cluster.world.is_some() && state.requests.read {
                    add(NodeAction::Read);
                }
                continue;
            }
            if state.clients.wants_session(&self.cluster) {
                add(NodeAction::Open);
            }
            if state.clients.lets_others_in(&self.cluster) {
                add(NodeAction::OpenOther);
            }
            for write in state.clients.wanted_writes(&self.cluster) {
                add(NodeAction::Write(write));
            }
            for write in state.clients.delayed() {
                add(NodeAction::Arrive(write));
            }
            for (at, _) in
                state.requests.commands.iter().enumerate().filter(|(_, command)| !host.has(command))
            {
                add(NodeAction::Command(number(at)));
            }
            if state.requests.read && state.clients.reads < self.cluster.reads {
                add(NodeAction::Read);
            }
            if state.clients.changes < self.cluster.changes {
                let fits = |request: &&MembershipRequest| {
                    self.cluster
                        .world
                        .is_none_or(|world| world.is_multiple_of(4) || fits(state, host, **request))
                };
                for request in self.cluster.membership_requests.iter().filter(fits) {
                    add(NodeAction::Change(*request));
                    let even_so = request.even_so().filter(|_| self.cluster.world.is_some());
                    if let Some(even_so) = even_so.filter(|request| self::fits(state, host, *request)) {
                        add(NodeAction::Change(even_so));
                    }
                }
            }
            if state.clients.transfers < self.cluster.transfers {
                // In a walk somebody asks a leader to hand over to itself.
                for (to, _) in state.hosts().filter(|(to, _)| *to != node || self.cluster.world.is_some()) {
                    add(NodeAction::Transfer(to));
                }
            }
        }
    }
}
