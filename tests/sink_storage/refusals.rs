//! Refusals on their way to whoever asked.

use cutover::core::fence::{Refusal, Stuck};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};
use cutover::node::proto::sink::refused;

/// Every refusal that a store can give arrives as it was.
#[test]
fn refusals_arrive_as_they_were() {
    use cutover::core::fence::{ChunkFault, Frontier, Key, Measure, Value};
    use cutover::core::ids::{Position, Serial, SessionId, WriteId};
    let (key, value) =
        (Key::try_from(b"\xff\0k".as_slice()).unwrap(), Value::try_from(b"v".as_slice()).unwrap());
    let (have, named) = (MigrationId(3), MigrationId(2));
    let all = [
        Refusal::WrongStore { have: Placement(1), named: Placement(2) },
        Refusal::WrongPartition { have: PartitionId(1), named: PartitionId(2) },
        Refusal::UnknownPartition { store: Placement(9) },
        Refusal::OlderMigration { have, named },
        Refusal::OtherCopy { have, named },
        Refusal::OtherSource { have: Incarnation(1), named: Incarnation(2) },
        Refusal::Sealed { through: Epoch(5), token: Epoch(4) },
        Refusal::Closed { through: Epoch(5), token: Epoch(4) },
        Refusal::Elsewhere {
            have: Frontier::Through(key.clone()),
            at: Position(3),
            after: Frontier::Nothing,
            from: Position(4),
        },
        Refusal::Finished { migration: have },
        Refusal::TooLong { what: Measure::Items, have: 9, limit: 8 },
        Refusal::TooLong { what: Measure::Bytes, have: 9, limit: 8 },
        Refusal::Malformed(ChunkFault::Backwards),
        Refusal::Malformed(ChunkFault::Changes),
        Refusal::Malformed(ChunkFault::Rows),
        Refusal::Malformed(ChunkFault::Ids),
        Refusal::Incomplete { have: Frontier::Through(key) },
        Refusal::Incomplete { have: Frontier::Everything },
        Refusal::Trimmed { oldest: Position(7), asked: Position(6) },
        Refusal::Stuck { migration: have, why: Stuck::Trimmed },
        Refusal::Stuck { migration: have, why: Stuck::OtherSource },
        Refusal::Stuck { migration: have, why: Stuck::NoSource },
        Refusal::NothingNew { position: Position(7) },
        Refusal::Differs { found: Some(value) },
        Refusal::Differs { found: None },
        Refusal::Behind { have: Position(1), asked: Position(2) },
        Refusal::NotSealed { have: Epoch(1), asked: Epoch(2) },
        Refusal::CannotSeal { store: Placement(3) },
        Refusal::Forgotten { id: WriteId { session: SessionId(1), serial: Serial(2) } },
        Refusal::Busy { limit: 8 },
        Refusal::Halted { store: Placement(3) },
    ];
    for refusal in all {
        let status = cutover::node::proto::sink::status(&refusal);
        assert_eq!(status.message(), refusal.to_string());
        assert_eq!(refused(&status), Some(refusal));
    }
    assert_eq!(refused(&tonic::Status::unavailable("nobody")), None);
}
