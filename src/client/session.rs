//! Client sessions, in which a change that is sent again is applied once (Raft thesis, 6.3).

use super::{Applied, Client, ClientError};
use crate::core::ids::{HistoryId, Serial, SessionId};
use crate::core::migration::Transition;
use crate::core::raft::Ticket;
use crate::core::retry::{Call, Repeat};
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
    fn issue(&mut self) -> Serial {
        self.next += 1;
        Serial(self.next - 1)
    }

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

/// A serial in use. When the last holder drops it, nobody will send the request again: the serial is settled. A copy that is
/// still on its way is then refused by the cluster, so it is not applied late.
#[derive(Debug)]
struct Issued {
    serial: Serial,
    serials: Arc<Mutex<Serials>>,
}

impl Drop for Issued {
    fn drop(&mut self) {
        self.serials.lock().unwrap_or_else(PoisonError::into_inner).settle(self.serial);
    }
}

impl PartialEq for Issued {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial && Arc::ptr_eq(&self.serials, &other.serials)
    }
}

impl Eq for Issued {}

/// A change without a known outcome. Pass it to [`Session::resume`] to send it again with the same ticket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unresolved {
    partition: PartitionSelector,
    transition: Transition,
    issued: Arc<Issued>,
    /// Whether an earlier attempt may have been applied.
    maybe: bool,
    /// The error of the latest attempt.
    pub error: ClientError,
}

impl Unresolved {
    /// Adds the outcome of one more call.
    fn settle(
        mut self: Box<Self>,
        outcome: Result<Applied, ClientError>,
    ) -> Result<Result<Applied, ClientError>, Box<Self>> {
        match outcome {
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

    /// The history of the cluster in which it was opened. A restored or recovered cluster does not know it.
    #[must_use]
    pub const fn history(&self) -> HistoryId {
        self.history
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
        let issued = Issued { serial: self.serials().issue(), serials: Arc::clone(&self.serials) };
        let (issued, error) = (Arc::new(issued), ClientError::Indeterminate);
        self.resume(Box::new(Unresolved { partition, transition, issued, maybe: false, error })).await
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
        let ticket = Ticket { session: self.id, serial: unresolved.issued.serial, acknowledged_through };
        let (partition, transition) = (unresolved.partition.clone(), unresolved.transition.clone());
        let call = if unresolved.maybe { Call::resumed } else { Call::new };
        let (ticket, call) = (v1::Ticket::of(ticket, self.history), call(Repeat::Ticketed));
        let outcome = self.client.apply_under(partition, transition, Some(ticket), call).await;
        unresolved.settle(outcome)
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

    fn unresolved(serials: &Arc<Mutex<Serials>>) -> Box<Unresolved> {
        let serial = serials.lock().unwrap_or_else(PoisonError::into_inner).issue();
        Box::new(Unresolved {
            partition: PartitionSelector::Id(PartitionId(1)),
            transition: Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed },
            issued: Arc::new(Issued { serial, serials: Arc::clone(serials) }),
            maybe: false,
            error: ClientError::Indeterminate,
        })
    }

    /// The future of a request is dropped while it waits, and what is unresolved is given up: the window does not stay full.
    #[test]
    fn a_request_that_is_given_up_is_settled() {
        let serials = Serials { next: 1, settled_through: 0, settled: BTreeSet::new() };
        let serials = Arc::new(Mutex::new(serials));
        let through = || serials.lock().unwrap_or_else(PoisonError::into_inner).settled_through;
        let (first, second) = (unresolved(&serials), unresolved(&serials));
        let again = first.clone();
        drop(second);
        assert_eq!(through(), 0, "the first may be sent again");
        drop(first);
        assert_eq!(through(), 0, "its clone may be, too");
        drop(again);
        assert_eq!(through(), 2);
    }

    #[test]
    fn what_may_have_been_done_stays_unresolved_until_the_log_says() {
        let text = || "text".to_owned();
        let serials = Arc::new(Mutex::new(Serials { next: 1, settled_through: 0, settled: BTreeSet::new() }));
        for error in [ClientError::NoLeader(text()), ClientError::Busy(text()), ClientError::Indeterminate] {
            let left = unresolved(&serials).settle(Err(error.clone())).unwrap_err();
            assert_eq!((left.maybe, &left.error), (error == ClientError::Indeterminate, &error));
            let applied =
                Applied { partition: PartitionId(1), epoch: Epoch(1), index: Index(4), repeated: true };
            assert_eq!(left.clone().settle(Ok(applied)), Ok(Ok(applied)));
            let refused = ClientError::Refused { reason: text(), message: text(), have: None, got: None };
            assert_eq!(left.settle(Err(refused.clone())), Ok(Err(refused)), "the log has refused it");
        }
    }
}
