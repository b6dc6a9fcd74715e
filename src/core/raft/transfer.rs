//! Transfer of leadership to another voter (thesis, section 3.10).
//!
//! The leader accepts no proposals until the other voter has the whole log, then sends it `TimeoutNow`. If that voter
//! does not take over within an election timeout, the leader continues.

use super::configuration::Peer;
use super::io::{Output, Timer, TransferRefusal};
use super::machine::Machine;
use super::mark::Mark;
use super::message::Body;
use super::role::{PendingTransfer, Role};
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
        if let Some(transfer) = leader.transfer {
            return Err(TransferRefusal::Transferring { to: transfer.to.node });
        }
        let Some(to) = voter else { return Err(TransferRefusal::NotVoter { to }) };
        leader.transfer = Some(PendingTransfer { to, timeout_now_sent: false });
        self.emit(Output::SetTimer(Timer::Transfer));
        self.send_timeout_now_if_ready();
        self.replicate_to(to, false);
        Ok(())
    }

    /// Sends `TimeoutNow`, once, as soon as the other voter has the whole log.
    pub(super) fn send_timeout_now_if_ready(&mut self) {
        let last = self.node.log.last().index;
        let Role::Leader(leader) = &mut self.node.role else { return };
        let Some(PendingTransfer { to, timeout_now_sent: false }) = leader.transfer else { return };
        if leader.of(to).is_none_or(|progress| progress.matched < last) {
            return;
        }
        leader.transfer = Some(PendingTransfer { to, timeout_now_sent: true });
        self.mark(Mark::TransferSent);
        self.send(to, Body::TimeoutNow);
    }

    /// Reports the transfer as done, if a message of a higher term from its target shows that the target
    /// campaigns as asked, or leads already.
    pub(super) fn finish_transfer_if_taken_over(&mut self, from: Peer, body: &Body<M::Payload>) {
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
        if takes_over && leader.transfer.is_some_and(|transfer| transfer.to == from) {
            leader.transfer = None;
            self.emit(Output::CancelTimer(Timer::Transfer));
            self.emit(Output::Transfer(Ok(from.node)));
        }
    }

    /// The transfer timed out: this node continues to lead and accepts proposals again.
    pub(super) fn abandon_transfer(&mut self) {
        if let Some(transfer) = self.leader().and_then(|leader| leader.transfer.take()) {
            self.mark(Mark::TransferAbandoned);
            self.emit(Output::Transfer(Err(TransferRefusal::Abandoned { to: transfer.to.node })));
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
