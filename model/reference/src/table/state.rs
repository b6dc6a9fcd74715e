//! The table: what it holds, and what it tells of itself.

use crate::stores::Asked;
use crate::table::command::{Change, Guarantee};
use crate::table::record::Record;
use cutover::core::ids::{DirectoryId, Epoch, Index, NodeId, PartitionId, Placement, Revision};
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

/// What an audit finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// Where it is in the log.
    pub index: Index,
    /// What was committed there.
    pub what: Audited,
}

/// What was committed that an audit finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audited {
    /// A change of a partition.
    Partition {
        /// The partition's epoch after it.
        epoch: Epoch,
        /// The name of the partition.
        name: Option<String>,
        /// The partition.
        partition: PartitionId,
        /// The change.
        change: Change,
        /// Whether it rests on what somebody reported.
        reported: bool,
        /// The operator who answers for it, and why.
        responsible: Option<(String, String)>,
    },
    /// A change of the members.
    Members(MemberChange),
    /// A change of the stores, with the number of the store.
    Stores(Placement, Asked),
}

/// A change of the members that was made even though it may leave no quorum of live voters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberChange {
    /// The member.
    pub node: NodeId,
    /// Its directory.
    pub directory: DirectoryId,
    /// Whether it is removed; else it becomes a voter.
    pub removed: bool,
    /// The operator who answers for it, and why.
    pub responsible: (String, String),
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

    /// Notes what an audit is to find.
    pub fn notes(&mut self, index: Index, what: Audited) {
        // T34
        self.audit.push(AuditEntry { index, what });
        let surplus = self.audit.len().saturating_sub(AUDIT_MAX);
        self.audit.drain(..surplus);
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
    /// Nothing before the store has promised it.
    #[must_use]
    pub fn resolution(&self, partition: PartitionId) -> Option<Resolution> {
        let record = self.records.get(&partition)?;
        // T36
        let placed = record.placed.filter(|placed| placed.opened)?;
        let writes = (!placed.flight.is_some_and(|flight| flight.cutover)).then_some(placed.owner);
        Some((placed.owner, writes, record.epoch, placed.guarantee, self.revision))
    }
}
