//! Scopes `regress/…`: small ones, each with the participants that a fixed bug needs and no other scope has. The traces of
//! these bugs are in `traces/regress/`.

use super::consensus::{NODES, STABLE, WITHOUT_HEARTBEATS};
use super::migration::{BASE, SEALED};
use super::migration_timed::{PLAIN, TIMED_TIGHT};
use crate::env::consensus::{self, ConsensusBounds, MembershipRequest};
use crate::env::migration::{Mark, MigrationBounds, SinkBounds};
use crate::protocol::Scope;
use cutover::core::fence;
use cutover::core::raft::{Mark as Core, NodeLimits};

#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn consensus() -> Vec<Scope<ConsensusBounds>> {
    vec![
        Scope::new(
            "regress/sole-voter",
            "a read that waits while the only other voter is removed",
            ConsensusBounds {
                founders: 2,
                terms: 1,
                timeouts: 1,
                writes: 0,
                entries: 2,
                reads: 1,
                changes: 1,
                membership_requests: &[MembershipRequest::Remove(1), MembershipRequest::Remove(2)],
                ..WITHOUT_HEARTBEATS
            },
        )
        .reaching([
            Core::ReadConfirmed.text(),
            consensus::Mark::ReadServed.text(),
            consensus::Mark::ChangeCommitted.text(),
        ])
        .regress(),
        Scope::new(
            "regress/lost-appends",
            "a follower whose appends are lost, and compacted away meanwhile",
            ConsensusBounds {
                terms: 1,
                timeouts: 1,
                writes: 2,
                limits: NodeLimits { compact_after_entries: 3, ..NODES.limits },
                ..NODES
            },
        )
        .reaching([Core::Compacted.text(), Core::SnapshotSent.text(), Core::SnapshotInstalled.text()])
        .regress(),
        Scope::new(
            "regress/no-live-quorum",
            "a voter is removed while another does not answer",
            ConsensusBounds {
                timeouts: 1,
                writes: 0,
                entries: 2,
                changes: 1,
                membership_requests: &[MembershipRequest::Remove(2), MembershipRequest::Remove(3)],
                limits: STABLE,
                ..WITHOUT_HEARTBEATS
            },
        )
        .reaching([Core::ChangeWithoutQuorum.text(), consensus::Mark::ChangeCommitted.text()])
        .regress(),
        Scope::new(
            "regress/silent-learner",
            "a learner that has caught up and does not answer any more",
            ConsensusBounds {
                founders: 1,
                joiners: 1,
                timeouts: 1,
                writes: 0,
                changes: 2,
                membership_requests: &[MembershipRequest::Admit(2), MembershipRequest::Promote(2)],
                limits: STABLE,
                ..WITHOUT_HEARTBEATS
            },
        )
        .reaching([Core::Promoted.text(), Core::ChangeWithoutQuorum.text(), Core::NotCaughtUp.text()])
        .regress(),
        Scope::new(
            "regress/silent-member",
            "a snapshot for a member that does not answer",
            ConsensusBounds {
                terms: 1,
                timeouts: 1,
                entries: 2,
                loses_old: false,
                limits: NodeLimits { compact_after_entries: 2, ..NODES.limits },
                ..NODES
            },
        )
        .reaching([Core::Compacted.text(), Core::SnapshotSent.text(), Core::SnapshotInstalled.text()])
        .regress(),
    ]
}

#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn migration() -> Vec<Scope<MigrationBounds>> {
    let remembers =
        |sessions_max| SinkBounds { limits: fence::FenceLimits { sessions_max, ..SEALED.limits }, ..SEALED };
    vec![
        Scope::new(
            "regress/sessions",
            "a session that its sink has forgotten, moved: what was forgotten stays forgotten",
            MigrationBounds {
                sinks: [remembers(2); 2],
                gateways: 1,
                attempts: 2,
                gated: 2,
                shared_session: false,
                aborts: false,
                ..BASE
            },
        )
        .reaching([Mark::Completed, Mark::WriteForgotten])
        .regress(),
        Scope::new(
            "regress/stores",
            "from a store that seals to one that enforces nothing, and back",
            MigrationBounds { sinks: [SEALED, PLAIN], gateways: 1, controllers: 0, migrations: 2, ..BASE },
        )
        .reaching([Mark::Completed, Mark::StaleCacheRefused])
        .regress(),
        Scope::new(
            "regress/debt",
            "a forced move away from a store that enforces nothing, whose copy is dropped",
            MigrationBounds {
                sinks: [PLAIN, SEALED],
                gateways: 0,
                attempts: 0,
                controllers: 1,
                forces: 1,
                drops: true,
                aborts: false,
                replaces: false,
                ..TIMED_TIGHT
            },
        )
        .reaching([Mark::Forced, Mark::Settled, Mark::Dropped])
        .regress(),
        Scope::new(
            "regress/debt-back",
            "a forced move away from a store that enforces nothing, after the wait for its writes, and back",
            MigrationBounds {
                sinks: [PLAIN, SEALED],
                gateways: 0,
                attempts: 0,
                controllers: 1,
                migrations: 2,
                forces: 1,
                aborts: false,
                replaces: false,
                forgetful: true,
                ..TIMED_TIGHT
            },
        )
        .reaching([Mark::Waited, Mark::Forced])
        .regress(),
        Scope::new(
            "regress/late-write",
            "a write under way to a store that cannot refuse it, away from which the partition is forced, and back",
            MigrationBounds { sinks: [PLAIN, SEALED], gateways: 1, controllers: 0, migrations: 2, forces: 1, aborts: false, ..BASE },
        )
        .reaching([Mark::Forced, Mark::LeftBehind])
        .regress(),
        Scope::new(
            "regress/late-write-of-a-life",
            "a write under way to a store that cannot refuse it, where the partition is deleted and created again",
            MigrationBounds {
                gateways: 1,
                controllers: 1,
                migrations: 0,
                creations: 1,
                drops: true,
                aborts: false,
                replaces: false,
                ..TIMED_TIGHT
            },
        )
        .reaching([Mark::Dropped, Mark::CreatedAgain, Mark::Expired])
        .regress(),
        Scope::new(
            "regress/takeover",
            "a controller that takes over, and does not know whether the source is sealed",
            MigrationBounds {
                gateways: 1,
                attempts: 2,
                aborts: false,
                polls: true,
                takeovers: 1,
                ..BASE
            },
        )
        .reaching([Mark::TakenOver, Mark::SealThenAbort, Mark::Completed])
        .regress(),
        Scope::new(
            "regress/returned-target",
            "a target that comes back without its state before it is prepared",
            MigrationBounds { gateways: 1, aborts: false, migrations: 2, wipes: 1, ..BASE },
        )
        .reaching([Mark::Wiped, Mark::Completed])
        .regress(),
        Scope::new(
            "regress/restore",
            "the log is restored from an earlier state, and a migration was in flight in it",
            MigrationBounds { gateways: 1, forces: 1, restores: 1, ..BASE },
        )
        .reaching([
            Mark::Restored,
            Mark::Resumed,
            Mark::KeptSource,
            Mark::AcceptedTarget,
            Mark::Completed,
            Mark::Settled,
        ])
        .regress(),
        Scope::new(
            "regress/gate",
            "writes through the gate over a watched table, to a store that seals and to one that enforces nothing",
            MigrationBounds {
                sinks: [SEALED, PLAIN],
                gateways: 0,
                attempts: 0,
                gated: 1,
                controllers: 0,
                migrations: 2,
                ..BASE
            },
        )
        .reaching([Mark::GateSent, Mark::GateRefused, Mark::Completed])
        .regress(),
    ]
}
