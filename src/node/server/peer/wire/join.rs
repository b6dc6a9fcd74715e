//! Joins frames to messages, in bounded memory.

use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A message is longer than its sender may send.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("a message of at least {have} bytes, at most {max} are taken")]
pub struct TooLong {
    have: usize,
    max: usize,
}

/// Permission to buffer a message of more than one frame. All streams of a node share one, so that many
/// senders at once use no more memory than one. Clones share it.
#[derive(Clone, Debug)]
pub struct LargeMessages(Arc<Semaphore>);

impl Default for LargeMessages {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// Joins the frames of one stream.
#[derive(Debug)]
pub struct Join {
    bytes: Vec<u8>,
    /// Bytes of the current message so far, buffered or not.
    have: usize,
    permit: Option<OwnedSemaphorePermit>,
    large: LargeMessages,
}

/// The state of a message after one more frame.
#[derive(PartialEq, Eq, Debug)]
pub enum Joined {
    /// The message continues in the next frame.
    Unfinished,
    /// The message is complete; these are its bytes.
    Whole(Vec<u8>),
    /// The message is complete but was not buffered, because another stream held the permit. Raft repeats
    /// what still matters.
    Lost,
}

impl Join {
    /// A joiner at the start of a stream.
    #[must_use]
    pub const fn new(large: LargeMessages) -> Self {
        Self { bytes: Vec::new(), have: 0, permit: None, large }
    }

    /// Adds the next frame of the stream. `max` limits the bytes of the whole message.
    ///
    /// # Errors
    /// [`TooLong`], after which the stream must be closed.
    pub fn take(&mut self, data: &[u8], last: bool, max: usize) -> Result<Joined, TooLong> {
        let first = self.have == 0;
        self.have = self.have.saturating_add(data.len());
        if self.have > max {
            return Err(TooLong { have: self.have, max });
        }
        if first && !last && self.permit.is_none() {
            self.permit = Arc::clone(&self.large.0).try_acquire_owned().ok();
        }
        let kept = self.permit.is_some() || (first && last);
        if kept {
            self.bytes.extend_from_slice(data);
        }
        if !last {
            return Ok(Joined::Unfinished);
        }
        (self.have, self.permit) = (0, None);
        let bytes = std::mem::take(&mut self.bytes);
        Ok(if kept { Joined::Whole(bytes) } else { Joined::Lost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_large_message_is_taken_at_a_time() {
        let large = LargeMessages::default();
        let (mut one, mut two) = (Join::new(large.clone()), Join::new(large));
        assert_eq!(one.take(b"ab", false, 4), Ok(Joined::Unfinished));
        assert_eq!(two.take(b"x", false, 4), Ok(Joined::Unfinished));
        assert_eq!(one.take(b"c", true, 4), Ok(Joined::Whole(b"abc".to_vec())));
        assert_eq!(two.take(b"y", true, 4), Ok(Joined::Lost), "its beginning was not kept");
        assert_eq!(one.take(b"a", false, 4), Ok(Joined::Unfinished));
        assert_eq!(
            two.take(b"small", true, 5),
            Ok(Joined::Whole(b"small".to_vec())),
            "one frame needs no permit"
        );
        let long = one.take(b"bcde", true, 4).unwrap_err();
        assert_eq!(long.to_string(), "a message of at least 5 bytes, at most 4 are taken");
        drop(one);
        assert_eq!(two.take(b"ab", false, 4), Ok(Joined::Unfinished));
        assert_eq!(
            two.take(b"", true, 4),
            Ok(Joined::Whole(b"ab".to_vec())),
            "a stream that ended has given its permit back"
        );
    }
}
