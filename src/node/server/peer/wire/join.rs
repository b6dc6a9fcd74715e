//! Joins frames to messages, in bounded memory.

use core::time::Duration;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Time limit for the frames of a message that holds the permit of [`LargeMessages`]. The longest message takes less on a
/// network of 10 Mbit/s.
const LIMIT: Duration = Duration::from_secs(60);

/// Why a stream of frames is refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum JoinError {
    /// A message is longer than its sender may send.
    #[error("a message of at least {have} bytes, at most {max} are taken")]
    TooLong {
        /// Bytes of the message so far.
        have: usize,
        /// The limit.
        max: usize,
    },
    /// A frame is empty, and not the last of its message: no sender splits a message like that.
    #[error("an empty frame that is not the last of its message")]
    Empty,
    /// A message of several frames was not complete in time.
    #[error("a message was not complete after {} s, with {have} bytes of it", LIMIT.as_secs())]
    Late {
        /// Bytes of the message so far.
        have: usize,
    },
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
    /// The permit, and until when this message may hold it.
    permit: Option<(OwnedSemaphorePermit, Instant)>,
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

    /// Waits for the next frame, as long as the message that holds the permit may take.
    ///
    /// # Errors
    /// [`JoinError::Late`], after which the stream must be closed.
    pub async fn in_time<T>(&self, next: impl Future<Output = T>) -> Result<T, JoinError> {
        match &self.permit {
            Some((_, due)) => {
                tokio::time::timeout_at(*due, next).await.map_err(|_| JoinError::Late { have: self.have })
            }
            None => Ok(next.await),
        }
    }

    /// Adds the next frame of the stream. `max` limits the bytes of the whole message.
    ///
    /// # Errors
    /// [`JoinError`], after which the stream must be closed.
    pub fn take(&mut self, data: &[u8], last: bool, max: usize) -> Result<Joined, JoinError> {
        if data.is_empty() && !last {
            return Err(JoinError::Empty);
        }
        let first = self.have == 0;
        self.have = self.have.saturating_add(data.len());
        if self.have > max {
            return Err(JoinError::TooLong { have: self.have, max });
        }
        if first && !last {
            let permit = Arc::clone(&self.large.0).try_acquire_owned().ok();
            self.permit = permit.map(|permit| (permit, Instant::now() + LIMIT));
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
        assert_eq!(two.take(b"v", false, 4), Ok(Joined::Unfinished));
        assert_eq!(
            two.take(b"w", true, 4),
            Ok(Joined::Whole(b"vw".to_vec())),
            "the other stream needs it no more"
        );
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

    #[test]
    fn an_empty_frame_begins_no_message() {
        let large = LargeMessages::default();
        let (mut one, mut two) = (Join::new(large.clone()), Join::new(large));
        assert_eq!(one.take(b"", false, 4), Err(JoinError::Empty));
        assert_eq!(two.take(b"a", false, 4), Ok(Joined::Unfinished));
        assert_eq!(two.take(b"", false, 4), Err(JoinError::Empty), "nor does it prolong one");
        assert_eq!(
            one.take(b"", true, 4),
            Ok(Joined::Whole(Vec::new())),
            "a whole message, which nothing decodes"
        );
    }

    /// The frames are not waited for longer, however the sender spaces them.
    #[tokio::test]
    async fn a_large_message_has_a_deadline() {
        let mut join = Join::new(LargeMessages::default());
        assert_eq!(join.in_time(async { 1 }).await, Ok(1));
        assert_eq!(join.take(b"a", false, 4), Ok(Joined::Unfinished));
        let due = join.permit.as_ref().unwrap().1;
        assert!(due <= Instant::now() + LIMIT);
        assert_eq!(join.take(b"b", false, 4), Ok(Joined::Unfinished));
        assert_eq!(join.permit.as_ref().unwrap().1, due, "a further frame gives no more time");
        join.permit.as_mut().unwrap().1 = Instant::now();
        assert_eq!(join.in_time(std::future::pending::<()>()).await, Err(JoinError::Late { have: 2 }));
        assert_eq!(join.take(b"c", true, 4), Ok(Joined::Whole(b"abc".to_vec())));
        assert!(join.permit.is_none(), "between messages a stream may be silent");
    }

    /// A sender that keeps sending does not keep the permit from the others.
    #[tokio::test]
    async fn a_message_that_is_late_as_a_whole_is_ended_although_each_frame_comes_in_time() {
        let large = LargeMessages::default();
        let (mut slow, mut other) = (Join::new(large.clone()), Join::new(large));
        assert_eq!(slow.take(b"a", false, 1_000), Ok(Joined::Unfinished));
        // Most of its time is over.
        slow.permit.as_mut().unwrap().1 = Instant::now() + Duration::from_millis(60);
        let mut frames = 1;
        let late = loop {
            assert!(frames < 100, "a message of {frames} frames, 10 ms apart, was waited for");
            match slow.in_time(tokio::time::sleep(Duration::from_millis(10))).await {
                Ok(()) => assert_eq!(slow.take(b"a", false, 1_000), Ok(Joined::Unfinished)),
                Err(late) => break late,
            }
            frames += 1;
        };
        assert_eq!(late, JoinError::Late { have: frames });
        assert_eq!(other.take(b"x", false, 4), Ok(Joined::Unfinished));
        assert_eq!(other.take(b"y", true, 4), Ok(Joined::Lost), "the permit is held until the stream closes");
        drop(slow);
        assert_eq!(other.take(b"x", false, 4), Ok(Joined::Unfinished));
        assert_eq!(other.take(b"y", true, 4), Ok(Joined::Whole(b"xy".to_vec())), "the permit is free");
    }
}
