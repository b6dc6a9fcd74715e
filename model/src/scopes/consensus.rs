//! Logs, elections, reads and sessions around the nodes of the control plane, and the bounds that these scopes have in common.

use crate::env::consensus::{ConsensusBounds, Duplicates, Mark, Wish};
use crate::protocol::Scope;
use cutover::core::raft::{Elections, Mark as Core, NodeLimits, SessionLimits};

/// What the bounds have in common; each scope says what it adds.
pub(super) const NODES: ConsensusBounds = ConsensusBounds {
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
    limits: NodeLimits {
        elections: Elections::Plain,
        window: 1,
        append_entries_max: 1,
        compact_after_entries: u64::MAX,
        keep_entries: 0,
        ..NodeLimits::PRODUCTION
    },
    sessions: SessionLimits { sessions_max: 2, answers_max: 4 },
    symmetric: true,
};

/// Pre-vote, check-quorum and stickiness.
pub(super) const STABLE: NodeLimits = NodeLimits { elections: Elections::Stable, ..NODES.limits };

/// Everybody speaks only when there is something to say: what was lost is not sent again.
pub(super) const TERSE: ConsensusBounds = ConsensusBounds { heartbeats: false, ..NODES };

/// Nothing is lost that may still matter, everything arrives again, and disks lag behind.
pub(super) const WHOLE: ConsensusBounds = ConsensusBounds {
    loses_old: false,
    heartbeats: true,
    duplicates: Duplicates::Unbounded,
    lingers: true,
    ..NODES
};

pub(super) const REMOVALS: [Wish; 3] = [Wish::Remove(1), Wish::Remove(2), Wish::Remove(3)];

pub(super) fn logs() -> Vec<Scope<ConsensusBounds>> {
    vec![
        Scope::new(
            "election",
            "who leads, with pre-vote, check-quorum and stickiness",
            ConsensusBounds { timeouts: 2, entries: 2, in_flight: 4, crashes: 1, limits: STABLE, ..TERSE },
        )
        .reaching([
            Core::PreVoteWon.text(),
            Core::QuorumLost.text(),
            Mark::LeaderFirst.text(),
            Mark::LeaderSecond.text(),
            Mark::CrashLost.text(),
            Mark::CommitAfterCrash.text(),
        ]),
        Scope::new(
            "replication",
            "conflicting logs, and what is committed of them",
            ConsensusBounds { terms: 3, writes: 2, entries: 2, crashes: 1, ..TERSE },
        )
        .reaching([
            Mark::LeaderFirst.text(),
            Mark::LeaderSecond.text(),
            Mark::LeaderThird.text(),
            Mark::CrashKept.text(),
            Mark::CommitAfterCrash.text(),
            Core::Truncated.text(),
            Core::ProposalLost.text(),
        ]),
        Scope::new(
            "replication-exhaustive",
            "one at a time on the network, but nothing is lost that may still matter, and all of it \
             arrives again",
            ConsensusBounds { entries: 2, in_flight: 1, crashes: 1, lingers: false, ..WHOLE },
        )
        .reaching([Mark::LeaderSecond.text(), Mark::CommitAfterCrash.text(), Core::Truncated.text()]),
        Scope::new(
            "replication-slow-disk",
            "nodes that go on while a batch is not durable yet",
            ConsensusBounds { writes: 0, entries: 1, in_flight: 1, crashes: 1, ..WHOLE },
        )
        .reaching([
            Mark::LeaderSecond.text(),
            Mark::CrashLost.text(),
            Mark::CrashKept.text(),
            Mark::CommitAfterCrash.text(),
        ]),
        Scope::new(
            "figure8",
            "an entry of an older term on a quorum",
            ConsensusBounds { terms: 4, writes: 2, entries: 2, ..TERSE },
        )
        .reaching([
            Mark::LeaderThird.text(),
            Mark::LeaderFourth.text(),
            Core::OldTermNotCounted.text(),
            Core::Truncated.text(),
        ]),
    ]
}

pub(super) fn clients() -> Vec<Scope<ConsensusBounds>> {
    vec![
        Scope::new(
            "sessions",
            "requests that are proposed again, under another leader and after a snapshot",
            ConsensusBounds {
                timeouts: 2,
                session: true,
                attempts: 2,
                entries: 5,
                in_flight: 1,
                crashes: 1,
                limits: NodeLimits { compact_after_entries: 3, ..NODES.limits },
                other_sessions: 1,
                sessions: SessionLimits { sessions_max: 1, ..NODES.sessions },
                ..TERSE
            },
        )
        .reaching([
            Core::Retried.text(),
            Core::SessionRefused.text(),
            Mark::RetriedElsewhere.text(),
            Mark::SessionOverSnapshot.text(),
            Mark::CommitAfterCrash.text(),
        ]),
        Scope::new(
            "reads",
            "reads of a leader that was deposed without knowing",
            ConsensusBounds { timeouts: 2, entries: 2, reads: 2, duplicates: Duplicates::AtMost(1), ..TERSE },
        )
        .reaching([
            Mark::ReadServed.text(),
            Mark::ReadRefused.text(),
            Mark::ReadByDeposed.text(),
            Core::ReadNotYetInTerm.text(),
            Core::ReadDropped.text(),
        ]),
        Scope::new(
            "transfer",
            "the leader hands over",
            ConsensusBounds { timeouts: 2, transfers: 1, limits: STABLE, ..TERSE },
        )
        .reaching([
            Core::TransferSent.text(),
            Core::TransferWon.text(),
            Core::TransferAbandoned.text(),
            Core::ProposalHeldBack.text(),
        ]),
    ]
}
