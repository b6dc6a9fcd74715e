//! How stores are reached: by controllers and by gateways.

use super::{DataOptions, has_data};
use core::time::Duration;
use cutover::client::{DialStore, Dialing, StoreAt};
use cutover::core::control_plane::Address;
use cutover::node::controllers::{ControllersConfig, GrpcStores};
use tonic::transport::Endpoint;

fn connect(endpoint: &Address) -> Dialing {
    let endpoint = Endpoint::from_shared(format!("http://{endpoint}"));
    Box::pin(
        async move { endpoint.map(|endpoint| endpoint.connect_lazy()).map_err(|error| error.to_string()) },
    )
}

/// Connections of a gateway to stores, without TLS.
#[derive(Debug)]
pub struct Plain;

impl DialStore for Plain {
    fn channel(&self, store: StoreAt) -> Dialing {
        connect(&store.endpoint)
    }
}

/// What the controllers of a node reach stores with, and keep to. They leave alone the partitions about which clients invent statements.
#[must_use]
pub fn controllers(options: &DataOptions) -> (GrpcStores, ControllersConfig) {
    let config = ControllersConfig {
        policy: options.policy(),
        deadline: Duration::from_millis(options.attempt_ms),
        calls_per_store: 64,
        drives: has_data,
    };
    (GrpcStores::connecting(Box::new(|address, _| connect(&address))), config)
}
