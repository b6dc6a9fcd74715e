//! Records the requests of clients and operators in the state, and the answers to them.

use super::action::{CallEvent, HostInput, NodeAction};
use super::client::Claim;
use super::host::{ClientAnswer, Disk, HostEffect};
use super::mark::Mark;
use super::stepped::Stepped;
use super::work::create;
use super::{Clients, Consensus, State};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::NodeId;
use cutover::core::invariant::{ClusterFact, Findings};
use cutover::core::raft::Content;

impl Consensus {
    pub(super) fn ask(
        &self,
        next: &mut State,
        node: NodeId,
        action: Option<NodeAction>,
        effect: &HostEffect,
        findings: &mut Findings,
        marks: &mut u64,
    ) {
        let mut clients = (*next.clients).clone();
        match (action, &effect.proposed, &effect.read) {
            (Some(NodeAction::Open), Some(Ok(id)), _) => clients.opens(node, *id),
            (Some(NodeAction::Write(write)), Some(Ok(id)), _) => {
                let follows = self.cluster.session || self.cluster.attempts > 1;
                if clients.writes(write, node, *id, follows) && follows {
                    self.feed(next, &ClusterFact::CallBegan(&request(&clients, write)), findings);
                }
            }
            (Some(NodeAction::Arrive(write)), Some(Ok(_)), _) => {
                *marks |= Mark::LateArrival.bit();
                clients.arrives(write);
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
        self.put_clients(next, clients);
    }

    fn put_clients(&self, next: &mut State, clients: Clients) {
        if clients != *next.clients {
            next.clients = self.share(clients);
        }
    }

    /// Something happens to a call that no node takes part in.
    pub(super) fn call_event(
        &self,
        state: &State,
        write: u8,
        event: CallEvent,
        explain: bool,
    ) -> Option<Stepped> {
        let (node, _) = state.hosts().next()?;
        let effect = self.effect_of(state, node, &HostInput::Idle, None, Disk::Lingers, explain)?;
        let (mut next, mut findings, mut marks) = (state.clone(), Findings::new(explain), 0);
        let mut clients = (*state.clients).clone();
        let (begins, claim) = clients.call(write, event);
        if begins {
            self.feed(&mut next, &ClusterFact::CallBegan(&request(&clients, write)), &mut findings);
        }
        self.claimed(&mut next, claim, &mut findings, &mut marks);
        self.put_clients(&mut next, clients);
        self.reached.add(marks);
        let (broken, violations) = (findings.bits(), findings.violations().to_vec());
        let (lines, synced) = (Vec::new(), Vec::new());
        Some(Stepped { state: next, broken, lines, violations, marks, effect: (node, effect), synced })
    }

    /// Reports what a client is told at the end of its call.
    fn claimed(&self, next: &mut State, claim: Option<Claim>, findings: &mut Findings, marks: &mut u64) {
        let Some((write, done)) = claim else { return };
        if !done {
            *marks |= Mark::CallNotDone.bit();
        }
        let request = request(&next.clients.clone(), write);
        self.feed(next, &ClusterFact::CallEnded { request: &request, done }, findings);
    }

    pub(super) fn forgotten(&self, next: &mut State, node: NodeId, findings: &mut Findings, marks: &mut u64) {
        let mut clients = (*next.clients).clone();
        for claim in clients.forgotten_by(node) {
            self.claimed(next, Some(claim), findings, marks);
        }
        self.put_clients(next, clients);
    }

    pub(super) fn tell(
        &self,
        next: &mut State,
        node: u8,
        answers: &[ClientAnswer],
        findings: &mut Findings,
        marks: &mut u64,
    ) {
        for answer in answers {
            let mut clients = (*next.clients).clone();
            let (reader, claim) = clients.answered(NodeId(node), answer);
            self.put_clients(next, clients);
            self.claimed(next, claim, findings, marks);
            if let (Some(reader), ClientAnswer::Read(_, outcome)) = (reader, answer) {
                self.read_ended(next, node, reader, outcome.is_ok(), findings, marks);
            }
        }
    }
}

/// The content of the entry that a write's call proposes, in every attempt.
fn request(clients: &Clients, write: u8) -> Content<ControlPlaneEntry> {
    Content::Payload { ticket: clients.ticket(write), payload: create(write) }
}
