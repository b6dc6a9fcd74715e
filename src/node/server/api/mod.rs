//! The client services with their access control, deadlines and error statuses.

pub(super) mod access;
mod cluster;
pub(super) mod deadline;
pub(super) mod errors;
mod migrations;
mod moves;
mod placements;
mod response_stream;
mod sessions;
mod stores;

use self::access::{Caller, Identify, SharedAccess};
use self::deadline::StreamTimeouts;
use super::quota::{Quota, QuotaLimits};
use super::{Introducer, RemovalNotice, Role};
use crate::core::migration::Policy;
use crate::node::controllers::Board;
use crate::node::driver::Handle;
use crate::node::proto::v1;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Request, Status};

/// The gRPC services of one node. Clones share it.
#[derive(Clone)]
pub struct Service {
    handle: Handle,
    access: SharedAccess,
    identify: Arc<dyn Identify>,
    introducer: Arc<dyn Introducer>,
    policy: Policy,
    timeouts: StreamTimeouts,
    removal: RemovalNotice,
    /// How far the moves are that this node drives while it leads; `None`: it drives none.
    board: Option<Board>,
    /// The turns of the pages of resyncs.
    pages: Arc<Semaphore>,
    /// Permits to have a backup open.
    backups: Arc<Semaphore>,
    /// The turn of the backup that is being encoded.
    encoding: Arc<Semaphore>,
    /// Places of open watches.
    watches: Quota,
}

/// The places of watches. Admins may use the reserved ones.
fn watches(limits: QuotaLimits, access: &SharedAccess) -> Quota {
    let access = access.clone();
    let privileged = move |who: &_| access.role(&Caller::Holder(Clone::clone(who))) == Some(Role::Admin);
    Quota::new("watches", limits, Arc::new(privileged))
}

impl Service {
    /// The services of a node, with default timeouts of streams, no notice of removal, and no limit of watches but the
    /// driver's.
    #[must_use]
    pub fn new(
        handle: Handle,
        access: SharedAccess,
        identify: Arc<dyn Identify>,
        introducer: Arc<dyn Introducer>,
        policy: Policy,
    ) -> Self {
        let unlimited = QuotaLimits { all: usize::MAX, reserved: 0, each: usize::MAX };
        Self {
            handle,
            watches: watches(unlimited, &access),
            access,
            identify,
            introducer,
            policy,
            timeouts: StreamTimeouts::default(),
            removal: RemovalNotice::default(),
            board: None,
            pages: Arc::new(Semaphore::new(placements::PAGES)),
            backups: Arc::new(Semaphore::new(cluster::BACKUPS)),
            encoding: Arc::new(Semaphore::new(1)),
        }
    }

    /// Replaces the timeouts of streams, the limits of watches, and the notice that peers give of this node's removal.
    #[must_use]
    pub fn with(self, timeouts: StreamTimeouts, limits: QuotaLimits, removal: RemovalNotice) -> Self {
        Self { timeouts, watches: watches(limits, &self.access), removal, ..self }
    }

    /// Has `Moves` say what the controllers of this node know.
    #[must_use]
    pub fn showing(self, board: Option<Board>) -> Self {
        Self { board, ..self }
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
        let (_, registered) = registry.member(leader)?;
        let client_address = registered.endpoints.client.as_ref().map(ToString::to_string);
        Some(v1::Hint {
            node: leader.0.into(),
            identity: registered.identity.to_string(),
            client_address: client_address.unwrap_or_default(),
        })
    }
}

/// Adds the client services to a server. Messages longer than `limit` bytes are refused.
pub fn client_services<L: Clone>(server: &mut Server<L>, service: Service, limit: usize) -> Router<L> {
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
        .add_service(v1::stores_server::StoresServer::new(service.clone()).max_decoding_message_size(limit))
        .add_service(v1::cluster_server::ClusterServer::new(service).max_decoding_message_size(limit))
}
