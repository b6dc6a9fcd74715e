//! Requests of callers to the pump.

use super::failure::Failure;
use super::feed::FeedItem;
use super::status::Status;
use super::transport::Registry;
use crate::core::control_plane::{
    Answer, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError, ControlPlaneState,
};
use crate::core::ids::{NodeId, Revision, SessionId};
use crate::core::raft::{Content, MemberRole, Outcome, Peer, Ticket, TransferRefusal};
use tokio::sync::{mpsc, oneshot, watch};

/// Read access to the engine while the pump waits.
#[derive(Clone, Copy)]
pub struct View<'e> {
    engine: &'e dyn ControlPlaneConsensus,
}

impl<'e> View<'e> {
    pub(super) const fn new(engine: &'e dyn ControlPlaneConsensus) -> Self {
        Self { engine }
    }

    /// The state after the entries that are applied on this node.
    #[must_use]
    pub fn state(&self) -> &'e ControlPlaneState {
        self.engine.state()
    }

    /// The engine behind the driver.
    #[must_use]
    pub const fn engine(&self) -> &'e dyn ControlPlaneConsensus {
        self.engine
    }

    /// The members of the committed configuration, each with whether it votes.
    pub fn members(&self) -> impl Iterator<Item = (Peer, bool)> {
        let members = self.engine.applied().configuration().members();
        members.iter().map(|member| (member.peer, member.role == MemberRole::Voter))
    }
}

pub(super) type Reply = oneshot::Sender<Result<Outcome<Answer>, ControlPlaneError>>;
pub(super) type Reading = Box<dyn for<'e> FnOnce(Result<View<'e>, ControlPlaneError>) + Send>;

/// A request of a caller to the pump.
pub(super) enum Request {
    Submit { content: Content<ControlPlaneEntry>, reply: Reply },
    Read(Reading),
    Inspect(Box<dyn for<'e> FnOnce(View<'e>) + Send>),
    Transfer { to: Option<NodeId>, reply: oneshot::Sender<Result<NodeId, TransferRefusal>> },
    Watch { after: Revision, reply: oneshot::Sender<Result<mpsc::Receiver<FeedItem>, Failure>> },
    Stop,
}

/// A cloneable handle of a running node. Every call can be cancelled by dropping its future; callers set
/// their own deadlines.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) status: watch::Receiver<Status>,
    pub(super) registry: watch::Receiver<Registry>,
}

impl Handle {
    fn send(&self, request: Request) -> Result<(), Failure> {
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                metrics::counter!("cutover_refused_total", "reason" => "busy").increment(1);
                Failure::Busy { what: "requests" }
            }
            mpsc::error::TrySendError::Closed(_) => Failure::Stopping,
        })
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
    /// index).
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl for<'e> FnOnce(View<'e>) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let read = move |view: Result<View<'_>, ControlPlaneError>| {
            let _gone = reply.send(view.map(look));
        };
        self.send(Request::Read(Box::new(read)))?;
        answer.await.map_err(|_| Failure::Stopping)?.map_err(Failure::from)
    }

    /// Calls `look` with the state of this node, however old it is. No quorum takes part.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::Stopping`]
    pub async fn inspect<T: Send + 'static>(
        &self,
        look: impl for<'e> FnOnce(View<'e>) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let inspect = move |view: View<'_>| {
            let _gone = reply.send(look(view));
        };
        self.send(Request::Inspect(Box::new(inspect)))?;
        answer.await.map_err(|_| Failure::Stopping)
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
        self.send(Request::Watch { after, reply })?;
        answer.await.map_err(|_| Failure::Stopping)?
    }

    /// Stops the node after the batches in its queue are durable. Returns when the request is queued.
    pub async fn stop(&self) {
        let _stopped = self.requests.send(Request::Stop).await;
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
