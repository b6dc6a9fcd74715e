//! Puts a node together, in the same way in production, tests and the simulator; what differs is in [`Parts`].

use super::{Access, Identify, Service};
use crate::core::migration::Policy;
use crate::node::driver::{
    self, DriverConfig, Engine, Environment, Handle, Inbox, Stopped, Storage, Transport,
};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The parts of a node.
pub struct Parts<S, T> {
    /// Its engine, started with the state on its disk.
    pub engine: Engine,
    /// Timers and queues of the driver.
    pub driver: DriverConfig,
    /// Its disk.
    pub storage: S,
    /// Sends messages to peers.
    pub transport: T,
    /// Its clock, jitter and recorder.
    pub environment: Environment,
    /// Roles of callers.
    pub access: Arc<Access>,
    /// Identifies callers.
    pub identify: Arc<dyn Identify>,
    /// The policy of migrations.
    pub policy: Policy,
}

/// A running node.
pub struct Running {
    /// Sends requests to it.
    pub handle: Handle,
    /// Takes messages of peers.
    pub inbox: Inbox,
    /// Its client services.
    pub service: Service,
    /// Resolves when the node has stopped, with the reason.
    pub task: JoinHandle<Stopped>,
}

/// Starts a node.
pub fn start<S: Storage, T: Transport>(parts: Parts<S, T>) -> Running {
    let Parts { engine, driver, storage, transport, environment, access, identify, policy } = parts;
    let (handle, inbox, task) = driver::start(driver, engine, storage, transport, environment);
    let service = Service::new(handle.clone(), access, identify, policy);
    Running { handle, inbox, service, task }
}
