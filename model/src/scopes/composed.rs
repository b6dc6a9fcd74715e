//! Scopes around nodes and sinks: `composed` and `composed-reads`.

use super::consensus::WITHOUT_HEARTBEATS;
use super::migration::BASE;
use crate::env::composed::{ACROSS, ComposedBounds};
use crate::env::consensus::{self, ConsensusBounds};
use crate::env::migration::{self, MigrationBounds};
use crate::protocol::Scope;
use cutover::core::raft::Mark as Core;

/// Four entries are in the log at the start: that of the first term, the creation of the partition, its opening and the begin of
/// the migration. The migration and a second term add four.
pub(super) const NODES: ConsensusBounds =
    ConsensusBounds { timeouts: 1, writes: 0, entries: 8, in_flight: 1, ..WITHOUT_HEARTBEATS };

/// One gateway with one write and one retry.
pub(super) const WRITES: MigrationBounds = MigrationBounds { gateways: 1, attempts: 2, ..BASE };

pub(super) fn all() -> Vec<Scope<ComposedBounds>> {
    let reads =
        MigrationBounds { gateways: 1, attempts: 0, readers: 1, reads_each: 1, aborts: false, ..BASE };
    vec![
        Scope::new(
            "composed",
            "a migration whose commands go through the nodes' replicated log",
            ComposedBounds { nodes: NODES, sinks: WRITES, begun: true },
        )
        .reaching([
            ACROSS,
            migration::Mark::Completed.text(),
            migration::Mark::SealThenAbort.text(),
            migration::Mark::SealRefusedThenApplied.text(),
            migration::Mark::RetryOnceAcross.text(),
            migration::Mark::StaleControllerRefused.text(),
            consensus::Mark::LeaderSecond.text(),
            Core::ProposalLost.text(),
            Core::Truncated.text(),
        ]),
        Scope::new(
            "composed-reads",
            "a migration through the replicated log, with a strong read, which asks the nodes first",
            ComposedBounds { nodes: ConsensusBounds { reads: 1, ..NODES }, sinks: reads, begun: true },
        )
        .reaching([
            ACROSS,
            migration::Mark::Completed.text(),
            migration::Mark::ReadAtTarget.text(),
            consensus::Mark::ReadServed.text(),
            consensus::Mark::ReadByDeposed.text(),
            Core::ReadDropped.text(),
        ]),
    ]
}
