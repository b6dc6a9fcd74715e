//! The sending end of a response stream. One slot is reserved, so that a slow caller still gets the reason for the end.

use tokio::sync::mpsc::{self, OwnedPermit, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// The stream that gRPC sends to the caller.
pub(super) type Answers<T> = ReceiverStream<Result<T, Status>>;

/// The caller has closed the stream.
#[derive(Debug)]
pub(super) struct Disconnected;

/// Sends to one caller.
#[derive(Debug)]
pub(super) struct ResponseStream<T> {
    answers: Sender<Result<T, Status>>,
    last: Option<OwnedPermit<Result<T, Status>>>,
}

impl<T> ResponseStream<T> {
    /// A stream that buffers so many messages until the caller reads them.
    pub(super) fn new(ahead: usize) -> (Self, Answers<T>) {
        let (answers, taken) = mpsc::channel(ahead + 1);
        let last = answers.clone().try_reserve_owned().ok();
        (Self { answers, last }, ReceiverStream::new(taken))
    }

    /// Sends a message, once there is room for it.
    pub(super) async fn say(&self, answer: T) -> Result<(), Disconnected> {
        self.answers.send(Ok(answer)).await.map_err(|_| Disconnected)
    }

    /// Ends the stream with a status, after the buffered messages.
    pub(super) fn end(self, why: Status) {
        if let Some(last) = self.last {
            last.send(Err(why));
        }
    }
}
