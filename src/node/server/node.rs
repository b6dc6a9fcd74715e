//! Puts a node together, in the same way in production, tests and the simulator; what differs is in [`Parts`].

use super::{Access, Identify, Service};
use crate::core::control_plane::{ControlPlaneEntry, ReplicatedControlPlane};
use crate::core::migration::Policy;
use crate::core::raft::{Config, Durable, SnapshotError};
use crate::node::driver::{self, DriverConfig, Environment, Handle, Inbox, Stopped, Storage, Transport};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The snapshot of the node cannot be read.
pub type StartNodeError = SnapshotError;

/// The parts of a node.
pub struct Parts<S, T> {
    /// Its identity and limits.
    pub config: Config,
    /// Timers and queues of the driver.
    pub driver: DriverConfig,
    /// Its disk.
    pub storage: S,
    /// The state that was read from the disk.
    pub durable: Durable<ControlPlaneEntry>,
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
///
/// # Errors
/// [`StartNodeError`], if its snapshot cannot be read.
pub fn start<S: Storage, T: Transport>(parts: Parts<S, T>) -> Result<Running, StartNodeError> {
    let engine = ReplicatedControlPlane::start(parts.config, parts.durable)?;
    let (handle, inbox, task) =
        driver::start(parts.driver, engine, parts.storage, parts.transport, parts.environment);
    let service = Service::new(handle.clone(), parts.access, parts.identify, parts.policy);
    Ok(Running { handle, inbox, service, task })
}
