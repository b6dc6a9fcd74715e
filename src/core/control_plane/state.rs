//! The replicated state: the placement table, the directory of names, and the directory of stores.

use super::{
    AuditLog, ClusterVoterIdentity, ControlPlaneEntry, Directory, MembershipChange, OrderRefusal, Orders,
    OwnershipTransition, PartitionName, Registered, StoreChange, StoreRefusal, Stores,
};
use crate::core::ids::{
    ClusterId, Epoch, Halt, Index, Names, NodeId, PartitionId, Placement, Relabel, Revision,
};
use crate::core::migration::{Caps, MigrationError, PlacementTable, Transition, TransitionKind};
use crate::core::raft::Machine;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The control plane's state machine, to which committed entries are applied.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ControlPlaneState {
    cluster: ClusterId,
    table: PlacementTable,
    /// The log index of the last change of the table.
    revision: Revision,
    directory: Directory,
    audit: AuditLog,
    /// A state that was encoded before the log knew stores ends here, see [`ControlPlaneState::without_stores`].
    stores: Stores,
    /// The last field: a state that was encoded before the log knew orders ends here, see [`ControlPlaneState::without_orders`].
    orders: Orders,
}

/// The state machine's answer to an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Applied; the entry has no result.
    Noted,
    /// The partition's epoch after the transition.
    Epoch(Epoch),
    /// The same, of a transition by name: it also says which partition has the name, or had it until this transition.
    Named {
        /// The number of the partition.
        partition: PartitionId,
        /// The partition's epoch after the transition.
        epoch: Epoch,
    },
    /// The table refused the transition. Nothing was changed.
    Refused(MigrationError),
    /// A store was added, moved or removed.
    Store {
        /// The number of the store.
        store: Placement,
        /// The revision of the change.
        revision: Revision,
    },
    /// The change of the stores was refused. Nothing was changed.
    StoreRefused(StoreRefusal),
    /// The order was refused. Nothing was changed.
    OrderRefused(OrderRefusal),
}

impl ControlPlaneState {
    /// The state of a new cluster with these members and no partitions.
    #[must_use]
    pub fn new(
        cluster: ClusterId,
        caps: Caps,
        members: impl IntoIterator<Item = (NodeId, Registered)>,
    ) -> Self {
        let directory = Directory::new(members);
        Self {
            cluster,
            table: PlacementTable::new(caps),
            revision: Revision::ZERO,
            directory,
            audit: AuditLog::default(),
            stores: Stores::none(),
            orders: Orders::default(),
        }
    }

    /// The same state with these stores known, and nothing ordered of them. For the state that a cluster is founded with.
    #[must_use]
    pub fn with_stores(self, stores: Stores) -> Self {
        Self { stores, orders: Orders::default(), ..self }
    }

    /// What follows the bytes of a state that was encoded before the log knew stores: no store is known, and the log's numbers
    /// begin above those that operators could type.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn without_stores() -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(&(Stores::unknown_so_far(), Orders::default()))
    }

    /// What follows the bytes of a state that was encoded before the log knew orders: nothing is ordered.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn without_orders() -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(&Orders::default())
    }

    /// The id of the cluster.
    #[must_use]
    pub const fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// The placement table: the records of all partitions.
    #[must_use]
    pub const fn table(&self) -> &PlacementTable {
        &self.table
    }

    /// The log index of the last change of the table; 0 if there was none.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The directory: registrations of nodes, and names of partitions.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The stores that the log knows.
    #[must_use]
    pub const fn stores(&self) -> &Stores {
        &self.stores
    }

    /// What operators have ordered of moves, and how these ended.
    #[must_use]
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }

    /// What an audit needs of past transitions, and of changes of the members and the stores.
    #[must_use]
    pub const fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// The identity of a member.
    #[must_use]
    pub fn identity(&self, node: NodeId) -> Option<&ClusterVoterIdentity> {
        self.directory.node(node).map(|registered| &registered.identity)
    }

    /// The member with this identity.
    #[must_use]
    pub fn node_of(&self, identity: &ClusterVoterIdentity) -> Option<NodeId> {
        self.directory.node_of(identity)
    }

    /// The state for a cluster that is restored from a backup or recovered after the loss of a quorum: with
    /// other members; with epochs, migration ids and numbers of partitions above any that the lost cluster may have given out;
    /// and with every migration in flight held for an operator. `times`: see [`PlacementTable::recovered`].
    #[must_use]
    pub fn recovered(
        mut self,
        members: impl IntoIterator<Item = (NodeId, Registered)>,
        times: u64,
        at: Index,
    ) -> Self {
        for node in self.directory.nodes().iter().map(|(node, _)| *node).collect::<Vec<_>>() {
            self.directory.remove_node(node);
        }
        for (node, registered) in members {
            self.directory.put_node(node, registered);
        }
        self.table = self.table.recovered(times);
        self.directory.leap(times);
        self.stores.leap(times);
        self.orders.recovered();
        self.revision = Revision(at.0);
        self
    }

    fn transition(
        &mut self,
        at: Index,
        command: &OwnershipTransition,
        halt: &mut Option<Halt>,
    ) -> Result<Epoch, MigrationError> {
        self.stores.check(&command.transition)?;
        let before = self.table.record(command.partition).cloned();
        let epoch = self.table.apply_checked(command, halt)?;
        self.revision = Revision(at.0);
        let after = self.table.record(command.partition);
        self.orders.note(command.partition, &command.transition, before.as_ref(), after);
        self.audit.note(at, epoch, self.directory.name(command.partition), command);
        if command.transition.kind() == TransitionKind::Create {
            self.directory.used(command.partition);
        }
        if self.table.record(command.partition).is_none() {
            self.directory.remove_partition(command.partition);
        }
        Ok(epoch)
    }

    /// Looks the name up, and applies the transition to its partition. A creation gives the name a number.
    fn named(
        &mut self,
        at: Index,
        name: &PartitionName,
        transition: &Transition,
        halt: &mut Option<Halt>,
    ) -> Result<Answer, MigrationError> {
        self.stores.check(transition)?;
        let creates = transition.kind() == TransitionKind::Create;
        let partition = if creates {
            self.directory.number_for(name, |number| self.table.record(number).is_some())
        } else {
            self.directory.partition(name).ok_or(MigrationError::UnknownName)?
        };
        let command = OwnershipTransition { partition, transition: transition.clone() };
        let epoch = self.transition(at, &command, halt)?;
        if creates {
            self.directory.put_partition(name, partition);
        }
        Ok(Answer::Named { partition, epoch })
    }

    fn store(&mut self, at: Index, change: &StoreChange) -> Result<Answer, StoreRefusal> {
        let revision = Revision(at.0);
        let store = self.stores.apply(revision, change, || self.table.records())?;
        if self.stores.get(store).is_none() {
            self.orders.without(store);
        }
        self.audit.note_store(at, store, change);
        Ok(Answer::Store { store, revision })
    }
}

impl Machine for ControlPlaneState {
    type Payload = ControlPlaneEntry;
    type Answer = Answer;

    fn apply(&mut self, at: Index, payload: &ControlPlaneEntry, halt: &mut Option<Halt>) -> Answer {
        if let ControlPlaneEntry::MembershipChange(change) = payload {
            self.audit.note_members(at, change);
        }
        match payload {
            ControlPlaneEntry::MembershipChange(MembershipChange::Admit { peer, identity, endpoints }) => {
                let (identity, endpoints) = (identity.clone(), endpoints.clone());
                self.directory.put_node(peer.node, Registered { identity, endpoints });
                Answer::Noted
            }
            ControlPlaneEntry::MembershipChange(MembershipChange::Remove { peer, .. }) => {
                self.directory.remove_node(peer.node);
                Answer::Noted
            }
            ControlPlaneEntry::OwnershipTransition(command) => {
                self.transition(at, command, halt).map_or_else(Answer::Refused, Answer::Epoch)
            }
            ControlPlaneEntry::NamedTransition { name, transition } => {
                self.named(at, name, transition, halt).unwrap_or_else(Answer::Refused)
            }
            ControlPlaneEntry::StoreChange(change) => {
                self.store(at, change).unwrap_or_else(Answer::StoreRefused)
            }
            ControlPlaneEntry::OrderChange(change) => {
                let applied = self.orders.apply(change, &self.table, &self.stores);
                applied.map_or_else(Answer::OrderRefused, |()| Answer::Noted)
            }
            ControlPlaneEntry::MembershipChange(MembershipChange::Promote { .. })
            | ControlPlaneEntry::LeaderConfiguration { .. } => Answer::Noted,
        }
    }
}

impl Relabel for ControlPlaneState {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { directory: self.directory.relabel(names), audit: self.audit.relabel(names), ..self.clone() }
    }
}
