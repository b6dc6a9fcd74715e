//! A client's requests: each is tried at one node after the other until it is answered.

use crate::host::address;
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::ids::{HistoryId, Revision, SessionId};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::raft::Ticket;
use cutover::node::proto::v1::{
    self, cluster_client::ClusterClient, error_detail::Why, migrations_client::MigrationsClient,
    placements_client::PlacementsClient, sessions_client::SessionsClient,
};
use cutover::node::proto::{detail_of, request};
use std::collections::BTreeMap;
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

/// Why a request failed, by what is known of its effect.
#[derive(Clone, PartialEq, Debug)]
pub enum Failed {
    /// The request was refused: by the log, or this attempt alone, as the refusal says.
    Refused(v1::Refused),
    /// The request is not in the log and will not be.
    NotCommitted,
    /// The request may have taken effect or may yet.
    Indeterminate,
    /// The session does not exist any more.
    SessionExpired,
}

/// The result of a successful change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Done {
    /// Log index of the entry; for a session that was opened, its history; 0 otherwise.
    pub index: u64,
    /// The new epoch, or the id of the new session.
    pub value: u64,
    /// Number of the partition; 0 if the request is not about one.
    pub partition: u64,
    /// Whether this is the answer to an earlier attempt with the same ticket.
    pub repeated: bool,
}

/// A partition as resolved by a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The partition's record.
    pub record: PartitionRecord,
    /// The partition's name; empty if it has none.
    pub name: String,
    /// Revision of the answer.
    pub revision: Revision,
}

/// A change that can be requested again.
#[derive(Clone, Debug)]
pub enum ChangeRequest {
    /// A transition of a partition, with a ticket and its history if it belongs to a session.
    Apply(cutover::node::proto::PartitionSelector, Box<Transition>, Option<(Ticket, HistoryId)>),
    /// Opening of a session.
    Open,
    /// Closing of a session.
    Close(SessionId, HistoryId),
}

/// The result of one attempt at a request.
pub(super) enum Attempt<T> {
    Done(T),
    Failed(Failed),
    /// The attempt had no effect; another node, perhaps the one given, may succeed.
    Elsewhere(Option<u8>),
    /// The attempt may have had an effect.
    Unknown,
}

/// One client's access to the nodes.
pub struct Api {
    channels: BTreeMap<u8, Channel>,
    nodes: Vec<u8>,
    at: u8,
    patience: Duration,
    chance: Stream,
}

fn classify<T>(result: Result<Response<T>, Status>) -> Attempt<T> {
    let status = match result {
        Ok(response) => return Attempt::Done(response.into_inner()),
        Err(status) => status,
    };
    match detail_of(&status) {
        Some(Why::NotLeader(why)) => {
            Attempt::Elsewhere(why.leader.and_then(|hint| u8::try_from(hint.node).ok()))
        }
        Some(Why::Busy(_)) => Attempt::Elsewhere(None),
        Some(Why::Refused(why)) => Attempt::Failed(Failed::Refused(why)),
        Some(Why::SessionExpired(_)) => Attempt::Failed(Failed::SessionExpired),
        Some(Why::Denied(_)) => Attempt::Failed(Failed::NotCommitted),
        Some(Why::Indeterminate(_)) | None => Attempt::Unknown,
    }
}

impl Api {
    /// A client of the given nodes.
    #[must_use]
    pub fn new(nodes: Vec<u8>, patience: Duration, mut chance: Stream) -> Self {
        let at = chance.pick(&nodes).unwrap_or(1);
        Self { channels: BTreeMap::new(), nodes, at, patience, chance }
    }

    /// The connection to a node; it is established by the first request.
    pub fn channel(&mut self, node: u8) -> Option<Channel> {
        if let Some(open) = self.channels.get(&node) {
            return Some(open.clone());
        }
        let channel = Endpoint::from_shared(format!("http://{}", address(node))).ok()?.connect_lazy();
        self.channels.insert(node, channel.clone());
        Some(channel)
    }

    /// The node of the next attempt.
    #[must_use]
    pub const fn node(&self) -> u8 {
        self.at
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.patience);
        request
    }

    /// Chooses the node for the next attempt: the hinted one, or a random one.
    pub fn go_elsewhere(&mut self, hint: Option<u8>) {
        let any = self.chance.pick(&self.nodes).unwrap_or(1);
        self.at = hint.unwrap_or(any);
    }

    async fn pause(&mut self) {
        let millis = self.chance.between(5, 60);
        sleep(Duration::from_millis(millis)).await;
    }

    /// Requests a change until it is answered, at most `attempts` times. An attempt whose effect is unknown is
    /// repeated only under a ticket.
    pub async fn ask(&mut self, asked: &ChangeRequest, attempts: u32) -> Result<Done, Failed> {
        let again = match asked {
            ChangeRequest::Apply(_, _, ticket) => ticket.is_some(),
            ChangeRequest::Open | ChangeRequest::Close(..) => false,
        };
        let mut unknown = false;
        for _ in 0..attempts {
            match self.attempt(asked).await {
                Attempt::Done(done) => return Ok(done),
                Attempt::Failed(Failed::SessionExpired) if unknown => return Err(Failed::Indeterminate),
                // Another attempt may still be applied.
                Attempt::Failed(Failed::Refused(why)) if unknown && !why.decided => {
                    return Err(Failed::Indeterminate);
                }
                Attempt::Failed(failed) => return Err(failed),
                Attempt::Elsewhere(hint) => self.go_elsewhere(hint),
                Attempt::Unknown if again => {
                    unknown = true;
                    self.go_elsewhere(None);
                }
                Attempt::Unknown => {
                    self.go_elsewhere(None);
                    return Err(Failed::Indeterminate);
                }
            }
            self.pause().await;
        }
        Err(if unknown { Failed::Indeterminate } else { Failed::NotCommitted })
    }

    /// Makes one attempt at a change.
    pub(super) async fn attempt(&mut self, asked: &ChangeRequest) -> Attempt<Done> {
        let Some(channel) = self.channel(self.at) else { return Attempt::Elsewhere(None) };
        let limit = self.patience;
        let call = async {
            match asked {
                ChangeRequest::Apply(partition, transition, ticket) => {
                    let wire = self.request(request(
                        partition.clone(),
                        (**transition).clone(),
                        ticket.map(|(ticket, history)| v1::Ticket::of(ticket, history)),
                    ));
                    let answer = classify(MigrationsClient::new(channel).apply(wire).await);
                    map(answer, |done| {
                        let v1::ApplyResponse { partition, epoch, index, repeated } = done;
                        Done { index, value: epoch, partition, repeated }
                    })
                }
                ChangeRequest::Open => {
                    let wire = self.request(v1::OpenSessionRequest {});
                    map(classify(SessionsClient::new(channel).open(wire).await), |done| Done {
                        index: done.history,
                        partition: 0,
                        value: done.session,
                        repeated: false,
                    })
                }
                ChangeRequest::Close(session, history) => {
                    let wire =
                        self.request(v1::CloseSessionRequest { session: session.0, history: history.0 });
                    map(classify(SessionsClient::new(channel).close(wire).await), |_| Done {
                        index: 0,
                        partition: 0,
                        value: 0,
                        repeated: false,
                    })
                }
            }
        };
        timeout(limit, call).await.unwrap_or(Attempt::Unknown)
    }

    /// Resolves a partition; `Ok(None)` if it does not exist.
    pub async fn resolve(
        &mut self,
        partition: &cutover::node::proto::PartitionSelector,
        attempts: u32,
    ) -> Option<Option<Found>> {
        for _ in 0..attempts {
            let channel = self.channel(self.at)?;
            let wire = self.request(v1::ResolveRequest { partition: Some(partition.clone().into()) });
            let mut client = PlacementsClient::new(channel);
            match timeout(self.patience, client.resolve(wire)).await {
                Ok(Ok(response)) => return found(response.into_inner()).map(Some),
                Ok(Err(status)) if status.code() == tonic::Code::NotFound => return Some(None),
                Ok(Err(status)) => self.after(status),
                Err(_) => self.go_elsewhere(None),
            }
            self.pause().await;
        }
        None
    }

    /// One page of the list of partitions.
    pub async fn list(&mut self, after: Option<u64>, limit: u32, attempts: u32) -> Option<v1::ListResponse> {
        for _ in 0..attempts {
            let channel = self.channel(self.at)?;
            let wire = self.request(v1::ListRequest { after, limit });
            let mut client = PlacementsClient::new(channel);
            match timeout(self.patience, client.list(wire)).await {
                Ok(Ok(response)) => return Some(response.into_inner()),
                Ok(Err(status)) => self.after(status),
                Err(_) => self.go_elsewhere(None),
            }
            self.pause().await;
        }
        None
    }

    /// Chooses the next node after a read failed with this status.
    fn after(&mut self, status: Status) {
        match classify::<()>(Err(status)) {
            Attempt::Elsewhere(hint) => self.go_elsewhere(hint),
            Attempt::Done(()) | Attempt::Failed(_) | Attempt::Unknown => self.go_elsewhere(None),
        }
    }

    /// Makes one attempt at an operator's request.
    pub async fn operate(&mut self, wanted: Operation) -> Result<(), Failed> {
        let Some(channel) = self.channel(self.at) else { return Err(Failed::NotCommitted) };
        let mut client = ClusterClient::new(channel);
        let limit = self.patience;
        let answer = match wanted {
            Operation::Change(change) => {
                let wire = self.request(v1::ChangeMembersRequest { change: Some(change), even_so: None });
                timeout(limit, client.change_members(wire)).await.map(|result| map(classify(result), |_| ()))
            }
            Operation::Transfer(to) => {
                let wire = self.request(v1::TransferRequest { to: to.into() });
                timeout(limit, client.transfer(wire)).await.map(|result| map(classify(result), |_| ()))
            }
        };
        match answer.unwrap_or(Attempt::Unknown) {
            Attempt::Done(()) => Ok(()),
            Attempt::Failed(failed) => Err(failed),
            Attempt::Elsewhere(hint) => {
                self.go_elsewhere(hint);
                Err(Failed::NotCommitted)
            }
            Attempt::Unknown => {
                self.go_elsewhere(None);
                Err(Failed::Indeterminate)
            }
        }
    }

    /// The members according to the leader.
    pub async fn members(&mut self) -> Option<v1::MembersResponse> {
        let channel = self.channel(self.at)?;
        let wire = self.request(v1::MembersRequest {});
        let mut client = ClusterClient::new(channel);
        match timeout(self.patience, client.members(wire)).await {
            Ok(Ok(response)) => Some(response.into_inner()),
            Ok(Err(status)) => {
                let hint =
                    if let Attempt::Elsewhere(hint) = classify::<()>(Err(status)) { hint } else { None };
                self.go_elsewhere(hint);
                None
            }
            Err(_) => {
                self.go_elsewhere(None);
                None
            }
        }
    }

    /// Replaces the set of nodes to ask.
    pub fn know(&mut self, nodes: Vec<u8>) {
        self.nodes = nodes;
    }
}

/// A request of an operator.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A membership change.
    Change(v1::change_members_request::Change),
    /// A leadership transfer to a node; 0 lets the leader choose.
    Transfer(u8),
}

fn map<T, U>(attempt: Attempt<T>, make: impl FnOnce(T) -> U) -> Attempt<U> {
    match attempt {
        Attempt::Done(done) => Attempt::Done(make(done)),
        Attempt::Failed(failed) => Attempt::Failed(failed),
        Attempt::Elsewhere(hint) => Attempt::Elsewhere(hint),
        Attempt::Unknown => Attempt::Unknown,
    }
}

fn found(wire: v1::ResolveResponse) -> Option<Found> {
    let record = PartitionRecord::try_from(wire.record.as_ref()?).ok()?;
    let name = wire.record.map(|record| record.name).unwrap_or_default();
    Some(Found { record, name, revision: Revision(wire.revision) })
}
