//! Requests to a store that holds data, and its answers, as messages of `sink.proto`.

mod chunk;
mod refusal;

use super::Malformed;
use super::v1;
use crate::core::fence::{
    Body, Cell, DropCopy, End, EvidenceQuery, Export, Key, Mutation, Prepare, Read, Request, Seal, Value,
    WatermarkQuery, Write,
};
use crate::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use chunk::frontier;
pub(crate) use chunk::frontier_of;
pub use refusal::{refused, status};

/// A call of the service `Sink`: which, and with what message.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each is the call of its name")]
pub enum SinkCall {
    Write(v1::SinkWriteRequest),
    Read(v1::SinkReadRequest),
    Prepare(v1::SinkPrepareRequest),
    Seal(v1::SinkSealRequest),
    Watermark(v1::SinkWatermarkRequest),
    Evidence(v1::SinkEvidenceRequest),
    End(v1::SinkEndRequest),
    Drop(v1::SinkDropRequest),
    Export(v1::SinkExportRequest),
    Take(v1::SinkTakeRequest),
}

impl TryFrom<SinkCall> for Request {
    type Error = Malformed;

    fn try_from(call: SinkCall) -> Result<Self, Malformed> {
        let (target, body) = match call {
            SinkCall::Write(wire) => (wire.target, Body::Write(write(wire)?)),
            SinkCall::Read(wire) => {
                let (token, key) = (Epoch(wire.token), key(&wire.key)?);
                (wire.target, Body::Read(Read { token, key }))
            }
            SinkCall::Prepare(wire) => {
                let (source, keep) = (wire.source.map(Placement), wire.keep.map(MigrationId));
                let (migration, closed_through) = (MigrationId(wire.migration), Epoch(wire.closed_through));
                (wire.target, Body::Prepare(Prepare { migration, closed_through, source, keep }))
            }
            SinkCall::Seal(wire) => {
                let (migration, through) = (MigrationId(wire.migration), Epoch(wire.through));
                let target = Incarnation(wire.target_incarnation);
                (wire.target, Body::Seal(Seal { migration, through, target }))
            }
            SinkCall::Watermark(wire) => {
                let (migration, epoch) = (MigrationId(wire.migration), Epoch(wire.epoch));
                (wire.target, Body::Watermark(WatermarkQuery { migration, epoch }))
            }
            SinkCall::Evidence(wire) => {
                let (migration, epoch) = (MigrationId(wire.migration), Epoch(wire.epoch));
                let at_least = Position(wire.at_least);
                (wire.target, Body::Evidence(EvidenceQuery { migration, epoch, at_least }))
            }
            SinkCall::End(wire) => {
                let (migration, epoch) = (MigrationId(wire.migration), Epoch(wire.epoch));
                (wire.target, Body::End(End { migration, epoch }))
            }
            SinkCall::Drop(wire) => {
                let (copy, sealed_through) = (MigrationId(wire.copy), wire.sealed_through.map(Epoch));
                (wire.target, Body::Drop(DropCopy { copy, sealed_through }))
            }
            SinkCall::Export(wire) => {
                let (migration, after) = (MigrationId(wire.migration), frontier("after", wire.after)?);
                let (position, limit) = (Position(wire.position), wire.limit);
                (wire.target, Body::Export(Export { migration, after, position, limit }))
            }
            SinkCall::Take(wire) => {
                let chunk = wire.chunk.ok_or(Malformed::Missing { field: "chunk" })?;
                (wire.target, Body::Chunk(chunk.try_into()?))
            }
        };
        let target = target.ok_or(Malformed::Missing { field: "target" })?;
        Ok(Self { store: Placement(target.store), partition: PartitionId(target.partition), body })
    }
}

impl From<Request> for SinkCall {
    fn from(Request { store, partition, body }: Request) -> Self {
        let target = Some(v1::SinkTarget { store: store.0, partition: partition.0 });
        match body {
            Body::Write(Write { id, token, mutation }) => Self::Write(v1::SinkWriteRequest {
                target,
                id: Some(id_of(id)),
                token: token.0,
                expects: mutation.expects().map(cell_of),
                effects: mutation.effects().iter().map(cell_of).collect(),
            }),
            Body::Read(Read { token, key }) => {
                Self::Read(v1::SinkReadRequest { target, token: token.0, key: key.bytes().to_vec() })
            }
            Body::Prepare(Prepare { migration, closed_through, source, keep }) => {
                Self::Prepare(v1::SinkPrepareRequest {
                    target,
                    migration: migration.0,
                    closed_through: closed_through.0,
                    source: source.map(|source| source.0),
                    keep: keep.map(|keep| keep.0),
                    source_endpoints: Vec::new(),
                    bytes_per_second: None,
                })
            }
            Body::Seal(Seal { migration, through, target: incarnation }) => Self::Seal(v1::SinkSealRequest {
                target,
                migration: migration.0,
                through: through.0,
                target_incarnation: incarnation.0,
            }),
            Body::Watermark(WatermarkQuery { migration, epoch }) => {
                Self::Watermark(v1::SinkWatermarkRequest { target, migration: migration.0, epoch: epoch.0 })
            }
            Body::Evidence(EvidenceQuery { migration, epoch, at_least }) => {
                let (migration, epoch, at_least) = (migration.0, epoch.0, at_least.0);
                Self::Evidence(v1::SinkEvidenceRequest { target, migration, epoch, at_least })
            }
            Body::End(End { migration, epoch }) => {
                Self::End(v1::SinkEndRequest { target, migration: migration.0, epoch: epoch.0 })
            }
            Body::Drop(DropCopy { copy, sealed_through }) => Self::Drop(v1::SinkDropRequest {
                target,
                copy: copy.0,
                sealed_through: sealed_through.map(|epoch| epoch.0),
            }),
            Body::Export(Export { migration, after, position, limit }) => {
                Self::Export(v1::SinkExportRequest {
                    target,
                    migration: migration.0,
                    after: Some(frontier_of(&after)),
                    position: position.0,
                    limit,
                })
            }
            Body::Chunk(chunk) => Self::Take(v1::SinkTakeRequest { target, chunk: Some(chunk.into()) }),
        }
    }
}

fn write(wire: v1::SinkWriteRequest) -> Result<Write, Malformed> {
    let expects = wire.expects.map(cell).transpose()?;
    let effects = wire.effects.into_iter().map(cell).collect::<Result<Vec<_>, _>>()?;
    let mutation = Mutation::new(expects, effects)?;
    Ok(Write { id: id("id", wire.id)?, token: Epoch(wire.token), mutation })
}

fn id(field: &'static str, wire: Option<v1::WriteId>) -> Result<WriteId, Malformed> {
    let wire = wire.ok_or(Malformed::Missing { field })?;
    Ok(WriteId { session: SessionId(wire.session), serial: Serial(wire.serial) })
}

const fn id_of(id: WriteId) -> v1::WriteId {
    v1::WriteId { session: id.session.0, serial: id.serial.0 }
}

fn key(bytes: &[u8]) -> Result<Key, Malformed> {
    Ok(Key::try_from(bytes)?)
}

fn value(bytes: &[u8]) -> Result<Value, Malformed> {
    Ok(Value::try_from(bytes)?)
}

fn cell(wire: v1::Cell) -> Result<Cell, Malformed> {
    Ok(Cell { key: key(&wire.key)?, value: wire.value.as_deref().map(value).transpose()? })
}

fn cell_of(cell: &Cell) -> v1::Cell {
    v1::Cell {
        key: cell.key.bytes().to_vec(),
        value: cell.value.as_ref().map(|value| value.bytes().to_vec()),
    }
}
