//! The controllers of a node that leads: they drive each partition whose record is not settled, from the record alone.
//!
//! A controller of [`core::migration`](crate::core::migration) says what to ask of stores, what to propose and which timer to set; what is
//! here does that and hands back what comes of it. Nothing here decides, and nothing is kept that a new leader would miss: a controller that is
//! lost with its node is replaced by one that takes over (ADR 0034, ADR 0043).
//!
//! May import: `core::ids`, `core::fence`, `core::placement`, `core::migration`, `core::control_plane`, `node::proto`, `node::tls`, `node::driver`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the edge: tasks, connections and clocks"
)]

mod board;
mod duties;
mod grpc;
mod run;
mod timers;

pub use board::{Board, Finished, Progress};
pub use grpc::{Connect, Connecting, GrpcStores};
pub use run::start;

use crate::core::control_plane::{Store, StoreEndpoints};
use crate::core::fence::{Reply, Request};
use crate::core::ids::{PartitionId, Placement, Position};
use crate::core::migration::{Policy, Said};
use core::future::Future;
use core::time::Duration;

/// What controllers may do at once, and how long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct ControllersConfig {
    /// Allowed lag, budgets and durations of a migration.
    pub policy: Policy,
    /// How long a store may take for an answer.
    pub deadline: Duration,
    /// Most calls under way to one store. What exceeds it is asked when its partition's retry timer fires.
    pub calls_per_store: usize,
    /// The partitions that they drive: all of them, unless somebody else makes the statements of stores.
    pub drives: fn(PartitionId) -> bool,
}

impl Default for ControllersConfig {
    fn default() -> Self {
        Self {
            policy: Policy::PRODUCTION,
            deadline: Duration::from_secs(2),
            calls_per_store: 64,
            drives: |_| true,
        }
    }
}

/// A request to a store, with what the log says of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The request. Its store is the number of `store`.
    pub request: Request,
    /// The store's name, endpoints and identity.
    pub store: Store,
    /// Where the source of the copy is reached, if the request prepares one.
    pub source: Option<StoreEndpoints>,
    /// The most bytes per second that are copied, if the request prepares a copy and an order says so.
    pub bytes_per_second: Option<u64>,
}

/// How much of a partition a store has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CopySize {
    /// The number of rows.
    pub rows: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
    /// The position of the last write.
    pub position: Position,
    /// It has all rows up to there.
    pub complete: bool,
}

/// What a store says of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// What its machine has.
    pub said: Said,
    /// How much it has; `None`: it has no copy.
    pub size: Option<CopySize>,
}

/// The stores, as controllers reach them.
pub trait Stores: Send + Sync + 'static {
    /// Hands over a request, and returns the store's answer: a statement, or a refusal. Whether a request without an answer took effect is
    /// not known; it is sent again. The error is one line.
    fn ask(&self, call: Call) -> impl Future<Output = Result<Reply, String>> + Send;

    /// Asks a store what it has of a partition. What it says is shown to operators, and decides nothing.
    fn look(
        &self,
        number: Placement,
        store: Store,
        partition: PartitionId,
    ) -> impl Future<Output = Result<Look, String>> + Send;
}
