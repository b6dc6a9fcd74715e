//! The client interface, generated from `cutover.proto`, and conversions between its messages and the
//! protocol's types.
//!
//! May import: `core::ids`, `core::raft`, `core::fence`, `core::placement`, `core::migration`, `core::control_plane`.

mod command;
mod detail;
mod digest;
mod order;
mod record;
pub mod sink;
mod store;

pub(crate) use command::guarantee_of;
pub use command::{Malformed, PartitionSelector, request};
pub use detail::{Problem, detail_of, reasons};
pub(crate) use digest::abort_reason_of;

/// The generated messages and services.
pub mod v1 {
    #![allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        clippy::unwrap_used,
        clippy::wildcard_enum_match_arm,
        clippy::disallowed_types,
        clippy::disallowed_methods,
        reason = "generated"
    )]
    tonic::include_proto!("cutover.v1");
}

/// The encoded file descriptor set of the interface, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cutover.v1.bin"));
