//! The wire to a store under test.

use super::Ends;
use crate::core::fence::{
    Body, CatchUpEvidence, Chunk, Claim, Dropped, Ended, Export, Frontier, Key, Mutation, Prepare, Prepared,
    Read, Refusal, Request, Seal, SealReceipt, Stored, Value, WatermarkReading, Write,
};
use crate::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use crate::node::proto::sink::{SinkCall, refused};
use crate::node::proto::v1::{self, sink_client::SinkClient};
use crate::node::proto::{Malformed, reasons};
use core::future::Future;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use tonic::transport::Channel;
use tonic::{Response, Status};

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// The numbers of the checks' partitions begin here, and at a place that is drawn.
const PARTITIONS: u64 = 1 << 62;

/// Migrations and epochs of the checks begin here: above those that a store began after.
const NUMBERS: u64 = 1 << 50;

/// A migration of a check.
pub(super) const fn m(number: u64) -> MigrationId {
    MigrationId(NUMBERS + number)
}

/// An epoch of a check.
pub(super) const fn e(number: u64) -> Epoch {
    Epoch(NUMBERS + number)
}

/// A connection to a store, and what it has said of itself.
pub struct Link {
    channel: Channel,
    described: v1::SinkDescribeResponse,
    next: AtomicU64,
}

/// A store's answer to one call.
pub(super) type Told<T> = Result<T, Refusal>;

/// A partition of a check.
#[derive(Clone, Copy)]
pub(super) struct At<'s> {
    link: &'s Link,
    pub(super) partition: PartitionId,
}

impl Link {
    /// Asks the store behind this connection who it is.
    ///
    /// # Errors
    /// One line, if it does not say so.
    pub async fn new(channel: Channel) -> Result<Self, String> {
        let asked = v1::SinkDescribeRequest { partition: None };
        let mut drawn = [0_u8; 8];
        getrandom::fill(&mut drawn).map_err(|error| format!("no random number: {error}"))?;
        let answer = tokio::time::timeout(DEADLINE, SinkClient::new(channel.clone()).describe(asked)).await;
        let answer = answer.map_err(|_| format!("`Describe` was not answered within {DEADLINE:?}"))?;
        let described = answer.map_err(|status| reasons(&status))?.into_inner();
        let next = AtomicU64::new(PARTITIONS + u64::from_le_bytes(drawn) % PARTITIONS);
        Ok(Self { channel, described, next })
    }

    /// What the store has said of itself.
    #[must_use]
    pub const fn described(&self) -> &v1::SinkDescribeResponse {
        &self.described
    }

    pub(super) const fn enforces(&self) -> bool {
        self.described.enforces
    }

    pub(super) const fn store(&self) -> Placement {
        Placement(self.described.store)
    }

    pub(super) const fn incarnation(&self) -> Incarnation {
        Incarnation(self.described.incarnation)
    }

    pub(super) fn client(&self) -> SinkClient<Channel> {
        const MESSAGE_BYTES_MAX: usize = 64 << 20;
        SinkClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// A partition that nobody has used.
    pub(super) fn fresh(&self) -> At<'_> {
        At { link: self, partition: PartitionId(self.next.fetch_add(1, Ordering::Relaxed)) }
    }
}

async fn within<T>(
    call: impl Future<Output = Result<Response<T>, Status>>,
    what: &str,
) -> Result<Told<T>, Ends> {
    let answer = tokio::time::timeout(DEADLINE, call).await;
    let answer = answer.map_err(|_| Ends::Unknown(format!("{what} was not answered within {DEADLINE:?}")))?;
    match answer {
        Ok(answer) => Ok(Ok(answer.into_inner())),
        Err(status) => match refused(&status) {
            Some(refusal) => Ok(Err(refusal)),
            None if status.code() == tonic::Code::Unimplemented => {
                Err(Ends::NotOffered(format!("{what} is not implemented")))
            }
            None => Err(Ends::Unknown(format!("{what}: {}", reasons(&status)))),
        },
    }
}

fn malformed(what: &str) -> impl Fn(Malformed) -> Ends {
    move |error| Ends::Broken(format!("{what} is answered with what is none: {error}"))
}

impl<'s> At<'s> {
    pub(super) fn request(&self, body: Body) -> Request {
        Request { store: self.link.store(), partition: self.partition, body }
    }

    /// A client of its own, for a task.
    pub(super) fn client(&self) -> SinkClient<Channel> {
        self.link.client()
    }

    /// A write to this partition as a message.
    pub(super) fn wire(&self, write: Write) -> Result<v1::SinkWriteRequest, Ends> {
        let SinkCall::Write(wire) = self.request(Body::Write(write)).into() else { return Err(other()) };
        Ok(wire)
    }

    /// The statement of an answer, which must be of this store and partition.
    fn stated<T: Stored, W>(&self, body: Body, told: Told<W>) -> Result<Told<T>, Ends>
    where
        Claim<T>: TryFrom<Option<W>, Error = Malformed>,
    {
        let what = self.request(body.clone()).to_string();
        let wire = match told {
            Ok(wire) => wire,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let claim = Claim::<T>::try_from(Some(wire)).map_err(malformed(&what))?;
        let statement = claim.answering(&self.request(body));
        let statement = statement
            .ok_or_else(|| Ends::Broken(format!("{what}: a statement of another store or partition")))?;
        Ok(Ok(statement))
    }

    pub(super) async fn prepare(&self, prepare: Prepare) -> Result<Told<Prepared>, Ends> {
        let body = Body::Prepare(prepare);
        let SinkCall::Prepare(wire) = self.request(body.clone()).into() else { return Err(other()) };
        let told = within(self.link.client().prepare(wire), "Prepare").await?;
        self.stated(body, told)
    }

    pub(super) async fn seal(&self, seal: Seal) -> Result<Told<SealReceipt>, Ends> {
        let SinkCall::Seal(wire) = self.request(Body::Seal(seal)).into() else { return Err(other()) };
        let told = within(self.link.client().seal(wire), "Seal").await?;
        self.stated(Body::Seal(seal), told)
    }

    pub(super) async fn watermark(&self, migration: u64, epoch: u64) -> Result<Told<WatermarkReading>, Ends> {
        let query = crate::core::fence::WatermarkQuery { migration: m(migration), epoch: e(epoch) };
        let SinkCall::Watermark(wire) = self.request(Body::Watermark(query)).into() else {
            return Err(other());
        };
        let told = within(self.link.client().watermark(wire), "Watermark").await?;
        self.stated(Body::Watermark(query), told)
    }

    pub(super) async fn evidence(
        &self,
        migration: u64,
        at_least: Position,
    ) -> Result<Told<CatchUpEvidence>, Ends> {
        let (migration, epoch) = (m(migration), e(3));
        let query = crate::core::fence::EvidenceQuery { migration, epoch, at_least };
        let SinkCall::Evidence(wire) = self.request(Body::Evidence(query)).into() else {
            return Err(other());
        };
        let told = within(self.link.client().evidence(wire), "Evidence").await?;
        self.stated(Body::Evidence(query), told)
    }

    pub(super) async fn end(&self, migration: u64) -> Result<Told<Ended>, Ends> {
        let end = crate::core::fence::End { migration: m(migration), epoch: e(3) };
        let SinkCall::End(wire) = self.request(Body::End(end)).into() else { return Err(other()) };
        let told = within(self.link.client().end(wire), "End").await?;
        self.stated(Body::End(end), told)
    }

    pub(super) async fn drop_copy(
        &self,
        copy: u64,
        sealed_through: Option<u64>,
    ) -> Result<Told<Dropped>, Ends> {
        let sealed_through = sealed_through.map(e);
        let drop = crate::core::fence::DropCopy { copy: m(copy), sealed_through };
        let SinkCall::Drop(wire) = self.request(Body::Drop(drop)).into() else { return Err(other()) };
        let told = within(self.link.client().drop(wire), "Drop").await?;
        self.stated(Body::Drop(drop), told)
    }

    pub(super) async fn write(&self, write: Write) -> Result<Told<Position>, Ends> {
        let SinkCall::Write(wire) = self.request(Body::Write(write)).into() else { return Err(other()) };
        let told = within(self.link.client().write(wire), "Write").await?;
        Ok(told.map(|answer| Position(answer.position)))
    }

    /// The value of a row and the position of its last write.
    pub(super) async fn read(&self, token: u64, key: &str) -> Result<Told<Option<(Value, Position)>>, Ends> {
        let read = Read { token: e(token), key: key_of(key)? };
        let SinkCall::Read(wire) = self.request(Body::Read(read)).into() else { return Err(other()) };
        let told = within(self.link.client().read(wire), "Read").await?;
        let answer = match told {
            Ok(answer) => answer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(value) = answer.value else { return Ok(Ok(None)) };
        let value =
            Value::try_from(value.as_slice()).map_err(|error| Ends::Broken(format!("Read: {error}")))?;
        Ok(Ok(Some((value, Position(answer.written_at.unwrap_or_default())))))
    }

    pub(super) async fn export(&self, export: Export) -> Result<Told<Chunk>, Ends> {
        let SinkCall::Export(wire) = self.request(Body::Export(export)).into() else { return Err(other()) };
        match within(self.link.client().export(wire), "Export").await? {
            Ok(chunk) => Ok(Ok(Chunk::try_from(chunk).map_err(malformed("Export"))?)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// The position of the copy afterwards, and whether it has all rows.
    pub(super) async fn take(&self, chunk: Chunk) -> Result<Told<(Position, bool)>, Ends> {
        let SinkCall::Take(wire) = self.request(Body::Chunk(chunk)).into() else { return Err(other()) };
        let told = within(self.link.client().take(wire), "Take").await?;
        Ok(told.map(|taken| (Position(taken.position), taken.complete)))
    }

    /// Creates the partition here, empty, by migration 1.
    pub(super) async fn created(self) -> Result<At<'s>, Ends> {
        let prepare = Prepare { migration: m(1), closed_through: Epoch::ZERO, source: None, keep: None };
        granted(self.prepare(prepare).await?, "a partition that nobody holds is created")?;
        Ok(self)
    }

    /// Sets a row, and returns the position of the write.
    pub(super) async fn put(
        &self,
        id: (u64, u64),
        token: u64,
        key: &str,
        value: &str,
    ) -> Result<Told<Position>, Ends> {
        self.write(put(id, token, key, value)?).await
    }

    /// The text of a row; `None`: there is none.
    pub(super) async fn row(&self, token: u64, key: &str) -> Result<Option<String>, Ends> {
        let row = granted(self.read(token, key).await?, "a read above the fences is served")?;
        Ok(row.map(|(value, _)| value.to_string()))
    }
}

fn other() -> Ends {
    Ends::Unknown("a request became another one".to_owned())
}

/// The answer, which must be none but this.
pub(super) fn granted<T>(told: Told<T>, claim: &str) -> Result<T, Ends> {
    told.map_err(|refusal| Ends::Broken(format!("found `{refusal}`, expected that {claim}")))
}

/// The refusal, which must be one of these.
pub(super) fn denied<T: core::fmt::Debug>(
    told: Told<T>,
    is_right: impl Fn(&Refusal) -> bool,
    expected: &str,
) -> Result<Refusal, Ends> {
    match told {
        Err(refusal) if is_right(&refusal) => Ok(refusal),
        Err(refusal) => Err(Ends::Broken(format!("found `{refusal}`, expected {expected}"))),
        Ok(answer) => Err(Ends::Broken(format!("found {answer:?}, expected {expected}"))),
    }
}

pub(super) fn key_of(key: &str) -> Result<Key, Ends> {
    Key::try_from(key.as_bytes()).map_err(|error| Ends::Unknown(error.to_string()))
}

pub(super) fn value_of(value: &str) -> Result<Value, Ends> {
    Value::try_from(value.as_bytes()).map_err(|error| Ends::Unknown(error.to_string()))
}

pub(super) const fn id((session, serial): (u64, u64)) -> WriteId {
    WriteId { session: SessionId(session), serial: Serial(serial) }
}

pub(super) fn put(of: (u64, u64), token: u64, key: &str, value: &str) -> Result<Write, Ends> {
    Ok(Write { id: id(of), token: e(token), mutation: Mutation::put(key_of(key)?, value_of(value)?) })
}

/// Whether a frontier is that of a whole copy.
pub(super) fn is_whole(frontier: &Frontier) -> bool {
    *frontier == Frontier::Everything
}
