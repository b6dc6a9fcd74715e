//! The sending end of a stream to a caller. One place of the queue is kept for the status that ends the stream, so that a slow
//! caller still gets it.

use tokio::sync::mpsc::{self, OwnedPermit, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// The receiving end, for gRPC.
pub(super) type Answers<T> = ReceiverStream<Result<T, Status>>;

/// The caller is gone.
#[derive(Debug)]
pub(super) struct Disconnected;

/// The sending end.
#[derive(Debug)]
pub(super) struct ResponseStream<T> {
    answers: Sender<Result<T, Status>>,
    last: Option<OwnedPermit<Result<T, Status>>>,
}

impl<T> ResponseStream<T> {
    /// Makes both ends, with a queue of this many messages.
    pub(super) fn new(ahead: usize) -> (Self, Answers<T>) {
        let (answers, taken) = mpsc::channel(ahead + 1);
        let last = answers.clone().try_reserve_owned().ok();
        (Self { answers, last }, ReceiverStream::new(taken))
    }

    /// Waits for room in the queue.
    pub(super) async fn say(&self, answer: T) -> Result<(), Disconnected> {
        self.answers.send(Ok(answer)).await.map_err(|_| Disconnected)
    }

    /// Ends the stream with a status, after the queued messages.
    pub(super) fn end(self, why: Status) {
        if let Some(last) = self.last {
            last.send(Err(why));
        }
    }
}
