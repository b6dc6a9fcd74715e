//! Drives one node: the pump between the pure machine and the world.
//!
//! ```text
//!   peers ───▶ inbox ──┐                        ┌──▶ transport ───▶ peers
//!   callers ─▶ requests┼──▶ engine ──▶ outputs ─┼──▶ storage, one durable write for all that waits
//!   timers ────────────┤      ▲                 ├──▶ answers to callers
//!   storage ── synced ─┘      │                 └──▶ feed ───▶ watchers
//! ```
//!
//! It decides nothing. It hands the engine one call at a time, and performs what comes out in that order; what has to wait
//! for the disk stays in the [outbox](crate::core::outbox) until then. It owns the clock, the jitter and the queues; all
//! of them are bounded, and a full one is an answer to the caller, never a wait without end. That it decides nothing is
//! tested: the calls of any run, replayed through the pure machine alone, end in the same state.
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
mod status;
mod storage;
mod timers;
mod transport;

pub use config::{DriverConfig, Queues, Timing, TimingError};
pub use failure::Failure;
pub use feed::{Changed, FeedItem, NamedRecord};
pub use handle::{Handle, View};
pub use pump::{Engine, Environment, Stopped, start};
pub use recorder::{FileRecorder, Recorder, RecorderError};
pub use status::{RoleName, Status};
pub use storage::Storage;
pub use timers::Clock;
pub use transport::{Inbox, Registry, Transport};
