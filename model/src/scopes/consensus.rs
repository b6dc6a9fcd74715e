//! Scopes around nodes: logs, elections, reads and sessions. Also the bounds that all scopes around nodes start
//! from.

use crate::env::consensus::{ConsensusBounds, Duplicates, Mark, MembershipRequest};
use crate::protocol::Scope;
use cutover::core::raft::{Elections, Mark as Core, NodeLimits, SessionLimits};

/// The bounds that all scopes around nodes start from; a scope states the fields that differ.
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
    calls: false,
    reads: 0,
    transfers: 0,
    changes: 0,
    membership_requests: &[],
    in_flight: 2,
    duplicates: Duplicates::AtMost(0),
    crashes: 0,
    lingers: false,
    wipes: 0,
    forges: false,
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
    world: None,
    symmetric: true,
};

/// Elections with pre-vote, check-quorum and stickiness.
pub(super) const STABLE: NodeLimits = NodeLimits { elections: Elections::Stable, ..NODES.limits };

/// Without heartbeats: a lost message is not sent again.
pub(super) const WITHOUT_HEARTBEATS: ConsensusBounds = ConsensusBounds { heartbeats: false, ..NODES };

/// Without the reductions: only obsolete messages are dropped, messages may arrive any number of times, and disks
/// lag behind.
pub(super) const UNREDUCED: ConsensusBounds = ConsensusBounds {
    loses_old: false,
    heartbeats: true,
    duplicates: Duplicates::Unbounded,
    lingers: true,
    ..NODES
};

pub(super) const REMOVALS: [MembershipRequest; 3] =
    [MembershipRequest::Remove(1), MembershipRequest::Remove(2), MembershipRequest::Remove(3)];

/// A fourth node may join and be promoted; each founder may leave.
pub(super) const JOIN_OR_LEAVE: &[MembershipRequest] =
    &[MembershipRequest::Admit(4), MembershipRequest::Promote(4), REMOVALS[0], REMOVALS[1], REMOVALS[2]];

pub(super) fn logs() -> Vec<Scope<ConsensusBounds>> {
    vec![
        Scope::new(
            "election",
            "leader election with pre-vote, check-quorum and stickiness",
            ConsensusBounds { timeouts: 2, entries: 2, in_flight: 4, crashes: 1, limits: STABLE, ..WITHOUT_HEARTBEATS },
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
            "conflicting logs, and which of their entries are committed",
            ConsensusBounds { terms: 3, writes: 2, entries: 2, crashes: 1, ..WITHOUT_HEARTBEATS },
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
            "one message in flight, but only obsolete ones are dropped, and each may arrive any number of times",
            ConsensusBounds { entries: 2, in_flight: 1, crashes: 1, lingers: false, ..UNREDUCED },
        )
        .reaching([Mark::LeaderSecond.text(), Mark::CommitAfterCrash.text(), Core::Truncated.text()]),
        Scope::new(
            "replication-slow-disk",
            "nodes continue before a batch is durable",
            ConsensusBounds { writes: 0, entries: 1, in_flight: 1, crashes: 1, ..UNREDUCED },
        )
        .reaching([
            Mark::LeaderSecond.text(),
            Mark::CrashLost.text(),
            Mark::CrashKept.text(),
            Mark::CommitAfterCrash.text(),
        ]),
        Scope::new(
            "figure8",
            "an entry of an older term on a quorum (Raft, figure 8)",
            ConsensusBounds { terms: 4, writes: 2, entries: 2, ..WITHOUT_HEARTBEATS },
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
            "requests are proposed again, under another leader and after a snapshot",
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
                ..WITHOUT_HEARTBEATS
            },
        )
        .reaching([
            Core::Retried.text(),
            Core::SessionRefused.text(),
            Mark::RetriedElsewhere.text(),
            Mark::SessionOverSnapshot.text(),
            Mark::CommitAfterCrash.text(),
        ]),
        calls(),
        Scope::new(
            "reads",
            "reads at a leader that was deposed and does not know it",
            ConsensusBounds {
                timeouts: 2,
                entries: 2,
                reads: 2,
                duplicates: Duplicates::AtMost(1),
                ..WITHOUT_HEARTBEATS
            },
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
            "leadership transfer",
            ConsensusBounds { timeouts: 2, transfers: 1, limits: STABLE, ..WITHOUT_HEARTBEATS },
        )
        .reaching([
            Core::TransferSent.text(),
            Core::TransferWon.text(),
            Core::TransferAbandoned.text(),
            Core::ProposalHeldBack.text(),
        ]),
    ]
}

fn calls() -> Scope<ConsensusBounds> {
    Scope::new(
        "calls",
        "a request under a session and one without: attempts are lost, refused and delayed, and deadlines pass",
        ConsensusBounds {
            founders: 1,
            terms: 2,
            session: true,
            writes: 2,
            attempts: 2,
            calls: true,
            entries: 7,
            crashes: 1,
            lingers: true,
            ..WITHOUT_HEARTBEATS
        },
    )
    .reaching([
        Core::Retried.text(),
        Mark::CallNotDone.text(),
        Mark::LateArrival.text(),
        Mark::CommitAfterCrash.text(),
    ])
}
