//! One node, put together: the same in production, in tests and in a simulator. What differs is handed in.

use super::{Access, Identify, Service};
use crate::core::migration::Policy;
use crate::node::driver::{
    self, DriverConfig, Engine, Environment, Handle, Inbox, Stopped, Storage, Transport,
};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What a node is made of.
pub struct Parts<S, T> {
    /// Its engine, just started with what was found on its disk.
    pub engine: Engine,
    /// How it is driven.
    pub driver: DriverConfig,
    /// Its disk.
    pub storage: S,
    /// Its way to the others.
    pub transport: T,
    /// Its clock and its jitter.
    pub environment: Environment,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Who asks.
    pub identify: Arc<dyn Identify>,
    /// How migrations are gone about.
    pub policy: Policy,
}

/// A node that runs.
pub struct Running {
    /// To ask it.
    pub handle: Handle,
    /// For messages of others.
    pub inbox: Inbox,
    /// Its client services.
    pub service: Service,
    /// Ends when it does.
    pub task: JoinHandle<Stopped>,
}

/// Starts a node.
pub fn start<S: Storage, T: Transport>(parts: Parts<S, T>) -> Running {
    let Parts { engine, driver, storage, transport, environment, access, identify, policy } = parts;
    let (handle, inbox, task) = driver::start(driver, engine, storage, transport, environment);
    let service = Service::new(handle.clone(), access, identify, policy);
    Running { handle, inbox, service, task }
}
