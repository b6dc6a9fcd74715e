//! The scopes around the nodes of the control plane for the night: nothing is lost that may still matter, messages arrive
//! again without end, and disks lag behind.

use super::consensus::{NODES, REMOVALS, STABLE, WHOLE, scope};
use super::{Cluster, Scope, Set, Wish};
use cutover::raft::{Elections, Limits};

/// The scopes of the night.
pub(super) fn all() -> Vec<Scope> {
    let night = |name, about, cluster| scope(name, about, Set::Nightly, cluster);
    let snapshots = Limits { compact_after_entries: 3, ..NODES.limits };
    vec![
        night(
            "nightly/election",
            "who leads, with pre-vote, check-quorum and stickiness",
            Cluster { timeouts: 2, entries: 2, in_flight: 3, crashes: 1, limits: STABLE, ..WHOLE },
        ),
        night(
            "nightly/replication",
            "conflicting logs, and what is committed of them",
            Cluster { terms: 3, writes: 2, entries: 3, crashes: 1, ..WHOLE },
        ),
        night(
            "nightly/figure8",
            "an entry of an older term on a quorum",
            Cluster { terms: 4, writes: 2, entries: 3, ..WHOLE },
        ),
        night(
            "nightly/membership",
            "a node joins, is promoted, and one leaves, the leader included",
            Cluster {
                joiners: 1,
                terms: 3,
                timeouts: 3,
                writes: 0,
                entries: 4,
                changes: 2,
                wishes: &[Wish::Admit(4), Wish::Promote(4), REMOVALS[0], REMOVALS[1], REMOVALS[2]],
                crashes: 1,
                ..WHOLE
            },
        ),
        night(
            "nightly/everything",
            "every feature at once: pre-vote, snapshots, sessions, reads, hand-over, a change, a crash",
            Cluster {
                timeouts: 2,
                writes: 1,
                session: true,
                attempts: 2,
                entries: 5,
                reads: 1,
                transfers: 1,
                changes: 1,
                wishes: &REMOVALS,
                crashes: 1,
                limits: Limits { elections: Elections::Stable, ..snapshots },
                ..WHOLE
            },
        ),
    ]
}
