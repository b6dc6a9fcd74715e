//! The gRPC service `Cluster`: status, membership, leadership transfer, backup.

use super::deadline::Deadline;
use super::errors::{from_failure, from_outcome, from_transfer, malformed, not_admitted};
use super::response_stream::{Disconnected, ResponseStream};
use crate::core::control_plane::{
    Address, ControlPlaneEntry, ControlPlaneState, FollowerStatus, MembershipChange, Override,
};
use crate::core::ids::{DirectoryId, HistoryId, NodeId};
use crate::core::migration::{Operator, Reason, TextError};
use crate::core::raft::{Applied, Peer, Snapshot};
use crate::node::driver::{Failure, RoleName, View};
use crate::node::proto::{Malformed, v1};
use crate::node::server::{Introduction, Service};
use crate::node::store::backup;
use metrics::counter;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Bytes of a backup per message of the stream.
const CHUNK: usize = 64 << 10;
/// Messages of a backup that are buffered until the caller reads them.
const CHUNKS: usize = 2;
/// Backups that are open at the same time; each holds its file in memory until it is read.
pub(super) const BACKUPS: usize = 16;

fn peer(node: u32, directory: u64) -> Result<Peer, Malformed> {
    let too_large = |_| Malformed::TooLarge { field: "node", found: node.into(), max: u8::MAX.into() };
    Ok(Peer { node: NodeId(u8::try_from(node).map_err(too_large)?), directory: DirectoryId(directory) })
}

fn even_so(wire: v1::Override) -> Result<Override, TextError> {
    Ok(Override { operator: Operator::try_from(wire.operator)?, reason: Reason::try_from(wire.reason)? })
}

fn members(view: &View) -> v1::MembersResponse {
    let directory = view.state().directory();
    let member = |(peer, voter): (Peer, bool)| {
        let registered = directory.node(peer.node);
        let text = |address: Option<&Address>| address.map(ToString::to_string).unwrap_or_default();
        v1::Member {
            node: peer.node.0.into(),
            directory: peer.directory.0,
            voter,
            identity: registered.map(|known| known.identity.to_string()).unwrap_or_default(),
            peer_address: text(registered.and_then(|known| known.endpoints.peer.as_ref())),
            client_address: text(registered.and_then(|known| known.endpoints.client.as_ref())),
        }
    };
    let index = view.status().commit.0;
    v1::MembersResponse { members: view.members().map(member).collect(), index }
}

const fn role(role: RoleName) -> v1::Role {
    match role {
        RoleName::Follower => v1::Role::Follower,
        RoleName::PreCandidate => v1::Role::PreCandidate,
        RoleName::Candidate => v1::Role::Candidate,
        RoleName::Leader => v1::Role::Leader,
    }
}

impl Service {
    /// The change that a request asks for. For an admission, asks the node who it is.
    async fn change(
        &self,
        wire: v1::change_members_request::Change,
        even_so: Option<Override>,
        limit: Deadline,
    ) -> Result<MembershipChange, Status> {
        use v1::change_members_request::Change;
        let named = |wire: v1::MemberRef| peer(wire.node, wire.directory).map_err(|error| malformed(&error));
        Ok(match wire {
            Change::Promote(member) => MembershipChange::Promote { peer: named(member)?, even_so },
            Change::Remove(member) => MembershipChange::Remove { peer: named(member)?, even_so },
            Change::AddLearner(add) => {
                let address = Address::try_from(add.peer_address);
                let address = address.map_err(|error| Status::invalid_argument(error.to_string()))?;
                // Another node than the leader need not ask.
                let status = self.within(limit, false, self.handle.read(|view| view.status())).await?;
                let found = self.introduction(&address, limit).await;
                let found = found.map_err(|why| not_admitted("Unreachable", why))?;
                found
                    .check(&address, status.cluster, status.history)
                    .map_err(|why| not_admitted("OtherCluster", why))?;
                let Introduction { peer, identity, endpoints, .. } = found;
                MembershipChange::Admit { peer, identity, endpoints }
            }
        })
    }

    /// Asks the node at an address who it is. It ends before the call does: a caller whose call ended would not know that nothing was
    /// changed.
    async fn introduction(&self, address: &Address, limit: Deadline) -> Result<Introduction, String> {
        let asked = self.introducer.introduce(address);
        let asked = tokio::time::timeout(limit.left() / 4 * 3, asked).await;
        asked.unwrap_or_else(|_| Err(format!("{address}: no answer in time")))
    }

    fn status_of(&self, view: &View) -> v1::StatusResponse {
        let status = view.status();
        let (me, configuration, table) = (status.config.me, view.configuration(), view.state().table());
        // A node with an empty disk has no configuration yet. A node in contact with a leader is a member
        // again.
        let removed = !configuration.members().is_empty() && !configuration.is_member(me);
        let outside = if status.history == HistoryId::NONE {
            let told = self.removal.get().map_or_else(String::new, |why| format!("; {why}"));
            Some(format!("{me} has an empty data directory and waits to be admitted{told}"))
        } else if removed {
            Some(format!("{me} is not a member in its own log: it was removed"))
        } else {
            self.removal.get().filter(|_| status.leader.is_none())
        };
        let follower = |other: &FollowerStatus| v1::Follower {
            node: other.peer.node.0.into(),
            matched: other.matched.0,
            live: other.live,
        };
        v1::StatusResponse {
            cluster: status.cluster.0,
            history: status.history.0,
            node: me.node.0.into(),
            directory: me.directory.0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            role: role(status.role).into(),
            term: status.term.0,
            leader: self.hint(),
            commit: status.commit.0,
            last_index: status.last.0,
            durable_index: status.durable.0,
            snapshot_index: status.snapshot.0,
            revision: status.revision.0,
            partitions: table.partitions(),
            migrations_in_flight: table.migrations_in_flight(),
            outside: outside.unwrap_or_default(),
            sessions: u32::try_from(view.sessions()).unwrap_or(u32::MAX),
            followers: view.followers().iter().map(follower).collect(),
        }
    }
}

/// Encodes a backup on a thread that may take its time; one after another, which leaves a processor to the engine.
#[cfg_attr(madsim, allow(deprecated, reason = "in a simulation it runs at once"))]
async fn encode(turn: Arc<Semaphore>, applied: Applied<ControlPlaneState>) -> Result<Vec<u8>, Status> {
    let failed = |error: &dyn core::fmt::Display| Status::internal(error.to_string());
    let turn = turn.acquire_owned().await.map_err(|error| failed(&error))?;
    let encoded = tokio::task::spawn_blocking(move || {
        // Kept here: a caller that goes does not stop the thread.
        let _turn = turn;
        backup::encode(&Snapshot::of(&applied)).map_err(|error| error.to_string())
    });
    encoded.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

#[tonic::async_trait]
impl v1::cluster_server::Cluster for Service {
    async fn status(
        &self,
        request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusResponse>, Status> {
        self.allow(&request, "Status")?;
        let view = self.handle.latest().map_err(|failure| from_failure(&failure, self.hint()))?;
        Ok(Response::new(self.status_of(&view)))
    }

    async fn members(
        &self,
        request: Request<v1::MembersRequest>,
    ) -> Result<Response<v1::MembersResponse>, Status> {
        self.allow(&request, "Members")?;
        let limit = Deadline::of(request.metadata());
        Ok(Response::new(self.within(limit, false, self.handle.read(members)).await?))
    }

    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        self.allow(&request, "ChangeMembers")?;
        let limit = Deadline::of(request.metadata());
        let v1::ChangeMembersRequest { change: wanted, even_so: forced } = request.into_inner();
        let wanted = wanted.ok_or_else(|| Status::invalid_argument("change is missing"))?;
        let forced = forced.map(even_so).transpose();
        let forced = forced.map_err(|error| malformed(&Malformed::Text(error)))?;
        let change = self.change(wanted, forced, limit).await?;
        let member = change.peer();
        let entry = ControlPlaneEntry::MembershipChange(change);
        let outcome = self.within(limit, true, self.handle.propose(entry, None)).await?;
        let (index, _) = from_outcome(outcome, self.hint())?;
        let member = v1::MemberRef { node: member.node.0.into(), directory: member.directory.0 };
        Ok(Response::new(v1::ChangeMembersResponse { index: index.0, member: Some(member) }))
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferRequest>,
    ) -> Result<Response<v1::TransferResponse>, Status> {
        self.allow(&request, "Transfer")?;
        let limit = Deadline::of(request.metadata());
        let to = peer(request.into_inner().to, 0).map_err(|error| malformed(&error))?.node;
        let to = Some(to).filter(|to| *to != NodeId(0));
        let transferred = self.within(limit, true, self.handle.transfer(to)).await?;
        let to = transferred.map_err(|refusal| from_transfer(&refusal, self.hint()))?;
        Ok(Response::new(v1::TransferResponse { to: to.0.into() }))
    }

    type BackupStream = ReceiverStream<Result<v1::BackupChunk, Status>>;

    async fn backup(
        &self,
        request: Request<v1::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        self.allow(&request, "Backup")?;
        let limit = Deadline::of(request.metadata());
        let permit = Arc::clone(&self.backups).try_acquire_owned();
        let permit = permit.map_err(|_| from_failure(&Failure::Busy { what: "backups" }, self.hint()))?;
        let applied = self.within(limit, false, self.handle.read_applied()).await?;
        let file = tokio::time::timeout(limit.left(), encode(Arc::clone(&self.encoding), applied)).await;
        let file = file.map_err(|_| Status::deadline_exceeded("the backup was not encoded in time"))??;
        let (stream, answers) = ResponseStream::new(CHUNKS);
        let limit = self.timeouts.backup;
        tokio::spawn(async move {
            let _permit = permit;
            let all = async {
                for chunk in file.chunks(CHUNK) {
                    stream.send(v1::BackupChunk { data: chunk.to_vec() }).await?;
                }
                Ok::<(), Disconnected>(())
            };
            if tokio::time::timeout(limit, all).await.is_err() {
                counter!("cutover_backups_cut_off_total").increment(1);
                let what = format!("the backup was not read within {} s", limit.as_secs());
                stream.end(Status::deadline_exceeded(what));
            }
        });
        Ok(Response::new(answers))
    }
}
