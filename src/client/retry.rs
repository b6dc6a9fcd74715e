//! Drives the retry rule ([`crate::core::retry`]): a call is repeated until it is answered or its deadline passes, where that
//! is safe.

use super::Client;
use super::error::{ClientError, Failed, judge};
use crate::core::control_plane::Address;
use crate::core::retry::{Attempt, Call, Ending, Next, Repeat, Target};
use core::future::Future;
use core::time::Duration;
use tokio::time::Instant;
use tonic::Request;
use tonic::transport::Channel;

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
        let (address, answer) = self.call_somewhere(at, Call::new(repeat), message, make).await?;
        if at.is_none() {
            self.follow(address);
        }
        Ok(answer)
    }

    /// Like [`Client::call`] to the leader, for a request that may have been sent before.
    pub(super) async fn continue_call<Q, A, F>(
        &self,
        call: Call,
        message: Q,
        make: impl Fn(Channel, Request<Q>) -> F + Send,
    ) -> Result<A, ClientError>
    where
        Q: Clone + Send,
        F: Future<Output = Result<tonic::Response<A>, tonic::Status>> + Send,
    {
        let (address, answer) = self.call_somewhere(None, call, message, make).await?;
        self.follow(address);
        Ok(answer)
    }

    /// Like [`Client::call`], and returns the address of the node that answered as well. The node need not be the leader.
    pub(super) async fn call_somewhere<Q, A, F>(
        &self,
        at: Option<&Address>,
        mut call: Call,
        message: Q,
        make: impl Fn(Channel, Request<Q>) -> F + Send,
    ) -> Result<(Address, A), ClientError>
    where
        Q: Clone + Send,
        F: Future<Output = Result<tonic::Response<A>, tonic::Status>> + Send,
    {
        let until = Instant::now() + self.options.deadline;
        for attempt in 0.. {
            let address = at.cloned().unwrap_or_else(|| self.target());
            let failed = match self.attempt(&address, until, message.clone(), &make).await {
                Ok(answer) => return Ok((address, answer)),
                Err(failed) => failed,
            };
            if failed.attempt.breaks_connection() {
                self.disconnect(&address);
            }
            let pause = match call.attempted(failed.attempt) {
                Next::End(ending) => return Err(told(ending, failed.error)),
                Next::Again { to, pause } => {
                    self.turn(&address, to, failed.leader.filter(|_| at.is_none()));
                    pause
                }
            };
            let wait = if pause { self.wait(attempt) } else { Duration::ZERO };
            if Instant::now() + wait >= until {
                return Err(told(call.expired(), failed.error));
            }
            tokio::time::sleep(wait).await;
        }
        Err(ClientError::Indeterminate)
    }

    /// Sends a request once.
    async fn attempt<Q, A, F>(
        &self,
        address: &Address,
        until: Instant,
        message: Q,
        make: &(impl Fn(Channel, Request<Q>) -> F + Send),
    ) -> Result<A, Failed>
    where
        Q: Send,
        F: Future<Output = Result<tonic::Response<A>, tonic::Status>> + Send,
    {
        let left = || until.saturating_duration_since(Instant::now()).min(self.options.attempt);
        let unreachable = |attempt, found: &str| {
            Failed::new(attempt, ClientError::Unreachable(format!("{address}: {found}")))
        };
        let channel = match tokio::time::timeout(left(), self.channel(address)).await {
            Err(_) => return Err(unreachable(Attempt::NotSent, "no answer")),
            Ok(Err(error)) => return Err(unreachable(Attempt::NotSent, &error)),
            Ok(Ok(channel)) => channel,
        };
        let (limit, mut request) = (left(), Request::new(message));
        request.set_timeout(limit);
        match tokio::time::timeout(limit, make(channel, request)).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(match judge(&status) {
                Failed { attempt, error: ClientError::Unreachable(found), .. } => {
                    unreachable(attempt, &found)
                }
                failed => failed,
            }),
            Err(_) => Err(unreachable(Attempt::NoAnswer, "no answer")),
        }
    }

    /// Chooses the node of the next attempt.
    fn turn(&self, address: &Address, to: Target, leader: Option<Address>) {
        match (to, leader) {
            (Target::Same, _) => {}
            (Target::Hinted, Some(leader)) => self.follow(leader),
            (Target::Hinted | Target::Another, _) => self.avoid(address),
        }
    }
}

/// The error for the caller.
fn told(ending: Ending, error: ClientError) -> ClientError {
    match ending {
        Ending::Unknown => ClientError::Indeterminate,
        Ending::Answer | Ending::Refused | Ending::NotDone => error,
    }
}
