//! Between a node's services and their callers: answers to changes come late, are lost, or give way to the reset of a stream, after
//! the node has done what it was asked for.

use crate::event_log::{EventLog, lock};
use crate::stream::Stream;
use core::time::Duration;
use cutover::node::proto::v1::{
    self, cluster_server::Cluster, migrations_server::Migrations, sessions_server::Sessions,
};
use cutover::node::server::Service;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tonic::{Code, Request, Response, Status};

/// Codes with which a stream ends that a dying node resets, or that breaks on its way.
const RESETS: [Code; 5] =
    [Code::Unknown, Code::Internal, Code::Cancelled, Code::Unavailable, Code::ResourceExhausted];

/// The services of a node, whose answers may not arrive. Clones share it.
#[derive(Clone)]
pub struct Front {
    /// The services.
    pub service: Service,
    /// How many answers of a million do not arrive in time.
    pub ppm: u64,
    /// How long callers wait, in milliseconds.
    pub patience_ms: u64,
    /// Draws what becomes of an answer.
    pub chance: Arc<Mutex<Stream>>,
    /// Receives the events.
    pub event_log: EventLog,
    /// True once the phase of faults is over.
    pub calm: Arc<AtomicBool>,
}

impl Front {
    async fn pass<T>(&self, answer: Result<Response<T>, Status>) -> Result<Response<T>, Status> {
        let (strikes, how, code, late_ms) = {
            let mut chance = lock(&self.chance);
            let strikes = chance.chance(self.ppm);
            (strikes, chance.below(3), chance.pick(&RESETS), chance.below(2 * self.patience_ms))
        };
        if !strikes || self.calm.load(Ordering::Relaxed) {
            return answer;
        }
        self.event_log.count("fault", "lose-answer");
        match how {
            0 => {
                tokio::time::sleep(Duration::from_millis(late_ms)).await;
                answer
            }
            _ => Err(Status::new(code.unwrap_or(Code::Unknown), "the stream was reset")),
        }
    }
}

#[tonic::async_trait]
impl Migrations for Front {
    async fn apply(&self, request: Request<v1::ApplyRequest>) -> Result<Response<v1::ApplyResponse>, Status> {
        self.pass(self.service.apply(request).await).await
    }

    async fn plan(&self, request: Request<v1::PlanRequest>) -> Result<Response<v1::PlanResponse>, Status> {
        self.service.plan(request).await
    }

    async fn audit(&self, request: Request<v1::AuditRequest>) -> Result<Response<v1::AuditResponse>, Status> {
        self.service.audit(request).await
    }

    async fn order(&self, request: Request<v1::OrderRequest>) -> Result<Response<v1::OrderResponse>, Status> {
        self.pass(self.service.order(request).await).await
    }

    async fn moves(&self, request: Request<v1::MovesRequest>) -> Result<Response<v1::MovesResponse>, Status> {
        self.service.moves(request).await
    }
}

#[tonic::async_trait]
impl Sessions for Front {
    async fn open(
        &self,
        request: Request<v1::OpenSessionRequest>,
    ) -> Result<Response<v1::OpenSessionResponse>, Status> {
        self.pass(self.service.open(request).await).await
    }

    async fn close(
        &self,
        request: Request<v1::CloseSessionRequest>,
    ) -> Result<Response<v1::CloseSessionResponse>, Status> {
        self.pass(self.service.close(request).await).await
    }
}

#[tonic::async_trait]
impl Cluster for Front {
    async fn status(
        &self,
        request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusResponse>, Status> {
        self.service.status(request).await
    }

    async fn members(
        &self,
        request: Request<v1::MembersRequest>,
    ) -> Result<Response<v1::MembersResponse>, Status> {
        self.service.members(request).await
    }

    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        self.pass(self.service.change_members(request).await).await
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferRequest>,
    ) -> Result<Response<v1::TransferResponse>, Status> {
        self.pass(self.service.transfer(request).await).await
    }

    type BackupStream = <Service as Cluster>::BackupStream;

    async fn backup(
        &self,
        request: Request<v1::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        self.service.backup(request).await
    }
}
