//! The format of the stream between two nodes, for both of its ends.
//!
//! A stream goes one way, in *frames* ([`v1::PeerFrame`]). The first frame is the *hello*: the sender's
//! identity, and the version of this format ([`PROTOCOL`]). Every later frame carries a piece of a *message*,
//! with a flag on the last piece. A message is the postcard encoding of
//! [`Message`](crate::core::raft::Message).
//!
//! | file | what it does |
//! | --- | --- |
//! | `hello.rs` | the first frame, and its check |
//! | `encode.rs` | a message to bytes and back |
//! | `split.rs` | bytes to frames |
//! | `join.rs` | frames to bytes, in bounded memory |
//! | `tests.rs` | test: the encoding of one message of each kind |
//!
//! [`v1::PeerFrame`]: crate::node::proto::v1::PeerFrame

mod encode;
mod hello;
mod join;
mod split;
#[cfg(test)]
mod tests;

pub use encode::{decode, encode};
pub use hello::{Hello, PROTOCOL, hello, read_hello};
pub use join::{Join, JoinError, Joined, LargeMessages};
pub use split::split;

/// Most bytes of one frame. Every message but a snapshot fits into one: an append has at most 64 entries of
/// 4096 bytes.
pub const FRAME_BYTES: usize = 1 << 20;
/// Most bytes of an encoded message from a member. The snapshot of a full table fits; a test of `encode.rs`
/// computes its size.
pub const MESSAGE_BYTES_MAX: usize = 80 << 20;
