//! Refuses a node that was removed while it was down, or that was lost when the cluster was recovered without
//! it.
//!
//! This is not needed for safety: a node drops messages for another directory, and ignores pre-votes while
//! it is in contact with a leader. The refusal tells the removed node and its operator why no peer answers.

use super::peer_rule::full;
use super::peer_server::PeerService;
use crate::core::control_plane::ControlPlaneEntry;
use crate::core::raft::{Body, Message, Peer};
use crate::node::driver::View;

/// Why a sender is not a member, if this node leads and the sender is in none of its configurations. Other
/// nodes may know less than the sender (ADR 0029). The refusal of a leader that was replaced unnoticed is
/// harmless: the sender has streams to others.
fn refusal_as_removed(view: &View, from: Peer) -> Option<String> {
    let status = view.status();
    let is_member = view.configuration().members().iter().any(|member| member.peer == from)
        || view.members().any(|(member, _)| member == from);
    if is_member || !status.leads() {
        return None;
    }
    let (me, cluster, term) = (status.config.me, status.cluster, status.term);
    Some(format!(
        "{} is not a member of cluster {cluster}, according to {}, the leader in term {term}",
        full(from),
        full(me)
    ))
}

impl PeerService {
    /// Why no message of this sender can ever count: it is no member. `None` otherwise.
    pub(super) fn removed(&self, message: &Message<ControlPlaneEntry>) -> Option<String> {
        let from = message.from;
        // Not RequestVote: after a leadership transfer the old leader must receive it.
        if let Body::PreVote { .. } = message.body {
            return self.handle.latest().ok().and_then(|view| refusal_as_removed(&view, from));
        }
        None
    }
}
