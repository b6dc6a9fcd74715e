//! Makes operations, and the statements that their commands contain.

use cutover::core::fence::{
    CatchUpEvidence, Claim, Digest, Dropped, Ended, Prepared, RowsDigest, SealReceipt, StatementOrigin,
    WatermarkReading,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Revision};
use cutover::core::invariant::history::{
    Answer, CONFIGURATIONS, Failure, Invocation, Operation, Refusal, Seen, Verdict, judge,
};
use cutover::core::migration::{
    AbortReason, Caps, Command, Expected, PartitionRecord, PlacementTable, Transition,
};
use cutover::core::placement::Guarantee;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A statement with any contents. Only sinks can make one, but it can be decoded from bytes.
fn stated<T: DeserializeOwned>(fields: impl Serialize) -> T {
    postcard::from_bytes(&postcard::to_allocvec(&fields).unwrap()).unwrap()
}

/// The digest of every copy.
const DIGEST: Digest = Digest { rows: RowsDigest::EMPTY, ids: 1 };

const fn speaker(partition: PartitionId, store: Placement) -> StatementOrigin {
    StatementOrigin { store, partition, incarnation: Incarnation(1) }
}

pub fn prepared(partition: PartitionId, store: Placement, at: Expected, enforces: bool) -> Claim<Prepared> {
    stated((0_u8, (speaker(partition, store), at.migration, at.epoch, enforces, false)))
}

pub fn receipt(partition: PartitionId, store: Placement, at: Expected, watermark: u64) -> Claim<SealReceipt> {
    let (by, watermark) = (speaker(partition, store), Position(watermark));
    stated((0_u8, (by, at.migration, at.epoch, watermark, DIGEST, Incarnation(1))))
}

pub fn evidence(
    partition: PartitionId,
    store: Placement,
    at: Expected,
    position: u64,
) -> Claim<CatchUpEvidence> {
    stated((0_u8, (speaker(partition, store), at.migration, at.epoch, Position(position), DIGEST, true)))
}

pub fn reading(
    partition: PartitionId,
    store: Placement,
    at: Expected,
    position: u64,
) -> Claim<WatermarkReading> {
    let (by, position) = (speaker(partition, store), Position(position));
    stated((0_u8, (by, at.migration, at.epoch, position, DIGEST, Epoch::ZERO)))
}

pub fn ended(partition: PartitionId, store: Placement, at: Expected, position: u64) -> Claim<Ended> {
    let (by, position) = (speaker(partition, store), Position(position));
    stated((0_u8, (by, at.migration, at.epoch, position, true, true)))
}

pub fn dropped(partition: PartitionId, store: Placement, copy: MigrationId) -> Claim<Dropped> {
    stated((0_u8, (speaker(partition, store), copy)))
}

pub const fn at(migration: u64, epoch: u64) -> Expected {
    Expected { migration: MigrationId(migration), epoch: Epoch(epoch) }
}

/// An operation on partition 1 that is invoked and completed at these times.
pub fn apply(invoked: u64, completed: u64, transition: Transition, answer: Answer) -> Operation {
    let call = Invocation::Apply { transition, answer };
    Operation { client: 1, partition: PartitionId(1), invoked, completed: Some(completed), call }
}

pub fn read(invoked: u64, completed: u64, record: Option<&PartitionRecord>) -> Operation {
    let seen = record.map_or(Seen::Nothing, |record| Seen::Record(record.clone()));
    let call = Invocation::Read { seen, revision: None };
    Operation { client: 2, partition: PartitionId(1), invoked, completed: Some(completed), call }
}

/// The same read, with a revision.
pub fn revised(mut operation: Operation, at: u64) -> Operation {
    if let Invocation::Read { revision, .. } = &mut operation.call {
        *revision = Some(Revision(at));
    }
    operation
}

pub const fn ok(epoch: u64) -> Answer {
    Answer::Ok { epoch: Epoch(epoch) }
}

pub fn refused(reason: &str, have: Option<Expected>) -> Answer {
    Answer::Refused(Refusal { reason: reason.to_owned(), have })
}

/// A table whose answers make up a history.
pub struct TableHistory {
    pub table: PlacementTable,
}

/// The only partition of these histories.
pub const P: PartitionId = PartitionId(1);

impl TableHistory {
    /// A partition that has been created and opened at A.
    pub fn settled() -> (Self, Vec<Operation>) {
        let mut table = Self { table: PlacementTable::new(Caps::PRODUCTION) };
        let create = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        let created = table.takes(create.clone());
        let open =
            Transition::Open { expected: at(1, 1), prepared: prepared(P, Placement(0), at(1, 1), true) };
        let opened = table.takes(open.clone());
        (table, vec![apply(1, 2, create, created), apply(3, 4, open, opened)])
    }

    pub fn takes(&mut self, transition: Transition) -> Answer {
        Answer::of(&self.table.apply(&Command { partition: P, transition }))
    }

    pub fn record(&self) -> PartitionRecord {
        self.table.record(P).cloned().expect("there is one")
    }

    /// Applies a transition to the table and returns the operation with its answer.
    pub fn tells(&mut self, invoked: u64, completed: u64, transition: Transition) -> Operation {
        let answer = self.takes(transition.clone());
        apply(invoked, completed, transition, answer)
    }
}

pub const fn begin(expected: Expected, to: u64) -> Transition {
    Transition::Begin { expected, to: Placement(to) }
}

pub const fn abort(expected: Expected) -> Transition {
    Transition::Abort { expected, why: AbortReason::Operator }
}

pub fn verdict(operations: &[Operation]) -> Verdict {
    judge(operations, CONFIGURATIONS).expect("it is well-formed").verdict
}

#[track_caller]
pub fn passes(operations: &[Operation]) {
    assert_eq!(verdict(operations), Verdict::Linearizable);
}

/// Asserts that a history is not linearizable and returns the reason.
#[track_caller]
pub fn fails(operations: &[Operation]) -> Failure {
    match verdict(operations) {
        Verdict::NotLinearizable(failure) => *failure,
        other @ (Verdict::Linearizable | Verdict::Unknown { .. }) => panic!("{other:?}"),
    }
}
