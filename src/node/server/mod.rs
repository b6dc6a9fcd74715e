//! The gRPC services of a node, for clients and for other nodes, around a [`Handle`](crate::node::driver::Handle).
//!
//! A service converts a message into a request of the driver, and the answer into a message. Which role a call needs is one table in
//! `api/access.rs`; deadlines are in `api/deadline.rs`.
//!
//! May import: `core::ids`, `core::raft`, `core::migration`, `core::control_plane`, `node::proto`, `node::store`, `node::tls`, `node::driver`, `node::controllers`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::result_large_err,
    reason = "the edge: clocks, sockets, and gRPC statuses, which are large"
)]

mod api;
mod introduction;
#[cfg(not(madsim))]
mod limits;
#[cfg(not(madsim))]
mod listen;
#[cfg(not(madsim))]
mod log_limiter;
mod node;
mod peer;
mod quota;

pub use api::access::{Access, Caller, Identify, Plain, Role, SharedAccess};
pub use api::deadline::StreamTimeouts;
pub use api::errors::{from_failure, from_outcome};
pub use api::{Service, client_services};
pub use introduction::{Introducer, Introduction};
#[cfg(not(madsim))]
pub use limits::PortLimits;
#[cfg(not(madsim))]
pub use listen::{Certificates, CountCalls, ListenError, Listener};
pub use node::{Parts, Running, start};
#[cfg(not(madsim))]
pub use peer::introduce::GrpcIntroducer;
#[cfg(not(madsim))]
pub use peer::peer_client::GrpcTransport;
#[cfg(not(madsim))]
pub use peer::peer_rule::PeerRule;
#[cfg(not(madsim))]
pub use peer::peer_server::{PeerAddresses, PeerService, Streams, peer_service};
pub use peer::removal_notice::RemovalNotice;
pub use peer::runs::{Runs, Spoken};
#[cfg(not(madsim))]
pub use peer::wire::{LargeMessages, PROTOCOL as PEER_PROTOCOL};
pub use quota::QuotaLimits;
