//! The story of one partition: commands that its record allows, and what is said of those that it does not.

use cutover::core::fence::{
    CatchUpEvidence, Digest, Ended, Prepared, RowsDigest, SealReceipt, StatementOrigin,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position};
use cutover::core::invariant::{Fact, Findings, Monitor, SinkNow};
use cutover::core::migration::{
    AbortReason, Caps, Command, Expected, MigrationError, Operator, PartitionRecord, PlacementTable, Reason,
    Transition,
};
use cutover::core::placement::Guarantee;

pub const A: Placement = Placement(0);
pub const B: Placement = Placement(1);
pub const P: PartitionId = PartitionId(1);
pub const ONE: Incarnation = Incarnation(1);

/// The digest of the source, where it does not matter what that has.
pub const DIGEST: Digest = Digest { rows: RowsDigest::of(7), ids: 8 };

#[derive(Clone)]
pub struct Story {
    pub table: PlacementTable,
    pub monitor: Monitor,
}

pub fn origin(store: Placement) -> StatementOrigin {
    StatementOrigin { store, partition: P, incarnation: ONE }
}

pub fn of_another_partition(store: Placement) -> StatementOrigin {
    StatementOrigin { partition: PartitionId(2), ..origin(store) }
}

pub fn texts() -> (Operator, Reason) {
    let reason = "the source is gone".to_owned();
    (Operator::try_from("ann".to_owned()).unwrap(), Reason::try_from(reason).unwrap())
}

impl Story {
    pub fn new() -> Self {
        Self { table: PlacementTable::new(Caps::PRODUCTION), monitor: Monitor::new(None, Vec::new()) }
    }

    pub fn record(&self) -> PartitionRecord {
        self.table.record(P).unwrap().clone()
    }

    pub fn expected(&self) -> Expected {
        self.record().expected()
    }

    pub fn judged(
        &self,
        transition: Transition,
        outcome: Result<Epoch, MigrationError>,
        after: Option<&PartitionRecord>,
    ) -> Vec<&'static str> {
        let (mut findings, command) = (Findings::new(true), Command { partition: P, transition });
        let (before, owner) = (self.table.record(P), None);
        self.monitor
            .judge(&Fact::Decided { before, command: &command, outcome, after, owner }, &mut findings);
        let mut ids: Vec<_> = findings.violations().iter().map(|found| found.id.entry().id).collect();
        ids.dedup();
        ids
    }

    /// What is said if this is committed although the record does not allow it.
    pub fn wrong(&self, transition: Transition) {
        let text = format!("{transition:?}");
        let mut after = self.record();
        after.epoch = after.epoch.next();
        after.migration = after.migration.next();
        assert_eq!(
            self.judged(transition, Ok(after.epoch), Some(&after)).first(),
            Some(&"migration.cas"),
            "{text}"
        );
    }

    /// Commits a command that the record allows.
    pub fn right(&mut self, transition: Transition) {
        self.right_with(transition, None);
    }

    /// Commits a command that the record allows, after which this is the store of the read placement.
    pub fn right_with(&mut self, transition: Transition, owner: Option<SinkNow<'_>>) {
        let (before, command) = (self.table.record(P).cloned(), Command { partition: P, transition });
        let mut table = self.table.clone();
        let outcome = table.apply(&command);
        assert!(outcome.is_ok(), "{command}: {outcome:?}");
        let after = table.record(P).cloned();
        assert_eq!(self.judged(command.transition.clone(), outcome, after.as_ref()), [""; 0], "{command}");
        let (before, after) = (before.as_ref(), after.as_ref());
        let fact = Fact::Decided { before, command: &command, outcome, after, owner };
        self.monitor.feed(&fact, &mut Findings::new(false));
        self.table = table;
    }

    pub fn create(&mut self, guarantee: Guarantee) {
        self.right(Transition::Create { placement: A, guarantee });
    }

    pub fn open(&self, origin: StatementOrigin, copy: MigrationId) -> Transition {
        let (expected, enforces) =
            (self.expected(), self.record().placed.unwrap().guarantee == Guarantee::Sealed);
        let prepared = Prepared::reported(origin, copy, self.record().epoch, enforces, true).into();
        Transition::Open { expected, prepared }
    }

    pub fn opened(guarantee: Guarantee) -> Self {
        let mut story = Self::new();
        story.create(guarantee);
        let copy = story.record().migration;
        story.right(story.open(origin(A), copy));
        story
    }

    pub fn begun(guarantee: Guarantee) -> Self {
        let mut story = Self::opened(guarantee);
        story.right(Transition::Begin { expected: story.expected(), to: B });
        story
    }

    pub fn receipt(&self, origin: StatementOrigin, migration: MigrationId, through: Epoch) -> Transition {
        let receipt = SealReceipt::reported(origin, migration, through, Position(5), DIGEST, ONE).into();
        Transition::EnterCutover { expected: self.expected(), receipt }
    }

    pub fn sealed(mut self) -> Self {
        let PartitionRecord { migration, epoch, .. } = self.record();
        self.right(self.receipt(origin(A), migration, epoch));
        self
    }

    pub fn complete(
        &self,
        origin: StatementOrigin,
        migration: MigrationId,
        epoch: Epoch,
        position: u64,
    ) -> Transition {
        self.complete_with(origin, migration, epoch, (position, DIGEST))
    }

    pub fn complete_with(
        &self,
        origin: StatementOrigin,
        migration: MigrationId,
        epoch: Epoch,
        (position, digest): (u64, Digest),
    ) -> Transition {
        let position = Position(position);
        let evidence = CatchUpEvidence::reported(origin, migration, epoch, position, digest, true).into();
        Transition::Complete { expected: self.expected(), evidence }
    }

    pub fn force(&self, origin: StatementOrigin, migration: MigrationId) -> Transition {
        self.force_at(origin, migration, self.record().epoch, (1, true), false)
    }

    /// A forced move to a copy that is at this position, and has all rows or not.
    pub fn force_at(
        &self,
        origin: StatementOrigin,
        migration: MigrationId,
        epoch: Epoch,
        (position, complete): (u64, bool),
        partial: bool,
    ) -> Transition {
        let ended = Ended::reported(origin, migration, epoch, Position(position), complete, true).into();
        let (operator, reason) = texts();
        Transition::Force { expected: self.expected(), ended, partial, operator, reason }
    }

    pub fn abort(&self) -> Transition {
        Transition::Abort { expected: self.expected(), why: AbortReason::Operator }
    }
}
