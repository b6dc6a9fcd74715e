//! The gRPC services of a node, for clients and for other nodes, around a [`Handle`](crate::node::driver::Handle).
//!
//! A service converts a message into a request of the driver, and the answer into a message. Which role a call needs is one table in
//! `api/access.rs`; deadlines are in `api/deadline.rs`.
//!
//! May import: `core::ids`, `core::raft`, `core::migration`, `core::control_plane`, `node::proto`, `node::store`, `node::tls`, `node::driver`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::result_large_err,
    reason = "the edge: clocks, sockets, and gRPC statuses, which are large"
)]

mod api;
#[cfg(not(madsim))]
mod listen;
#[cfg(not(madsim))]
mod log_limiter;
mod node;
mod peer;

pub use api::access::{Access, Caller, Identify, Plain, Role, Subjects, SubjectsError};
pub use api::deadline::StreamTimeouts;
pub use api::errors::{from_failure, from_outcome};
#[cfg(not(madsim))]
pub use listen::{Certificates, Limits, ListenError, Listener};
pub use node::{Parts, Running, start};
#[cfg(not(madsim))]
pub use peer::peer_client::GrpcTransport;
#[cfg(not(madsim))]
pub use peer::peer_server::{PeerAccess, PeerAddresses, PeerRule, PeerService, Streams, peer_service};
pub use peer::removal_notice::RemovalNotice;
#[cfg(not(madsim))]
pub use peer::wire::{LargeMessages, PROTOCOL as PEER_PROTOCOL};

use crate::core::migration::Policy;
use crate::node::driver::Handle;
use crate::node::proto::v1;
use std::sync::Arc;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Request, Status};

/// The gRPC services of one node. Clones share it.
#[derive(Clone)]
pub struct Service {
    handle: Handle,
    access: Arc<Access>,
    identify: Arc<dyn Identify>,
    policy: Policy,
    timeouts: StreamTimeouts,
    removal: RemovalNotice,
}

impl Service {
    /// The services of a node, with default timeouts of streams and no notice of removal.
    #[must_use]
    pub fn new(handle: Handle, access: Arc<Access>, identify: Arc<dyn Identify>, policy: Policy) -> Self {
        Self {
            handle,
            access,
            identify,
            policy,
            timeouts: StreamTimeouts::default(),
            removal: RemovalNotice::default(),
        }
    }

    /// Replaces the timeouts of streams, and the notice that peers give of this node's removal.
    #[must_use]
    pub fn with(self, timeouts: StreamTimeouts, removal: RemovalNotice) -> Self {
        Self { timeouts, removal, ..self }
    }

    /// Identifies the caller, and checks that its role permits the call.
    fn allow<T>(&self, request: &Request<T>, call: &'static str) -> Result<Caller, Status> {
        let caller = self.identify.caller(request.extensions(), request.metadata())?;
        self.access.allow(&caller, call)?;
        Ok(caller)
    }

    /// The leader and its client address, as far as this node knows them.
    fn hint(&self) -> Option<v1::Hint> {
        let leader = self.handle.status().leader?;
        let registry = self.handle.registry();
        let (_, registered) = registry.iter().find(|(node, _)| *node == leader)?;
        let client_address = registered.endpoints.client.as_ref().map(ToString::to_string);
        Some(v1::Hint {
            node: leader.0.into(),
            identity: registered.identity.to_string(),
            client_address: client_address.unwrap_or_default(),
        })
    }
}

/// Adds the client services to a server. Messages longer than `limit` bytes are refused.
pub fn client_services(server: &mut Server, service: Service, limit: usize) -> Router {
    server
        .add_service(
            v1::placements_server::PlacementsServer::new(service.clone()).max_decoding_message_size(limit),
        )
        .add_service(
            v1::migrations_server::MigrationsServer::new(service.clone()).max_decoding_message_size(limit),
        )
        .add_service(
            v1::sessions_server::SessionsServer::new(service.clone()).max_decoding_message_size(limit),
        )
        .add_service(v1::cluster_server::ClusterServer::new(service).max_decoding_message_size(limit))
}
