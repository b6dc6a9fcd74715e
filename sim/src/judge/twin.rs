//! What may be promised of a run in which a member was copied.

use super::{Judge, own};
use crate::processes::{COPY, member_of};
use cutover::core::ids::NodeId;
use std::collections::BTreeSet;

/// Which of the two processes of a copied member other nodes have answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Twin {
    /// Nobody has answered the copy.
    Unanswered,
    /// Nobody has answered the original since it was copied: the copy has taken its place.
    Alone,
    /// Both were answered: each has promised things in the name of the member that the other does not know.
    Both,
}

impl Twin {
    /// The name of a counter of runs. Each run counts once, under the last of these that applies.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unanswered => "runs judged, nobody answered a copy",
            Self::Alone => "runs judged, only a copy was answered",
            Self::Both => "runs judged until a copy and its original were answered",
        }
    }
}

/// What happened to copied members.
#[derive(Default)]
pub(super) struct Twins {
    worst: Option<Twin>,
    /// Whether a copy and its original were both answered.
    both: bool,
    /// The members whose place a copy has taken.
    replaced: BTreeSet<u8>,
}

impl Judge {
    /// Whether the invariants are judged on a machine: it runs a member, or a copy that has taken a member's place.
    pub(super) fn follows(&self, machine: u8) -> bool {
        self.id(machine).0 == member_of(machine)
    }

    /// The number under which a machine's shadow is kept: that of its member, for the one of two copies that speaks for it. There
    /// is no shadow under the other number.
    pub(super) fn id(&self, machine: u8) -> NodeId {
        let member = member_of(machine);
        NodeId(if !self.twins.replaced.contains(&member) {
            machine
        } else if machine == member {
            COPY + member
        } else {
            member
        })
    }

    /// Call when a copy of a member takes its place, before the copy starts. Its disk is the member's from then on.
    pub fn replaced(&mut self, member: u8) {
        self.twins.replaced.insert(member);
        self.shadows.remove(&NodeId(member));
    }

    /// Call when the copies have ended, and the nodes that they are copies of have lost their disks.
    pub fn no_copies(&mut self) {
        for member in std::mem::take(&mut self.twins.replaced) {
            self.hosts.remove(&NodeId(member));
            self.shadows.remove(&NodeId(member));
        }
    }

    /// Call when it is known which of the two processes of a copied member others have answered.
    pub fn twin(&mut self, twin: Twin) {
        self.twins.worst = self.twins.worst.max(Some(twin));
        if twin == Twin::Both && !std::mem::replace(&mut self.twins.both, true) {
            self.event_log.note("judge", 0, "both twins are answered", &[], String::new);
        }
    }

    /// What happened to copied members, at worst; `None` if there were none.
    #[must_use]
    pub const fn twins(&self) -> Option<Twin> {
        self.twins.worst
    }

    /// Whether a violation of this invariant counts. Once both twins were answered, what the cluster as a whole promises is not
    /// promised any more; what each process does for itself still is.
    #[must_use]
    pub fn is_judged(&self, id: &str) -> bool {
        !self.twins.both || [own::TWINS, own::DURABLE, own::LOWERING, own::PANIC, own::STORE].contains(&id)
    }

    /// Whether what stores and gateways do is judged. A restored log may have lost a flip, and the writes of two that were both answered
    /// may contradict each other.
    #[must_use]
    pub fn judges_data(&self) -> bool {
        !self.twins.both && self.past.is_empty()
    }
}
