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

#[cfg(test)]
mod tests {
    use super::split_by;

    /// Also of a message that fills its last frame.
    #[test]
    fn the_last_frame_of_a_message_and_no_other_says_so() {
        for frame_bytes in 1..9 {
            for len in 1..40_u8 {
                let bytes: Vec<u8> = (0..len).collect();
                let frames: Vec<_> = split_by(frame_bytes, &bytes).collect();
                let last: Vec<bool> = frames.iter().map(|frame| frame.last).collect();
                let (end, others) = last.split_last().unwrap();
                assert!(*end && !others.contains(&true), "{len} bytes by {frame_bytes}: {last:?}");
                assert!(frames.iter().all(|frame| (1..=frame_bytes).contains(&frame.data.len())));
                assert_eq!(frames.iter().flat_map(|frame| frame.data.clone()).collect::<Vec<_>>(), bytes);
            }
        }
    }
}
