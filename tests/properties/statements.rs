//! Statements on which a transition depends, correct in all but one field: every field counts.

use super::some::{key, replies, value};
use super::store::{SMALL, Store, config};
use cutover::core::fence::{
    Body, CatchUpEvidence, Config, DropCopy, Dropped, End, Ended, Enforcement, EvidenceQuery, Mutation,
    Prepare, Prepared, Reply, Seal, SealReceipt, WatermarkQuery, WatermarkReading, Write,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use cutover::core::migration::{
    Caps, Command, Expected, MigrationError, Operator, PlacementTable, Reason, Settlement, Transition,
};
use cutover::core::placement::Guarantee;

pub const P: PartitionId = PartitionId(1);
pub const A: Placement = Placement(0);
pub const B: Placement = Placement(1);

/// The origin and subject of a statement. A test case changes some of the default values.
#[derive(Clone, Copy)]
pub struct StatementFields {
    pub store: Placement,
    pub partition: PartitionId,
    pub incarnation: Incarnation,
    pub migration: MigrationId,
    pub epoch: Epoch,
    pub writes: u64,
    /// The session of the last write.
    pub session: u64,
    /// The value of every row.
    pub row: &'static str,
    pub enforcement: Enforcement,
}

/// A statement of A about migration 2.
pub const BY_A: StatementFields = StatementFields {
    store: A,
    partition: P,
    incarnation: Incarnation(1),
    migration: MigrationId(2),
    epoch: Epoch(2),
    writes: 2,
    session: 1,
    row: "1",
    enforcement: Enforcement::Tokens,
};
/// A statement of B in the cutover.
pub const BY_B: StatementFields = StatementFields { store: B, epoch: Epoch(3), ..BY_A };

impl StatementFields {
    /// A sink whose copy, made by migration `copy`, has that many writes.
    fn sink(self, copy: MigrationId) -> Store {
        let base = config(self.store, self.partition, self.enforcement, SMALL);
        let mut sink = Store::new(Config { incarnation: self.incarnation, ..base });
        let closed_through = Epoch::ZERO;
        let create = Prepare { migration: copy, closed_through, source: None, keep: None };
        let _ = sink.ask(Body::Prepare(create));
        for serial in 1..=self.writes {
            let session = SessionId(if serial == self.writes { self.session } else { 1 });
            let id = WriteId { session, serial: Serial(serial) };
            let _ = sink.write(Write {
                id,
                token: Epoch(1),
                mutation: Mutation::put(key(&serial.to_string()), value(self.row)),
            });
        }
        sink
    }

    fn answer(mut sink: Store, body: Body) -> Reply {
        replies(&sink.ask(body)).pop().expect("a sink answers")
    }

    pub fn receipt(self) -> SealReceipt {
        let StatementFields { migration, epoch: through, .. } = self;
        let seal = Seal { migration, through, target: Incarnation(1) };
        let answer = Self::answer(self.sink(MigrationId(1)), Body::Seal(seal));
        let Reply::Sealed(receipt) = answer else { panic!("{answer:?}") };
        receipt
    }

    pub fn prepared(self) -> Prepared {
        let base = config(self.store, self.partition, self.enforcement, SMALL);
        let sink = Store::new(Config { incarnation: self.incarnation, ..base });
        let (migration, closed_through) = (self.migration, self.epoch);
        let prepare = Prepare { migration, closed_through, source: Some(A), keep: None };
        let answer = Self::answer(sink, Body::Prepare(prepare));
        let Reply::Prepared(prepared) = answer else { panic!("{answer:?}") };
        prepared
    }

    /// Of a copy that has all rows, as one has that was made by writes; else of one that was only prepared.
    pub fn ended(self, complete: bool) -> Ended {
        let mut sink = self.sink(if complete { self.migration } else { MigrationId::ZERO });
        if !complete {
            let (migration, closed_through) = (self.migration, Epoch(2));
            let prepare = Prepare { migration, closed_through, source: Some(A), keep: None };
            let _ = sink.ask(Body::Prepare(prepare));
        }
        let answer = Self::answer(sink, Body::End(End { migration: self.migration, epoch: self.epoch }));
        let Reply::Ended(ended) = answer else { panic!("{answer:?}") };
        ended
    }

    fn dropped(self) -> Dropped {
        let drop = DropCopy { copy: self.migration, sealed_through: None };
        let answer = Self::answer(self.sink(self.migration), Body::Drop(drop));
        let Reply::Dropped(dropped) = answer else { panic!("{answer:?}") };
        dropped
    }

    pub fn evidence(self) -> CatchUpEvidence {
        let query = EvidenceQuery { migration: self.migration, epoch: self.epoch, at_least: Position::ZERO };
        let answer = Self::answer(self.sink(self.migration), Body::Evidence(query));
        let Reply::Evidence(evidence) = answer else { panic!("{answer:?}") };
        evidence
    }

    fn reading(self) -> WatermarkReading {
        let query = WatermarkQuery { migration: self.migration, epoch: self.epoch };
        let answer = Self::answer(self.sink(MigrationId(1)), Body::Watermark(query));
        let Reply::Watermark(reading) = answer else { panic!("{answer:?}") };
        reading
    }
}

pub fn apply(table: &mut PlacementTable, transition: Transition) -> Result<Epoch, MigrationError> {
    table.apply(&Command { partition: P, transition })
}

pub fn expected(table: &PlacementTable) -> Expected {
    table.record(P).expect("it exists").expected()
}

/// The enforcement that a store with this guarantee is configured with.
pub const fn enforcement(guarantee: Guarantee) -> Enforcement {
    match guarantee {
        Guarantee::Sealed => Enforcement::Tokens,
        Guarantee::Timed => Enforcement::Nothing,
    }
}

/// Partition 1 at A, moving to B in migration 2: `Draining@e2`.
pub fn draining(guarantee: Guarantee) -> PlacementTable {
    let mut table = PlacementTable::new(Caps::PRODUCTION);
    assert_eq!(apply(&mut table, Transition::Create { placement: A, guarantee }), Ok(Epoch(1)));
    let prepared =
        StatementFields { migration: MigrationId(1), enforcement: enforcement(guarantee), ..BY_A }.prepared();
    let open = Transition::Open { expected: expected(&table), prepared: prepared.into() };
    assert_eq!(apply(&mut table, open), Ok(Epoch(1)));
    let begin = Transition::Begin { expected: expected(&table), to: B };
    assert_eq!(apply(&mut table, begin), Ok(Epoch(2)));
    table
}

/// Tries each transition on a copy of the table and compares the outcome; only the first transition is correct.
pub fn each<const N: usize>(table: &PlacementTable, cases: [(Transition, Result<Epoch, MigrationError>); N]) {
    for (index, (transition, wanted)) in cases.into_iter().enumerate() {
        assert_eq!(apply(&mut table.clone(), transition.clone()), wanted, "case {index}: {transition:?}");
    }
}

/// A sink that is sealed, or closed, only through an epoch before the draining one.
const LOW: MigrationError = MigrationError::SealTooLow { have: Epoch(1), needed: Epoch(2) };

/// The refusal of a statement that was not made by `placement`.
fn other_speaker(said: StatementFields, placement: Placement) -> Result<Epoch, MigrationError> {
    Err(MigrationError::OtherSpeaker { origin: said.prepared().origin(), placement })
}

fn other_migration(have: u64) -> Result<Epoch, MigrationError> {
    Err(MigrationError::OtherMigration { have: MigrationId(have), expected: MigrationId(2) })
}

#[test]
fn a_receipt_counts_for_its_source_partition_migration_and_epoch() {
    let table = draining(Guarantee::Sealed);
    let expected = expected(&table);
    let enter = |said: StatementFields| Transition::EnterCutover { expected, receipt: said.receipt().into() };
    let (elsewhere, stranger) =
        (StatementFields { store: B, ..BY_A }, StatementFields { partition: PartitionId(2), ..BY_A });
    let low = LOW;
    each(
        &table,
        [
            (enter(BY_A), Ok(Epoch(3))),
            (enter(elsewhere), other_speaker(elsewhere, A)),
            (enter(stranger), other_speaker(stranger, A)),
            (enter(StatementFields { migration: MigrationId(3), ..BY_A }), other_migration(3)),
            (enter(StatementFields { epoch: Epoch(1), ..BY_A }), Err(low)),
        ],
    );
    let timed = draining(Guarantee::Timed);
    each(&timed, [(enter(BY_A), Err(MigrationError::WrongGuarantee { have: Guarantee::Timed }))]);
}

#[test]
fn evidence_counts_for_its_target_incarnation_migration_epoch_position_and_digest() {
    let mut table = draining(Guarantee::Sealed);
    let enter = Transition::EnterCutover { expected: expected(&table), receipt: BY_A.receipt().into() };
    assert_eq!(apply(&mut table, enter), Ok(Epoch(3)));
    let expected = expected(&table);
    let complete =
        |said: StatementFields| Transition::Complete { expected, evidence: said.evidence().into() };
    let (elsewhere, stranger) =
        (StatementFields { store: A, ..BY_B }, StatementFields { partition: PartitionId(2), ..BY_B });
    let life = MigrationError::OtherIncarnation { have: Incarnation(2), expected: Incarnation(1) };
    let epoch = MigrationError::OtherEpoch { have: Epoch(2), expected: Epoch(3) };
    let behind = MigrationError::NotCaughtUp { have: Position(1), needed: Position(2) };
    let more = StatementFields { writes: 3, ..BY_B };
    let (other_row, other_id) =
        (StatementFields { row: "2", ..BY_B }, StatementFields { session: 2, ..BY_B });
    let differs = |said: StatementFields| {
        let (have, expected) = (said.evidence().digest(), BY_A.receipt().digest());
        Err(MigrationError::DigestDiffers { have, expected })
    };
    assert_eq!(BY_B.evidence().digest(), BY_A.receipt().digest());
    assert_eq!(other_id.evidence().digest().rows, BY_A.receipt().digest().rows, "an id alone is another");
    assert_eq!(other_row.evidence().digest().ids, BY_A.receipt().digest().ids, "a row alone is another");
    each(
        &table,
        [
            (complete(BY_B), Ok(Epoch(4))),
            (complete(more), differs(more)),
            (complete(other_row), differs(other_row)),
            (complete(other_id), differs(other_id)),
            (complete(elsewhere), other_speaker(elsewhere, B)),
            (complete(stranger), other_speaker(stranger, B)),
            (complete(StatementFields { incarnation: Incarnation(2), ..BY_B }), Err(life)),
            (complete(StatementFields { migration: MigrationId(1), ..BY_B }), other_migration(1)),
            (complete(StatementFields { epoch: Epoch(2), ..BY_B }), Err(epoch)),
            (complete(StatementFields { writes: 1, ..BY_B }), Err(behind)),
        ],
    );
}

#[test]
fn a_reading_counts_once_for_its_source_migration_and_epoch() {
    let mut table = draining(Guarantee::Timed);
    let enter = |table: &PlacementTable, said: StatementFields| Transition::EnterTimedCutover {
        expected: expected(table),
        prepared: said.prepared().into(),
    };
    let low = enter(&table, StatementFields { epoch: Epoch(1), ..BY_B });
    assert_eq!(apply(&mut table, low), Err(LOW));
    let enter = enter(&table, BY_B);
    assert_eq!(apply(&mut table, enter), Ok(Epoch(3)));
    let expected = expected(&table);
    let record =
        |said: StatementFields| Transition::RecordWatermark { expected, reading: said.reading().into() };
    let right = StatementFields { epoch: Epoch(3), ..BY_A };
    let elsewhere = StatementFields { store: B, ..right };
    let early = MigrationError::OtherEpoch { have: Epoch(2), expected: Epoch(3) };
    let complete = Transition::Complete { expected, evidence: BY_B.evidence().into() };
    each(
        &table,
        [
            (record(right), Ok(Epoch(3))),
            (record(elsewhere), other_speaker(elsewhere, A)),
            (record(StatementFields { migration: MigrationId(1), ..right }), other_migration(1)),
            (record(BY_A), Err(early)),
            (complete.clone(), Err(MigrationError::WatermarkMissing)),
        ],
    );
    assert_eq!(apply(&mut table, record(right)), Ok(Epoch(3)));
    let position = Position(2);
    let other = StatementFields { row: "2", ..BY_B };
    let (have, was) = (other.evidence().digest(), right.reading().digest());
    let differs = Err(MigrationError::DigestDiffers { have, expected: was });
    let complete_other = Transition::Complete { expected, evidence: other.evidence().into() };
    each(
        &table,
        [
            (complete, Ok(Epoch(4))),
            (complete_other, differs),
            (record(right), Err(MigrationError::WatermarkRecorded { have: position })),
        ],
    );
}

#[test]
fn a_debt_is_settled_by_its_source_alone_and_far_enough() {
    let mut table = draining(Guarantee::Sealed);
    let operator = Operator::try_from("ada".to_owned()).expect("short");
    let reason = Reason::try_from("A is down".to_owned()).expect("short");
    let expected = expected(&table);
    let of = |said: StatementFields, complete, partial| {
        let (operator, reason) = (operator.clone(), reason.clone());
        Transition::Force { expected, ended: said.ended(complete).into(), partial, operator, reason }
    };
    let force = |said: StatementFields| of(said, true, false);
    let right = StatementFields { epoch: Epoch(2), ..BY_B };
    let elsewhere = StatementFields { store: A, ..right };
    let other_epoch = MigrationError::OtherEpoch { have: Epoch(1), expected: Epoch(2) };
    each(
        &table,
        [
            (force(right), Ok(Epoch(3))),
            (force(elsewhere), other_speaker(elsewhere, B)),
            (force(StatementFields { migration: MigrationId(3), ..right }), other_migration(3)),
            (force(StatementFields { epoch: Epoch(1), ..right }), Err(other_epoch)),
            (of(right, false, false), Err(MigrationError::Incomplete { placement: B })),
            (of(right, false, true), Ok(Epoch(3))),
        ],
    );
    // What the source wrote up to the position is not lost; of a copy that lacks rows, that is not known.
    for (complete, copied) in [(true, Some(Position(2))), (false, None)] {
        let mut table = table.clone();
        assert_eq!(apply(&mut table, of(right, complete, true)), Ok(Epoch(3)));
        let debt = table.record(P).and_then(|record| record.placed?.debt).expect("its source is not sealed");
        assert_eq!(debt.copied, copied);
    }
    assert_eq!(apply(&mut table, force(right)), Ok(Epoch(3)));
    let settle = |proof| Transition::Settle { migration: MigrationId(2), proof };
    let (sealed, closed) = (
        |said: StatementFields| settle(Settlement::Sealed(said.receipt().into())),
        |said: StatementFields| settle(Settlement::Closed(said.prepared().into())),
    );
    let dropped = |said: StatementFields| settle(Settlement::Dropped(said.dropped().into()));
    let low = Err(LOW);
    let (placement, through) = (A, Epoch(2));
    let open = Err(MigrationError::NotEnforced { placement, through });
    let older = MigrationError::OtherMigration { have: MigrationId::ZERO, expected: MigrationId(1) };
    let none = Err(MigrationError::NoDebt { migration: MigrationId(3) });
    let elsewhere = StatementFields { store: B, ..BY_A };
    each(
        &table,
        [
            (sealed(BY_A), Ok(Epoch(3))),
            (closed(BY_A), Ok(Epoch(3))),
            (sealed(elsewhere), other_speaker(elsewhere, A)),
            (closed(elsewhere), other_speaker(elsewhere, A)),
            (sealed(StatementFields { epoch: Epoch(1), ..BY_A }), low),
            (closed(StatementFields { epoch: Epoch(1), ..BY_A }), low),
            // A store that checks no tokens was told to close, and is open nevertheless.
            (closed(StatementFields { enforcement: Enforcement::Nothing, ..BY_A }), open),
            (dropped(StatementFields { migration: MigrationId(1), ..BY_A }), Ok(Epoch(3))),
            (dropped(BY_A), Ok(Epoch(3))),
            (dropped(elsewhere), other_speaker(elsewhere, A)),
            (dropped(StatementFields { migration: MigrationId::ZERO, ..BY_A }), Err(older)),
            (
                Transition::Settle {
                    migration: MigrationId(3),
                    proof: Settlement::Sealed(BY_A.receipt().into()),
                },
                none,
            ),
        ],
    );
}
