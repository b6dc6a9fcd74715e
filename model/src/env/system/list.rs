//! What can happen in a state, by kind.

use super::clients::Wish;
use super::net::{Answered, Late};
use super::operator::{Order, names, pairs};
use super::turn::{Turn, target};
use super::{Action, Kind, State, System};
use crate::protocol::Sort;
use cutover::core::gate::{Consistency, Timer};
use cutover::core::ids::PartitionId;
use cutover::core::migration::Transition;
use std::sync::Arc;

/// The kinds, in the order of their names.
pub(super) const KINDS: &[Kind] = &[
    Kind::Deliver,
    Kind::Misroute,
    Kind::Flush,
    Kind::Apply,
    Kind::Crash,
    Kind::Wipe,
    Kind::Trim,
    Kind::Answer,
    Kind::Observe,
    Kind::Fire,
    Kind::TakeOver,
    Kind::Export,
    Kind::Commit,
    Kind::Order,
    Kind::Pair,
    Kind::Invoke,
    Kind::Resolve,
    Kind::Time,
    Kind::Stream,
    Kind::Watch,
    Kind::Tick,
    Kind::Cut,
    Kind::Late,
    Kind::BackUp,
    Kind::Restart,
    Kind::Lose,
    Kind::Rest,
];

/// Their names, how often each is taken, and whether the newest of its actions are.
pub(super) const SORTS: &[Sort] = &[
    sort("deliver", 700, true, true),
    sort("misroute", 8, true, false),
    sort("flush", 300, false, true),
    sort("apply", 500, false, true),
    sort("crash", 8, false, false),
    sort("wipe", 2, false, false),
    sort("trim", 4, false, false),
    sort("answer", 700, true, true),
    sort("observe", 200, false, true),
    sort("fire", 120, true, true),
    sort("take over", 12, false, false),
    sort("export", 200, false, true),
    sort("commit", 300, true, true),
    sort("order", 60, false, false),
    sort("pair", 24, false, false),
    sort("invoke", 250, false, false),
    sort("resolve", 400, false, true),
    sort("time", 40, false, false),
    sort("stream", 30, false, false),
    sort("watch", 240, false, true),
    sort("tick", 120, false, true),
    sort("cut", 8, false, false),
    sort("late", 60, false, false),
    sort("back up", 4, false, false),
    sort("restart", 5, false, false),
    sort("lose", 1, false, false),
    sort("rest", 0, false, false),
];

const fn sort(name: &'static str, weight: u32, newest: bool, onward: bool) -> Sort {
    Sort { name, weight, newest, onward }
}

impl System {
    pub(super) fn list(&self, state: &State, kind: Kind, into: &mut Vec<Action>) {
        match kind {
            Kind::Deliver | Kind::Misroute | Kind::Answer | Kind::Commit => self.messages(state, kind, into),
            Kind::Flush | Kind::Apply | Kind::Crash | Kind::Wipe | Kind::Trim => {
                self.sinks(state, kind, into)
            }
            Kind::Observe | Kind::TakeOver | Kind::Fire | Kind::Export => self.controllers(state, kind, into),
            Kind::Order => self.orders(state, into),
            Kind::Pair => {
                let Some(log) = &state.log else { return };
                for record in log.records().iter() {
                    let many = pairs(state, log, record.partition).len();
                    let all = (0_u16..).take(many).map(|which| Order::Pair(record.partition, which));
                    into.extend(all.map(Action::Order));
                }
            }
            Kind::Invoke | Kind::Resolve | Kind::Time => self.operations(state, kind, into),
            Kind::Stream | Kind::Watch => streams(state, kind, into),
            Kind::Tick => into.push(Action::Tick),
            Kind::Cut if state.cut.is_some() => into.push(Action::Cut(None)),
            Kind::Cut => into.extend(self.bounds.stores.iter().map(|store| Action::Cut(Some(store.at)))),
            Kind::Late => {
                let past = &state.net.past;
                into.extend((0..past.requests.len()).map(|at| Action::Late(Late::Request(at))));
                into.extend((0..past.answers.len()).map(|at| Action::Late(Late::Answer(at))));
                into.extend((0..past.proposals.len()).map(|at| Action::Late(Late::Proposal(at))));
            }
            Kind::Restart => into.push(Action::Restart),
            Kind::BackUp if self.bounds.faults.losses => into.push(Action::BackUp),
            Kind::Lose if self.bounds.faults.losses => {
                into.push(Action::Lose(false));
                if state.backup.is_some() {
                    into.push(Action::Lose(true));
                }
            }
            Kind::BackUp | Kind::Lose => {}
            Kind::Rest => {
                let stores = self.bounds.stores.iter().map(|store| Action::Rest(Some(store.at)));
                into.extend(stores.chain([None, None].map(Action::Rest)));
            }
        }
    }

    fn messages(&self, state: &State, kind: Kind, into: &mut Vec<Action>) {
        let net = &state.net;
        if kind == Kind::Deliver {
            let arrives =
                |at: &usize| net.requests.get(*at).is_some_and(|sent| state.cut != Some(sent.request.store));
            let all = (0..net.requests.len()).filter(arrives);
            into.extend(all.flat_map(|at| [true, false].map(|again| Action::Deliver(at, again))));
        } else if kind == Kind::Misroute && self.bounds.faults.misroutes {
            for (at, sent) in net.requests.iter().enumerate() {
                let others = self.bounds.stores.iter().filter(|store| store.at != sent.request.store);
                into.extend(others.map(|store| Action::Misroute(at, store.at)));
            }
        } else if kind == Kind::Answer {
            for (at, answered) in net.answers.iter().enumerate() {
                let many = match answered {
                    Answered::Reply { asker: None, .. } => self.bounds.controllers,
                    Answered::Reply { asker: Some(_), .. } | Answered::Served { .. } => 1,
                };
                for again in [true, false] {
                    into.extend((0..many).map(|name| Action::Answer(at, name, again)));
                }
            }
        } else if kind == Kind::Commit {
            let ways = [(false, true), (true, true), (true, false)];
            let all = 0..net.proposals.len();
            into.extend(all.flat_map(|at| ways.map(|(heard, again)| Action::Commit(at, heard, again))));
        }
    }

    fn sinks(&self, state: &State, kind: Kind, into: &mut Vec<Action>) {
        let faults = self.bounds.faults;
        for ((store, partition), sink) in &state.sinks {
            if kind == Kind::Flush && sink.is_dirty() {
                into.push(Action::Flush(*store, *partition));
            } else if kind == Kind::Apply {
                let all = 0..sink.fence.admitted().len();
                into.extend(all.map(|at| Action::Apply(*store, *partition, at)));
            } else if kind == Kind::Crash && faults.crashes {
                into.push(Action::Crash(*store, *partition));
            } else if kind == Kind::Wipe && faults.wipes {
                into.push(Action::Wipe(*store, *partition));
            } else if kind == Kind::Trim && sink.trims().is_some() {
                into.push(Action::Trim(*store, *partition));
            }
        }
    }

    fn controllers(&self, state: &State, kind: Kind, into: &mut Vec<Action>) {
        let Some(log) = &state.log else { return };
        if kind == Kind::Fire {
            for ((partition, name), manager) in &state.managers {
                let all = 0..manager.timers.len();
                into.extend(all.map(|timer| Action::Fire(*partition, *name, timer)));
            }
        }
        for record in log.records().iter() {
            let (partition, names) = (record.partition, 0..self.bounds.controllers);
            if kind == Kind::Observe {
                into.extend(names.map(|name| Action::Observe(partition, name)));
            } else if kind == Kind::TakeOver && self.bounds.faults.takeovers {
                into.extend(names.map(|name| Action::TakeOver(partition, name)));
            } else if kind == Kind::Export && target(record).is_some() {
                into.extend([true, false].map(|onward| Action::Export(partition, onward)));
            }
        }
    }

    fn orders(&self, state: &State, into: &mut Vec<Action>) {
        let Some(log) = &state.log else { return };
        let records = log.records();
        // One more than the limit allows.
        if records.len() <= usize::try_from(self.bounds.caps.partitions).unwrap_or(0) {
            for store in &self.bounds.stores {
                into.extend((0..names()).map(|name| Action::Order(Order::Create(name, store.at))));
                into.push(Action::Order(Order::Number(PartitionId(1), store.at)));
                if self.bounds.faults.mislabels {
                    // Two creations in seven.
                    let wrong = (0..2).map(|name| Action::Order(Order::Mislabel(name, store.at)));
                    into.extend(wrong);
                }
            }
        }
        for record in records.iter() {
            let partition = record.partition;
            if self.bounds.faults.forces && target(record).is_some() {
                into.extend(std::iter::repeat_n(Action::Order(Order::End(partition)), 6));
            }
            for stale in [false, true] {
                let commands = self.commands(state, log, partition, stale);
                for (which, command) in (0_u8..).zip(&commands) {
                    // What moves partitions is ordered more often than what ends them.
                    let back = matches!(command, Transition::Begin { to, .. }
                        if record.placed.and_then(|placed| placed.debt).is_some_and(|debt| debt.placement == *to));
                    let times = if back || matches!(command, Transition::Force { .. }) {
                        24
                    } else if matches!(command, Transition::Begin { .. }) && !stale {
                        8
                    } else if matches!(command, Transition::Delete { .. } | Transition::Abort { .. }) {
                        1
                    } else {
                        3
                    };
                    let action = Action::Order(Order::Change { partition, stale, which });
                    into.extend(std::iter::repeat_n(action, times));
                }
            }
        }
    }

    fn operations(&self, state: &State, kind: Kind, into: &mut Vec<Action>) {
        let Some(log) = &state.log else { return };
        for (name, gateway) in (0_u8..).zip(&state.gateways) {
            for (slot, op) in (0_u8..).zip(&gateway.ops) {
                match (kind, op) {
                    (Kind::Invoke, None) => {
                        for record in log.records().iter() {
                            let partition = record.partition;
                            let room = Turn::has_room(state, partition);
                            let writes = [true, false].into_iter().filter(|_| room);
                            into.extend(
                                writes.map(|anew| Action::Invoke(name, slot, Wish::Write(partition, anew))),
                            );
                            into.push(Action::Invoke(name, slot, Wish::Gate(partition)));
                            let reads = [Consistency::Strong, Consistency::StaleOk];
                            into.extend(
                                reads.map(|how| Action::Invoke(name, slot, Wish::Read(partition, how))),
                            );
                        }
                        let again = 0..gateway.open.len();
                        into.extend(again.map(|at| Action::Invoke(name, slot, Wish::Again(at))));
                    }
                    (Kind::Resolve, Some(op)) if op.read.is_some() => into.push(Action::Resolved(name, slot)),
                    (Kind::Resolve, Some(op)) if op.wants.is_some() => into.push(Action::Read(name, slot)),
                    (Kind::Time, Some(op)) => {
                        let timers: &[Timer] = &op.timers;
                        into.extend(timers.iter().map(|timer| Action::Time(name, slot, *timer)));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn streams(state: &State, kind: Kind, into: &mut Vec<Action>) {
    for (name, gateway) in (0_u8..).zip(&state.gateways) {
        let gateway = Arc::as_ref(gateway);
        match (kind, gateway.has_stream()) {
            (Kind::Stream, false) => into.extend([false, true].map(|behind| Action::Connect(name, behind))),
            (Kind::Stream, true) => into.push(Action::Break(name)),
            (_, true) if gateway.arriving().is_some() => into.push(Action::Watch(name)),
            (_, _) => {}
        }
    }
}
