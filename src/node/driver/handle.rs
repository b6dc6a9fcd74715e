//! What callers hold: requests into the pump, and their answers.

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

/// The engine, for a look.
#[derive(Clone, Copy)]
pub struct View<'e> {
    engine: &'e dyn ControlPlaneConsensus,
}

impl<'e> View<'e> {
    pub(super) const fn new(engine: &'e dyn ControlPlaneConsensus) -> Self {
        Self { engine }
    }

    /// What follows from the log as far as it is committed here.
    #[must_use]
    pub fn state(&self) -> &'e ControlPlaneState {
        self.engine.state()
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &'e dyn ControlPlaneConsensus {
        self.engine
    }

    /// The members as they are committed, and who votes.
    pub fn members(&self) -> impl Iterator<Item = (Peer, bool)> {
        let members = self.engine.applied().configuration().members();
        members.iter().map(|member| (member.peer, member.role == MemberRole::Voter))
    }
}

pub(super) type Reply = oneshot::Sender<Result<Outcome<Answer>, ControlPlaneError>>;
pub(super) type Reading = Box<dyn for<'e> FnOnce(Result<View<'e>, ControlPlaneError>) + Send>;

/// What goes into the pump.
pub(super) enum Request {
    Submit { content: Content<ControlPlaneEntry>, reply: Reply },
    Read(Reading),
    Inspect(Box<dyn for<'e> FnOnce(View<'e>) + Send>),
    Transfer { to: Option<NodeId>, reply: oneshot::Sender<Result<NodeId, TransferRefusal>> },
    Watch { after: Revision, reply: oneshot::Sender<Result<mpsc::Receiver<FeedItem>, Failure>> },
    Stop,
}

/// A node, as its callers have it. Every call may be given up at any time; callers bring their own deadlines.
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

    /// Wants an entry in the log, and waits for what comes of it.
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

    /// Wants a session.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn open_session(&self) -> Result<Outcome<Answer>, Failure> {
        self.submit(Content::OpenSession).await
    }

    /// Wants a session closed.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn close_session(&self, session: SessionId) -> Result<Outcome<Answer>, Failure> {
        self.submit(Content::CloseSession(session)).await
    }

    /// Looks at what is committed by now, or later.
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

    /// Looks at what this node has, however old.
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

    /// Hands the leadership over: to this voter, or to the one that has most of the log.
    ///
    /// # Errors
    /// [`Failure`]; the inner one is the machine's.
    pub async fn transfer(&self, to: Option<NodeId>) -> Result<Result<NodeId, TransferRefusal>, Failure> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Transfer { to, reply })?;
        answer.await.map_err(|_| Failure::Indeterminate)
    }

    /// Changes of the table after a revision. The stream ends when the watcher is too slow, or the node stops.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::Stopping`]
    pub async fn watch(&self, after: Revision) -> Result<mpsc::Receiver<FeedItem>, Failure> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Watch { after, reply })?;
        answer.await.map_err(|_| Failure::Stopping)?
    }

    /// Stops the node once what waits for the disk is there.
    pub async fn stop(&self) {
        let _stopped = self.requests.send(Request::Stop).await;
    }

    /// The node as it is now.
    #[must_use]
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// The node at every change.
    #[must_use]
    pub fn statuses(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The members, as the newest configuration in this node's log has them.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.registry.borrow().clone()
    }
}
