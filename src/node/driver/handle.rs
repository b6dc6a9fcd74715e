//! Requests of callers to the pump.

use super::failure::Failure;
use super::feed::{FeedItem, Watching};
use super::status::Status;
use super::transport::Registry;
use super::view::View;
use crate::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneError, ControlPlaneState};
use crate::core::ids::{NodeId, Revision, SessionId};
use crate::core::raft::{Applied, Content, Outcome, Ticket, TransferRefusal};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

pub(super) type Reply = oneshot::Sender<Result<Outcome<Answer>, ControlPlaneError>>;

/// A caller that waits for a read index.
pub(super) enum Reading {
    View(oneshot::Sender<Result<View, ControlPlaneError>>),
    /// Everything that a snapshot holds, for a backup.
    Applied(oneshot::Sender<Result<Box<Applied<ControlPlaneState>>, ControlPlaneError>>),
}

/// A request of a caller to the pump.
pub(super) enum Request {
    Submit { content: Content<ControlPlaneEntry>, reply: Reply },
    Read(Reading),
    Transfer { to: Option<NodeId>, reply: oneshot::Sender<Result<NodeId, TransferRefusal>> },
}

/// A cloneable handle of a running node. Every call can be cancelled by dropping its future; callers set
/// their own deadlines.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) watching: mpsc::Sender<Watching>,
    pub(super) stop: Arc<watch::Sender<bool>>,
    pub(super) views: watch::Receiver<View>,
    pub(super) fed: watch::Receiver<Revision>,
    pub(super) status: watch::Receiver<Status>,
    pub(super) registry: watch::Receiver<Registry>,
}

impl Handle {
    fn send(&self, request: Request) -> Result<(), Failure> {
        queue(&self.requests, request)
    }

    async fn submit(&self, content: Content<ControlPlaneEntry>) -> Result<Outcome<Answer>, Failure> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Submit { content, reply })?;
        answer.await.map_err(|_| Failure::Indeterminate)?.map_err(Failure::from)
    }

    /// Proposes an entry, and waits until it is applied or refused. With a ticket, an entry that is proposed
    /// again is applied once.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn propose(
        &self,
        entry: ControlPlaneEntry,
        ticket: Option<Ticket>,
    ) -> Result<Outcome<Answer>, Failure> {
        self.submit(Content::Payload { ticket, payload: entry }).await
    }

    /// Opens a client session. The outcome carries its id.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn open_session(&self) -> Result<Outcome<Answer>, Failure> {
        self.submit(Content::OpenSession).await
    }

    /// Closes a client session, and forgets the answers kept for it.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn close_session(&self, session: SessionId) -> Result<Outcome<Answer>, Failure> {
        self.submit(Content::CloseSession(session)).await
    }

    /// Calls `look` with a state that includes everything committed before this call, on the leader (a read
    /// index). `look` runs in the caller's task.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn read<T>(&self, look: impl FnOnce(&View) -> T) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Read(Reading::View(reply)))?;
        let view = answer.await.map_err(|_| Failure::Stopping)??;
        Ok(look(&view))
    }

    /// The whole applied state, sessions included, as of a read index.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn read_applied(&self) -> Result<Applied<ControlPlaneState>, Failure> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Read(Reading::Applied(reply)))?;
        Ok(*answer.await.map_err(|_| Failure::Stopping)??)
    }

    /// The state of this node now, however old it is. Neither a quorum nor the pump takes part. It includes every
    /// change whose outcome this node has returned.
    ///
    /// # Errors
    /// [`Failure::Stopping`]
    pub fn latest(&self) -> Result<View, Failure> {
        if self.requests.is_closed() { Err(Failure::Stopping) } else { Ok(self.views.borrow().clone()) }
    }

    /// Transfers the leadership to a voter. `None`: to the voter whose log is most complete. Returns the new
    /// leader.
    ///
    /// # Errors
    /// [`Failure`] if the request has no outcome, [`TransferRefusal`] if the engine refuses or the transfer
    /// fails.
    pub async fn transfer(&self, to: Option<NodeId>) -> Result<Result<NodeId, TransferRefusal>, Failure> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Transfer { to, reply })?;
        answer.await.map_err(|_| Failure::Indeterminate)
    }

    /// Streams the changes of the placement table after a revision. The stream ends when the watcher is too
    /// slow, or the node stops.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::Stopping`]
    pub async fn watch(&self, after: Revision) -> Result<mpsc::Receiver<FeedItem>, Failure> {
        let (reply, answer) = oneshot::channel();
        queue(&self.watching, Watching { after, reply })?;
        answer.await.map_err(|_| Failure::Stopping)?
    }

    /// The revision up to which every open watch was told the changes. The node's own may be ahead of it.
    #[must_use]
    pub fn fed(&self) -> Revision {
        *self.fed.borrow()
    }

    /// Stops the node after the batches in its queue are durable, or the disk is found to hang. Requests that wait
    /// are not handled. Never waits.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// The current status of the node.
    #[must_use]
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// A receiver that gets the status of the node at every change.
    #[must_use]
    pub fn statuses(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The members and their addresses in the newest configuration of this node's log, committed or not.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.registry.borrow().clone()
    }
}

/// Queues a request without waiting.
fn queue<T>(to: &mpsc::Sender<T>, request: T) -> Result<(), Failure> {
    to.try_send(request).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => {
            metrics::counter!("cutover_refused_total", "reason" => "busy").increment(1);
            Failure::Busy { what: "requests" }
        }
        mpsc::error::TrySendError::Closed(_) => Failure::Stopping,
    })
}
