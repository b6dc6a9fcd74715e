//! Serves a node's ports for peers and clients until shutdown.

use crate::core::control_plane::ClusterVoterIdentity;
use crate::node::driver::Handle;
use crate::node::proto::DESCRIPTORS;
use crate::node::server::{
    Caller, CountCalls, Listener, PeerRule, PeerService, PortLimits, Role, SharedAccess, client_services,
    peer_service,
};
use crate::node::tls::Security;
use core::time::Duration;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tower::layer::util::{Identity, Stack};

pub(super) fn builder(limits: PortLimits) -> Server<Stack<CountCalls, Identity>> {
    Server::builder()
        .layer(CountCalls)
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_keepalive_interval(Some(Duration::from_secs(5)))
        .http2_keepalive_timeout(Some(Duration::from_secs(5)))
        .http2_max_header_list_size(16 << 10)
}

pub(super) async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _gone = stopping.wait_for(|stop| *stop).await;
}

/// Whether a certificate is a member's, or may be.
fn is_node(handle: &Handle, rule: &PeerRule, who: &ClusterVoterIdentity) -> bool {
    handle.registry().members.iter().any(|(_, known)| known.identity == *who)
        || rule.subjects.as_ref().is_some_and(|subjects| subjects.contain(who))
}

pub(super) async fn run_peers(
    listener: Listener,
    security: Security,
    limits: PortLimits,
    service: PeerService,
    stopping: watch::Receiver<bool>,
) {
    // A peer needs one stream; the others are for reconnects that overlap with it.
    let few = PortLimits { streams_per_connection: 4, ..limits };
    let (handle, rule) = (service.handle.clone(), service.rule.clone());
    let incoming = listener.incoming_peers(security, limits, move |who| is_node(&handle, &rule, who));
    let router = builder(few).add_service(peer_service(service));
    let ended = router.serve_with_incoming_shutdown(incoming, stopped(stopping)).await;
    if let Err(error) = ended {
        tracing::error!(%error, "the port for peers failed");
    }
}

pub(super) type Health = tonic_health::pb::health_server::HealthServer<tonic_health::server::HealthService>;

/// The gRPC health service. It reports `SERVING` while this node knows a leader, and `NOT_SERVING` from
/// shutdown on.
pub(super) fn health(handle: &Handle, stopping: watch::Receiver<bool>) -> Health {
    let reporter = tonic_health::server::HealthReporter::new();
    let service = tonic_health::server::HealthService::from_health_reporter(reporter.clone());
    let service = tonic_health::pb::health_server::HealthServer::new(service);
    let mut statuses = handle.statuses();
    tokio::spawn(async move {
        loop {
            let stop = *stopping.borrow();
            let serving = !stop && statuses.borrow_and_update().leader.is_some();
            let status = if serving {
                tonic_health::ServingStatus::Serving
            } else {
                tonic_health::ServingStatus::NotServing
            };
            reporter.set_service_status("", status).await;
            if stop || statuses.changed().await.is_err() {
                return;
            }
        }
    });
    service
}

/// With both versions of the reflection service: older tools know only v1alpha.
pub(super) fn reflected<L>(router: Router<L>) -> Router<L> {
    let describe =
        || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    match (describe().build_v1(), describe().build_v1alpha()) {
        (Ok(later), Ok(earlier)) => router.add_service(later).add_service(earlier),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "gRPC reflection is not available");
            router
        }
    }
}

pub(super) async fn run_clients(
    listener: Listener,
    security: Security,
    limits: PortLimits,
    service: crate::node::server::Service,
    health: Health,
    access: SharedAccess,
    stopping: watch::Receiver<bool>,
) {
    let privileged =
        move |who: &ClusterVoterIdentity| access.role(&Caller::Holder(who.clone())) == Some(Role::Admin);
    let incoming = listener.incoming(security, limits, privileged);
    let router = client_services(&mut builder(limits), service, limits.message_bytes).add_service(health);
    let router = reflected(router);
    let ended = router.serve_with_incoming_shutdown(incoming, stopped(stopping)).await;
    if let Err(error) = ended {
        tracing::error!(%error, "the port for clients failed");
    }
}
