//! Scopes whose names begin with `membership` or `snapshot`: nodes join, leave, lose their disks or receive
//! snapshots.

use super::consensus::{JOIN_OR_LEAVE, NODES, REMOVALS, WITHOUT_HEARTBEATS};
use crate::env::consensus::{ConsensusBounds, Mark, MembershipRequest};
use crate::protocol::Scope;
use cutover::core::raft::{Mark as Core, NodeLimits};

#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn all() -> Vec<Scope<ConsensusBounds>> {
    vec![
        Scope::new(
            "membership",
            "a node joins and is promoted; another leaves, possibly the leader",
            ConsensusBounds {
                joiners: 1,
                terms: 3,
                timeouts: 3,
                writes: 0,
                entries: 4,
                changes: 2,
                membership_requests: JOIN_OR_LEAVE,
                in_flight: 1,
                crashes: 1,
                ..WITHOUT_HEARTBEATS
            },
        )
        .reaching([
            Core::LeaderRemoved.text(),
            Core::ConfigurationUndone.text(),
            Core::ChangeNotYetInTerm.text(),
            Core::ChangeInProgress.text(),
            Core::NotCaughtUp.text(),
            Mark::ChangeCommitted.text(),
            Mark::Joined.text(),
        ]),
        Scope::new(
            "membership-join",
            "a node with an empty disk joins, catches up and votes",
            ConsensusBounds {
                joiners: 1,
                terms: 1,
                timeouts: 1,
                writes: 0,
                entries: 4,
                changes: 2,
                membership_requests: &[MembershipRequest::Admit(4), MembershipRequest::Promote(4)],
                in_flight: 1,
                ..NODES
            },
        )
        .reaching([Core::Promoted.text(), Core::NotCaughtUp.text(), Mark::Joined.text()]),
        Scope::new(
            "membership-wiped",
            "a voter loses its disk and returns under the same name",
            ConsensusBounds { timeouts: 3, entries: 2, wipes: 1, ..WITHOUT_HEARTBEATS },
        )
        .reaching([Mark::Wiped.text(), Mark::LeaderSecond.text()]),
        Scope::new(
            "membership-outsider",
            "a removed node that does not know it, and sends whatever it likes; a node that was never admitted does the same",
            ConsensusBounds {
                joiners: 1,
                terms: 3,
                timeouts: 3,
                writes: 0,
                entries: 3,
                changes: 1,
                membership_requests: &REMOVALS,
                in_flight: 1,
                forges: true,
                ..WITHOUT_HEARTBEATS
            },
        )
        .reaching([Core::OutsiderDropped.text(), Core::NotAsked.text(), Core::TermLeap.text()]),
        Scope::new(
            "membership-stale-voter",
            "a voter that was cut off while a fourth node joined, and hears of it from that node as the leader",
            ConsensusBounds {
                joiners: 1,
                terms: 2,
                timeouts: 2,
                writes: 0,
                entries: 4,
                changes: 2,
                membership_requests: &[MembershipRequest::Admit(4), MembershipRequest::Promote(4)],
                in_flight: 3,
                ..WITHOUT_HEARTBEATS
            },
        )
        .reaching([Core::NewerHeard.text(), Mark::Joined.text()]),
        Scope::new(
            "membership-replaced",
            "a voter loses its disk, is removed, and is admitted again with its new data directory",
            ConsensusBounds {
                founders: 2,
                timeouts: 2,
                entries: 6,
                changes: 3,
                membership_requests: &[
                    REMOVALS[0],
                    REMOVALS[1],
                    MembershipRequest::Admit(1),
                    MembershipRequest::Admit(2),
                    MembershipRequest::Promote(1),
                    MembershipRequest::Promote(2),
                ],
                in_flight: 2,
                wipes: 1,
                forges: true,
                ..WITHOUT_HEARTBEATS
            },
        )
        .reaching([Mark::Wiped.text(), Mark::Joined.text(), Core::Promoted.text()]),
        Scope::new(
            "membership-rivals",
            "two leaders in a cluster of four, each with its own membership change",
            ConsensusBounds {
                founders: 4,
                timeouts: 2,
                writes: 0,
                changes: 2,
                membership_requests: &[REMOVALS[0], REMOVALS[1], REMOVALS[2], MembershipRequest::Remove(4)],
                ..WITHOUT_HEARTBEATS
            },
        )
        .reaching([
            Core::ConfigurationUndone.text(),
            Core::ChangeNotYetInTerm.text(),
            Mark::ChangeCommitted.text(),
        ]),
        Scope::new(
            "snapshot-members",
            "a snapshot that contains a membership change, for a voter that missed the change",
            ConsensusBounds {
                joiners: 1,
                terms: 1,
                timeouts: 1,
                entries: 4,
                changes: 1,
                membership_requests: &[MembershipRequest::Admit(4)],
                in_flight: 1,
                limits: NodeLimits { compact_after_entries: 2, ..NODES.limits },
                ..NODES
            },
        )
        .reaching([
            Core::Compacted.text(),
            Core::SnapshotInstalled.text(),
            Mark::ChangeCommitted.text(),
        ]),
        Scope::new(
            "snapshot-pipelined",
            "a snapshot for a voter whose log may be ahead of it by the time it arrives",
            ConsensusBounds {
                terms: 1,
                timeouts: 1,
                writes: 2,
                in_flight: 3,
                limits: NodeLimits { window: 2, compact_after_entries: 2, ..NODES.limits },
                ..NODES
            },
        )
        .reaching([
            Core::Compacted.text(),
            Core::SnapshotInstalled.text(),
            Core::SnapshotKeptTail.text(),
            Core::SnapshotIgnored.text(),
        ]),
        Scope::new(
            "snapshot",
            "a snapshot with a session and a membership change replaces a conflicting log tail",
            ConsensusBounds {
                timeouts: 2,
                session: true,
                entries: 4,
                changes: 1,
                membership_requests: &[MembershipRequest::Admit(4), REMOVALS[0], REMOVALS[1], REMOVALS[2]],
                in_flight: 1,
                limits: NodeLimits { compact_after_entries: 3, ..NODES.limits },
                ..NODES
            },
        )
        .reaching([
            Core::Compacted.text(),
            Core::SnapshotOverTail.text(),
            Core::SnapshotKeptTail.text(),
            Mark::SnapshotOfAll.text(),
            Mark::SessionOverSnapshot.text(),
            Mark::ChangeCommitted.text(),
        ]),
    ]
}
