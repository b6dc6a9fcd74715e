//! The service `Sink` (`sink.proto`) around a running store.

use super::access::SinkAccess;
use super::driver::{NoAnswer, SinkHandle};
use super::mover::Mover;
use super::sources::GrpcSources;
#[cfg(not(madsim))]
use super::sources::MESSAGE_BYTES_MAX;
use super::storage::{Effect, SinkIdentity};
use crate::core::control_plane::{Address, StoreEndpoints, StoreIdentity, StoreKind};
use crate::core::fence::{Claim, Enforcement, Input, Read, Reply, Request, Row};
use crate::core::ids::PartitionId;
use crate::node::proto::Malformed;
use crate::node::proto::sink::{SinkCall, frontier_of, status};
use crate::node::proto::v1::{self, sink_server};
use core::future::Future;
use core::time::Duration;
use std::sync::Arc;
use tonic::{Response, Status};

/// What a store says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// Its number, and the incarnation of its directory.
    pub identity: SinkIdentity,
    /// Whether it checks tokens.
    pub enforcement: Enforcement,
    /// What software it is.
    pub kind: StoreKind,
    /// Who it is to the log.
    pub known_as: StoreIdentity,
}

/// The service of one store. Clones share it.
#[derive(Clone)]
pub struct SinkService {
    sink: SinkHandle,
    description: Arc<Description>,
    mover: Arc<Mover<GrpcSources>>,
    sources: Arc<GrpcSources>,
    access: SinkAccess,
    deadline: Duration,
}

impl SinkService {
    /// The service of a store that pulls its copies from others by gRPC. No call takes longer than `deadline`.
    #[must_use]
    pub fn new(
        sink: SinkHandle,
        description: Description,
        (mover, sources): (Arc<Mover<GrpcSources>>, Arc<GrpcSources>),
        access: SinkAccess,
        deadline: Duration,
    ) -> Self {
        Self { sink, description: Arc::new(description), mover, sources, access, deadline }
    }

    /// The service as tonic serves it, with its bound of messages.
    #[cfg(not(madsim))]
    #[must_use]
    pub fn into_server(self) -> sink_server::SinkServer<Self> {
        sink_server::SinkServer::new(self)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Waits for the store, as long as a call may take.
    async fn within<T>(&self, asked: impl Future<Output = Result<T, NoAnswer>>) -> Result<T, Status> {
        let answer = tokio::time::timeout(self.deadline, asked).await;
        let answer = answer.map_err(|_| unknown(format_args!("no answer within {:?}", self.deadline)))?;
        answer.map_err(unanswered)
    }

    /// Checks the caller, and hands the request to the store.
    async fn ask<T>(
        &self,
        name: &'static str,
        request: tonic::Request<T>,
        call: impl FnOnce(T) -> Result<(SinkCall, Option<Pulls>), Status>,
    ) -> Result<Effect, Status> {
        self.access.allow(name, request.extensions(), request.metadata())?;
        let (call, pulls) = call(request.into_inner())?;
        let (source, rate) = pulls.map_or((None, None), |pulls| (pulls.source, Some(pulls.bytes_per_second)));
        let request = Request::try_from(call).map_err(malformed)?;
        let partition = request.partition;
        let rate = rate.and_then(|rate| Some((request.body.migration()?, rate)));
        let effects = self.within(self.sink.ask(partition, Input::Request(request))).await?;
        for effect in &effects {
            if let (Effect::Pull { source: from, .. }, Some(endpoints)) = (effect, &source) {
                self.sources.learn(*from, endpoints);
            }
        }
        self.mover.perform(partition, &effects);
        if let Some((migration, rate)) = rate {
            self.mover.limit(partition, migration, rate);
        }
        answer(effects)
    }

    async fn call<T>(
        &self,
        name: &'static str,
        request: tonic::Request<T>,
        call: impl FnOnce(T) -> SinkCall,
    ) -> Result<Effect, Status> {
        self.ask(name, request, |wire| Ok((call(wire), None))).await
    }
}

/// How the copy is pulled that a request prepares. It counts only if a pull begins or runs: a late request, which the store refuses, does not lead
/// the pull of a later one elsewhere.
struct Pulls {
    /// Where the source is reached.
    source: Option<StoreEndpoints>,
    /// The most bytes per second.
    bytes_per_second: Option<u64>,
}

/// What the caller is answered.
fn answer(effects: Vec<Effect>) -> Result<Effect, Status> {
    let answer = effects.into_iter().find(|effect| !matches!(effect, Effect::Pull { .. }));
    match answer {
        Some(Effect::Reply(Reply::Refused { refusal, .. }) | Effect::Chunk { chunk: Err(refusal), .. }) => {
            metrics::counter!("cutover_sink_refused_total").increment(1);
            Err(status(&refusal))
        }
        Some(Effect::Halt(halt)) => Err(Status::internal(format!("the partition has halted: {halt:?}"))),
        Some(answer) => Ok(answer),
        None => Err(Status::internal("the store has no answer: found none, expected one")),
    }
}

/// The addresses of a source, as the log could have them; `None` if there are none.
fn endpoints(wire: &[String]) -> Result<Option<StoreEndpoints>, Status> {
    let wrong =
        |error: &dyn core::fmt::Display| Status::invalid_argument(format!("source_endpoints: {error}"));
    let all: Result<Vec<Address>, _> = wire.iter().cloned().map(Address::try_from).collect();
    let all = all.map_err(|error| wrong(&error))?;
    if all.is_empty() {
        return Ok(None);
    }
    StoreEndpoints::try_from(all).map(Some).map_err(|error| wrong(&error))
}

fn malformed(error: Malformed) -> Status {
    Status::invalid_argument(error.to_string())
}

/// The status of a call whose effect is not known. No client library repeats it by itself.
fn unknown(why: impl core::fmt::Display) -> Status {
    Status::unknown(format!("{why}: the request may or may not take effect"))
}

fn unanswered(why: NoAnswer) -> Status {
    unknown(why)
}

fn other(answer: &Effect) -> Status {
    Status::internal(format!("the store answers another question: found {answer:?}"))
}

/// A call whose answer is a statement.
macro_rules! stated {
    ($self:ident, $request:ident, $call:ident, $reply:ident) => {{
        let answer = $self.call(stringify!($call), $request, SinkCall::$call).await?;
        stated!(answer, $reply)
    }};
    ($answer:ident, $reply:ident) => {{
        let answer = $answer;
        let Effect::Reply(Reply::$reply(statement)) = answer else { return Err(other(&answer)) };
        Ok(Response::new(Claim::from(statement).into()))
    }};
}

#[tonic::async_trait]
impl sink_server::Sink for SinkService {
    async fn write(
        &self,
        request: tonic::Request<v1::SinkWriteRequest>,
    ) -> Result<Response<v1::SinkWriteResponse>, Status> {
        let answer = self.call("Write", request, SinkCall::Write).await?;
        let Effect::Reply(Reply::Applied { position, .. }) = answer else { return Err(other(&answer)) };
        Ok(Response::new(v1::SinkWriteResponse { position: position.0 }))
    }

    async fn read(
        &self,
        request: tonic::Request<v1::SinkReadRequest>,
    ) -> Result<Response<v1::SinkReadResponse>, Status> {
        let answer = self.call("Read", request, SinkCall::Read).await?;
        let Effect::Value { read: Read { .. }, row, position } = answer else { return Err(other(&answer)) };
        let written_at = row.as_ref().map(|row| row.position.0);
        let value = row.map(|Row { value, .. }| value.bytes().to_vec());
        Ok(Response::new(v1::SinkReadResponse { value, written_at, position: position.0 }))
    }

    async fn prepare(
        &self,
        request: tonic::Request<v1::SinkPrepareRequest>,
    ) -> Result<Response<v1::Prepared>, Status> {
        let prepare = |wire: v1::SinkPrepareRequest| {
            let source = endpoints(&wire.source_endpoints)?;
            let pulls = Pulls { source, bytes_per_second: wire.bytes_per_second };
            Ok((SinkCall::Prepare(wire), Some(pulls)))
        };
        let answer = self.ask("Prepare", request, prepare).await?;
        stated!(answer, Prepared)
    }

    async fn seal(
        &self,
        request: tonic::Request<v1::SinkSealRequest>,
    ) -> Result<Response<v1::SealReceipt>, Status> {
        stated!(self, request, Seal, Sealed)
    }

    async fn watermark(
        &self,
        request: tonic::Request<v1::SinkWatermarkRequest>,
    ) -> Result<Response<v1::WatermarkReading>, Status> {
        stated!(self, request, Watermark, Watermark)
    }

    async fn evidence(
        &self,
        request: tonic::Request<v1::SinkEvidenceRequest>,
    ) -> Result<Response<v1::CatchUpEvidence>, Status> {
        stated!(self, request, Evidence, Evidence)
    }

    async fn end(&self, request: tonic::Request<v1::SinkEndRequest>) -> Result<Response<v1::Ended>, Status> {
        stated!(self, request, End, Ended)
    }

    async fn drop(
        &self,
        request: tonic::Request<v1::SinkDropRequest>,
    ) -> Result<Response<v1::Dropped>, Status> {
        stated!(self, request, Drop, Dropped)
    }

    async fn export(
        &self,
        request: tonic::Request<v1::SinkExportRequest>,
    ) -> Result<Response<v1::SinkChunk>, Status> {
        let answer = self.call("Export", request, SinkCall::Export).await?;
        let Effect::Chunk { chunk: Ok(chunk), .. } = answer else { return Err(other(&answer)) };
        Ok(Response::new(chunk.into()))
    }

    async fn take(
        &self,
        request: tonic::Request<v1::SinkTakeRequest>,
    ) -> Result<Response<v1::SinkTakeResponse>, Status> {
        let answer = self.call("Take", request, SinkCall::Take).await?;
        let Effect::Reply(Reply::ChunkTaken(taken)) = answer else { return Err(other(&answer)) };
        Ok(Response::new(v1::SinkTakeResponse { position: taken.position().0, complete: taken.complete() }))
    }

    async fn describe(
        &self,
        request: tonic::Request<v1::SinkDescribeRequest>,
    ) -> Result<Response<v1::SinkDescribeResponse>, Status> {
        self.access.allow("Describe", request.extensions(), request.metadata())?;
        let known = match request.get_ref().partition {
            Some(partition) => self.within(self.sink.look(PartitionId(partition))).await?,
            None => None,
        };
        let copy = known.map(|durable| v1::SinkCopy {
            newest: durable.newest().0,
            sealed_through: durable.sealed_through().0,
            closed_through: durable.closed_through().0,
            position: durable.copy().map(|copy| copy.position().0),
            frontier: durable.copy().map(|copy| frontier_of(copy.frontier())),
            finished: durable.copy().is_some_and(|copy| copy.finished()),
            rows: durable.copy().map_or(0, |copy| copy.size().rows),
            bytes: durable.copy().map_or(0, |copy| copy.size().bytes),
        });
        let Description { identity, enforcement, kind, known_as } = &*self.description;
        Ok(Response::new(v1::SinkDescribeResponse {
            store: identity.store.0,
            incarnation: identity.incarnation.0,
            enforces: *enforcement == Enforcement::Tokens,
            copy,
            kind: kind.to_string(),
            identity: known_as.to_string(),
        }))
    }
}
