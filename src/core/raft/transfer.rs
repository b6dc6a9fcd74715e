//! Transfer of leadership to another voter, a given one or the one that is best suited (thesis, section 3.10).
//!
//! The leader accepts no proposals until the other voter has the whole log, then sends it `TimeoutNow`. If that voter
//! does not take over within an election timeout, the leader continues.

use super::configuration::Peer;
use super::io::{Output, Timer, TransferRefusal};
use super::machine::Machine;
use super::mark::Mark;
use super::message::Body;
use super::node::Elections;
use super::role::{PendingTransfer, Role};
use super::turn::Turn;
use crate::core::ids::NodeId;
use core::cmp::Reverse;

impl<M: Machine> Turn<'_, M> {
    pub(super) fn transfer(&mut self, to: Option<NodeId>) {
        if let Err(refusal) = self.begin_transfer(to) {
            self.emit(Output::Transfer(Err(refusal)));
        }
    }

    fn begin_transfer(&mut self, to: Option<NodeId>) -> Result<(), TransferRefusal> {
        let target = match to {
            Some(to) => self.voter(to).ok_or(TransferRefusal::NotVoter { to }),
            None => self.successor().ok_or(TransferRefusal::NoVoter),
        };
        let hint = self.hint();
        let Some(leader) = self.leader() else {
            return Err(TransferRefusal::NotLeader { leader: hint });
        };
        if let Some(transfer) = leader.transfer {
            return Err(TransferRefusal::Transferring { to: transfer.to.node });
        }
        let to = target?;
        leader.transfer = Some(PendingTransfer { to, timeout_now_sent: false });
        self.emit(Output::SetTimer(Timer::Transfer));
        self.send_timeout_now_if_ready();
        self.replicate_to(to, false);
        Ok(())
    }

    /// The other voter with this node id.
    fn voter(&self, node: NodeId) -> Option<Peer> {
        let configuration = self.node.configuration();
        let peer = configuration.member(node)?.peer;
        (peer != self.node.config.me && configuration.is_voter(peer)).then_some(peer)
    }

    /// The voter to which leadership is best transferred: of those that answer, the one whose log matches the most of this
    /// leader's, since no proposals are taken until it has the rest. Of equal ones, the first. Only [`Elections::Stable`]
    /// knows who answers.
    fn successor(&self) -> Option<Peer> {
        let stable = self.node.config.limits.elections == Elections::Stable;
        let voters = self.node.progress().iter().filter(|progress| {
            self.node.configuration().is_voter(progress.peer) && (progress.is_live() || !stable)
        });
        voters.max_by_key(|progress| (progress.matched, Reverse(progress.peer))).map(|progress| progress.peer)
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
