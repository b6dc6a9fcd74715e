//! The production client library as a simulated client uses it.

use super::api::{Done, Failed, Found};
use super::deadline::{self, Deadline};
use crate::host::address;
use crate::judge::is_of_the_attempt;
use core::time::Duration;
use cutover::client::{self, ClientError, Dial, Dialing, Session};
use cutover::core::control_plane::Address;
use cutover::core::ids::{HistoryId, PartitionId};
use cutover::core::migration::{Expected, Transition};
use cutover::node::proto::{PartitionSelector, v1};
use std::sync::Arc;
use tonic::transport::Endpoint;

/// A connector for connections without TLS.
#[derive(Debug)]
struct Plain;

impl Dial for Plain {
    fn channel(&self, address: Address) -> Dialing {
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        Box::pin(async move {
            endpoint.map(|endpoint| endpoint.connect_lazy()).map_err(|error| error.to_string())
        })
    }
}

/// A client of the production library for the given nodes.
#[must_use]
pub fn client(nodes: &[u8], patience: Duration, seed: u64) -> Option<client::Client> {
    let addresses = nodes.iter().filter_map(|node| Address::try_from(address(*node).to_string()).ok());
    let options = client::Options {
        deadline: deadline::of(patience),
        attempt: patience,
        backoff: Duration::from_millis(20),
        seed,
    };
    client::Client::new(addresses.collect(), Arc::new(Plain), options).ok()
}

/// The library's client with its session, if one is open.
pub struct Library {
    client: client::Client,
    deadline: Deadline,
    session: Option<Session>,
}

fn wire(expected: Expected) -> v1::Expected {
    v1::Expected { migration: expected.migration.0, epoch: expected.epoch.0 }
}

/// Converts an error of the library for a requested change.
fn failed(error: ClientError) -> Failed {
    match error {
        ClientError::Refused { reason, have, got, .. } => {
            // The library has applied the rule for retries: what it reports as refused is the outcome.
            let decided = !is_of_the_attempt(&reason);
            Failed::Refused(v1::Refused { reason, have: have.map(wire), got: got.map(wire), decided })
        }
        ClientError::NoAddress
        | ClientError::Unreachable(_)
        | ClientError::NoLeader(_)
        | ClientError::Busy(_)
        | ClientError::Denied(_)
        | ClientError::NotFound(_)
        | ClientError::NotOpen(_)
        | ClientError::Unexpected(_) => Failed::NotCommitted,
        // No request is sent again after its outcome was given up, so none is forgotten.
        ClientError::Forgotten(_) => Failed::Refused(v1::Refused {
            reason: "Acknowledged".to_owned(),
            have: None,
            got: None,
            decided: true,
        }),
        ClientError::Indeterminate | ClientError::SessionExpired { .. } => Failed::Indeterminate,
    }
}

const fn done(applied: client::Applied) -> Done {
    let client::Applied { partition, epoch, index, repeated } = applied;
    Done { index: index.0, value: epoch.0, partition: partition.0, repeated }
}

impl Library {
    /// A client without a session.
    #[must_use]
    pub const fn new(client: client::Client, deadline: Deadline) -> Self {
        Self { client, deadline, session: None }
    }

    /// Reads a partition; `Some(None)` if it does not exist.
    pub async fn resolve(&self, partition: PartitionSelector) -> Option<Option<Found>> {
        match self.deadline.keep("a read", self.client.resolve(partition)).await {
            Ok(found) => Some(Some(Found {
                record: found.record,
                name: found.name.map(|name| name.to_string()).unwrap_or_default(),
                revision: found.revision,
            })),
            Err(ClientError::NotFound(_)) => Some(None),
            Err(_) => None,
        }
    }

    /// One page of the list of partitions.
    pub(super) async fn list(&self, after: Option<PartitionId>) -> Option<v1::ListResponse> {
        self.deadline.keep("a list", self.client.list(after)).await.ok()
    }

    /// The history of the session that the next change is made in; opens one, if none is open.
    pub async fn session(&mut self) -> Option<HistoryId> {
        if self.session.is_none() {
            self.session = self.deadline.keep("a session is opened", self.client.session()).await.ok();
        }
        self.session.as_ref().map(Session::history)
    }

    /// A change in the session, or without one.
    pub(super) async fn change(
        &mut self,
        asked: PartitionSelector,
        wanted: Transition,
        bare: bool,
    ) -> Result<Done, Failed> {
        let Some(session) = self.session.clone().filter(|_| !bare) else {
            let applied = self.deadline.keep("a change", self.client.apply(asked, wanted)).await;
            let applied = applied.map_err(failed)?;
            return Ok(done(applied));
        };
        let mut outcome = self.deadline.keep("a change", session.apply(asked, wanted)).await;
        for _ in 0..2 {
            outcome = match outcome {
                Err(unresolved) => self.deadline.keep("a change again", session.resume(unresolved)).await,
                settled => settled,
            };
        }
        // An unsettled outcome tells whether an attempt may have been accepted; this is compared with the log.
        let settled = outcome
            .map_err(|unresolved| failed(unresolved.error))
            .and_then(|settled| settled.map_err(failed));
        if matches!(settled, Err(Failed::Indeterminate | Failed::NotCommitted)) {
            // An abandoned request keeps its place among the session's answers. A new session has them all free.
            self.session = None;
        }
        settled.map(done)
    }
}
