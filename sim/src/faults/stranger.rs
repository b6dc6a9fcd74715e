//! Fault: a node that was never admitted, or was removed, sends messages that nobody asked for, to nodes whose log shows that it
//! is no member. It has a valid certificate, so they arrive.

use super::injector::{Cluster, ControlNode, Injector};
use crate::options::{Drawn, Group};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::{DirectoryId, NodeId, Term};
use cutover::core::invariant::is_outsider;
use cutover::core::raft::{Append, Body, LogPosition, Message, Peer};

const PPM: Drawn = Drawn::chance(Group::Node, "stranger_ppm", &[20_000, 200_000]);

/// The number of the node that was never admitted. No cluster has so many.
const NEVER_ADMITTED: u8 = 200;

pub struct Stranger;

impl Injector for Stranger {
    fn name(&self) -> &'static str {
        "stranger"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let ppm = cluster.options().value(&PPM);
        let nodes = cluster.nodes();
        let to = cluster.stream("fooled", 0).pick(&nodes).unwrap_or(1);
        let (which, kind) = (cluster.stream("forger", 0).below(2), cluster.stream("forged", 0).below(KINDS));
        if !cluster.strikes(self.name(), 0, ppm) {
            return;
        }
        let mut forged = None;
        cluster.look_at(to, &mut |node| {
            let never = Peer { node: NodeId(NEVER_ADMITTED), directory: DirectoryId(1) };
            let removed = node.applied().configuration().removed().last().copied();
            let from = removed.filter(|_| which == 0).unwrap_or(never);
            let message = message(node, from, kind);
            forged = Some(message).filter(|message| is_outsider(node, message));
        });
        if let Some(message) = forged {
            cluster.count(self.name());
            cluster.forge(message);
        }
    }
}

const KINDS: u64 = 9;

fn message(node: &ControlNode, from: Peer, kind: u64) -> Message<ControlPlaneEntry> {
    let (own, last) = (node.hard_state().term, node.log().last());
    let highest = LogPosition { term: own.next(), index: last.index.next() };
    let heartbeat =
        Append { prev: LogPosition::ZERO, entries: Vec::new(), commit: LogPosition::ZERO.index, round: 0 };
    let (term, body) = match kind {
        0 => (own.next(), Body::PreVote { campaign_term: own.next().next(), last: highest }),
        1 => (own.next(), Body::PreVoted { campaign_term: own.next(), granted: false }),
        2 => (own.next(), Body::RequestVote { last: highest, transfer: true }),
        3 => (own.next(), Body::VoteReply { granted: true }),
        4 => (own.next(), Body::Append(heartbeat)),
        5 => (own, Body::Appended { matched: last.index, round: u64::MAX }),
        6 => (own.next(), Body::StaleTerm),
        7 => (own, Body::TimeoutNow),
        _ => (Term(u64::MAX), Body::StaleTerm),
    };
    let (history, to) = (node.history(), node.config().me);
    Message { history, from, to, admitted: LogPosition::ZERO.index, term, body }
}
