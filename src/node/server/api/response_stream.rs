//! The sending end of a response stream. One buffer slot is reserved for the final status, so that a slow
//! caller still gets it.

use tokio::sync::mpsc::{self, OwnedPermit, Permit, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// The receiving end, which gRPC forwards to the caller.
pub(super) type Answers<T> = ReceiverStream<Result<T, Status>>;

/// The caller closed the stream.
#[derive(Debug)]
pub(super) struct Disconnected;

/// The place of one message in the buffer of a response stream.
#[derive(Debug)]
pub(super) struct Room<'a, T>(Permit<'a, Result<T, Status>>);

impl<T> Room<'_, T> {
    pub(super) fn send(self, answer: T) {
        self.0.send(Ok(answer));
    }
}

/// Sends the messages of one response stream.
#[derive(Debug)]
pub(super) struct ResponseStream<T> {
    ahead: usize,
    answers: Sender<Result<T, Status>>,
    last: Option<OwnedPermit<Result<T, Status>>>,
}

impl<T> ResponseStream<T> {
    /// A stream that buffers `ahead` messages until the caller reads them.
    pub(super) fn new(ahead: usize) -> (Self, Answers<T>) {
        let (answers, taken) = mpsc::channel(ahead + 1);
        let last = answers.clone().try_reserve_owned().ok();
        (Self { ahead, answers, last }, ReceiverStream::new(taken))
    }

    /// Sends a message; waits while the buffer is full.
    pub(super) async fn send(&self, answer: T) -> Result<(), Disconnected> {
        self.answers.send(Ok(answer)).await.map_err(|_| Disconnected)
    }

    /// Waits for room in the buffer: the place of one message.
    pub(super) async fn room(&self) -> Result<Room<'_, T>, Disconnected> {
        self.answers.reserve().await.map(Room).map_err(|_| Disconnected)
    }

    /// Waits until the buffer is empty: gRPC has taken every message, since the caller's window was open.
    pub(super) async fn taken(&self) -> Result<(), Disconnected> {
        self.answers.reserve_many(self.ahead).await.map(drop).map_err(|_| Disconnected)
    }

    /// Waits until the caller has closed the stream.
    pub(super) async fn disconnected(&self) {
        self.answers.closed().await;
    }

    /// Ends the stream with a status, which follows the buffered messages.
    pub(super) fn end(self, why: Status) {
        if let Some(last) = self.last {
            last.send(Err(why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[tokio::test]
    async fn what_is_ahead_is_bounded_and_the_last_word_has_a_place() {
        let (stream, mut answers) = ResponseStream::new(2);
        for answer in [1, 2] {
            let sent = tokio::time::timeout(Duration::from_secs(20), stream.send(answer)).await;
            assert!(matches!(sent, Ok(Ok(()))), "there is no place for answer {answer} of 2");
        }
        assert_eq!(stream.answers.capacity(), 0, "two are ahead, and one place is for the end");
        stream.end(Status::aborted("over"));
        let taken = answers.as_mut();
        taken.close();
        let mut found = Vec::new();
        while let Some(answer) = taken.recv().await {
            found.push(answer.map_err(|status| status.code()));
        }
        assert_eq!(found, [Ok(1), Ok(2), Err(tonic::Code::Aborted)]);
    }

    /// That everything was taken is seen while the place of the last word stays taken.
    #[tokio::test]
    async fn what_the_caller_has_read_is_seen_as_taken() {
        let (stream, mut answers) = ResponseStream::new(2);
        let limit = Duration::from_secs(20);
        assert!(stream.send(1).await.is_ok());
        assert_eq!(answers.as_mut().recv().await.map(Result::unwrap), Some(1));
        let taken = tokio::time::timeout(limit, stream.taken()).await;
        assert!(matches!(taken, Ok(Ok(()))), "the caller has read everything");
    }
}
