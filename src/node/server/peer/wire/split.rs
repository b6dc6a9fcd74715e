//! Splits the bytes of a message into frames.

use super::FRAME_BYTES;
use crate::node::proto::v1;

/// The frames of one message, with at most [`FRAME_BYTES`] of it each.
pub fn split(bytes: &[u8]) -> impl Iterator<Item = v1::PeerFrame> {
    split_by(FRAME_BYTES, bytes)
}

pub(super) fn split_by(frame_bytes: usize, bytes: &[u8]) -> impl Iterator<Item = v1::PeerFrame> {
    let mut chunks = bytes.chunks(frame_bytes).peekable();
    std::iter::from_fn(move || {
        let data = chunks.next()?.to_vec();
        Some(v1::PeerFrame { data, last: chunks.peek().is_none(), hello: None })
    })
}
