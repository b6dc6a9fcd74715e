//! The table: what it holds, and what it tells of itself.

use crate::command::{Change, Guarantee};
use crate::record::Record;
use cutover::core::ids::{Epoch, Index, PartitionId, Placement, Revision};
use std::collections::BTreeMap;

/// How many audit entries are kept.
pub const AUDIT_MAX: usize = 1_024;

/// The limits of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Migrations in flight with one placement.
    pub migrations_per_placement: usize,
    /// Migrations in flight.
    pub migrations_overall: usize,
    /// Partitions, deleted ones with old copies included.
    pub partitions: usize,
    /// Old copies of one partition.
    pub old_copies: usize,
}

/// What an audit finds of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// Where it is in the log.
    pub index: Index,
    /// The partition's epoch after it.
    pub epoch: Epoch,
    /// The name of the partition.
    pub name: Option<String>,
    /// The partition.
    pub partition: PartitionId,
    /// The change.
    pub change: Change,
    /// Whether it rests on what somebody reported.
    pub reported: bool,
    /// The operator who answers for it, and why.
    pub responsible: Option<(String, String)>,
}

/// The state that the rules are about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// The limits.
    pub limits: Limits,
    /// A record for each partition that is listed.
    pub records: BTreeMap<PartitionId, Record>,
    /// The partition of each name.
    pub names: BTreeMap<String, PartitionId>,
    /// The newest entries of the audit, oldest first.
    pub audit: Vec<AuditEntry>,
    /// The index of the last change.
    pub revision: Revision,
}

/// Where reads go, where writes go, the epoch, the guarantee, and the revision of all that.
pub type Resolution = (Placement, Option<Placement>, Epoch, Guarantee, Revision);

impl Table {
    /// A table without partitions.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let (records, names, audit) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { limits, records, names, audit, revision: Revision::ZERO }
    }

    /// The number of migrations in flight, at a placement or overall.
    #[must_use]
    pub fn migrations(&self, at: Option<Placement>) -> usize {
        // T11
        let ends = |record: &Record| {
            let placed = record.placed?;
            Some((placed.owner, placed.flight?.to))
        };
        let touches = |(from, to): &(Placement, Placement)| at.is_none_or(|at| at == *from || at == *to);
        self.records.values().filter_map(ends).filter(touches).count()
    }

    /// The name of a partition.
    #[must_use]
    pub fn name(&self, partition: PartitionId) -> Option<String> {
        self.names.iter().find(|(_, named)| **named == partition).map(|(name, _)| name.clone())
    }

    /// What a gateway is told of a partition: where its reads and its writes go, under which epoch, and what its store promises.
    #[must_use]
    pub fn resolution(&self, partition: PartitionId) -> Option<Resolution> {
        let record = self.records.get(&partition)?;
        let placed = record.placed?;
        // T36
        let writes = (!placed.flight.is_some_and(|flight| flight.cutover)).then_some(placed.owner);
        Some((placed.owner, writes, record.epoch, placed.guarantee, self.revision))
    }
}
