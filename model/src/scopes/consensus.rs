//! The scopes around the nodes of the control plane, and their bounds.

use super::list::BASE;
use super::{Cluster, Duplicates, Scope, Set, Wish};
use crate::env::consensus::Mark;
use crate::env::migration::mark::Mark as Sinks;
use cutover::core::raft::{Elections, Limits, Mark as Core, SessionLimits};

/// What the bounds have in common; each scope says what it adds.
pub(super) const NODES: Cluster = Cluster {
    founders: 3,
    joiners: 0,
    terms: 2,
    timeouts: u8::MAX,
    writes: 1,
    entries: 3,
    session: false,
    other_sessions: 0,
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
pub(super) const STABLE: Limits = Limits { elections: Elections::Stable, ..NODES.limits };

pub(super) fn scope(name: &'static str, about: &'static str, set: Set, cluster: Cluster) -> Scope {
    Scope { name, about, set, gateways: 0, writes_each: 0, migrations: 0, cluster: Some(cluster), ..BASE }
}

/// Everybody speaks only when there is something to say: what was lost is not sent again.
pub(super) const TERSE: Cluster = Cluster { heartbeats: false, ..NODES };

/// Nothing is lost that may still matter, everything arrives again, and disks lag behind.
pub(super) const WHOLE: Cluster =
    Cluster { loses_old: false, heartbeats: true, duplicates: Duplicates::Unbounded, lingers: true, ..NODES };

/// For every pull request.
pub(super) fn pr() -> Vec<Scope> {
    let mut scopes = logs();
    scopes.extend(members());
    scopes.extend(clients());
    scopes.extend(composed());
    scopes
}

/// A migration whose commands go through the log. A new term's leader appends to a log of three: the entry of the first
/// term, the creation of the partition and its opening.
pub(super) const COMPOSED: Cluster = Cluster { timeouts: 1, writes: 0, entries: 7, in_flight: 1, ..TERSE };

fn composed() -> Vec<Scope> {
    let writes = Cluster {
        reaches: const { &[Mark::LeaderSecond.text(), Core::ProposalLost.text(), Core::Truncated.text()] },
        ..COMPOSED
    };
    let reads = Cluster {
        reads: 1,
        reaches: const { &[Mark::ReadServed.text(), Mark::ReadByDeposed.text(), Core::ReadDropped.text()] },
        ..COMPOSED
    };
    vec![
        Scope {
            gateways: 1,
            writes_each: 1,
            attempts: 2,
            migrations: 1,
            reaches: &[
                Sinks::Completed,
                Sinks::SealThenAbort,
                Sinks::SealRefusedThenApplied,
                Sinks::RetryOnceAcross,
                Sinks::StaleControllerRefused,
            ],
            ..scope("composed", "a migration whose commands go through the log of the nodes", Set::Pr, writes)
        },
        Scope {
            gateways: 1,
            writes_each: 1,
            attempts: 0,
            readers: 1,
            reads_each: 1,
            migrations: 1,
            aborts: false,
            reaches: &[Sinks::Completed, Sinks::ReadAtTarget],
            ..scope(
                "composed-reads",
                "the same with a strong read, which asks the nodes first",
                Set::Pr,
                reads,
            )
        },
    ]
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn logs() -> Vec<Scope> {
    vec![
        scope(
            "election",
            "who leads, with pre-vote, check-quorum and stickiness",
            Set::Pr,
            Cluster {
                timeouts: 2,
                entries: 2,
                in_flight: 4,
                crashes: 1,
                limits: STABLE,
                reaches: const {
                    &[
                        Core::PreVoteWon.text(),
                        Core::QuorumLost.text(),
                        Mark::LeaderFirst.text(),
                        Mark::LeaderSecond.text(),
                        Mark::CrashLost.text(),
                        Mark::CommitAfterCrash.text(),
                    ]
                },
                ..TERSE
            },
        ),
        scope(
            "replication",
            "conflicting logs, and what is committed of them",
            Set::Pr,
            Cluster {
                terms: 3,
                writes: 2,
                entries: 2,
                crashes: 1,
                reaches: const {
                    &[
                        Mark::LeaderFirst.text(),
                        Mark::LeaderSecond.text(),
                        Mark::LeaderThird.text(),
                        Mark::CrashKept.text(),
                        Mark::CommitAfterCrash.text(),
                        Core::Truncated.text(),
                        Core::ProposalLost.text(),
                    ]
                },
                ..TERSE
            },
        ),
        scope(
            "replication-exhaustive",
            "one at a time on the network, but nothing is lost that may still matter, and all of it arrives again",
            Set::Pr,
            Cluster {
                entries: 2,
                in_flight: 1,
                crashes: 1,
                lingers: false,
                reaches: const {
                    &[Mark::LeaderSecond.text(), Mark::CommitAfterCrash.text(), Core::Truncated.text()]
                },
                ..WHOLE
            },
        ),
        scope(
            "replication-slow-disk",
            "nodes that go on while a batch is not durable yet",
            Set::Pr,
            Cluster {
                writes: 0,
                entries: 1,
                in_flight: 1,
                crashes: 1,
                reaches: const {
                    &[
                        Mark::LeaderSecond.text(),
                        Mark::CrashLost.text(),
                        Mark::CrashKept.text(),
                        Mark::CommitAfterCrash.text(),
                    ]
                },
                ..WHOLE
            },
        ),
        scope(
            "figure8",
            "an entry of an older term on a quorum",
            Set::Pr,
            Cluster {
                terms: 4,
                writes: 2,
                entries: 2,
                reaches: const {
                    &[
                        Mark::LeaderThird.text(),
                        Mark::LeaderFourth.text(),
                        Core::OldTermNotCounted.text(),
                        Core::Truncated.text(),
                    ]
                },
                ..TERSE
            },
        ),
    ]
}

pub(super) const REMOVALS: [Wish; 3] = [Wish::Remove(1), Wish::Remove(2), Wish::Remove(3)];

#[expect(clippy::too_many_lines, reason = "a list")]
fn members() -> Vec<Scope> {
    vec![
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
                wishes: &[Wish::Admit(4), Wish::Promote(4), REMOVALS[0], REMOVALS[1], REMOVALS[2]],
                in_flight: 1,
                crashes: 1,
                reaches: const {
                    &[
                        Core::LeaderRemoved.text(),
                        Core::ConfigurationUndone.text(),
                        Core::ChangeNotYetInTerm.text(),
                        Core::ChangeInProgress.text(),
                        Core::NotCaughtUp.text(),
                        Mark::ChangeCommitted.text(),
                        Mark::Joined.text(),
                    ]
                },
                ..TERSE
            },
        ),
        scope(
            "membership-join",
            "a node with an empty disk joins, catches up and votes",
            Set::Pr,
            Cluster {
                joiners: 1,
                terms: 1,
                timeouts: 1,
                writes: 0,
                entries: 4,
                changes: 2,
                wishes: &[Wish::Admit(4), Wish::Promote(4)],
                in_flight: 1,
                reaches: const { &[Core::Promoted.text(), Core::NotCaughtUp.text(), Mark::Joined.text()] },
                ..NODES
            },
        ),
        scope(
            "membership-wiped",
            "a voter loses its disk, and comes back under the same name",
            Set::Pr,
            Cluster {
                timeouts: 3,
                entries: 2,
                wipes: 1,
                reaches: const { &[Mark::Wiped.text(), Mark::LeaderSecond.text()] },
                ..TERSE
            },
        ),
        scope(
            "membership-rivals",
            "two leaders of four, each with a change of its own",
            Set::Pr,
            Cluster {
                founders: 4,
                timeouts: 2,
                writes: 0,
                changes: 2,
                wishes: &[REMOVALS[0], REMOVALS[1], REMOVALS[2], Wish::Remove(4)],
                reaches: const {
                    &[
                        Core::ConfigurationUndone.text(),
                        Core::ChangeNotYetInTerm.text(),
                        Mark::ChangeCommitted.text(),
                    ]
                },
                ..TERSE
            },
        ),
        scope(
            "snapshot-members",
            "a snapshot with a change of the members in it, to a voter that missed it",
            Set::Pr,
            Cluster {
                joiners: 1,
                terms: 1,
                timeouts: 1,
                entries: 4,
                changes: 1,
                wishes: &[Wish::Admit(4)],
                in_flight: 1,
                limits: Limits { compact_after_entries: 2, ..NODES.limits },
                reaches: const {
                    &[Core::Compacted.text(), Core::SnapshotInstalled.text(), Mark::ChangeCommitted.text()]
                },
                ..NODES
            },
        ),
        scope(
            "snapshot-pipelined",
            "a snapshot to a voter that is on the way to know better",
            Set::Pr,
            Cluster {
                terms: 1,
                timeouts: 1,
                writes: 2,
                in_flight: 3,
                limits: Limits { window: 2, compact_after_entries: 2, ..NODES.limits },
                reaches: const {
                    &[
                        Core::Compacted.text(),
                        Core::SnapshotInstalled.text(),
                        Core::SnapshotKeptTail.text(),
                        Core::SnapshotIgnored.text(),
                    ]
                },
                ..NODES
            },
        ),
        scope(
            "snapshot",
            "a snapshot over a conflicting tail, with a session and a change of the members in it",
            Set::Pr,
            Cluster {
                timeouts: 2,
                session: true,
                entries: 4,
                changes: 1,
                wishes: &[Wish::Admit(4), REMOVALS[0], REMOVALS[1], REMOVALS[2]],
                in_flight: 1,
                limits: Limits { compact_after_entries: 3, ..NODES.limits },
                reaches: const {
                    &[
                        Core::Compacted.text(),
                        Core::SnapshotOverTail.text(),
                        Core::SnapshotKeptTail.text(),
                        Mark::SnapshotOfAll.text(),
                        Mark::SessionOverSnapshot.text(),
                        Mark::ChangeCommitted.text(),
                    ]
                },
                ..NODES
            },
        ),
    ]
}

fn clients() -> Vec<Scope> {
    vec![
        scope(
            "sessions",
            "requests that are proposed again, under another leader and after a snapshot",
            Set::Pr,
            Cluster {
                timeouts: 2,
                session: true,
                attempts: 2,
                entries: 5,
                in_flight: 1,
                crashes: 1,
                limits: Limits { compact_after_entries: 3, ..NODES.limits },
                other_sessions: 1,
                sessions: SessionLimits { sessions_max: 1, ..NODES.sessions },
                reaches: const {
                    &[
                        Core::Retried.text(),
                        Core::SessionRefused.text(),
                        Mark::RetriedElsewhere.text(),
                        Mark::SessionOverSnapshot.text(),
                        Mark::CommitAfterCrash.text(),
                    ]
                },
                ..TERSE
            },
        ),
        scope(
            "reads",
            "reads of a leader that was deposed without knowing",
            Set::Pr,
            Cluster {
                timeouts: 2,
                entries: 2,
                reads: 2,
                duplicates: Duplicates::AtMost(1),
                reaches: const {
                    &[
                        Mark::ReadServed.text(),
                        Mark::ReadRefused.text(),
                        Mark::ReadByDeposed.text(),
                        Core::ReadNotYetInTerm.text(),
                        Core::ReadDropped.text(),
                    ]
                },
                ..TERSE
            },
        ),
        scope(
            "transfer",
            "the leader hands over",
            Set::Pr,
            Cluster {
                timeouts: 2,
                transfers: 1,
                limits: STABLE,
                reaches: const {
                    &[
                        Core::TransferSent.text(),
                        Core::TransferWon.text(),
                        Core::TransferAbandoned.text(),
                        Core::ProposalHeldBack.text(),
                    ]
                },
                ..TERSE
            },
        ),
    ]
}
