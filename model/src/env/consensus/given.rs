//! The ids that engines have given out in a walk.

use super::action::NodeAction;
use super::host::HostEffect;
use super::{Consensus, NODES_MAX, State};
use cutover::core::ids::NodeId;
use cutover::core::invariant::{Findings, Id};
use cutover::core::raft::LogPosition;

/// The newest ids that each node has given out since it started, by number of the node minus one. Empty in a search, which would
/// distinguish states by them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Given {
    newest: [Newest; NODES_MAX],
    /// The reads that each node has taken and not answered.
    reads: [u32; NODES_MAX],
    /// The highest round that anybody had answered to its node when the latest read came in.
    pub(super) round: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Newest {
    read: u64,
    proposal: Option<LogPosition>,
}

impl Given {
    /// The number of reads that wait at a node.
    pub(super) fn reads_at(&self, node: u8) -> u32 {
        usize::from(node).checked_sub(1).and_then(|at| self.reads.get(at)).copied().unwrap_or(0)
    }

    pub(super) fn set_reads(&mut self, node: u8, waiting: u32) {
        if let Some(reads) = usize::from(node).checked_sub(1).and_then(|at| self.reads.get_mut(at)) {
            *reads = waiting;
        }
    }
}

impl Consensus {
    /// Judges the ids that a node gives out in a step: each is greater than all before. `died`: the node has restarted.
    pub(super) fn ids_once(
        &self,
        before: &State,
        next: &mut State,
        (node, action): (u8, Option<NodeAction>),
        died: bool,
        effect: &HostEffect,
        findings: &mut Findings,
    ) {
        if self.cluster.world.is_none() {
            return;
        }
        if let (Some(NodeAction::Read), Some(Ok(_))) = (action, &effect.read) {
            next.given.round = self.answered_round(before, NodeId(node));
        }
        self.reads_wait(next, node, died, effect, findings);
        let Some(newest) = usize::from(node).checked_sub(1).and_then(|at| next.given.newest.get_mut(at))
        else {
            return;
        };
        if died {
            *newest = Newest::default();
        }
        let repeats = |id: &dyn std::fmt::Display, last: &dyn std::fmt::Display| {
            (format!("n{node} gives out {id}"), format!("it has given out {last} in this life"))
        };
        if let Some(Ok(id)) = &effect.read {
            findings.demand(id.0 > newest.read, Id::IdsOnce, || repeats(&id.0, &newest.read));
            newest.read = id.0;
        }
        if let Some(Ok(id)) = &effect.proposed {
            let last = newest.proposal.replace(id.0).filter(|last| *last >= id.0);
            findings.demand(last.is_none(), Id::IdsOnce, || repeats(&id.0, &last.unwrap_or(id.0)));
        }
    }
}
