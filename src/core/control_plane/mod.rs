//! The control plane: a small replicated state of the members and of every partition's placement.
//!
//! Its log is closed: [`ControlPlaneEntry`] has no place for user data. The engine that holds the log is behind one
//! interface, [`ControlPlaneConsensus`]; a cluster and a single process look the same to callers.
//!
//! May import: `core::ids`, `core::map`, `core::raft`, `core::fence`, `core::placement`, `core::migration`.

mod audit;
mod bounded;
mod consensus;
mod directory;
mod engine;
mod entry;
mod error;
mod identity;
mod input;
mod name;
mod orders;
mod outcome;
mod recovery;
mod single;
mod state;
mod status;
mod stores;
mod subjects;
mod text;

pub use crate::core::ids::{Index as ControlPlaneIndex, Term as ControlPlaneTerm};
pub use audit::{AUDIT_ENTRIES_MAX, AuditEntry, AuditLog, Audited};
pub use consensus::{ControlPlaneConsensus, ControlPlaneOutput, DurableVoteState};
pub use directory::{Directory, PARTITION_LEAP, Registered};
pub use engine::{Founder, ReplicatedControlPlane};
pub use entry::{ControlPlaneEntry, MembershipChange, Override, OwnershipTransition};
pub use error::ControlPlaneError;
pub use identity::{ClusterVoterIdentity, IdentityError};
pub use input::{Accepted, ControlPlaneInput};
pub use name::{Address, AddressError, Endpoints, NameError, PartitionName};
pub use orders::{
    Aborted, Drain, MoveOrder, OrderChange, OrderOf, OrderRefusal, Ordered, Orders, Retirement,
};
pub use outcome::epoch_of;
pub use single::{AloneError, SingleNodeControlPlane};
pub use state::{Answer, ControlPlaneState};
pub use status::{ControlPlaneStatus, FollowerStatus};
pub use stores::{
    NUMBERS_OF_OPERATORS, STORE_LEAP, STORES_MAX, Store, StoreChange, StoreEndpoints, StoreFacts,
    StoreIdentity, StoreKind, StoreMismatch, StoreName, StoreRefusal, StoreStatement, StoreUse,
    StoreValueError, Stores, stores_of,
};
pub use subjects::{Subjects, SubjectsError};
