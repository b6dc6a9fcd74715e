//! The driver of a node: one task that owns an engine, feeds it inputs, and performs its outputs.
//!
//! ```text
//!   peers ───▶ inbox ──┐                        ┌──▶ transport ───▶ peers
//!   callers ─▶ requests┼──▶ engine ──▶ outputs ─┼──▶ storage, one durable write for all that waits
//!   timers ────────────┤      ▲                 ├──▶ answers to callers
//!   storage ── synced ─┘      │                 └──▶ feed ───▶ watchers
//! ```
//!
//! The driver takes no decision of the protocol. It gives the engine one input at a time and performs the
//! outputs in order; messages that depend on a batch wait in the [outbox](crate::core::outbox) until the
//! batch is durable. The driver owns the clock, the jitter and the queues. Every queue is bounded: when one
//! is full, the request is refused or the message dropped. `tests/driver.rs` replays the recorded inputs of a
//! run through the engine alone, and compares the final states.
//!
//! May import: `core::ids`, `core::raft`, `core::outbox`, `core::migration`, `core::control_plane`, `core::trace`, `node::store`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the edge: this is where clocks and queues are"
)]

mod config;
mod failure;
mod feed;
mod handle;
mod perform;
mod pump;
mod recorder;
mod requests;
mod stall;
mod status;
mod storage;
mod timers;
mod transport;
mod view;

pub use config::{DriverConfig, Queues, Timing, TimingError};
pub use failure::Failure;
pub use feed::{Changed, FeedItem, NamedRecord};
pub use handle::Handle;
pub use pump::{Engine, Environment, Stopped, start};
pub use recorder::{FileRecorder, Recorder, RecorderError};
pub use status::{RoleName, Status};
pub use storage::Storage;
pub use timers::Clock;
pub use transport::{Inbox, Known, Registry, Transport};
pub use view::View;
