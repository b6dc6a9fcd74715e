//! A client of the control plane. It finds the leader and follows changes of it, keeps a deadline, and
//! repeats a call where that is safe.
//!
//! Reads are repeated until the deadline. So are changes in a [`Session`], which the cluster applies once per
//! ticket, however often the request arrives. A change without a session is sent once; if no answer comes,
//! its outcome is *indeterminate*.
//!
//! May import: `core::ids`, `core::raft`, `core::fence`, `core::placement`, `core::migration`, `core::gate`, `core::retry`, `core::control_plane`, `node::proto`, `node::tls`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::result_large_err,
    reason = "the edge: clocks, sockets, and gRPC statuses, which are large"
)]

mod calls;
mod dial;
mod error;
pub mod gateway;
mod leader;
mod retry;
mod session;
mod table;
#[cfg(test)]
mod tests;
mod watch;

pub use calls::{Applied, Partition};
#[cfg(not(madsim))]
pub use dial::Dialer;
pub use dial::{Dial, DialStore, Dialing, StoreAt};
pub use error::ClientError;
pub use session::{Session, Unresolved};
pub use table::{Gate, GateTable};
pub use watch::{Update, Watch};

use crate::core::control_plane::Address;
use crate::node::proto::v1::error_detail::Why;
use core::hash::{BuildHasher as _, Hasher as _};
use core::time::Duration;
use leader::Nodes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Time limits and retries of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Time limit of a call, with all its attempts.
    pub deadline: Duration,
    /// Time limit of one attempt.
    pub attempt: Duration,
    /// Wait before the first retry. It doubles up to ten times this value; each wait is shortened at random
    /// by up to half.
    pub backoff: Duration,
    /// Seed of the random part of the waits; the default differs from client to client, so that they do not retry together.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            attempt: Duration::from_secs(2),
            backoff: Duration::from_millis(20),
            seed: std::hash::RandomState::new().build_hasher().finish(),
        }
    }
}

/// A client of one cluster. Clones share connections and the known leader.
#[derive(Clone, Debug)]
pub struct Client {
    nodes: Arc<Mutex<Nodes>>,
    dial: Arc<dyn Dial>,
    options: Options,
}

impl Client {
    /// A client that starts with these client addresses, and learns others from the nodes. Opens no
    /// connection yet.
    ///
    /// # Errors
    /// [`ClientError::NoAddress`]
    pub fn new(addresses: Vec<Address>, dial: Arc<dyn Dial>, options: Options) -> Result<Self, ClientError> {
        if addresses.is_empty() {
            return Err(ClientError::NoAddress);
        }
        let random = ChaCha8Rng::seed_from_u64(options.seed);
        let nodes = Nodes { addresses, leader: None, next: 0, channels: BTreeMap::new(), random };
        Ok(Self { nodes: Arc::new(Mutex::new(nodes)), dial, options })
    }
}

fn refused(why: Option<Why>, status: &tonic::Status) -> ClientError {
    ClientError::of(why, status)
}
