//! The scopes around the nodes of the control plane for the night: nothing is lost that may still matter, messages arrive
//! again without end, and disks lag behind where a crash can tell.

use super::consensus::{COMPOSED, NODES, REMOVALS, STABLE, WHOLE, scope};
use super::{Cluster, Scope, Set, Wish};
use cutover::core::raft::{Elections, Limits};

/// Nothing is lost, and one message is on its way at a time. Crashes come at rest, or between a batch and what is said
/// after it.
const SINGLE: Cluster = Cluster { in_flight: 1, lingers: false, ..WHOLE };

const SNAPSHOTS: Limits = Limits { compact_after_entries: 3, ..NODES.limits };

fn night(name: &'static str, about: &'static str, cluster: Cluster) -> Scope {
    scope(name, about, Set::Nightly, cluster)
}

/// The scopes of the night.
pub(super) fn all() -> Vec<Scope> {
    let mut scopes = logs();
    scopes.extend(members());
    scopes.extend(clients());
    scopes.extend(composed());
    scopes
}

fn logs() -> Vec<Scope> {
    vec![
        night(
            "nightly/election",
            "who leads, with pre-vote, check-quorum and stickiness",
            Cluster { timeouts: 2, entries: 2, in_flight: 2, crashes: 1, limits: STABLE, ..SINGLE },
        ),
        night(
            "nightly/replication",
            "conflicting logs, and what is committed of them",
            Cluster { terms: 3, writes: 2, entries: 3, crashes: 1, ..SINGLE },
        ),
        night(
            "nightly/replication-slow-disk",
            "nodes that go on while a batch is not durable yet",
            Cluster { entries: 2, in_flight: 1, crashes: 1, ..WHOLE },
        ),
        night(
            "nightly/figure8",
            "an entry of an older term on a quorum",
            Cluster { terms: 4, writes: 2, entries: 3, ..SINGLE },
        ),
    ]
}

fn members() -> Vec<Scope> {
    vec![
        night(
            "nightly/membership",
            "a node joins, is promoted, and one leaves, the leader included",
            Cluster {
                joiners: 1,
                timeouts: 2,
                writes: 0,
                entries: 4,
                changes: 2,
                wishes: &[Wish::Admit(4), Wish::Promote(4), REMOVALS[0], REMOVALS[1], REMOVALS[2]],
                ..SINGLE
            },
        ),
        night(
            "nightly/rivals",
            "two leaders of four, each with a change of its own",
            Cluster {
                founders: 4,
                timeouts: 2,
                writes: 0,
                entries: 2,
                changes: 2,
                wishes: &[REMOVALS[0], REMOVALS[1], REMOVALS[2], Wish::Remove(4)],
                in_flight: 2,
                ..SINGLE
            },
        ),
        night(
            "nightly/snapshot",
            "a snapshot over a conflicting tail, with a session and a change of the members in it",
            Cluster {
                timeouts: 2,
                writes: 2,
                session: true,
                entries: 4,
                changes: 1,
                wishes: &[Wish::Admit(4), REMOVALS[0], REMOVALS[1], REMOVALS[2]],
                limits: SNAPSHOTS,
                ..SINGLE
            },
        ),
    ]
}

fn clients() -> Vec<Scope> {
    vec![
        night(
            "nightly/sessions",
            "requests that are proposed again, under another leader and after a snapshot",
            Cluster {
                timeouts: 2,
                session: true,
                attempts: 2,
                entries: 5,
                crashes: 1,
                limits: SNAPSHOTS,
                ..SINGLE
            },
        ),
        night(
            "nightly/deposed",
            "reads of a leader that was deposed without knowing",
            Cluster { timeouts: 2, entries: 2, reads: 2, in_flight: 2, ..SINGLE },
        ),
        night(
            "nightly/transfer",
            "the leader hands over",
            Cluster { timeouts: 2, transfers: 1, crashes: 1, limits: STABLE, ..SINGLE },
        ),
        night(
            "nightly/everything",
            "every feature at once: pre-vote, snapshots, sessions, reads, hand-over, a change",
            Cluster {
                timeouts: 1,
                session: true,
                entries: 3,
                reads: 1,
                transfers: 1,
                changes: 1,
                wishes: &REMOVALS,
                limits: Limits { elections: Elections::Stable, compact_after_entries: 2, ..NODES.limits },
                ..SINGLE
            },
        ),
    ]
}

fn composed() -> Vec<Scope> {
    let migration = |name, about, cluster| Scope {
        gateways: 1,
        writes_each: 1,
        attempts: 2,
        migrations: 1,
        ..night(name, about, cluster)
    };
    vec![
        migration(
            "nightly/composed",
            "a migration whose commands go through the log of the nodes",
            Cluster { timeouts: 1, writes: 0, entries: 7, ..SINGLE },
        ),
        Scope {
            readers: 1,
            reads_each: 1,
            aborts: false,
            ..migration(
                "nightly/composed-reads",
                "the same with writes and a strong read, which asks the nodes first",
                Cluster { reads: 1, ..COMPOSED },
            )
        },
    ]
}
