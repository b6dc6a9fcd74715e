//! The sending end of a stream to a caller, with a place kept for the last word: why it ends is told to whoever reads again.

use tokio::sync::mpsc::{self, OwnedPermit, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// The stream, as the caller gets it.
pub(super) type Answers<T> = ReceiverStream<Result<T, Status>>;

/// The caller has gone away.
#[derive(Debug)]
pub(super) struct Disconnected;

/// What is told to one caller.
#[derive(Debug)]
pub(super) struct ResponseStream<T> {
    answers: Sender<Result<T, Status>>,
    last: Option<OwnedPermit<Result<T, Status>>>,
}

impl<T> ResponseStream<T> {
    /// A stream of which so many answers wait until the caller takes them.
    pub(super) fn new(ahead: usize) -> (Self, Answers<T>) {
        let (answers, taken) = mpsc::channel(ahead + 1);
        let last = answers.clone().try_reserve_owned().ok();
        (Self { answers, last }, ReceiverStream::new(taken))
    }

    /// Waits until there is room for it.
    pub(super) async fn say(&self, answer: T) -> Result<(), Disconnected> {
        self.answers.send(Ok(answer)).await.map_err(|_| Disconnected)
    }

    /// Ends it with the reason, behind what waits.
    pub(super) fn end(self, why: Status) {
        if let Some(last) = self.last {
            last.send(Err(why));
        }
    }
}
