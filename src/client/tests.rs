//! What a client sends again, and what it tells its caller, against a server that never says whether it took anything.

use super::{Client, ClientError, Dial, Dialing, Options};
use crate::core::control_plane::Address;
use crate::core::ids::{HistoryId, Index, PartitionId, Placement};
use crate::core::migration::Transition;
use crate::core::placement::Guarantee;
use crate::node::proto::PartitionSelector;
use crate::node::proto::v1::{
    self, change_members_request::Change, cluster_server, migrations_server, placements_server,
    sessions_server,
};
use core::future::Future;
use core::time::Duration;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// What the server does with every request but one that opens a session.
#[derive(Clone, Copy, PartialEq, Debug)]
enum How {
    /// It never answers.
    Hangs,
    /// It dies, or the connection breaks: the status has no detail.
    Breaks,
    /// It says that it took nothing.
    TookNothing,
}

/// A server that counts what it is asked for, and remembers the serials of tickets.
#[derive(Clone, Debug)]
struct Fake {
    how: How,
    asked: Arc<Mutex<BTreeMap<&'static str, Vec<u64>>>>,
}

impl Fake {
    fn new(how: How) -> Self {
        Self { how, asked: Arc::default() }
    }

    async fn take<T>(&self, what: &'static str, serial: u64) -> Answer<T> {
        self.asked.lock().unwrap().entry(what).or_default().push(serial);
        match self.how {
            How::Hangs => core::future::pending().await,
            How::Breaks => Err(Status::unavailable("transport error")),
            How::TookNothing => Err(crate::node::proto::Problem {
                code: tonic::Code::Unavailable,
                message: "not the leader".to_owned(),
                why: v1::error_detail::Why::NotLeader(v1::NotLeader { leader: None }),
            }
            .into()),
        }
    }

    /// The serials of the requests for this so far.
    fn asked(&self, what: &str) -> Vec<u64> {
        self.asked.lock().unwrap().get(what).cloned().unwrap_or_default()
    }
}

type Nothing<T> = Pin<Box<tokio_stream::Empty<Result<T, Status>>>>;

#[tonic::async_trait]
impl placements_server::Placements for Fake {
    type WatchStream = Nothing<v1::WatchResponse>;

    async fn resolve(&self, _: Request<v1::ResolveRequest>) -> Answer<v1::ResolveResponse> {
        self.take("resolve", 0).await
    }

    async fn list(&self, _: Request<v1::ListRequest>) -> Answer<v1::ListResponse> {
        self.take("list", 0).await
    }

    async fn floor(&self, _: Request<v1::FloorRequest>) -> Answer<v1::FloorResponse> {
        self.take("floor", 0).await
    }

    async fn watch(&self, _: Request<v1::WatchRequest>) -> Answer<Self::WatchStream> {
        self.take("watch", 0).await
    }
}

#[tonic::async_trait]
impl migrations_server::Migrations for Fake {
    async fn apply(&self, request: Request<v1::ApplyRequest>) -> Answer<v1::ApplyResponse> {
        let serial = request.into_inner().ticket.map_or(0, |ticket| ticket.serial);
        self.take("apply", serial).await
    }

    async fn plan(&self, _: Request<v1::PlanRequest>) -> Answer<v1::PlanResponse> {
        self.take("plan", 0).await
    }

    async fn audit(&self, _: Request<v1::AuditRequest>) -> Answer<v1::AuditResponse> {
        self.take("audit", 0).await
    }

    async fn order(&self, _: Request<v1::OrderRequest>) -> Answer<v1::OrderResponse> {
        self.take("order", 0).await
    }

    async fn moves(&self, _: Request<v1::MovesRequest>) -> Answer<v1::MovesResponse> {
        self.take("moves", 0).await
    }
}

#[tonic::async_trait]
impl sessions_server::Sessions for Fake {
    async fn open(&self, _: Request<v1::OpenSessionRequest>) -> Answer<v1::OpenSessionResponse> {
        Ok(Response::new(v1::OpenSessionResponse { session: 7, history: HistoryId(1).0 }))
    }

    async fn close(&self, _: Request<v1::CloseSessionRequest>) -> Answer<v1::CloseSessionResponse> {
        self.take("close", 0).await
    }
}

#[tonic::async_trait]
impl cluster_server::Cluster for Fake {
    type BackupStream = Nothing<v1::BackupChunk>;

    async fn status(&self, _: Request<v1::StatusRequest>) -> Answer<v1::StatusResponse> {
        self.take("status", 0).await
    }

    async fn members(&self, _: Request<v1::MembersRequest>) -> Answer<v1::MembersResponse> {
        self.take("members", 0).await
    }

    async fn change_members(
        &self,
        _: Request<v1::ChangeMembersRequest>,
    ) -> Answer<v1::ChangeMembersResponse> {
        self.take("change_members", 0).await
    }

    async fn transfer(&self, _: Request<v1::TransferRequest>) -> Answer<v1::TransferResponse> {
        self.take("transfer", 0).await
    }

    async fn backup(&self, _: Request<v1::BackupRequest>) -> Answer<Self::BackupStream> {
        self.take("backup", 0).await
    }
}

#[derive(Debug)]
struct Plain;

impl Dial for Plain {
    fn channel(&self, address: Address) -> Dialing {
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        Box::pin(async move { endpoint.map(|it| it.connect_lazy()).map_err(|error| error.to_string()) })
    }
}

/// A client of a server on loopback, and the server's address.
async fn client_of(fake: &Fake) -> (Client, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::try_from(listener.local_addr().unwrap().to_string()).unwrap();
    let (accepted, incoming) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if accepted.send(Ok::<_, std::io::Error>(stream)).await.is_err() {
                break;
            }
        }
    });
    let server = Server::builder()
        .add_service(placements_server::PlacementsServer::new(fake.clone()))
        .add_service(migrations_server::MigrationsServer::new(fake.clone()))
        .add_service(sessions_server::SessionsServer::new(fake.clone()))
        .add_service(cluster_server::ClusterServer::new(fake.clone()));
    tokio::spawn(server.serve_with_incoming(ReceiverStream::new(incoming)));
    let (attempt, deadline) = (Duration::from_millis(300), Duration::from_secs(2));
    let options = Options { deadline, attempt, backoff: Duration::from_millis(10), seed: 1 };
    (Client::new(vec![address.clone()], Arc::new(Plain), options).unwrap(), address)
}

fn wanted() -> (PartitionSelector, Transition) {
    let create = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    (PartitionSelector::Id(PartitionId(1)), create)
}

/// The error of a call, and how often the server was asked.
async fn ended<T>(
    fake: &Fake,
    what: &str,
    call: impl Future<Output = Result<T, ClientError>>,
) -> (Option<ClientError>, usize) {
    (call.await.err(), fake.asked(what).len())
}

/// What changes something is sent once without a ticket, and its outcome is unknown; what only reads is asked again, and changed nothing.
#[tokio::test]
async fn what_may_have_taken_effect_is_sent_once_and_told_as_unknown() {
    for how in [How::Hangs, How::Breaks] {
        let fake = Fake::new(how);
        let (client, address) = client_of(&fake).await;
        let (one, change) = wanted();
        let member = Change::Remove(v1::MemberRef { node: 2, directory: 2 });
        let (apply, members, transfer) = tokio::join!(
            ended(&fake, "apply", client.apply(one.clone(), change)),
            ended(&fake, "change_members", client.change_members(member)),
            ended(&fake, "transfer", client.transfer(None)),
        );
        for (what, (error, times)) in [("apply", apply), ("change_members", members), ("transfer", transfer)]
        {
            assert_eq!(
                (error, times),
                (Some(ClientError::Indeterminate), 1),
                "{what}, a server that {how:?}"
            );
        }
        let reads = tokio::join!(
            ended(&fake, "resolve", client.resolve(one.clone())),
            ended(&fake, "list", client.list(None)),
            ended(&fake, "floor", client.floor(PartitionId(1))),
            ended(&fake, "plan", client.plan(one, Placement(1))),
            ended(&fake, "audit", client.audit(Index(0))),
            ended(&fake, "members", client.members()),
            ended(&fake, "status", client.status(&address)),
            ended(&fake, "backup", client.backup()),
        );
        for (what, (error, times)) in [
            ("resolve", reads.0),
            ("list", reads.1),
            ("floor", reads.2),
            ("plan", reads.3),
            ("audit", reads.4),
            ("members", reads.5),
            ("status", reads.6),
            ("backup", reads.7),
        ] {
            assert!(matches!(error, Some(ClientError::Unreachable(_))), "{what}, {how:?}: {error:?}");
            assert!(times > 1, "{what} was asked {times} times of a server that {how:?}");
        }
    }
}

/// A node that says that it took nothing is asked again, or another is, whatever was asked for; at the end nothing was done.
#[tokio::test]
async fn what_no_node_took_is_sent_again_and_told_as_not_done() {
    let fake = Fake::new(How::TookNothing);
    let (client, _) = client_of(&fake).await;
    let (one, change) = wanted();
    let member = Change::Remove(v1::MemberRef { node: 2, directory: 2 });
    let (apply, members, transfer, resolve) = tokio::join!(
        ended(&fake, "apply", client.apply(one.clone(), change)),
        ended(&fake, "change_members", client.change_members(member)),
        ended(&fake, "transfer", client.transfer(None)),
        ended(&fake, "resolve", client.resolve(one)),
    );
    for (what, (error, times)) in
        [("apply", apply), ("change_members", members), ("transfer", transfer), ("resolve", resolve)]
    {
        assert!(matches!(error, Some(ClientError::NoLeader(_))), "{what}: {error:?}");
        assert!(times > 1, "{what} was asked {times} times");
    }
}

/// In a session each attempt has the ticket of the first, and so has what is resumed; another request has another.
#[tokio::test]
async fn in_a_session_every_attempt_has_the_ticket_of_the_first() {
    let fake = Fake::new(How::Breaks);
    let (client, _) = client_of(&fake).await;
    let session = client.session().await.unwrap();
    let (one, change) = wanted();
    let unresolved = session.apply(one.clone(), change.clone()).await.unwrap_err();
    assert_eq!(unresolved.error, ClientError::Indeterminate);
    let first = fake.asked("apply");
    assert!(first.len() > 1 && first.iter().all(|serial| *serial == first[0]), "{first:?}");
    let _kept = session.resume(unresolved).await.unwrap_err();
    let resumed = fake.asked("apply");
    assert!(resumed.len() > first.len() && resumed.iter().all(|serial| *serial == first[0]), "{resumed:?}");
    let _other = session.apply(one, change).await.unwrap_err();
    let other = fake.asked("apply").split_off(resumed.len());
    assert!(other.iter().all(|serial| *serial != first[0] && *serial > 0), "{other:?}");
}
