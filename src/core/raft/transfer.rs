//! Transfer of leadership to another voter (thesis, section 3.10).
//!
//! The leader accepts no proposals until the other voter has the whole log, then sends it `TimeoutNow`. If that voter
//! does not take over within an election timeout, the leader continues.

use super::configuration::Peer;
use super::io::{Output, Timer, TransferRefusal};
use super::machine::Machine;
use super::mark::Mark;
use super::message::Body;
use super::role::{HandOver, Role};
use super::turn::Turn;
use crate::core::ids::NodeId;

impl<M: Machine> Turn<'_, M> {
    pub(super) fn transfer(&mut self, to: NodeId) {
        if let Err(refusal) = self.begin_transfer(to) {
            self.emit(Output::Transfer(Err(refusal)));
        }
    }

    fn begin_transfer(&mut self, to: NodeId) -> Result<(), TransferRefusal> {
        let me = self.node.config.me;
        let member = self.node.configuration().member(to).map(|member| member.peer);
        let voter = member.filter(|peer| self.node.configuration().is_voter(*peer) && *peer != me);
        let hint = self.hint();
        let Some(leader) = self.leader() else {
            return Err(TransferRefusal::NotLeader { leader: hint });
        };
        if let Some(hand_over) = leader.hand_over {
            return Err(TransferRefusal::Transferring { to: hand_over.to.node });
        }
        let Some(to) = voter else { return Err(TransferRefusal::NotVoter { to }) };
        leader.hand_over = Some(HandOver { to, told: false });
        self.emit(Output::SetTimer(Timer::Transfer));
        self.hand_over_if_ready();
        self.replicate_to(to, false);
        Ok(())
    }

    /// Sends `TimeoutNow`, once, as soon as the other voter has the whole log.
    pub(super) fn hand_over_if_ready(&mut self) {
        let last = self.node.log.last().index;
        let Role::Leader(leader) = &mut self.node.role else { return };
        let Some(HandOver { to, told: false }) = leader.hand_over else { return };
        if leader.of(to).is_none_or(|progress| progress.matched < last) {
            return;
        }
        leader.hand_over = Some(HandOver { to, told: true });
        self.mark(Mark::TransferSent);
        self.send(to, Body::TimeoutNow);
    }

    /// Reports the transfer as done if the message of a higher term comes from its target and shows that it campaigns
    /// as asked, or leads already.
    pub(super) fn handed_over(&mut self, from: Peer, body: &Body<M::Payload>) {
        let takes_over = match body {
            Body::RequestVote { transfer, .. } => *transfer,
            Body::Append(_) | Body::Install(_) => true,
            Body::PreVote { .. }
            | Body::PreVoted { .. }
            | Body::VoteReply { .. }
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::TimeoutNow
            | Body::StaleTerm => false,
        };
        let Some(leader) = self.leader() else { return };
        if takes_over && leader.hand_over.is_some_and(|hand_over| hand_over.to == from) {
            leader.hand_over = None;
            self.emit(Output::CancelTimer(Timer::Transfer));
            self.emit(Output::Transfer(Ok(from.node)));
        }
    }

    /// The transfer timed out: this node continues to lead and accepts proposals again.
    pub(super) fn abandon_transfer(&mut self) {
        if let Some(hand_over) = self.leader().and_then(|leader| leader.hand_over.take()) {
            self.mark(Mark::TransferAbandoned);
            self.emit(Output::Transfer(Err(TransferRefusal::Abandoned { to: hand_over.to.node })));
        }
    }

    /// Starts an election at once, without a pre-vote.
    pub(super) fn on_timeout_now(&mut self, from: Peer) {
        let wanted = self.node.leader() == Some(from);
        if wanted && self.node.may_campaign() {
            self.campaign(true);
        }
    }
}
