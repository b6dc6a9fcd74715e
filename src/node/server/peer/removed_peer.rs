//! Tells a node that it was removed while it was down, or lost when the cluster was recovered without it.
//!
//! Safety does not need this: the Raft machine drops messages to another incarnation, and pre-votes while it hears a
//! leader. Without it the removed node would not know why nobody answers, and neither would its operator.

use super::peer_server::PeerService;
use crate::core::control_plane::ControlPlaneEntry;
use crate::core::raft::{Body, Message, Peer};
use crate::node::driver::View;

/// Says that a sender is no member, if this node leads: any other node may know less than the sender (ADR 0021). The
/// refusal of a leader that was replaced without knowing it is harmless: the sender has streams to the other nodes.
fn no_member(view: View<'_>, from: Peer) -> Option<String> {
    let status = view.engine().status();
    let is_member = view.engine().configuration().members().iter().any(|member| member.peer == from)
        || view.members().any(|(member, _)| member == from);
    if is_member || !status.leads() {
        return None;
    }
    let (me, cluster, term) = (status.config.me, status.config.cluster, status.term);
    Some(format!("{} is no member of {cluster}, says {}, which leads in term {term}", life(from), life(me)))
}

/// Display of a [`Peer`] leaves the first incarnation out.
fn life(peer: Peer) -> String {
    format!("{}/{}", peer.node, peer.incarnation)
}

impl PeerService {
    /// Why no message of this sender will ever count, if that is so: its incarnation is no member, or it addresses an earlier
    /// incarnation of this node.
    pub(super) async fn removed(&self, message: &Message<ControlPlaneEntry>) -> Option<String> {
        let (from, to, me) = (message.from, message.to, self.config.me);
        if to.node == me.node && to.incarnation != me.incarnation {
            return Some(format!("{} speaks to {}, and this is {}", life(from), life(to), life(me)));
        }
        // An election by transfer starts with RequestVote, which the old leader must receive: it is not refused here.
        if let Body::PreVote { .. } = message.body {
            return self.handle.inspect(move |view| no_member(view, from)).await.ok().flatten();
        }
        None
    }
}
