//! What walks need: the sorts of actions, and the abstract states of the nodes.

use super::action::{Action, ActionKind, NodeAction};
use super::choices::Source;
use super::{Consensus, State};
use crate::protocol::Sort;
use cutover::core::raft::{RoleName, Timer};

const fn sort(name: &'static str, weight: u32, onward: bool) -> Sort {
    Sort { name, weight, newest: false, onward }
}

pub(super) const SORTS: &[Sort] = &[
    sort("deliver", 600, true),
    sort("sync", 300, true),
    sort("repeat", 40, false),
    sort("heartbeat", 60, true),
    sort("election", 6, false),
    sort("contact lost", 12, false),
    sort("transfer ends", 3, false),
    sort("write", 60, true),
    sort("open", 15, true),
    sort("read", 20, false),
    sort("change", 40, false),
    sort("transfer", 4, false),
    sort("call", 20, false),
    sort("crash", 4, false),
    sort("wipe", 2, false),
    sort("forge", 10, false),
    sort("cut", 3, false),
    sort("whole again", 3, false),
    sort("sync as one", 60, true),
    sort("rare request", 4, false),
];

const fn sort_of(what: &ActionKind) -> usize {
    match what {
        ActionKind::Deliver { .. } => 0,
        ActionKind::Repeat { .. } => 2,
        ActionKind::Forge { .. } => 15,
        ActionKind::Client { .. } => 12,
        ActionKind::Cut { nodes: 0 } => 17,
        ActionKind::Cut { .. } => 16,
        ActionKind::Do { action, .. } => match action {
            NodeAction::Sync => 1,
            NodeAction::SyncAll => 18,
            NodeAction::Fire(Timer::Heartbeat) => 3,
            NodeAction::Fire(Timer::Election) => 4,
            NodeAction::Fire(Timer::MinElectionTimeout) => 5,
            NodeAction::Fire(Timer::Transfer) => 6,
            NodeAction::Write(_) | NodeAction::Arrive(_) | NodeAction::Command(_) => 7,
            NodeAction::Open | NodeAction::OpenOther => 8,
            NodeAction::Read => 9,
            NodeAction::Change(_) => 10,
            NodeAction::Transfer(_) => 11,
            NodeAction::Rare(_) => 19,
            NodeAction::Crash { .. } => 13,
            NodeAction::Wipe => 14,
        },
    }
}

impl Consensus {
    /// The actions of one sort.
    pub(super) fn of_sort(&self, state: &State, sort: usize, into: &mut Vec<Action>) {
        let (mut all, from) = (Vec::new(), Self::source_of(sort));
        self.events_from(state, from, &mut all);
        let of_sort = all.into_iter().filter(|what| sort_of(what) == sort);
        into.extend(of_sort.map(|what| Action { what, crash: None, lose: 0 }));
    }

    /// Where the actions of a sort come from.
    const fn source_of(sort: usize) -> Source {
        match sort {
            0 | 2 => Source::Wire,
            1 | 3..=6 | 13 | 14 | 18 => Source::Nodes,
            7..=11 | 19 => Source::Clients,
            12 => Source::Calls,
            15 => Source::Forged,
            _ => Source::Network,
        }
    }
}

/// Fields of an abstract state: name and values.
const FIELDS: &[(&str, &[&str])] = &[
    ("role", &["follower", "pre-candidate", "candidate", "leader"]),
    ("member", &["no", "learner", "voter"]),
    ("term", &["the newest", "one behind", "further behind"]),
    ("log", &["of the leader", "shorter", "another", "without a leader"]),
    ("applied", &["all", "less"]),
    ("disk", &["has all", "behind"]),
    ("snapshot", &["no", "yes"]),
];

/// The abstract state of each node: role, membership, term and log relative to the leader's.
pub(super) fn abstractions(state: &State, into: &mut Vec<u64>) {
    let newest = state.hosts().map(|(_, host)| host.engine.node().hard_state().term).max();
    let committed = state.hosts().map(|(_, host)| host.engine.node().applied().last().index).max();
    let leader = state.hosts().map(|(_, host)| host).find(|host| {
        host.engine.node().role() == RoleName::Leader && Some(host.engine.node().hard_state().term) == newest
    });
    for (_, host) in state.hosts() {
        let node = host.engine.node();
        let role = match node.role() {
            RoleName::Follower => 0,
            RoleName::PreCandidate => 1,
            RoleName::Candidate => 2,
            RoleName::Leader => 3,
        };
        let me = node.config().me;
        let configuration = node.configuration();
        let member = if configuration.is_voter(me) { 2 } else { u64::from(configuration.is_member(me)) };
        let behind = newest.map_or(0, |newest| newest.0 - node.hard_state().term.0).min(2);
        let log = leader.map_or(3, |leader| {
            let (mine, its) = (node.log().last(), leader.engine.node().log().last());
            if mine == its {
                0
            } else if mine.index < its.index {
                1
            } else {
                2
            }
        });
        let less = u64::from(Some(node.applied().last().index) != committed);
        let values = [
            role,
            member,
            behind,
            log,
            less,
            u64::from(host.is_writing()),
            u64::from(node.snapshot().last.index.0 > 1),
        ];
        into.push(
            values
                .iter()
                .zip(FIELDS)
                .fold(0, |code, (value, (_, names))| code * u64::try_from(names.len()).unwrap_or(1) + value),
        );
    }
}

/// An abstract state in words.
pub(super) fn abstraction_text(code: u64) -> String {
    crate::env::fields_text(FIELDS, code)
}
