//! A client of the control plane. It finds the leader and follows changes of it, keeps a deadline, and
//! repeats a call where that is safe.
//!
//! Reads are repeated until the deadline. So are changes in a [`Session`], which the cluster applies once per
//! ticket, however often the request arrives. A change without a session is sent once; if no answer comes,
//! its outcome is *indeterminate*.
//!
//! May import: `core::ids`, `core::raft`, `core::placement`, `core::migration`, `core::gate`, `core::control_plane`, `node::proto`, `node::tls`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::result_large_err,
    reason = "the edge: clocks, sockets, and gRPC statuses, which are large"
)]

mod calls;
mod dial;
mod error;
mod session;
mod table;
mod watch;

pub use calls::{Applied, Partition};
pub use dial::{Dial, Dialing};
pub use error::ClientError;
pub use session::{Session, Unresolved};
pub use table::{Gate, GateTable};
pub use watch::{Update, Watch};

use crate::core::control_plane::Address;
use crate::node::proto::v1::error_detail::Why;
use core::future::Future;
use core::time::Duration;
use error::{Verdict, judge};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tonic::Request;
use tonic::transport::Channel;

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
    /// Seed of the random part of the waits, for reproducible simulations.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            attempt: Duration::from_secs(2),
            backoff: Duration::from_millis(20),
            seed: 0,
        }
    }
}

/// Whether a call may be sent again after an attempt with an unknown outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Repeat {
    /// Yes, and the attempt does not matter: a read, or opening a session.
    Harmless,
    /// Yes, since the cluster applies a ticket once. Without an answer to any attempt, the outcome is
    /// unknown.
    Ticketed,
    /// No, since the request could be applied twice.
    Never,
}

#[derive(Debug)]
struct Known {
    addresses: Vec<Address>,
    leader: Option<Address>,
    next: usize,
    channels: BTreeMap<Address, Channel>,
    random: ChaCha8Rng,
}

/// A client of one cluster. Clones share connections and the known leader.
#[derive(Clone, Debug)]
pub struct Client {
    known: Arc<Mutex<Known>>,
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
        let known = Known { addresses, leader: None, next: 0, channels: BTreeMap::new(), random };
        Ok(Self { known: Arc::new(Mutex::new(known)), dial, options })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target(&self) -> Address {
        let mut known = self.known();
        if let Some(leader) = &known.leader {
            return leader.clone();
        }
        let at = known.next % known.addresses.len();
        known.next = at + 1;
        known.addresses[at].clone()
    }

    async fn channel(&self, address: &Address) -> Result<Channel, String> {
        let open = self.known().channels.get(address).cloned();
        if let Some(channel) = open {
            return Ok(channel);
        }
        let channel = self.dial.channel(address.clone()).await?;
        self.known().channels.insert(address.clone(), channel.clone());
        Ok(channel)
    }

    /// Stops treating this node as the leader, and drops its connection if that is broken.
    fn avoid(&self, address: &Address, broken: bool) {
        let mut known = self.known();
        if known.leader.as_ref() == Some(address) {
            known.leader = None;
        }
        if broken {
            known.channels.remove(address);
        }
    }

    fn follow(&self, leader: Address) {
        let mut known = self.known();
        if !known.addresses.contains(&leader) {
            known.addresses.push(leader.clone());
        }
        known.leader = Some(leader);
    }

    fn wait(&self, attempt: u32) -> Duration {
        let full = self.options.backoff * 2_u32.saturating_pow(attempt).min(10);
        let half = full / 2;
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_micros(self.known().random.next_u64() % micros)
    }

    /// Records how a stream from this node ended. If the node does not know the leader or is gone, the next
    /// stream is opened at another node.
    fn stream_ended(&self, address: &Address, status: &tonic::Status) {
        match judge(status) {
            Verdict::Elsewhere { .. } => self.avoid(address, false),
            Verdict::Unknown { broken, .. } => self.avoid(address, broken),
            Verdict::No(_) | Verdict::Later(_) => {}
        }
    }

    /// Sends a request until a final answer comes or the deadline passes: to the node at `at` if given, else
    /// to the leader.
    async fn call<Q, A, F>(
        &self,
        at: Option<&Address>,
        repeat: Repeat,
        message: Q,
        make: impl Fn(Channel, Request<Q>) -> F + Send,
    ) -> Result<A, ClientError>
    where
        Q: Clone + Send,
        F: Future<Output = Result<tonic::Response<A>, tonic::Status>> + Send,
    {
        self.call_somewhere(at, repeat, message, make).await.map(|(_, answer)| answer)
    }

    /// Like [`Client::call`], and returns the address of the node that answered as well.
    async fn call_somewhere<Q, A, F>(
        &self,
        at: Option<&Address>,
        repeat: Repeat,
        message: Q,
        make: impl Fn(Channel, Request<Q>) -> F + Send,
    ) -> Result<(Address, A), ClientError>
    where
        Q: Clone + Send,
        F: Future<Output = Result<tonic::Response<A>, tonic::Status>> + Send,
    {
        let until = Instant::now() + self.options.deadline;
        // Whether an earlier attempt may have been applied, so that a later refusal is not the outcome. Never
        // true for a read.
        let mut maybe = false;
        for attempt in 0.. {
            let address = at.cloned().unwrap_or_else(|| self.target());
            let left = until.saturating_duration_since(Instant::now()).min(self.options.attempt);
            let verdict = match tokio::time::timeout(left, self.channel(&address)).await {
                Err(_) => Verdict::Elsewhere {
                    leader: None,
                    error: ClientError::Unreachable(format!("{address}: no answer")),
                },
                Ok(Err(error)) => Verdict::Elsewhere {
                    leader: None,
                    error: ClientError::Unreachable(format!("{address}: {error}")),
                },
                Ok(Ok(channel)) => {
                    let mut request = Request::new(message.clone());
                    request.set_timeout(left);
                    match tokio::time::timeout(left, make(channel, request)).await {
                        Ok(Ok(answer)) => {
                            if at.is_none() {
                                self.known().leader = Some(address.clone());
                            }
                            return Ok((address, answer.into_inner()));
                        }
                        Ok(Err(status)) => judge(&status),
                        Err(_) => Verdict::Unknown { broken: true, found: "no answer".to_owned() },
                    }
                }
            };
            let (error, at_once) = match verdict {
                Verdict::No(error) => return Err(if maybe { error.after_unknown() } else { error }),
                Verdict::Later(error) => (error, false),
                Verdict::Elsewhere { leader, error } => {
                    self.avoid(&address, leader.is_none());
                    let known = leader.is_some();
                    if let Some(leader) = leader.filter(|_| at.is_none()) {
                        self.follow(leader);
                    }
                    (error, known && attempt < 3)
                }
                Verdict::Unknown { broken, found } => {
                    self.avoid(&address, broken);
                    maybe |= repeat != Repeat::Harmless;
                    (ClientError::Unreachable(format!("{address}: {found}")), false)
                }
            };
            let wait = if at_once { Duration::ZERO } else { self.wait(attempt) };
            let over = Instant::now() + wait >= until;
            if over || (maybe && repeat == Repeat::Never) {
                return Err(if maybe { ClientError::Indeterminate } else { error });
            }
            tokio::time::sleep(wait).await;
        }
        Err(ClientError::Indeterminate)
    }
}

fn refused(why: Option<Why>, status: &tonic::Status) -> ClientError {
    ClientError::of(why, status)
}
