//! The service `Sink` (`sink.proto`) around a running store, and the same service of other stores as sources of copies.

use super::access::SinkAccess;
use super::driver::{NoAnswer, SinkHandle};
use super::mover::{Mover, NoChunk, Sources};
use super::storage::{Effect, SinkIdentity};
use crate::core::fence::{Chunk, Claim, Enforcement, Export, Frontier, Input, Read, Reply, Request, Row};
use crate::core::ids::{PartitionId, Placement};
use crate::node::proto::Malformed;
use crate::node::proto::sink::{SinkCall, frontier_of, refused, status};
use crate::node::proto::v1::{self, sink_client::SinkClient, sink_server};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

/// Most bytes of a message: a chunk, and what a copy remembers of writes, or one row that is larger than a chunk.
pub const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// The service of one store. Clones share it.
#[derive(Clone)]
pub struct SinkService {
    sink: SinkHandle,
    identity: SinkIdentity,
    enforcement: Enforcement,
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
        (identity, enforcement): (SinkIdentity, Enforcement),
        (mover, sources): (Arc<Mover<GrpcSources>>, Arc<GrpcSources>),
        access: SinkAccess,
        deadline: Duration,
    ) -> Self {
        Self { sink, identity, enforcement, mover, sources, access, deadline }
    }

    /// The service as tonic serves it, with its bound of messages.
    #[must_use]
    pub fn into_server(self) -> sink_server::SinkServer<Self> {
        sink_server::SinkServer::new(self)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Checks the caller, hands the request to the store, has the mover do its part, and returns what the caller is answered.
    async fn call<T>(
        &self,
        name: &'static str,
        request: tonic::Request<T>,
        call: impl FnOnce(T) -> SinkCall,
    ) -> Result<Effect, Status> {
        self.access.allow(name, request.extensions(), request.metadata())?;
        let request = Request::try_from(call(request.into_inner())).map_err(malformed)?;
        let partition = request.partition;
        let asked = tokio::time::timeout(self.deadline, self.sink.ask(partition, Input::Request(request)));
        let effects =
            asked.await.map_err(|_| unknown(format_args!("no answer within {:?}", self.deadline)))?;
        let effects = effects.map_err(unanswered)?;
        self.mover.perform(partition, &effects);
        let answer = effects.into_iter().find(|effect| !matches!(effect, Effect::Pull { .. }));
        match answer {
            Some(
                Effect::Reply(Reply::Refused { refusal, .. }) | Effect::Chunk { chunk: Err(refusal), .. },
            ) => {
                metrics::counter!("cutover_sink_refused_total").increment(1);
                Err(status(&refusal))
            }
            Some(Effect::Halt(halt)) => Err(Status::internal(format!("the partition has halted: {halt:?}"))),
            Some(answer) => Ok(answer),
            None => Err(Status::internal("the store has no answer: found none, expected one")),
        }
    }
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
        // Only a caller that may prepare says where a source is.
        self.access.allow("Prepare", request.extensions(), request.metadata())?;
        let wire = request.get_ref();
        if let Some(source) = wire.source.filter(|_| !wire.source_endpoints.is_empty()) {
            self.sources.learn(Placement(source), &wire.source_endpoints);
        }
        stated!(self, request, Prepare, Prepared)
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
            Some(partition) => self.sink.look(PartitionId(partition)).await.map_err(unanswered)?,
            None => None,
        };
        let copy = known.map(|durable| v1::SinkCopy {
            newest: durable.newest().0,
            sealed_through: durable.sealed_through().0,
            closed_through: durable.closed_through().0,
            position: durable.copy().map(|copy| copy.position().0),
            frontier: durable.copy().map(|copy| frontier_of(copy.frontier())),
            finished: durable.copy().is_some_and(|copy| copy.finished()),
        });
        Ok(Response::new(v1::SinkDescribeResponse {
            store: self.identity.store.0,
            incarnation: self.identity.incarnation.0,
            enforces: self.enforcement == Enforcement::Tokens,
            copy,
        }))
    }
}

/// How a connection to a store is made: with which certificates, if any.
pub type Connect = dyn Fn(&str) -> Result<Channel, String> + Send + Sync;

/// Other stores, asked by gRPC. Where a store is comes with each request to prepare a copy.
pub struct GrpcSources {
    connect: Box<Connect>,
    deadline: Duration,
    known: Mutex<BTreeMap<Placement, Source>>,
}

/// Where a store is reached, and the connections to it.
struct Source {
    endpoints: Vec<String>,
    /// The endpoint that is asked next.
    next: usize,
    channel: Option<Channel>,
}

impl GrpcSources {
    /// Knows no store yet. No call takes longer than `deadline`.
    #[must_use]
    pub fn new(connect: Box<Connect>, deadline: Duration) -> Self {
        Self { connect, deadline, known: Mutex::default() }
    }

    /// Without certificates: for tests, and for ports on one machine.
    #[must_use]
    pub fn plain(deadline: Duration) -> Self {
        let connect = |endpoint: &str| {
            let made =
                Endpoint::from_shared(format!("http://{endpoint}")).map_err(|error| error.to_string())?;
            Ok(made.connect_lazy())
        };
        Self::new(Box::new(connect), deadline)
    }

    /// Where a store is reached from now on.
    pub fn learn(&self, store: Placement, endpoints: &[String]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&store).is_none_or(|source| source.endpoints != endpoints) {
            known.insert(store, Source { endpoints: endpoints.to_vec(), next: 0, channel: None });
        }
    }

    /// The connection to a store. A connection that failed is made anew, to the next endpoint.
    fn channel(&self, store: Placement) -> Result<Channel, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let source = known.get_mut(&store).ok_or_else(|| format!("nobody has said where {store} is"))?;
        if let Some(channel) = &source.channel {
            return Ok(channel.clone());
        }
        let endpoint = source.endpoints.get(source.next).ok_or_else(|| format!("{store} has no endpoint"))?;
        let channel = (self.connect)(endpoint)?;
        source.channel = Some(channel.clone());
        Ok(channel)
    }

    fn failed(&self, store: Placement) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = known.get_mut(&store) {
            source.channel = None;
            source.next = (source.next + 1) % source.endpoints.len().max(1);
        }
    }
}

impl Sources for GrpcSources {
    async fn export(
        &self,
        source: Placement,
        partition: PartitionId,
        export: Export,
    ) -> Result<Chunk, NoChunk> {
        let channel = self.channel(source).map_err(NoChunk::Unreachable)?;
        let mut client = SinkClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let target = Some(v1::SinkTarget { store: source.0, partition: partition.0 });
        let after: &Frontier = &export.after;
        let asked = v1::SinkExportRequest {
            target,
            migration: export.migration.0,
            after: Some(frontier_of(after)),
            position: export.position.0,
            limit: export.limit,
        };
        let answer = tokio::time::timeout(self.deadline, client.export(asked)).await;
        let unreachable = |why: String| {
            self.failed(source);
            NoChunk::Unreachable(why)
        };
        match answer {
            Ok(Ok(chunk)) => {
                Chunk::try_from(chunk.into_inner()).map_err(|error| NoChunk::Unreachable(error.to_string()))
            }
            Ok(Err(status)) => match refused(&status) {
                Some(refusal) => Err(NoChunk::Refused(refusal)),
                None => Err(unreachable(crate::node::proto::reasons(&status))),
            },
            Err(_) => Err(unreachable(format!("no answer within {:?}", self.deadline))),
        }
    }
}
