//! Client sessions, in which a change that is sent again is applied once (Raft thesis, 6.3).

use super::{Applied, Client, ClientError};
use crate::core::ids::{HistoryId, Serial, SessionId};
use crate::core::migration::Transition;
use crate::core::raft::Ticket;
use crate::node::proto::{PartitionSelector, v1};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The serial numbers of a session, and which requests are settled: have an outcome, and are never sent
/// again.
#[derive(Debug)]
struct Serials {
    next: u64,
    /// All serials up to this one are settled; the cluster may forget their answers.
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

/// An open session. Clones share it.
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    id: SessionId,
    /// The history of the cluster in which it was opened. Another one does not know it.
    history: HistoryId,
    serials: Arc<Mutex<Serials>>,
}

/// A change without a known outcome. Pass it to [`Session::resume`] to send it again with the same ticket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unresolved {
    partition: PartitionSelector,
    transition: Transition,
    serial: Serial,
    /// Whether an earlier attempt may have been applied.
    maybe: bool,
    /// The error of the latest attempt.
    pub error: ClientError,
}

impl Unresolved {
    /// Adds the outcome of one more attempt. Once an attempt may have been applied, only an answer from the
    /// log is final; a later attempt that is denied, or finds no partition of that name, is not.
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
    /// Opens a session in the cluster.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn session(&self) -> Result<Session, ClientError> {
        let (id, history) = self.open_session().await?;
        let serials = Serials { next: 1, settled_through: 0, settled: BTreeSet::new() };
        Ok(Session { client: self.clone(), id, history, serials: Arc::new(Mutex::new(serials)) })
    }
}

impl Session {
    /// The id that the cluster gave the session.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    fn serials(&self) -> MutexGuard<'_, Serials> {
        self.serials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits a transition. Repeats the request until there is an answer or the deadline passes; it is
    /// applied once.
    ///
    /// # Errors
    /// [`Unresolved`] if the deadline passed without an answer. The inner error is the cluster's refusal.
    pub async fn apply(
        &self,
        partition: PartitionSelector,
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

    /// Sends an unresolved change again, with the same ticket.
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
        let outcome =
            self.client.apply_under(partition, transition, Some(v1::Ticket::of(ticket, self.history))).await;
        let serial = unresolved.serial;
        let settled = unresolved.settle(outcome)?;
        self.serials().settle(serial);
        Ok(settled)
    }

    /// Closes the session in the cluster, which then forgets the answers kept for it.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn close(self) -> Result<(), ClientError> {
        self.client.close_session(self.id, self.history).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{Epoch, Index, PartitionId, Placement};
    use crate::core::placement::Guarantee;

    /// The cluster forgets acknowledged answers, so a serial that may be sent again must not be acknowledged.
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

    /// A deletion by name whose first answer was lost: the second attempt finds no partition of that name.
    #[test]
    fn what_may_have_been_done_stays_unresolved_until_the_log_says() {
        let text = || "text".to_owned();
        let new = || {
            Box::new(Unresolved {
                partition: PartitionSelector::Id(PartitionId(1)),
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
