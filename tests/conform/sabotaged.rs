//! A store in front of another one, which does one thing wrong.

use cutover::node::proto::v1;
use cutover::node::proto::v1::sink_client::SinkClient;
use cutover::node::proto::v1::sink_server::{Sink, SinkServer};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    Not,
    /// It says that it is sealed, and takes writes as before.
    SealsInWordsOnly,
    /// It gives each attempt an id of its own.
    KnowsNoWriteAgain,
    /// It leaves a row out of each part of a copy.
    LeavesRowsOut,
    /// It acknowledges each part of a copy, also one that it refuses.
    SaysThatItTookIt,
    /// Its copies remember no write.
    CopiesNoIds,
    /// It checks no token of a read.
    ServesAnyToken,
    /// It applies each row of a write by itself.
    SplitsBatches,
}

#[derive(Clone)]
pub struct Sabotaged {
    inner: Arc<Mutex<SinkClient<Channel>>>,
    how: How,
    ids: Arc<AtomicU64>,
}

impl Sabotaged {
    pub fn new(inner: Channel, how: How) -> Self {
        Self {
            inner: Arc::new(Mutex::new(SinkClient::new(inner))),
            how,
            ids: Arc::new(AtomicU64::new(1 << 40)),
        }
    }

    pub fn server(inner: Channel, how: How) -> SinkServer<Self> {
        Self::new(inner, how).into_server()
    }

    pub fn into_server(self) -> SinkServer<Self> {
        SinkServer::new(self)
    }

    /// From now on another store is behind it.
    pub fn becomes(&self, other: Channel) {
        *self.inner.lock().unwrap() = SinkClient::new(other);
    }

    fn inner(&self) -> SinkClient<Channel> {
        self.inner.lock().unwrap().clone()
    }

    fn new_id(&self) -> Option<v1::WriteId> {
        Some(v1::WriteId { session: self.ids.fetch_add(1, Ordering::Relaxed), serial: 1 })
    }
}

#[tonic::async_trait]
impl Sink for Sabotaged {
    async fn write(
        &self,
        request: Request<v1::SinkWriteRequest>,
    ) -> Result<Response<v1::SinkWriteResponse>, Status> {
        let mut write = request.into_inner();
        if self.how == How::KnowsNoWriteAgain {
            write.id = self.new_id();
        }
        if self.how == How::SplitsBatches {
            for effect in write.effects.iter().skip(1) {
                let (id, effects) = (self.new_id(), vec![effect.clone()]);
                let part = v1::SinkWriteRequest { id, effects, expects: None, ..write.clone() };
                let _applied = self.inner().write(part).await;
            }
        }
        self.inner().write(write).await
    }

    async fn read(
        &self,
        request: Request<v1::SinkReadRequest>,
    ) -> Result<Response<v1::SinkReadResponse>, Status> {
        let mut read = request.into_inner();
        if self.how == How::ServesAnyToken {
            read.token = u64::MAX;
        }
        self.inner().read(read).await
    }

    async fn seal(&self, request: Request<v1::SinkSealRequest>) -> Result<Response<v1::SealReceipt>, Status> {
        let seal = request.into_inner();
        if self.how != How::SealsInWordsOnly {
            return self.inner().seal(seal).await;
        }
        let asked =
            v1::SinkWatermarkRequest { target: seal.target, migration: seal.migration, epoch: seal.through };
        let reading = self.inner().watermark(asked).await?.into_inner();
        Ok(Response::new(v1::SealReceipt {
            origin: reading.origin,
            migration: seal.migration,
            through: seal.through,
            watermark: reading.position,
            target_incarnation: seal.target_incarnation,
            digest: reading.digest,
        }))
    }

    async fn export(
        &self,
        request: Request<v1::SinkExportRequest>,
    ) -> Result<Response<v1::SinkChunk>, Status> {
        let mut chunk = self.inner().export(request.into_inner()).await?;
        if self.how == How::LeavesRowsOut {
            chunk.get_mut().rows.pop();
        }
        Ok(chunk)
    }

    async fn take(
        &self,
        request: Request<v1::SinkTakeRequest>,
    ) -> Result<Response<v1::SinkTakeResponse>, Status> {
        let mut take = request.into_inner();
        if let (How::CopiesNoIds, Some(chunk)) = (self.how, take.chunk.as_mut()) {
            chunk.remembered = chunk.remembered.as_ref().map(|_| v1::RememberedWrites::default());
        }
        let position = take.chunk.as_ref().map_or(0, |chunk| chunk.position);
        let taken = self.inner().take(take).await;
        match taken {
            Err(_) if self.how == How::SaysThatItTookIt => {
                Ok(Response::new(v1::SinkTakeResponse { position, complete: false }))
            }
            taken => taken,
        }
    }

    async fn prepare(
        &self,
        request: Request<v1::SinkPrepareRequest>,
    ) -> Result<Response<v1::Prepared>, Status> {
        self.inner().prepare(request.into_inner()).await
    }

    async fn watermark(
        &self,
        request: Request<v1::SinkWatermarkRequest>,
    ) -> Result<Response<v1::WatermarkReading>, Status> {
        self.inner().watermark(request.into_inner()).await
    }

    async fn evidence(
        &self,
        request: Request<v1::SinkEvidenceRequest>,
    ) -> Result<Response<v1::CatchUpEvidence>, Status> {
        self.inner().evidence(request.into_inner()).await
    }

    async fn end(&self, request: Request<v1::SinkEndRequest>) -> Result<Response<v1::Ended>, Status> {
        self.inner().end(request.into_inner()).await
    }

    async fn drop(&self, request: Request<v1::SinkDropRequest>) -> Result<Response<v1::Dropped>, Status> {
        self.inner().drop(request.into_inner()).await
    }

    async fn describe(
        &self,
        request: Request<v1::SinkDescribeRequest>,
    ) -> Result<Response<v1::SinkDescribeResponse>, Status> {
        self.inner().describe(request.into_inner()).await
    }
}
