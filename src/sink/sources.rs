//! Other stores as sources of copies, asked by gRPC.

use super::mover::{NoChunk, Sources};
use crate::core::control_plane::{Address, StoreEndpoints};
use crate::core::fence::{Body, Chunk, Export, Request};
use crate::core::ids::{PartitionId, Placement};
use crate::node::proto::sink::{SinkCall, refused};
use crate::node::proto::v1::sink_client::SinkClient;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tonic::transport::{Channel, Endpoint};

/// Most bytes of a message: a chunk, and what a copy remembers of writes, or one row that is larger than a chunk.
pub const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// A connection being opened. The error is the message.
pub type Connecting = Pin<Box<dyn Future<Output = Result<Channel, String>> + Send>>;

/// How a connection to a store is made: with which certificates, if any, and to whom.
pub type Connect = dyn Fn(Address) -> Connecting + Send + Sync;

/// Other stores, asked by gRPC. Where a store is comes with each request to prepare a copy.
pub struct GrpcSources {
    connect: Box<Connect>,
    deadline: Duration,
    known: Mutex<BTreeMap<Placement, Source>>,
}

/// Where a store is reached, and the connection to it.
struct Source {
    endpoints: Vec<Address>,
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
        let connect = |endpoint: Address| -> Connecting {
            Box::pin(async move {
                let made = Endpoint::from_shared(format!("http://{endpoint}"));
                Ok(made.map_err(|error| error.to_string())?.connect_lazy())
            })
        };
        Self::new(Box::new(connect), deadline)
    }

    /// Where a store is reached from now on.
    pub fn learn(&self, store: Placement, endpoints: &StoreEndpoints) {
        let endpoints: Vec<Address> = endpoints.iter().cloned().collect();
        let mut known = self.known();
        if known.get(&store).is_none_or(|source| source.endpoints != endpoints) {
            known.insert(store, Source { endpoints, next: 0, channel: None });
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Placement, Source>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection to a store. A connection that failed is made anew, to the next endpoint.
    async fn channel(&self, store: Placement) -> Result<Channel, String> {
        let endpoint = {
            let known = self.known();
            let source = known.get(&store).ok_or_else(|| format!("nobody has said where {store} is"))?;
            if let Some(channel) = &source.channel {
                return Ok(channel.clone());
            }
            source.endpoints.get(source.next).cloned().ok_or_else(|| format!("{store} has no endpoint"))?
        };
        let channel = (self.connect)(endpoint.clone()).await?;
        if let Some(source) = self.known().get_mut(&store)
            && source.endpoints.get(source.next) == Some(&endpoint)
        {
            source.channel = Some(channel.clone());
        }
        Ok(channel)
    }

    fn failed(&self, store: Placement) {
        if let Some(source) = self.known().get_mut(&store) {
            source.channel = None;
            source.next = (source.next + 1) % source.endpoints.len().max(1);
        }
    }

    async fn ask(&self, request: Request) -> Result<Chunk, NoChunk> {
        let store = request.store;
        let SinkCall::Export(asked) = SinkCall::from(request) else {
            return Err(NoChunk::Unreachable("found another call, expected an export".to_owned()));
        };
        let unreachable = |why: String| {
            self.failed(store);
            NoChunk::Unreachable(why)
        };
        let channel = self.channel(store).await.map_err(unreachable)?;
        let mut client = SinkClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        match client.export(asked).await {
            Ok(chunk) => {
                Chunk::try_from(chunk.into_inner()).map_err(|error| NoChunk::Unreachable(error.to_string()))
            }
            Err(status) => match refused(&status) {
                Some(refusal) => Err(NoChunk::Refused(refusal)),
                None => Err(unreachable(crate::node::proto::reasons(&status))),
            },
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
        let request = Request { store: source, partition, body: Body::Export(export) };
        match tokio::time::timeout(self.deadline, self.ask(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                self.failed(source);
                Err(NoChunk::Unreachable(format!("no answer within {:?}", self.deadline)))
            }
        }
    }
}
