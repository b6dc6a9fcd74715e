//! Which messages can still do something; the others are dropped, so that states do not differ in them.

use super::action::HostInput;
use super::host::{Effect, Host};
use super::net::Sent;
use super::{State, World};
use crate::shared::{Memory, Shared, hasher, memory, remembered};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::{NodeId, Term};
use cutover::core::raft::{Body, Message};

thread_local! {
    static MATTERS: Memory<bool> = const { memory() };
}

impl World {
    /// Drops what can never do anything again. Of a term that the receiver's disk has left behind, or an answer to an
    /// office that it does not hold and cannot hold again in that term: it would change nothing now, and what it meets
    /// from now on is of that term or later. A message for another life is never heard. `touched`: the only node that has
    /// changed.
    pub(super) fn prune(&self, next: &mut State, touched: Option<NodeId>) {
        let mut net = std::mem::take(&mut next.net);
        net.retain(|sent| {
            let ends = [sent.0.from.node, sent.0.to.node];
            touched.is_some_and(|node| !ends.contains(&node)) || self.may_matter(next, sent)
        });
        next.net = net;
    }

    pub(super) fn may_matter(&self, state: &State, sent: &Shared<Sent>) -> bool {
        let message = &sent.0;
        let Some(host) = state.host(message.to.node.0) else { return false };
        let asker = state.host(message.from.node.0);
        let key =
            (self.key, host.hash(0), asker.map(|asker| asker.hash(0)), sent.hash(0), self.disk(state, None));
        remembered(&MATTERS, hasher().hash_one(key), || self.matters(state, host, sent))
    }

    fn matters(&self, state: &State, host: &Shared<Host>, sent: &Shared<Sent>) -> bool {
        let message = &sent.0;
        let loses = self.cluster.loses_old;
        if loses
            && host.me() == message.to
            && (refuses(&message.body) || message.term < host.engine.node().hard_state().term)
        {
            return false;
        }
        // Of another life, the node asked says nothing to it, now or ever.
        let past = host.me() != message.to || is_past(host, &message.body, message.term);
        if !past && !loses {
            return true;
        }
        let effect = self.effect(host, &HostInput::Deliver, Some(sent), self.disk(state, None));
        if past { !effect.idle } else { !self.says_nothing_new(state, host, message, &effect) }
    }

    /// Whether a delivery changes nothing, and neither do the answers to it.
    fn says_nothing_new(
        &self,
        state: &State,
        host: &Shared<Host>,
        message: &Message<ControlPlaneEntry>,
        effect: &Effect,
    ) -> bool {
        let idle = |sent: &Shared<Sent>| {
            let asker = state.host(sent.0.to.node.0);
            asker.is_none_or(|asker| {
                self.effect(asker, &HostInput::Deliver, Some(sent), self.disk(state, None)).idle
            })
        };
        let quiet = effect.host.same(host) && effect.told.is_empty();
        // What is said to a third is taken for news: whether it is depends on more than the two.
        quiet
            && effect
                .sent
                .iter()
                .all(|sent| sent.0.to.node == message.from.node && (refuses(&sent.0.body) || idle(sent)))
    }
}

/// A vote that is not given; the candidate would learn no more from it than from silence.
const fn refuses(body: &Body<ControlPlaneEntry>) -> bool {
    matches!(body, Body::VoteReply { granted: false } | Body::PreVoted { granted: false, .. })
}

/// Whether a message is of a time that its receiver has left for good.
fn is_past(host: &Host, body: &Body<ControlPlaneEntry>, term: Term) -> bool {
    let on_disk = host.disk.hard_state.term;
    term < on_disk || (term == on_disk && !host.engine.node().role().may_take(body))
}
