//! Sessions: under one, a change that is sent twice is applied once.

use super::{Applied, Client, ClientError};
use crate::core::ids::{Serial, SessionId};
use crate::core::migration::Transition;
use crate::core::raft::Ticket;
use crate::node::proto::Asked;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The serials of a session, and which of them are settled.
#[derive(Debug)]
struct Serials {
    next: u64,
    /// Every serial up to this one is settled.
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

/// A session of one client. Clones share it.
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    id: SessionId,
    serials: Arc<Mutex<Serials>>,
}

/// A change whose outcome is not known. [`Session::resume`] sends it again under its ticket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unresolved {
    partition: Asked,
    transition: Transition,
    serial: Serial,
    /// Whether an attempt may have been applied.
    maybe: bool,
    /// The error of the last attempt.
    pub error: ClientError,
}

impl Unresolved {
    /// Takes the outcome of one more attempt. Once an attempt may have been applied, only an answer from the log settles it;
    /// that a later attempt was denied, or found no such name, does not.
    fn settle(
        mut self: Box<Self>,
        outcome: Result<Applied, ClientError>,
    ) -> Result<Result<Applied, ClientError>, Box<Self>> {
        let maybe = self.maybe;
        match outcome.map_err(|error| if maybe { error.after_unknown() } else { error }) {
            Err(
                error @ (ClientError::Indeterminate
                | ClientError::Unreachable(_)
                | ClientError::NoLeader(_)
                | ClientError::Busy(_)),
            ) => {
                self.maybe |= error == ClientError::Indeterminate;
                self.error = error;
                Err(self)
            }
            settled => Ok(settled),
        }
    }
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
    /// The number of the session.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    fn serials(&self) -> MutexGuard<'_, Serials> {
        self.serials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits a transition: repeats the request until there is an answer; it is applied once.
    ///
    /// # Errors
    /// The inner error is the answer of the cluster. [`Unresolved`]: the deadline has passed without one.
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
        self.resume(Box::new(Unresolved { partition, transition, serial, maybe: false, error })).await
    }

    /// Sends a change again under its first ticket.
    ///
    /// # Errors
    /// As for [`Session::apply`].
    pub async fn resume(
        &self,
        unresolved: Box<Unresolved>,
    ) -> Result<Result<Applied, ClientError>, Box<Unresolved>> {
        let acknowledged_through = Serial(self.serials().settled_through);
        let ticket = Ticket { session: self.id, serial: unresolved.serial, acknowledged_through };
        let (partition, transition) = (unresolved.partition.clone(), unresolved.transition.clone());
        let outcome = self.client.apply_under(partition, transition, Some(ticket)).await;
        let serial = unresolved.serial;
        let settled = unresolved.settle(outcome)?;
        self.serials().settle(serial);
        Ok(settled)
    }

    /// Closes the session in the cluster.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn close(self) -> Result<(), ClientError> {
        self.client.close_session(self.id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{Epoch, Index, PartitionId, Placement};
    use crate::core::placement::Guarantee;

    /// The cluster forgets acknowledged answers, so no serial may be acknowledged that may be sent again.
    #[test]
    fn nothing_is_acknowledged_before_everything_below_is_settled() {
        let mut serials = Serials { next: 6, settled_through: 0, settled: BTreeSet::new() };
        let through: Vec<u64> = [2, 3, 1, 5, 4]
            .map(|serial| {
                serials.settle(Serial(serial));
                serials.settled_through
            })
            .into();
        assert_eq!(through, [0, 0, 3, 3, 5]);
        assert!(serials.settled.is_empty(), "nothing is kept of what is acknowledged");
    }

    /// A deletion by name, whose first answer was lost: the second attempt finds no such name.
    #[test]
    fn what_may_have_been_done_stays_unresolved_until_the_log_says() {
        let text = || "text".to_owned();
        let new = || {
            Box::new(Unresolved {
                partition: Asked::Id(PartitionId(1)),
                transition: Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed },
                serial: Serial(1),
                maybe: false,
                error: ClientError::Indeterminate,
            })
        };
        let denials =
            || [ClientError::NotFound(text()), ClientError::Denied(text()), ClientError::Unexpected(text())];
        for denied in denials() {
            assert_eq!(new().settle(Err(denied.clone())), Ok(Err(denied)), "at first, that is the answer");
        }
        let harmless = [ClientError::NoLeader(text()), ClientError::Busy(text())];
        for error in harmless {
            let left = new().settle(Err(error.clone())).unwrap_err();
            assert_eq!(left.error, error);
            for denied in denials() {
                assert_eq!(left.clone().settle(Err(denied.clone())), Ok(Err(denied)), "after {error}");
            }
        }
        let left = new().settle(Err(ClientError::Indeterminate)).unwrap_err();
        for later in denials().into_iter().chain([ClientError::Unreachable(text())]) {
            let still = left.clone().settle(Err(later)).unwrap_err();
            assert_eq!(still.error, ClientError::Indeterminate);
        }
        let applied = Applied { partition: PartitionId(1), epoch: Epoch(1), index: Index(4), repeated: true };
        assert_eq!(left.clone().settle(Ok(applied)), Ok(Ok(applied)));
        let refused = ClientError::Refused { reason: text(), message: text(), have: None, got: None };
        assert_eq!(left.settle(Err(refused.clone())), Ok(Err(refused)), "the log has refused it");
    }
}
