//! The control plane: who votes on what the log holds. A voter is known by its certificate and by nothing else:
//! [`ClusterVoterIdentity`].

mod identity;

pub use identity::{ClusterVoterIdentity, IdentityError};
