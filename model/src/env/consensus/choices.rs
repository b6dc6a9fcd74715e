//! Lists the actions that are enabled in a state.

use super::action::{Action, ActionKind, NodeAction};
use super::successor_cache::SuccessorCache;
use super::{Consensus, Duplicates, State};
use cutover::core::control_plane::ControlPlaneConsensus as _;
use cutover::core::raft::{Elections, RoleName, Timer};

/// All sets of `over` messages out of `messages`, as bits; a single empty set if `over` is 0.
fn sets((messages, over): (u32, u32)) -> impl Iterator<Item = u16> {
    let all: u16 = if over == 0 { 1 } else { 1 << messages.min(15) };
    (0..all).filter(move |set| set.count_ones() == over)
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
        for message in (0..state.net.messages().len()).map(number) {
            match self.cluster.duplicates {
                Duplicates::Unbounded => all.push(ActionKind::Repeat { message }),
                Duplicates::AtMost(most) => {
                    all.push(ActionKind::Deliver { message });
                    if state.spent.duplicates < most {
                        all.push(ActionKind::Repeat { message });
                    }
                }
            }
        }
        for (node, _) in state.hosts() {
            self.own_choices(state, node, &mut all);
        }
        self.client_choices(state, &mut all);
        if self.cluster.calls {
            let events = state.clients.call_events(&self.cluster);
            all.extend(events.into_iter().map(|(write, event)| ActionKind::Client { write, event }));
        }
        if self.cluster.world.is_some() {
            let others = state.hosts().map(|(node, _)| node).chain([0]);
            all.extend(others.filter(|node| *node != state.spent.cut).map(|node| ActionKind::Cut { node }));
        }
        if self.cluster.forges {
            for (node, _) in state.hosts() {
                let forged = Self::forgeries(state, node);
                all.extend(forged.map(|(to, kind)| ActionKind::Forge { node, to, kind }));
            }
        }
        all
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
        if state.spent.crashes < self.cluster.crashes {
            for keep in 0..=host.batches() {
                add(NodeAction::Crash { keep });
            }
        }
        if state.spent.wipes < self.cluster.wipes {
            add(NodeAction::Wipe);
        }
    }

    fn client_choices(&self, state: &State, into: &mut Vec<ActionKind>) {
        for (node, host) in state.hosts() {
            if !host.engine.is_leader() {
                continue;
            }
            let mut add = |action| into.push(ActionKind::Do { node, action });
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
                for request in self.cluster.membership_requests {
                    add(NodeAction::Change(*request));
                }
            }
            if state.clients.transfers < self.cluster.transfers {
                for (to, _) in state.hosts().filter(|(to, _)| *to != node) {
                    add(NodeAction::Transfer(to));
                }
            }
        }
    }
}
