//! A session: a change that is sent again is applied once.

use super::{Applied, Client, ClientError};
use crate::api::Asked;
use crate::ids::{Serial, SessionId};
use crate::migration::Transition;
use crate::raft::Ticket;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which requests have their answers.
#[derive(Debug)]
struct Serials {
    next: u64,
    /// Every one up to here is settled.
    settled_through: u64,
    settled: BTreeSet<u64>,
}

impl Serials {
    fn settle(&mut self, serial: Serial) {
        self.settled.insert(serial.0);
        while self.settled.remove(&(self.settled_through + 1)) {
            self.settled_through += 1;
        }
    }
}

/// A session of one client. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    id: SessionId,
    serials: Arc<Mutex<Serials>>,
}

/// A change whose outcome is not known, and the ticket under which it can be sent again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unresolved {
    partition: Asked,
    transition: Transition,
    serial: Serial,
    /// Why nothing more is known.
    pub error: ClientError,
}

impl Client {
    /// Opens a session.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn session(&self) -> Result<Session, ClientError> {
        let id = self.open_session().await?;
        let serials = Serials { next: 1, settled_through: 0, settled: BTreeSet::new() };
        Ok(Session { client: self.clone(), id, serials: Arc::new(Mutex::new(serials)) })
    }
}

impl Session {
    /// Its number.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    fn serials(&self) -> MutexGuard<'_, Serials> {
        self.serials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits a transition. It is sent until there is an answer, and applied once.
    ///
    /// # Errors
    /// What the cluster says, or [`Unresolved`] when the deadline has passed: [`Session::resume`] goes on.
    pub async fn apply(
        &self,
        partition: Asked,
        transition: Transition,
    ) -> Result<Result<Applied, ClientError>, Box<Unresolved>> {
        let serial = {
            let mut serials = self.serials();
            serials.next += 1;
            Serial(serials.next - 1)
        };
        let error = ClientError::Indeterminate;
        self.resume(Box::new(Unresolved { partition, transition, serial, error })).await
    }

    /// Sends a change again under its first ticket.
    ///
    /// # Errors
    /// [`Unresolved`], once more.
    pub async fn resume(
        &self,
        mut unresolved: Box<Unresolved>,
    ) -> Result<Result<Applied, ClientError>, Box<Unresolved>> {
        let acknowledged_through = Serial(self.serials().settled_through);
        let ticket = Ticket { session: self.id, serial: unresolved.serial, acknowledged_through };
        let (partition, transition) = (unresolved.partition.clone(), unresolved.transition.clone());
        let outcome = self.client.apply_under(partition, transition, Some(ticket)).await;
        match outcome {
            // Nobody knows whether an earlier attempt was taken.
            Err(
                error @ (ClientError::Indeterminate
                | ClientError::Unreachable(_)
                | ClientError::NoLeader(_)
                | ClientError::Busy(_)),
            ) => {
                unresolved.error = error;
                Err(unresolved)
            }
            settled => {
                self.serials().settle(unresolved.serial);
                Ok(settled)
            }
        }
    }

    /// Closes it.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn close(self) -> Result<(), ClientError> {
        self.client.close_session(self.id).await
    }
}
