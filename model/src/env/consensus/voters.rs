//! Whose answers a leader counts, and whom it asks to lead: voters alone.

use super::action::NodeAction;
use super::host::HostEffect;
use super::{Consensus, State};
use cutover::core::ids::NodeId;
use cutover::core::invariant::{Findings, Id};
use cutover::core::raft::{Body, Elections, RoleName, Timer, quorum};

impl Consensus {
    /// Judges a node's step from `before` to `next`.
    pub(super) fn voters_only(
        &self,
        before: &State,
        next: &State,
        (node, action): (u8, Option<NodeAction>),
        effect: &HostEffect,
        findings: &mut Findings,
    ) {
        let (Some(was), Some(is)) = (before.host(node), next.host(node)) else { return };
        let (was, is) = (was.engine.node(), is.engine.node());
        let me = is.config().me;
        if let Some(NodeAction::Fire(Timer::Election)) = action
            && self.cluster.limits.elections == Elections::Stable
            && (was.role(), is.role()) == (RoleName::Leader, RoleName::Leader)
        {
            let configuration = was.configuration();
            let answered = quorum::is_quorum(configuration, |peer| {
                peer == me || was.progress().iter().any(|other| other.peer == peer && other.active)
            });
            findings.demand(answered, Id::VotersOnly, || {
                let answered = was.progress().iter().filter(|other| other.active);
                let answered = answered.map(|other| other.peer.to_string()).collect::<Vec<_>>();
                (
                    format!("{me} goes on leading {}", is.hard_state().term),
                    format!("those that answered: {}, of {configuration}", answered.join(" and ")),
                )
            });
        }
        for sent in &effect.sent {
            let message = &sent.0;
            let asks = matches!(message.body, Body::TimeoutNow);
            findings.demand(!asks || is.configuration().is_voter(message.to), Id::VotersOnly, || {
                (
                    format!("{me} hands over to {}", message.to),
                    format!("which is no voter of {}", is.configuration()),
                )
            });
        }
    }

    /// The highest round that anybody has answered to a node: what is asked from now on is answered in a later one. 0 in a search,
    /// which would distinguish states by it.
    pub(super) fn answered_round(&self, state: &State, node: NodeId) -> u64 {
        let Some(host) = state.host(node.0).filter(|_| self.cluster.world.is_some()) else { return 0 };
        host.engine.node().progress().iter().map(|other| other.round).max().unwrap_or(0)
    }

    /// Judges that the voters have confirmed a read: a quorum of them has answered a round after those of the time when it came in.
    pub(super) fn confirmed(&self, next: &State, node: u8, after: u64, findings: &mut Findings) {
        let Some(host) = next.host(node).filter(|_| self.cluster.world.is_some()) else { return };
        let (machine, me) = (host.engine.node(), host.me());
        if machine.role() != RoleName::Leader {
            return;
        }
        let confirms = |peer| {
            peer == me || machine.progress().iter().any(|other| other.peer == peer && other.round > after)
        };
        let configuration = machine.configuration();
        findings.demand(quorum::is_quorum(configuration, confirms), Id::VotersOnly, || {
            let rounds = machine.progress().iter().map(|other| format!("{} {}", other.peer, other.round));
            let rounds = rounds.collect::<Vec<_>>().join(", ");
            (
                format!("{me} serves a read that came in after round {after}"),
                format!("answered by {rounds}, of {configuration}"),
            )
        });
    }
}
