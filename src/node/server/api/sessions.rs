//! The gRPC service `Sessions`: opens and closes client sessions.

use super::deadline::Deadline;
use super::errors::{from_outcome, of_another_history};
use crate::core::ids::{HistoryId, SessionId};
use crate::core::raft::Effect;
use crate::node::proto::v1;
use crate::node::server::Service;
use tonic::{Request, Response, Status};

impl Service {
    /// Refuses a session of another history: its number may be another client's here. The node that leads decides, since a
    /// client of another history may be right elsewhere.
    pub(super) async fn check_history(
        &self,
        session: SessionId,
        history: u64,
        limit: Deadline,
    ) -> Result<(), Status> {
        let (status, history) = (self.handle.status(), HistoryId(history));
        if status.knows_sessions_of(history) {
            return Ok(());
        }
        self.within(limit, false, self.handle.read(|_| ())).await?;
        Err(of_another_history(session, history, status.history))
    }
}

#[tonic::async_trait]
impl v1::sessions_server::Sessions for Service {
    async fn open(
        &self,
        request: Request<v1::OpenSessionRequest>,
    ) -> Result<Response<v1::OpenSessionResponse>, Status> {
        self.allow(&request, "Open")?;
        let limit = Deadline::of(request.metadata());
        let outcome = self.within(limit, true, self.handle.open_session()).await?;
        let effect = from_outcome(outcome, self.hint())?.1;
        let Effect::SessionOpened(session) = effect else {
            return Err(Status::internal(format!("a session was answered with {effect:?}")));
        };
        let history = self.handle.status().history.0;
        Ok(Response::new(v1::OpenSessionResponse { session: session.0, history }))
    }

    async fn close(
        &self,
        request: Request<v1::CloseSessionRequest>,
    ) -> Result<Response<v1::CloseSessionResponse>, Status> {
        self.allow(&request, "Close")?;
        let limit = Deadline::of(request.metadata());
        let v1::CloseSessionRequest { session, history } = request.into_inner();
        let session = SessionId(session);
        self.check_history(session, history, limit).await?;
        let outcome = self.within(limit, true, self.handle.close_session(session)).await?;
        from_outcome(outcome, self.hint())?;
        Ok(Response::new(v1::CloseSessionResponse {}))
    }
}
