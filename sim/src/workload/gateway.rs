//! The table of a gateway, kept by the production library: at each revision that it has taken over, it must be what the log makes.

use crate::table::Table;
use cutover::client::{GateTable, Update};
use cutover::core::ids::{PartitionId, Revision};
use cutover::core::placement::Resolution;
use std::collections::BTreeSet;

/// A gateway's table, beside a watch.
#[derive(Default)]
pub(super) struct Gateway {
    table: GateTable,
    updates: u64,
}

/// Whether resolutions agree, apart from the revisions at which they were made.
fn same(one: Option<Resolution>, other: Option<Resolution>) -> bool {
    let of_no_revision = |found: Resolution| Resolution { revision: Revision::ZERO, ..found };
    one.map(of_no_revision) == other.map(of_no_revision)
}

impl Gateway {
    /// Takes an update over, and compares the table with the log's: the partition that has changed, and all of them now and then.
    pub(super) fn update(&mut self, update: &Update, log: &Table) -> Option<(String, String)> {
        self.table.update(update);
        self.updates += 1;
        let (revision, changed) = match update {
            Update::Everything { revision, .. } => (*revision, None),
            Update::Changed { partition, revision, .. } => (*revision, Some(*partition)),
        };
        if self.table.revision() != revision {
            let found = format!("has a gateway's table of {}", self.table.revision());
            return Some((found, format!("it was updated to {revision}")));
        }
        let all = changed.is_none() || self.updates.is_multiple_of(16);
        let known: BTreeSet<PartitionId> = if all {
            log.changes().iter().map(|change| change.partition).collect()
        } else {
            changed.into_iter().collect()
        };
        // A partition that has changed again may be told once, later.
        let again = log.changes().iter().rev().take_while(|change| change.revision > revision);
        let again: BTreeSet<PartitionId> = again.map(|change| change.partition).collect();
        let told =
            |partition: &PartitionId| changed.is_none_or(|of| of == *partition) || !again.contains(partition);
        known.into_iter().filter(told).find_map(|partition| self.differs(partition, revision, log))
    }

    fn differs(&self, partition: PartitionId, revision: Revision, log: &Table) -> Option<(String, String)> {
        let found = self.table.gate().resolve(partition);
        let wanted = log.record_at(partition, revision).and_then(|record| record.resolution(revision));
        (!same(found, wanted)).then(|| {
            (
                format!("has {partition} at {revision} in a gateway's table as {found:?}"),
                format!("the log says {wanted:?}"),
            )
        })
    }
}
