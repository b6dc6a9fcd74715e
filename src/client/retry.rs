//! A call is repeated until it is answered or its deadline passes, where that is safe.

use super::Client;
use super::error::{ClientError, Verdict, judge};
use crate::core::control_plane::Address;
use core::future::Future;
use core::time::Duration;
use tokio::time::Instant;
use tonic::Request;
use tonic::transport::Channel;

/// Whether a call may be sent again after an attempt with an unknown outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repeat {
    /// May be repeated, and an attempt without an answer does not matter: a read, or opening a session.
    Harmless,
    /// May be repeated, since the cluster applies a ticket once. If no attempt gets an answer, the outcome is unknown.
    Ticketed,
    /// Must not be repeated after an attempt without an answer: the request could be applied twice.
    Never,
}

impl Client {
    /// Sends a request until a final answer comes or the deadline passes: to the node at `at` if given, else
    /// to the leader.
    pub(super) async fn call<Q, A, F>(
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
    pub(super) async fn call_somewhere<Q, A, F>(
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
                                self.nodes().leader = Some(address.clone());
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
