//! The gRPC service `Sessions`: opens and closes client sessions.

use super::deadline::Deadline;
use super::errors::from_outcome;
use crate::core::ids::SessionId;
use crate::core::raft::Effect;
use crate::node::proto::v1;
use crate::node::server::Service;
use tonic::{Request, Response, Status};

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
        Ok(Response::new(v1::OpenSessionResponse { session: session.0 }))
    }

    async fn close(
        &self,
        request: Request<v1::CloseSessionRequest>,
    ) -> Result<Response<v1::CloseSessionResponse>, Status> {
        self.allow(&request, "Close")?;
        let limit = Deadline::of(request.metadata());
        let session = SessionId(request.into_inner().session);
        let outcome = self.within(limit, true, self.handle.close_session(session)).await?;
        from_outcome(outcome, self.hint())?;
        Ok(Response::new(v1::CloseSessionResponse {}))
    }
}
