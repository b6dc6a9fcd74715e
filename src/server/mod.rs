//! What clients and other nodes talk to: gRPC services around a [`Handle`](crate::driver::Handle).
//!
//! A service translates: a message into a request of the driver, and what comes back into a message. Who may ask for what
//! is in `access.rs`, in one table; how long anybody waits is in `deadline.rs`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::result_large_err,
    reason = "the edge: clocks, sockets, and a gRPC status that is as large as it is"
)]

mod access;
mod cluster;
mod deadline;
mod errors;
mod heard;
#[cfg(not(madsim))]
mod listen;
mod migrations;
#[cfg(not(madsim))]
mod network;
mod node;
mod outgoing;
#[cfg(not(madsim))]
mod outside;
#[cfg(not(madsim))]
mod parcel;
#[cfg(not(madsim))]
mod peers;
mod placements;
#[cfg(not(madsim))]
mod room;
#[cfg(not(madsim))]
mod seldom;
mod sessions;

pub use access::{Access, Caller, Identify, Plain, Role, Subjects, SubjectsError};
pub use deadline::Patience;
pub use errors::{from_failure, from_outcome};
pub use heard::Heard;
#[cfg(not(madsim))]
pub use listen::{Certificates, Limits, ListenError, Listener};
#[cfg(not(madsim))]
pub use network::GrpcTransport;
pub use node::{Parts, Running, StartNodeError, start};

#[cfg(not(madsim))]
pub use parcel::Large;
#[cfg(not(madsim))]
pub use peers::{Ear, Learned, PeerRule, PeerService, Streams, peer_service};

use crate::api::v1;
use crate::driver::Handle;
use crate::migration::Policy;
use std::sync::Arc;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Request, Status};

/// One node, as its services see it.
#[derive(Clone)]
pub struct Service {
    handle: Handle,
    access: Arc<Access>,
    identify: Arc<dyn Identify>,
    policy: Policy,
    patience: Patience,
    heard: Heard,
}

impl Service {
    /// The services of a node.
    #[must_use]
    pub fn new(handle: Handle, access: Arc<Access>, identify: Arc<dyn Identify>, policy: Policy) -> Self {
        Self { handle, access, identify, policy, patience: Patience::default(), heard: Heard::default() }
    }

    /// The same with other deadlines of its streams, and with what others say of its node.
    #[must_use]
    pub fn with(self, patience: Patience, heard: Heard) -> Self {
        Self { patience, heard, ..self }
    }

    /// Lets a caller in, or says why not.
    fn allow<T>(&self, request: &Request<T>, call: &'static str) -> Result<Caller, Status> {
        let caller = self.identify.caller(request.extensions(), request.metadata())?;
        self.access.allow(&caller, call)?;
        Ok(caller)
    }

    /// The place where the leader can be spoken to, as far as this node knows.
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

/// Adds the client services to a server. No message that is longer than `limit` bytes is read.
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
