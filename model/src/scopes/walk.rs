//! Scopes `walk`: worlds that are walked at random, since they are too large to be searched.

use super::consensus;
use crate::env::consensus::{ConsensusBounds, MembershipRequest};
use crate::env::system::SystemBounds;
use crate::protocol::Scope;

pub(super) fn system() -> Vec<Scope<SystemBounds>> {
    vec![
        Scope::new(
            "walk/system",
            "everything at once: tables, stores, gateways, controllers, operators, and what goes wrong",
            SystemBounds::drawn(0),
        )
        .walked(),
    ]
}

/// Disks that lag behind, messages that are old, and nothing that is left out for being equal to something else.
const NODES: ConsensusBounds = ConsensusBounds {
    terms: 1 << 32,
    timeouts: u8::MAX,
    entries: 1 << 32,
    membership_requests: &[
        MembershipRequest::Admit(1),
        MembershipRequest::Admit(2),
        MembershipRequest::Admit(3),
        MembershipRequest::Admit(4),
        MembershipRequest::Admit(5),
        MembershipRequest::Admit(6),
        MembershipRequest::Admit(7),
        MembershipRequest::Promote(1),
        MembershipRequest::Promote(2),
        MembershipRequest::Promote(3),
        MembershipRequest::Promote(4),
        MembershipRequest::Promote(5),
        MembershipRequest::Promote(6),
        MembershipRequest::Promote(7),
        MembershipRequest::Remove(1),
        MembershipRequest::Remove(2),
        MembershipRequest::Remove(3),
        MembershipRequest::Remove(4),
        MembershipRequest::Remove(5),
        MembershipRequest::Remove(6),
        MembershipRequest::Remove(7),
    ],
    lingers: true,
    loses_old: false,
    symmetric: false,
    world: Some(0),
    ..consensus::NODES
};

pub(super) fn nodes() -> Vec<Scope<ConsensusBounds>> {
    vec![
        Scope::new(
            "walk/nodes",
            "one to seven nodes with all that may happen to them: elections, changes of the members, sessions, reads, snapshots, crashes",
            NODES.drawn(0),
        )
        .walked(),
    ]
}
