//! Scopes `nightly/…`: those that take longer than a minute. Around nodes, only obsolete messages are dropped,
//! messages may arrive any number of times, and disks lag behind where a crash makes that visible.

use super::composed::{self, WRITES};
use super::consensus::{JOIN_OR_LEAVE, NODES, REMOVALS, STABLE, UNREDUCED};
use super::migration::{BASE, PARTS, SEALED};
use super::migration_timed::TIMED;
use crate::env::composed::{ACROSS, ComposedBounds};
use crate::env::consensus::{ConsensusBounds, MembershipRequest};
use crate::env::migration::{Kind, Mark, MigrationBounds, SinkBounds};
use crate::protocol::Scope;
use cutover::core::fence;
use cutover::core::migration::Policy;
use cutover::core::raft::{Elections, NodeLimits};

#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn migration() -> Vec<Scope<MigrationBounds>> {
    vec![
        Scope::new(
            "nightly/there-again",
            "a partition moves there, back and there again, with cached reads",
            MigrationBounds { migrations: 3, stale_reads: true, ..BASE },
        )
        .reaching([Mark::ThereAndBack, Mark::ThereAgain])
        .nightly(),
        Scope::new(
            "nightly/each-commit",
            "forced moves and dropped copies, with every commit at any time, also those that take nothing away",
            MigrationBounds {
                gateways: 1,
                migrations: 2,
                forces: 1,
                drops: true,
                stale_reads: true,
                at_once: false,
                ..BASE
            },
        )
        .reaching([Mark::Forced, Mark::Settled, Mark::Dropped, Mark::Forgotten, Mark::ThereAndBack])
        .nightly(),
        Scope::new(
            "nightly/admission",
            "two gateways' writes wait at the sink between admission and effect; moves there and back",
            MigrationBounds { migrations: 2, attempts: 2, admission: true, ..BASE },
        )
        .reaching([Mark::RefusedAtApply, Mark::ThereAndBack])
        .nightly(),
        Scope::new(
            "nightly/reads",
            "two gateways, a strong and a cached reader, dropped copies; moves there and back",
            MigrationBounds {
                migrations: 2,
                readers: 1,
                reads_each: 1,
                stale_reads: true,
                drops: true,
                ..BASE
            },
        )
        .reaching([Mark::ReadAtTarget, Mark::Forgotten, Mark::ThereAndBack])
        .nightly(),
        Scope::new(
            "nightly/crash",
            "two crashes, retries and a strong reader; moves there and back",
            MigrationBounds {
                gateways: 1,
                migrations: 2,
                attempts: 2,
                unsynced: true,
                crashes: 2,
                readers: 1,
                reads_each: 1,
                drops: true,
                ..BASE
            },
        )
        .reaching([Mark::CrashLost, Mark::ThereAndBack, Mark::ReadAtTarget])
        .nightly(),
        Scope::new(
            "nightly/force",
            "two gateways; forced moves there and back, with dropped copies, lost disks and cached reads",
            MigrationBounds { migrations: 2, forces: 2, wipes: 1, drops: true, stale_reads: true, ..BASE },
        )
        .reaching([Mark::Forced, Mark::LeftBehind, Mark::Settled, Mark::Wiped])
        .nightly(),
        Scope::new(
            "nightly/moves",
            "two gateways; a partition moves there and back; writes and retries may use any stale cache",
            MigrationBounds { migrations: 2, attempts: 2, ..BASE },
        )
        .reaching([Mark::ThereAndBack, Mark::RetryOnceAcross])
        .nightly(),
        Scope::new(
            "nightly/force-back",
            "forced moves there and back, with retries, debts, dropped copies and cached reads",
            MigrationBounds {
                gateways: 1,
                migrations: 2,
                forces: 2,
                attempts: 2,
                drops: true,
                stale_reads: true,
                ..BASE
            },
        )
        .reaching([Mark::ForcedBack, Mark::LeftBehind, Mark::Settled, Mark::Dropped])
        .nightly(),
        Scope::new(
            "nightly/gateways-crash",
            "two gateways; a sink crashes and loses what was not synced",
            MigrationBounds { migrations: 2, unsynced: true, crashes: 1, ..BASE },
        )
        .reaching([Mark::CrashLost, Mark::ThereAndBack])
        .nightly(),
        Scope::new(
            "nightly/parts",
            "copies made of several chunks, with changes in between, in three moves",
            MigrationBounds { migrations: 3, ..PARTS },
        )
        .reaching([Mark::InParts, Mark::ThereAgain])
        .nightly(),
        Scope::new(
            "nightly/parts-writes",
            "copies made of several chunks, with three writes, in two moves",
            MigrationBounds {
                migrations: 2,
                writes_each: 3,
                mutations: &[Kind::Put(0), Kind::Delete(1), Kind::Put(1)],
                ..PARTS
            },
        )
        .reaching([Mark::InParts, Mark::ThereAndBack])
        .nightly(),
        Scope::new(
            "nightly/parts-crash",
            "copies made of several chunks, at stores that crash, in two moves",
            MigrationBounds { migrations: 2, unsynced: true, crashes: 1, trims: 1, ..PARTS },
        )
        .reaching([Mark::InParts, Mark::CrashLost, Mark::Stuck])
        .nightly(),
        Scope::new(
            "nightly/parts-trimmed",
            "a source forgets changes that a copy in the making needs, with late replies of the migration before",
            MigrationBounds {
                migrations: 2,
                writes_each: 1,
                trims: 1,
                aborts: false,
                policy: Policy { lag_writes_max: Some(0), ..Policy::PRODUCTION },
                ..PARTS
            },
        )
        .reaching([Mark::Stuck, Mark::InParts, Mark::Completed])
        .nightly(),
        Scope::new(
            "nightly/parts-damaged",
            "a chunk loses something on the way, with late replies of the migration before",
            MigrationBounds { migrations: 2, damages: 1, overlooks_digest: false, ..PARTS },
        )
        .reaching([Mark::Damaged, Mark::DigestRefused, Mark::Completed])
        .nightly(),
        Scope::new(
            "nightly/copy",
            "three writes in chunks of up to three, with polls, and sinks that forget old write ids",
            MigrationBounds {
                gateways: 1,
                writes_each: 3,
                attempts: 2,
                chunk_limits: &[1, 3],
                polls: true,
                sinks: [SinkBounds {
                    limits: fence::FenceLimits {
                        sessions_max: 1,
                        writes_per_session_max: 2,
                        chunk_items_max: 3,
                        ..SEALED.limits
                    },
                    ..SEALED
                }; 2],
                policy: Policy { lag_writes_max: Some(0), ..Policy::PRODUCTION },
                ..BASE
            },
        )
        .reaching([Mark::WriteForgotten, Mark::GapRefused, Mark::Completed])
        .nightly(),
        Scope::new(
            "nightly/timed",
            "sinks that cannot seal: two gateways, two migrations, without under-approximation",
            MigrationBounds { migrations: 2, ..TIMED },
        )
        .reaching([Mark::Waited, Mark::WaitLost, Mark::Expired, Mark::Completed])
        .nightly(),
    ]
}
/// Only one message is in flight at a time; further messages are lost. Nodes crash between
/// steps, or after a batch is persisted and before the messages that wait for it are sent.
const SINGLE: ConsensusBounds = ConsensusBounds { in_flight: 1, lingers: false, ..UNREDUCED };

const SNAPSHOTS: NodeLimits = NodeLimits { compact_after_entries: 3, ..NODES.limits };

pub(super) fn consensus() -> Vec<Scope<ConsensusBounds>> {
    logs().into_iter().chain(members()).chain(clients()).collect()
}

fn logs() -> Vec<Scope<ConsensusBounds>> {
    vec![
        Scope::new(
            "nightly/election",
            "leader election with pre-vote, check-quorum and stickiness",
            ConsensusBounds { timeouts: 2, entries: 2, in_flight: 2, crashes: 1, limits: STABLE, ..SINGLE },
        )
        .nightly(),
        Scope::new(
            "nightly/replication",
            "conflicting logs, and which of their entries are committed",
            ConsensusBounds { terms: 3, writes: 2, entries: 3, crashes: 1, ..SINGLE },
        )
        .nightly(),
        Scope::new(
            "nightly/replication-slow-disk",
            "nodes continue before a batch is durable",
            ConsensusBounds { entries: 2, in_flight: 1, crashes: 1, ..UNREDUCED },
        )
        .nightly(),
        Scope::new(
            "nightly/figure8",
            "an entry of an older term on a quorum (Raft, figure 8)",
            ConsensusBounds { terms: 4, writes: 2, entries: 3, ..SINGLE },
        )
        .nightly(),
    ]
}

fn members() -> Vec<Scope<ConsensusBounds>> {
    vec![
        Scope::new(
            "nightly/membership",
            "a node joins and is promoted; another leaves, possibly the leader",
            ConsensusBounds {
                joiners: 1,
                timeouts: 2,
                writes: 0,
                entries: 4,
                changes: 2,
                membership_requests: JOIN_OR_LEAVE,
                ..SINGLE
            },
        )
        .nightly(),
        Scope::new(
            "nightly/rivals",
            "two leaders in a cluster of four, each with its own membership change",
            ConsensusBounds {
                founders: 4,
                timeouts: 2,
                writes: 0,
                entries: 2,
                changes: 2,
                membership_requests: &[REMOVALS[0], REMOVALS[1], REMOVALS[2], MembershipRequest::Remove(4)],
                in_flight: 2,
                ..SINGLE
            },
        )
        .nightly(),
        Scope::new(
            "nightly/snapshot",
            "a snapshot with a session and a membership change replaces a conflicting log tail",
            ConsensusBounds {
                timeouts: 2,
                writes: 2,
                session: true,
                entries: 4,
                changes: 1,
                membership_requests: &[MembershipRequest::Admit(4), REMOVALS[0], REMOVALS[1], REMOVALS[2]],
                limits: SNAPSHOTS,
                ..SINGLE
            },
        )
        .nightly(),
    ]
}

fn clients() -> Vec<Scope<ConsensusBounds>> {
    vec![
        Scope::new(
            "nightly/sessions",
            "requests are proposed again, under another leader and after a snapshot",
            ConsensusBounds {
                timeouts: 2,
                session: true,
                attempts: 2,
                entries: 5,
                crashes: 1,
                limits: SNAPSHOTS,
                ..SINGLE
            },
        )
        .nightly(),
        Scope::new(
            "nightly/deposed",
            "reads at a leader that was deposed and does not know it",
            ConsensusBounds { timeouts: 2, entries: 2, reads: 2, in_flight: 2, ..SINGLE },
        )
        .nightly(),
        Scope::new(
            "nightly/transfer",
            "leadership transfer",
            ConsensusBounds { timeouts: 2, transfers: 1, crashes: 1, limits: STABLE, ..SINGLE },
        )
        .nightly(),
        Scope::new(
            "nightly/everything",
            "all features at once: pre-vote, snapshots, sessions, reads, a leadership transfer, a membership change",
            ConsensusBounds {
                timeouts: 1,
                session: true,
                entries: 3,
                reads: 1,
                transfers: 1,
                changes: 1,
                membership_requests: &REMOVALS,
                limits: NodeLimits { elections: Elections::Stable, compact_after_entries: 2, ..NODES.limits },
                ..SINGLE
            },
        )
        .nightly(),
    ]
}

pub(super) fn composed() -> Vec<Scope<ComposedBounds>> {
    vec![
        Scope::new(
            "nightly/composed",
            "a migration whose commands go through the nodes' replicated log",
            ComposedBounds {
                nodes: ConsensusBounds { timeouts: 1, writes: 0, entries: 8, ..SINGLE },
                sinks: WRITES,
                begun: false,
            },
        )
        .reaching([ACROSS])
        .nightly(),
        Scope::new(
            "nightly/composed-reads",
            "a migration through the replicated log, with writes and a strong read, which asks the nodes first",
            ComposedBounds {
                nodes: ConsensusBounds { reads: 1, ..composed::NODES },
                sinks: MigrationBounds { readers: 1, reads_each: 1, aborts: false, ..WRITES },
                begun: false,
            },
        )
        .reaching([ACROSS])
        .nightly(),
    ]
}
