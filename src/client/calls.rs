//! The unary calls of a client: partitions, transitions, members, backup.

use super::{Client, ClientError};
use crate::core::control_plane::{Address, OrderChange, PartitionName, StoreChange};
use crate::core::gate::{WriteAdmission, admit_write};
use crate::core::ids::{
    Epoch, HistoryId, Index, MigrationId, NodeId, PartitionId, Placement, Revision, SessionId,
};
use crate::core::migration::{PartitionRecord, Transition};
use crate::core::placement::Resolution;
use crate::core::retry::{Call, Repeat};
use crate::node::proto::{PartitionSelector, request, v1};

/// A partition as the leader returned it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partition {
    /// The partition's record in the log.
    pub record: PartitionRecord,
    /// The partition's name; `None` if it was created by number.
    pub name: Option<PartitionName>,
    /// Placement, state and epoch for gateways. `None` if the partition is deleted, or not open yet.
    pub resolution: Option<Resolution>,
    /// The revision of the state that was read.
    pub revision: Revision,
}

/// The outcome of a transition that was committed and applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Applied {
    /// The partition's number. For a creation by name, the number that the log gave it.
    pub partition: PartitionId,
    /// The partition's epoch after the transition.
    pub epoch: Epoch,
    /// The index of the entry in the log.
    pub index: Index,
    /// Whether an earlier attempt with the same ticket was applied, and this is its answer.
    pub repeated: bool,
}

pub(super) fn unexpected(error: &dyn core::fmt::Display) -> ClientError {
    ClientError::Unexpected(error.to_string())
}

pub(super) fn record(wire: &v1::Record) -> Result<(PartitionRecord, Option<PartitionName>), ClientError> {
    let record = PartitionRecord::try_from(wire).map_err(|error| unexpected(&error))?;
    Ok((record, PartitionName::try_from(wire.name.clone()).ok()))
}

impl Client {
    /// Reads one partition through the leader (a linearizable read).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn resolve(&self, partition: PartitionSelector) -> Result<Partition, ClientError> {
        let message = v1::ResolveRequest { partition: Some(partition.into()) };
        let answer = self
            .call(None, Repeat::Harmless, message, |channel, request| async move {
                v1::placements_client::PlacementsClient::new(channel).resolve(request).await
            })
            .await?;
        let wire = answer.record.as_ref().ok_or_else(|| unexpected(&"no record"))?;
        let (record, name) = record(wire)?;
        let resolution = answer.resolution.as_ref().map(Resolution::try_from).transpose();
        let resolution = resolution.map_err(|error| unexpected(&error))?;
        Ok(Partition { record, name, resolution, revision: Revision(answer.revision) })
    }

    /// What a store that lost its state starts from ([`Fence::returned`](crate::core::fence::Fence::returned)): no token of the
    /// partition is above this epoch, and no migration has a higher id. Known also for a partition without a record.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn floor(&self, partition: PartitionId) -> Result<(Epoch, MigrationId), ClientError> {
        let message = v1::FloorRequest { partition: partition.0 };
        let answer = self
            .call(None, Repeat::Harmless, message, |channel, request| async move {
                v1::placements_client::PlacementsClient::new(channel).floor(request).await
            })
            .await?;
        Ok((Epoch(answer.epoch), MigrationId(answer.migration)))
    }

    /// Reads one partition through the leader, and decides whether a write to it may be sent now, and where.
    ///
    /// # Errors
    /// [`ClientError`]. A partition that is deleted gives [`ClientError::NotFound`], one that is not open yet
    /// [`ClientError::NotOpen`].
    pub async fn admit(
        &self,
        partition: PartitionSelector,
    ) -> Result<(Resolution, WriteAdmission), ClientError> {
        let asked = partition.to_string();
        let found = self.resolve(partition).await?;
        let Some(view) = found.resolution else {
            return Err(match found.record.placed {
                Some(_) => ClientError::NotOpen(format!("partition {asked} is created and not open yet")),
                None => ClientError::NotFound(format!("partition {asked} has no placement")),
            });
        };
        Ok((view, admit_write(&view, view.epoch)))
    }

    /// Reads a page of records through the leader: those after a partition, or the first ones for `None`.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn list(&self, after: Option<PartitionId>) -> Result<v1::ListResponse, ClientError> {
        let message = v1::ListRequest { after: after.map(|after| after.0), limit: 0 };
        self.call(None, Repeat::Harmless, message, |channel, request| async move {
            v1::placements_client::PlacementsClient::new(channel).list(request).await
        })
        .await
    }

    /// Asks for the plan of a migration; changes nothing.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn plan(
        &self,
        partition: PartitionSelector,
        to: Placement,
    ) -> Result<v1::PlanResponse, ClientError> {
        let message = v1::PlanRequest { partition: Some(partition.into()), to: to.0 };
        self.call(None, Repeat::Harmless, message, |channel, request| async move {
            v1::migrations_client::MigrationsClient::new(channel).plan(request).await
        })
        .await
    }

    /// Says how moves are to go. The request is sent once.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn order(&self, change: &OrderChange) -> Result<(), ClientError> {
        let change = change.try_into().map_err(|error| unexpected(&error))?;
        let message = v1::OrderRequest { change: Some(change) };
        let _index = self
            .call(None, Repeat::Never, message, |channel, request| async move {
                v1::migrations_client::MigrationsClient::new(channel).order(request).await
            })
            .await?;
        Ok(())
    }

    /// Reads what moves, by partition: of all that are not settled those above `after`, or one, whether it moves or not (a linearizable read
    /// through the leader).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn moves(
        &self,
        partition: Option<PartitionSelector>,
        after: Option<PartitionId>,
    ) -> Result<v1::MovesResponse, ClientError> {
        let after = after.map_or(0, |after| after.0);
        let message = v1::MovesRequest { partition: partition.map(Into::into), after, limit: 0 };
        self.call(None, Repeat::Harmless, message, |channel, request| async move {
            v1::migrations_client::MigrationsClient::new(channel).moves(request).await
        })
        .await
    }

    /// Reads the transitions after an index that an audit asks for, oldest first (a linearizable read through the leader).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn audit(&self, after: Index) -> Result<v1::AuditResponse, ClientError> {
        let message = v1::AuditRequest { after_index: after.0, limit: 0 };
        self.call(None, Repeat::Harmless, message, |channel, request| async move {
            v1::migrations_client::MigrationsClient::new(channel).audit(request).await
        })
        .await
    }

    /// Commits a transition without a session. The request is sent once: if no answer comes, the error is
    /// [`ClientError::Indeterminate`].
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn apply(
        &self,
        partition: PartitionSelector,
        transition: Transition,
    ) -> Result<Applied, ClientError> {
        self.apply_under(partition, transition, None, Call::new(Repeat::Never)).await
    }

    pub(super) async fn apply_under(
        &self,
        partition: PartitionSelector,
        transition: Transition,
        ticket: Option<v1::Ticket>,
        call: Call,
    ) -> Result<Applied, ClientError> {
        let message = request(partition, transition, ticket);
        let answer = self
            .continue_call(call, message, |channel, request| async move {
                v1::migrations_client::MigrationsClient::new(channel).apply(request).await
            })
            .await?;
        let (partition, epoch) = (PartitionId(answer.partition), Epoch(answer.epoch));
        Ok(Applied { partition, epoch, index: Index(answer.index), repeated: answer.repeated })
    }

    pub(super) async fn open_session(&self) -> Result<(SessionId, HistoryId), ClientError> {
        // If the answer is lost, the session opened by that attempt stays unused until it expires.
        let answer = self
            .call(None, Repeat::Harmless, v1::OpenSessionRequest {}, |channel, request| async move {
                v1::sessions_client::SessionsClient::new(channel).open(request).await
            })
            .await?;
        Ok((SessionId(answer.session), HistoryId(answer.history)))
    }

    /// An epoch that no token is above, and the history that it is of.
    pub(super) async fn highest_epoch(&self) -> Result<(Epoch, HistoryId), ClientError> {
        // Of a partition without a record, the log says what is above all that it has given out.
        let message = v1::FloorRequest { partition: u64::MAX };
        let answer = self
            .call(None, Repeat::Harmless, message, |channel, request| async move {
                v1::placements_client::PlacementsClient::new(channel).floor(request).await
            })
            .await?;
        Ok((Epoch(answer.epoch), HistoryId(answer.history)))
    }

    pub(super) async fn close_session(
        &self,
        session: SessionId,
        history: HistoryId,
    ) -> Result<(), ClientError> {
        let message = v1::CloseSessionRequest { session: session.0, history: history.0 };
        let call = self.call(None, Repeat::Harmless, message, |channel, request| async move {
            v1::sessions_client::SessionsClient::new(channel).close(request).await
        });
        call.await.map(|_| ())
    }

    /// Reads the status of one node. The node answers by itself, without a quorum.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn status(&self, at: &Address) -> Result<v1::StatusResponse, ClientError> {
        self.call(Some(at), Repeat::Harmless, v1::StatusRequest {}, |channel, request| async move {
            v1::cluster_client::ClusterClient::new(channel).status(request).await
        })
        .await
    }

    /// Reads the members through the leader (a linearizable read).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn members(&self) -> Result<v1::MembersResponse, ClientError> {
        self.call(None, Repeat::Harmless, v1::MembersRequest {}, |channel, request| async move {
            v1::cluster_client::ClusterClient::new(channel).members(request).await
        })
        .await
    }

    /// Admits, promotes or removes a member. The request is sent once. Returns the member, and the index of the change in
    /// the log.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn change_members(
        &self,
        change: v1::change_members_request::Change,
    ) -> Result<v1::ChangeMembersResponse, ClientError> {
        self.change_members_even_so(change, None).await
    }

    /// Like [`Self::change_members`]. `even_so`: who wants the change, and why, even if it may leave no quorum of live
    /// voters.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn change_members_even_so(
        &self,
        change: v1::change_members_request::Change,
        even_so: Option<v1::Override>,
    ) -> Result<v1::ChangeMembersResponse, ClientError> {
        let message = v1::ChangeMembersRequest { change: Some(change), even_so };
        self.call(None, Repeat::Never, message, |channel, request| async move {
            v1::cluster_client::ClusterClient::new(channel).change_members(request).await
        })
        .await
    }

    /// Transfers the leadership to a voter; for `None` to the one whose log is most complete. Sent once.
    /// Returns the new leader.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn transfer(&self, to: Option<NodeId>) -> Result<NodeId, ClientError> {
        let message = v1::TransferRequest { to: to.map_or(0, |to| to.0.into()) };
        let answer = self
            .call(None, Repeat::Never, message, |channel, request| async move {
                v1::cluster_client::ClusterClient::new(channel).transfer(request).await
            })
            .await?;
        u8::try_from(answer.to).map(NodeId).map_err(|error| unexpected(&error))
    }

    /// Reads the stores that the log knows, through the leader (a linearizable read).
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn stores(&self) -> Result<v1::ListStoresResponse, ClientError> {
        self.call(None, Repeat::Harmless, v1::ListStoresRequest {}, |channel, request| async move {
            v1::stores_client::StoresClient::new(channel).list_stores(request).await
        })
        .await
    }

    /// Adds, moves or removes a store. The request is sent once. Returns the number of the store and the revision of the change.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn change_stores(&self, change: StoreChange) -> Result<(Placement, Revision), ClientError> {
        let message = v1::ChangeStoresRequest { change: Some(change.into()) };
        let answer = self
            .call(None, Repeat::Never, message, |channel, request| async move {
                v1::stores_client::StoresClient::new(channel).change_stores(request).await
            })
            .await?;
        Ok((Placement(answer.store), Revision(answer.revision)))
    }

    /// Downloads the committed state as the bytes of a backup file. The deadline applies to each chunk.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn backup(&self) -> Result<Vec<u8>, ClientError> {
        let mut stream = self
            .call(None, Repeat::Harmless, v1::BackupRequest {}, |channel, request| async move {
                v1::cluster_client::ClusterClient::new(channel).backup(request).await
            })
            .await?;
        let mut bytes = Vec::new();
        let deadline = self.options.deadline;
        loop {
            let part = tokio::time::timeout(deadline, stream.message()).await;
            let part = part.map_err(|_| {
                let have = bytes.len();
                ClientError::Unreachable(format!(
                    "the backup stopped after {have} bytes, nothing came for {deadline:?}"
                ))
            })?;
            match part.map_err(|status| super::refused(None, &status))? {
                Some(chunk) => bytes.extend_from_slice(&chunk.data),
                None => return Ok(bytes),
            }
        }
    }

    /// The client addresses of nodes: those given to [`Client::new`], and those learned from nodes since.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.nodes().addresses.clone()
    }
}
