//! Nodes that come back from the past: removed while they were down, or lost when a cluster was recovered without them.
//!
//! Nothing here is needed for safety. A message to another life of a node is dropped by the machine, and so is a pre-vote
//! against a leader that is heard. But whoever speaks in vain should be told, and say so.

use super::peer_server::PeerService;
use crate::core::control_plane::ControlPlaneEntry;
use crate::core::raft::{Body, Message, Peer};
use crate::node::driver::{RoleName, View};

/// Why this leader counts a node for nothing. Others may know less than whoever speaks (ADR 0021): only a leader says so,
/// and if another leads by now, it is as little listened to as its refusal counts.
fn no_member(view: View<'_>, from: Peer) -> Option<String> {
    let node = view.engine().node();
    let is_member = node.configuration().members().iter().any(|member| member.peer == from)
        || view.members().any(|(member, _)| member == from);
    if is_member || node.role() != RoleName::Leader {
        return None;
    }
    let (config, term) = (node.config(), node.hard_state().term);
    let (me, cluster) = (config.me, config.cluster);
    Some(format!("{} is no member of {cluster}, says {}, which leads in term {term}", life(from), life(me)))
}

/// A node with its life, the first one too.
fn life(peer: Peer) -> String {
    format!("{}/{}", peer.node, peer.incarnation)
}

impl PeerService {
    /// Why a message is in vain, if its sender is not to be listened to in this life of its or of this node's.
    pub(super) async fn in_vain(&self, message: &Message<ControlPlaneEntry>) -> Option<String> {
        let (from, to, me) = (message.from, message.to, self.config.me);
        if to.node == me.node && to.incarnation != me.incarnation {
            return Some(format!("{} speaks to {}, and this is {}", life(from), life(to), life(me)));
        }
        match &message.body {
            // A hand-over asks for votes at once, and must be heard by whoever believes to lead.
            Body::PreVote { .. } => {
                self.handle.inspect(move |view| no_member(view, from)).await.ok().flatten()
            }
            Body::PreVoted { .. }
            | Body::RequestVote { .. }
            | Body::VoteReply { .. }
            | Body::Append(_)
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::Install(_)
            | Body::TimeoutNow
            | Body::StaleTerm => None,
        }
    }
}
