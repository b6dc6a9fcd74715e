//! What clients and the operator have asked, and what they are told: kept in the state.

use super::action::NodeAction;
use super::host::{Effect, Told};
use super::mark::Mark;
use super::{State, World};
use cutover::core::ids::NodeId;
use cutover::core::invariant::Findings;

impl World {
    pub(super) fn ask(
        &self,
        next: &mut State,
        node: NodeId,
        action: Option<NodeAction>,
        effect: &Effect,
        marks: &mut u64,
    ) {
        let mut clients = (*next.clients).clone();
        match (action, &effect.proposed, &effect.read) {
            (Some(NodeAction::Open), Some(Ok(id)), _) => clients.opens(node, *id),
            (Some(NodeAction::Write(write)), Some(Ok(id)), _) => {
                clients.writes(write, node, *id, self.cluster.session || self.cluster.attempts > 1);
            }
            (Some(NodeAction::OpenOther), Some(Ok(_)), _) => clients.others += 1,
            (Some(NodeAction::Change(_)), Some(Ok(_)), _) => clients.changes += 1,
            (Some(NodeAction::Transfer(_)), _, _) => clients.transfers += 1,
            (Some(NodeAction::Read), _, Some(read)) => match read {
                Ok(id) => {
                    let reader = clients.reads(node, *id);
                    self.read_invoked(next, reader, node, marks);
                }
                Err(_) => {
                    *marks |= Mark::ReadRefused.bit();
                    return;
                }
            },
            (_, _, _) => return,
        }
        if clients != *next.clients {
            next.clients = self.share(clients);
        }
    }

    pub(super) fn forgotten(&self, next: &mut State, node: NodeId) {
        let mut clients = (*next.clients).clone();
        clients.forgotten_by(node);
        if clients != *next.clients {
            next.clients = self.share(clients);
        }
    }

    pub(super) fn tell(
        &self,
        next: &mut State,
        node: u8,
        told: &[Told],
        findings: &mut Findings,
        marks: &mut u64,
    ) {
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
