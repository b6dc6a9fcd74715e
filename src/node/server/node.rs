//! Assembles a node from its parts, in the same way in production, tests and the simulator.

use super::{Identify, Introducer, Service, SharedAccess};
use crate::core::migration::Policy;
use crate::node::driver::{
    self, DriverConfig, Engine, Environment, Handle, Inbox, Stopped, Storage, Transport,
};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The parts that differ between production, tests and the simulator.
pub struct Parts<S, T> {
    /// The engine, started with the state on the node's disk.
    pub engine: Engine,
    /// Timers and queue lengths of the driver.
    pub driver: DriverConfig,
    /// Writes batches to the node's disk.
    pub storage: S,
    /// Sends messages to peers.
    pub transport: T,
    /// Clock, randomness and flight recorder.
    pub environment: Environment,
    /// The role of each caller.
    pub access: SharedAccess,
    /// Identifies the caller of a request.
    pub identify: Arc<dyn Identify>,
    /// Asks a node who it is, before it is admitted.
    pub introducer: Arc<dyn Introducer>,
    /// Time limits for migrations, shown in plans.
    pub policy: Policy,
}

/// A node that has been started.
pub struct Running {
    /// Sends requests to the driver.
    pub handle: Handle,
    /// Takes messages from peers.
    pub inbox: Inbox,
    /// The gRPC services for clients.
    pub service: Service,
    /// Resolves when the node has stopped, to the reason.
    pub task: JoinHandle<Stopped>,
}

/// Starts the driver, and creates the services around it.
pub fn start<S: Storage, T: Transport>(parts: Parts<S, T>) -> Running {
    let Parts { engine, driver, storage, transport, environment, access, identify, introducer, policy } =
        parts;
    let (handle, inbox, task) = driver::start(driver, engine, storage, transport, environment);
    let service = Service::new(handle.clone(), access, identify, introducer, policy);
    Running { handle, inbox, service, task }
}
