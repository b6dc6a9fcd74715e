//! The scopes around the nodes of the control plane, and their bounds.

use super::list::BASE;
use super::{Cluster, Duplicates, Scope, Set};
use cutover::raft::{Elections, Limits, SessionLimits};

/// What the bounds have in common; each scope says what it adds.
const NODES: Cluster = Cluster {
    founders: 3,
    joiners: 0,
    terms: 2,
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
    wipes: 0,
    heartbeats: true,
    loses_old: true,
    limits: Limits {
        elections: Elections::Plain,
        window: 1,
        append_entries_max: 2,
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

/// For every pull request.
pub(super) fn pr() -> Vec<Scope> {
    vec![
        scope(
            "election",
            "who leads, with pre-vote, check-quorum and stickiness",
            Set::Pr,
            Cluster { in_flight: 4, crashes: 1, limits: STABLE, ..NODES },
        ),
        scope(
            "replication",
            "conflicting logs, and what is committed of them",
            Set::Pr,
            Cluster { terms: 3, writes: 2, crashes: 1, ..NODES },
        ),
        scope("figure8", "an entry of an older term on a quorum", Set::Pr, Cluster { terms: 4, writes: 2, ..NODES }),
    ]
}

/// For the night.
pub(super) fn nightly() -> Vec<Scope> {
    Vec::new()
}
