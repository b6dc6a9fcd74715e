//! The gRPC service `Cluster`: status, membership, leadership transfer, backup.

use super::deadline;
use super::errors::{from_failure, from_outcome, from_transfer, malformed};
use super::response_stream::{Disconnected, ResponseStream};
use crate::core::control_plane::{
    Address, ClusterVoterIdentity, ControlPlaneEntry, Endpoints, FollowerStatus, MembershipChange,
};
use crate::core::ids::{Incarnation, NodeId};
use crate::core::raft::{Peer, Snapshot};
use crate::node::driver::{Failure, RoleName, View};
use crate::node::proto::{Malformed, v1};
use crate::node::server::Service;
use crate::node::store::backup;
use metrics::counter;
use std::sync::Arc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Bytes of a backup per message of the stream.
const CHUNK: usize = 64 << 10;
/// Messages of a backup that are buffered until the caller reads them.
const CHUNKS: usize = 2;
/// Backups that are open at the same time; each holds its file in memory until it is read.
pub(super) const BACKUPS: usize = 16;

fn peer(node: u32, incarnation: u64) -> Result<Peer, Malformed> {
    let too_large = |_| Malformed::TooLarge { field: "node", found: node.into(), max: u8::MAX.into() };
    Ok(Peer { node: NodeId(u8::try_from(node).map_err(too_large)?), incarnation: Incarnation(incarnation) })
}

fn change(wire: v1::change_members_request::Change) -> Result<MembershipChange, Status> {
    use v1::change_members_request::Change;
    let bad = |error: &dyn core::fmt::Display| Status::invalid_argument(error.to_string());
    let named = |wire: v1::MemberRef| peer(wire.node, wire.incarnation).map_err(|error| malformed(&error));
    Ok(match wire {
        Change::Promote(member) => MembershipChange::Promote { peer: named(member)? },
        Change::Remove(member) => MembershipChange::Remove { peer: named(member)? },
        Change::AddLearner(add) => {
            let peer = peer(add.node, add.incarnation).map_err(|error| malformed(&error))?;
            let identity =
                ClusterVoterIdentity::from_certificate_subject(&add.identity).map_err(|error| bad(&error))?;
            let address = |text: String| Address::try_from(text).map_err(|error| bad(&error));
            let endpoints = Endpoints {
                peer: Some(address(add.peer_address)?),
                client: Some(address(add.client_address)?),
            };
            MembershipChange::Admit { peer, identity, endpoints }
        }
    })
}

fn members(view: &View) -> v1::MembersResponse {
    let directory = view.state().directory();
    let member = |(peer, voter): (Peer, bool)| {
        let registered = directory.node(peer.node);
        let text = |address: Option<&Address>| address.map(ToString::to_string).unwrap_or_default();
        v1::Member {
            node: peer.node.0.into(),
            incarnation: peer.incarnation.0,
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
    fn status_of(&self, view: &View) -> v1::StatusResponse {
        let status = view.status();
        let (me, configuration, table) = (status.config.me, view.configuration(), view.state().table());
        // A node with an empty disk has no configuration yet. A node in contact with a leader is a member
        // again.
        let removed = !configuration.members().is_empty() && !configuration.is_member(me);
        let outside = if removed {
            Some(format!("{me} is not a member in its own log: it was removed"))
        } else {
            self.removal.get().filter(|_| status.leader.is_none())
        };
        let follower = |other: &FollowerStatus| v1::Follower {
            node: other.peer.node.0.into(),
            matched: other.matched.0,
        };
        v1::StatusResponse {
            cluster: status.config.cluster.0,
            node: me.node.0.into(),
            incarnation: me.incarnation.0,
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
        let limit = deadline::of(request.metadata());
        Ok(Response::new(self.within(limit, false, self.handle.read(members)).await?))
    }

    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        self.allow(&request, "ChangeMembers")?;
        let limit = deadline::of(request.metadata());
        let wanted =
            request.into_inner().change.ok_or_else(|| Status::invalid_argument("change is missing"))?;
        let change = change(wanted)?;
        let entry = ControlPlaneEntry::MembershipChange(change);
        let outcome = self.within(limit, true, self.handle.propose(entry, None)).await?;
        let (index, _) = from_outcome(outcome, self.hint())?;
        Ok(Response::new(v1::ChangeMembersResponse { index: index.0 }))
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferRequest>,
    ) -> Result<Response<v1::TransferResponse>, Status> {
        self.allow(&request, "Transfer")?;
        let limit = deadline::of(request.metadata());
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
        let limit = deadline::of(request.metadata());
        let permit = Arc::clone(&self.backups).try_acquire_owned();
        let permit = permit.map_err(|_| from_failure(&Failure::Busy { what: "backups" }, self.hint()))?;
        let cluster = self.handle.status().config.cluster;
        let applied = self.within(limit, false, self.handle.read_applied()).await?;
        let failed = |error: &dyn core::fmt::Display| Status::internal(error.to_string());
        let encoded = tokio::task::spawn_blocking(move || {
            let snapshot = Snapshot::of(&applied).map_err(|error| error.to_string())?;
            backup::encode(cluster, &snapshot).map_err(|error| error.to_string())
        });
        let file = encoded.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
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
