//! Drops messages that cannot have an effect any more, so that states do not differ in them.

use super::action::HostInput;
use super::host::{Host, HostEffect};
use super::net::NodeMessage;
use super::{Consensus, State};
use crate::shared::{Memory, Shared, hasher, memory, remembered};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::{NodeId, Term};
use cutover::core::raft::{Body, Message};

thread_local! {
    static MATTERS: Memory<bool> = const { memory() };
}

impl Consensus {
    /// Drops messages that can never have an effect: those of a term older than the one on the receiver's disk,
    /// replies to a role that the receiver does not have and cannot have again in that term, and messages to
    /// another directory. They change nothing now, and the receiver's term only increases. `touched`: the only
    /// node that has changed.
    pub(super) fn prune(&self, next: &mut State, touched: Option<NodeId>) {
        let mut net = std::mem::take(&mut next.net);
        net.retain(|sent| {
            let ends = [sent.0.from.node, sent.0.to.node];
            touched.is_some_and(|node| !ends.contains(&node)) || self.may_matter(next, sent)
        });
        next.net = net;
    }

    pub(super) fn may_matter(&self, state: &State, sent: &Shared<NodeMessage>) -> bool {
        let message = &sent.0;
        let Some(host) = state.host(message.to.node.0) else { return false };
        // In a walk it arrives without effect.
        if self.cluster.world.is_some() {
            return true;
        }
        let asker = state.host(message.from.node.0);
        let key =
            (self.key, host.hash(0), asker.map(|asker| asker.hash(0)), sent.hash(0), self.disk(state, None));
        remembered(&MATTERS, hasher().hash_one(key), || self.matters(state, host, sent))
    }

    fn matters(&self, state: &State, host: &Shared<Host>, sent: &Shared<NodeMessage>) -> bool {
        let message = &sent.0;
        let loses = self.cluster.loses_old;
        if loses
            && host.me() == message.to
            && (refuses(&message.body) || message.term < host.engine.node().hard_state().term)
        {
            return false;
        }
        // The receiver ignores messages to another directory, now and later.
        let past = host.me() != message.to || is_past(host, &message.body, message.term);
        if !past && !loses {
            return true;
        }
        let effect = self.effect(host, &HostInput::Deliver, Some(sent), self.disk(state, None));
        if past { !effect.idle } else { !self.says_nothing_new(state, host, message, &effect) }
    }

    /// Whether a delivery changes nothing, and the replies to it change nothing either.
    fn says_nothing_new(
        &self,
        state: &State,
        host: &Shared<Host>,
        message: &Message<ControlPlaneEntry>,
        effect: &HostEffect,
    ) -> bool {
        let idle = |sent: &Shared<NodeMessage>| {
            let asker = state.host(sent.0.to.node.0);
            asker.is_none_or(|asker| {
                self.effect(asker, &HostInput::Deliver, Some(sent), self.disk(state, None)).idle
            })
        };
        let quiet = effect.host.same(host) && effect.answers.is_empty();
        // A message to a third node counts as new information: its effect depends on more than these two nodes.
        quiet
            && effect
                .sent
                .iter()
                .all(|sent| sent.0.to.node == message.from.node && (refuses(&sent.0.body) || idle(sent)))
    }
}

/// Whether a reply refuses a vote: the candidate learns no more from it than from silence.
const fn refuses(body: &Body<ControlPlaneEntry>) -> bool {
    matches!(body, Body::VoteReply { granted: false } | Body::PreVoted { granted: false, .. })
}

/// Whether a message is older than the state on its receiver's disk.
fn is_past(host: &Host, body: &Body<ControlPlaneEntry>, term: Term) -> bool {
    let on_disk = host.disk.hard_state.term;
    term < on_disk || (term == on_disk && !host.engine.node().role().may_take(body))
}
