//! Refusals of a store that holds data as messages, and back.

use super::super::detail::{detail, with_detail};
use super::super::v1;
use super::chunk::{frontier, frontier_of};
use crate::core::fence::{ChunkFault, Frontier, Measure, Refusal, Stuck, Value};
use crate::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use prost::Message as _;
use tonic::{Code, Status};

const TYPE_URL: &str = "type.googleapis.com/cutover.v1.SinkRefusal";

/// The status of a refusal.
#[must_use]
pub fn status(refusal: &Refusal) -> Status {
    with_detail(code(refusal), refusal.to_string(), TYPE_URL, refusal_of(refusal).encode_to_vec())
}

/// The refusal of a status; `None` if it has none, or one of another version.
#[must_use]
pub fn refused(status: &Status) -> Option<Refusal> {
    refusal(&v1::SinkRefusal::decode(detail(status, TYPE_URL)?.as_slice()).ok()?)
}

/// The status code of a refusal.
const fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::WrongStore { .. }
        | Refusal::WrongPartition { .. }
        | Refusal::TooLong { .. }
        | Refusal::Malformed(_) => Code::InvalidArgument,
        Refusal::UnknownPartition { .. } => Code::NotFound,
        Refusal::Differs { .. } => Code::Aborted,
        Refusal::Busy { .. } => Code::ResourceExhausted,
        Refusal::Halted { .. } => Code::Internal,
        Refusal::OlderMigration { .. }
        | Refusal::OtherCopy { .. }
        | Refusal::OtherSource { .. }
        | Refusal::Sealed { .. }
        | Refusal::Closed { .. }
        | Refusal::Elsewhere { .. }
        | Refusal::Finished { .. }
        | Refusal::Incomplete { .. }
        | Refusal::Trimmed { .. }
        | Refusal::Stuck { .. }
        | Refusal::NothingNew { .. }
        | Refusal::Behind { .. }
        | Refusal::NotSealed { .. }
        | Refusal::CannotSeal { .. }
        | Refusal::Forgotten { .. } => Code::FailedPrecondition,
    }
}

/// The refusal as a message.
fn refusal_of(refusal: &Refusal) -> v1::SinkRefusal {
    let (reason, numbers): (_, Vec<u64>) = match refusal {
        Refusal::WrongStore { have, named } => ("WrongStore", vec![have.0, named.0]),
        Refusal::WrongPartition { have, named } => ("WrongPartition", vec![have.0, named.0]),
        Refusal::UnknownPartition { store } => ("UnknownPartition", vec![store.0]),
        Refusal::OlderMigration { have, named } => ("OlderMigration", vec![have.0, named.0]),
        Refusal::OtherCopy { have, named } => ("OtherCopy", vec![have.0, named.0]),
        Refusal::OtherSource { have, named } => ("OtherSource", vec![have.0, named.0]),
        Refusal::Sealed { through, token } => ("Sealed", vec![through.0, token.0]),
        Refusal::Closed { through, token } => ("Closed", vec![through.0, token.0]),
        Refusal::Elsewhere { at, from, .. } => ("Elsewhere", vec![at.0, from.0]),
        Refusal::Finished { migration } => ("Finished", vec![migration.0]),
        Refusal::TooLong { what, have, limit } => ("TooLong", vec![measure_of(*what), *have, *limit]),
        Refusal::Malformed(fault) => ("Malformed", vec![fault_of(*fault)]),
        Refusal::Incomplete { .. } => ("Incomplete", Vec::new()),
        Refusal::Trimmed { oldest, asked } => ("Trimmed", vec![oldest.0, asked.0]),
        Refusal::Stuck { migration, why } => ("Stuck", vec![migration.0, stuck_of(*why)]),
        Refusal::NothingNew { position } => ("NothingNew", vec![position.0]),
        Refusal::Differs { .. } => ("Differs", Vec::new()),
        Refusal::Behind { have, asked } => ("Behind", vec![have.0, asked.0]),
        Refusal::NotSealed { have, asked } => ("NotSealed", vec![have.0, asked.0]),
        Refusal::CannotSeal { store } => ("CannotSeal", vec![store.0]),
        Refusal::Forgotten { id } => ("Forgotten", vec![id.session.0, id.serial.0]),
        Refusal::Busy { limit } => ("Busy", vec![*limit]),
        Refusal::Halted { store } => ("Halted", vec![store.0]),
    };
    let frontiers = if let Refusal::Elsewhere { have, after, .. } = refusal {
        vec![frontier_of(have), frontier_of(after)]
    } else if let Refusal::Incomplete { have } = refusal {
        vec![frontier_of(have)]
    } else {
        Vec::new()
    };
    let found = if let Refusal::Differs { found } = refusal { found.as_ref() } else { None };
    let value = found.map(|value| value.bytes().to_vec());
    v1::SinkRefusal { reason: reason.to_owned(), numbers, frontiers, value }
}

/// The refusal that a message states; `None` if it is of another version, or states none.
fn refusal(wire: &v1::SinkRefusal) -> Option<Refusal> {
    let number = |at: usize| wire.numbers.get(at).copied();
    let reach =
        |at: usize| -> Option<Frontier> { frontier("frontier", wire.frontiers.get(at).cloned()).ok() };
    let (one, two) = (number(0), number(1));
    Some(match wire.reason.as_str() {
        "WrongStore" => Refusal::WrongStore { have: Placement(one?), named: Placement(two?) },
        "WrongPartition" => Refusal::WrongPartition { have: PartitionId(one?), named: PartitionId(two?) },
        "UnknownPartition" => Refusal::UnknownPartition { store: Placement(one?) },
        "OlderMigration" => Refusal::OlderMigration { have: MigrationId(one?), named: MigrationId(two?) },
        "OtherCopy" => Refusal::OtherCopy { have: MigrationId(one?), named: MigrationId(two?) },
        "OtherSource" => Refusal::OtherSource { have: Incarnation(one?), named: Incarnation(two?) },
        "Sealed" => Refusal::Sealed { through: Epoch(one?), token: Epoch(two?) },
        "Closed" => Refusal::Closed { through: Epoch(one?), token: Epoch(two?) },
        "Elsewhere" => {
            Refusal::Elsewhere { have: reach(0)?, at: Position(one?), after: reach(1)?, from: Position(two?) }
        }
        "Finished" => Refusal::Finished { migration: MigrationId(one?) },
        "TooLong" => Refusal::TooLong { what: measure(one?)?, have: two?, limit: number(2)? },
        "Malformed" => Refusal::Malformed(fault(one?)?),
        "Incomplete" => Refusal::Incomplete { have: reach(0)? },
        "Trimmed" => Refusal::Trimmed { oldest: Position(one?), asked: Position(two?) },
        "Stuck" => Refusal::Stuck { migration: MigrationId(one?), why: stuck(two?)? },
        "NothingNew" => Refusal::NothingNew { position: Position(one?) },
        "Differs" => {
            let found = wire.value.as_deref().map(Value::try_from).transpose().ok()?;
            Refusal::Differs { found }
        }
        "Behind" => Refusal::Behind { have: Position(one?), asked: Position(two?) },
        "NotSealed" => Refusal::NotSealed { have: Epoch(one?), asked: Epoch(two?) },
        "CannotSeal" => Refusal::CannotSeal { store: Placement(one?) },
        "Forgotten" => Refusal::Forgotten { id: WriteId { session: SessionId(one?), serial: Serial(two?) } },
        "Busy" => Refusal::Busy { limit: one? },
        "Halted" => Refusal::Halted { store: Placement(one?) },
        _ => return None,
    })
}

const fn measure_of(what: Measure) -> u64 {
    match what {
        Measure::Items => 0,
        Measure::Bytes => 1,
    }
}

const fn measure(number: u64) -> Option<Measure> {
    match number {
        0 => Some(Measure::Items),
        1 => Some(Measure::Bytes),
        _ => None,
    }
}

const fn fault_of(fault: ChunkFault) -> u64 {
    match fault {
        ChunkFault::Backwards => 0,
        ChunkFault::Changes => 1,
        ChunkFault::Rows => 2,
        ChunkFault::Ids => 3,
    }
}

const fn fault(number: u64) -> Option<ChunkFault> {
    match number {
        0 => Some(ChunkFault::Backwards),
        1 => Some(ChunkFault::Changes),
        2 => Some(ChunkFault::Rows),
        3 => Some(ChunkFault::Ids),
        _ => None,
    }
}

const fn stuck_of(why: Stuck) -> u64 {
    match why {
        Stuck::Trimmed => 0,
        Stuck::OtherSource => 1,
        Stuck::NoSource => 2,
    }
}

const fn stuck(number: u64) -> Option<Stuck> {
    match number {
        0 => Some(Stuck::Trimmed),
        1 => Some(Stuck::OtherSource),
        2 => Some(Stuck::NoSource),
        _ => None,
    }
}
