//! One node, put together: the same in production, in tests and in a simulator. What differs is handed in.

use super::{Access, Identify, Service};
use crate::core::control_plane::{ControlPlaneEntry, ReplicatedControlPlane};
use crate::core::migration::Policy;
use crate::core::raft::{Config, Durable, SnapshotError};
use crate::node::driver::{self, DriverConfig, Environment, Handle, Inbox, Stopped, Storage, Transport};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Why a node does not start.
pub type StartNodeError = SnapshotError;

/// What a node is made of.
pub struct Parts<S, T> {
    /// Who it is, and its bounds.
    pub config: Config,
    /// How it is driven.
    pub driver: DriverConfig,
    /// Its disk,
    pub storage: S,
    /// and what was found on it.
    pub durable: Durable<ControlPlaneEntry>,
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
