//! The scopes around the nodes of the control plane, and their bounds.

use super::list::BASE;
use super::{Cluster, Duplicates, Scope, Set, Wish};
use cutover::raft::{Elections, Limits, SessionLimits};

/// What the bounds have in common; each scope says what it adds.
const NODES: Cluster = Cluster {
    founders: 3,
    joiners: 0,
    terms: 2,
    timeouts: u8::MAX,
    writes: 1,
    entries: 3,
    session: false,
    attempts: 1,
    reads: 0,
    transfers: 0,
    changes: 0,
    wishes: &[],
    in_flight: 2,
    duplicates: Duplicates::AtMost(0),
    crashes: 0,
    lingers: false,
    wipes: 0,
    heartbeats: true,
    loses_old: true,
    limits: Limits {
        elections: Elections::Plain,
        window: 1,
        append_entries_max: 1,
        compact_after_entries: u64::MAX,
        keep_entries: 0,
        ..Limits::PRODUCTION
    },
    sessions: SessionLimits { sessions_max: 2, answers_max: 4 },
    symmetric: true,
    reaches: &[],
};

/// Pre-vote, check-quorum and stickiness.
const STABLE: Limits = Limits { elections: Elections::Stable, ..NODES.limits };

fn scope(name: &'static str, about: &'static str, set: Set, cluster: Cluster) -> Scope {
    Scope { name, about, set, gateways: 0, writes_each: 0, migrations: 0, cluster: Some(cluster), ..BASE }
}

/// Everybody speaks only when there is something to say: what was lost is not sent again.
const TERSE: Cluster = Cluster { heartbeats: false, ..NODES };

/// For every pull request.
pub(super) fn pr() -> Vec<Scope> {
    vec![
        scope(
            "election",
            "who leads, with pre-vote, check-quorum and stickiness",
            Set::Pr,
            Cluster { timeouts: 2, entries: 2, in_flight: 4, crashes: 1, limits: STABLE, ..TERSE },
        ),
        scope(
            "replication",
            "conflicting logs, and what is committed of them",
            Set::Pr,
            Cluster { terms: 3, writes: 2, entries: 2, crashes: 1, ..TERSE },
        ),
        scope(
            "figure8",
            "an entry of an older term on a quorum",
            Set::Pr,
            Cluster { terms: 4, timeouts: 4, writes: 2, entries: 2, ..TERSE },
        ),
        scope(
            "membership",
            "a node joins, is promoted, and one leaves, the leader included",
            Set::Pr,
            Cluster {
                joiners: 1,
                terms: 3,
                timeouts: 3,
                writes: 0,
                entries: 4,
                changes: 2,
                wishes: &[Wish::Admit(4), Wish::Promote(4), Wish::Remove(1), Wish::Remove(2), Wish::Remove(3)],
                in_flight: 1,
                crashes: 1,
                ..NODES
            },
        ),
        scope(
            "snapshot",
            "a snapshot over a conflicting tail, with a session and a change of the members in it",
            Set::Pr,
            Cluster {
                terms: 2,
                timeouts: 2,
                writes: 1,
                session: true,
                attempts: 2,
                entries: 5,
                changes: 1,
                wishes: &[Wish::Remove(1), Wish::Remove(2), Wish::Remove(3)],
                in_flight: 1,
                limits: Limits { compact_after_entries: 3, ..NODES.limits },
                ..NODES
            },
        ),
        scope(
            "reads",
            "reads of a leader that was deposed without knowing",
            Set::Pr,
            Cluster { timeouts: 2, entries: 3, reads: 2, duplicates: Duplicates::AtMost(1), ..NODES },
        ),
        scope(
            "transfer",
            "the leader hands over",
            Set::Pr,
            Cluster { timeouts: 2, terms: 3, entries: 3, transfers: 1, limits: STABLE, ..TERSE },
        ),
    ]
}

/// For the night.
pub(super) fn nightly() -> Vec<Scope> {
    Vec::new()
}
