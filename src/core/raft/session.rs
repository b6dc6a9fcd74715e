//! Client sessions: a request that is proposed twice is applied once (thesis, section 6.3).
//!
//! Sessions are part of the applied state: which are open, and their answers, follow from the log alone and are in
//! every snapshot. Their limits are part of it too, because nodes with different limits would forget different answers.

use crate::core::ids::{Index, Serial, SessionId};
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Identifies one request of a session. A retry carries the same ticket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// The id of the session.
    pub session: SessionId,
    /// The request's number within the session, from 1.
    pub serial: Serial,
    /// The client has received all answers up to this number and will not retry those requests.
    pub acknowledged_through: Serial,
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.session, self.serial)
    }
}

/// The limits of sessions, the same on all nodes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SessionLimits {
    /// Open sessions, at most. Beyond it, the least recently used one, by log index, is closed.
    pub sessions_max: u16,
    /// Answers kept per session, at most, and so outstanding requests.
    pub answers_max: u16,
}

impl SessionLimits {
    /// The limits that a cluster starts with.
    pub const PRODUCTION: Self = Self { sessions_max: 1024, answers_max: 16 };
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
struct Session<A> {
    id: SessionId,
    used: Index,
    acknowledged_through: Serial,
    answers: Vec<(Serial, A)>,
}

/// All open sessions of a cluster, as part of the applied state.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Sessions<A> {
    limits: SessionLimits,
    /// The open sessions, sorted by id.
    sessions: Vec<Session<A>>,
}

/// Whether a request is to be applied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Admission<A> {
    /// The request is new: apply it.
    New,
    /// The request was applied before, with this answer.
    Repeated(A),
    /// The request must not be applied.
    Refused(SessionRefusal),
}

/// Why a request under a session is not applied.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, thiserror::Error,
)]
pub enum SessionRefusal {
    /// The session was never opened, was closed, or was evicted. The request may have been applied before, so it is
    /// never treated as new.
    #[error("session {session} is not known: never opened, closed, or expired")]
    Expired {
        /// The id of the session.
        session: SessionId,
    },
    /// The client has acknowledged the answer, so it is no longer kept.
    #[error("request {serial} was acknowledged, as everything through {through}")]
    Acknowledged {
        /// The serial of the request.
        serial: Serial,
        /// The number through which answers are acknowledged.
        through: Serial,
    },
    /// More requests are outstanding than the session keeps answers for.
    #[error("{outstanding} requests outstanding, at most {max}")]
    TooMany {
        /// Requests from the oldest unacknowledged one on.
        outstanding: u64,
        /// The most outstanding requests allowed.
        max: u16,
    },
}

impl<A: Clone> Sessions<A> {
    /// No open sessions.
    pub const fn new(limits: SessionLimits) -> Self {
        Self { limits, sessions: Vec::new() }
    }

    /// The ids of the open sessions.
    pub fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().map(|session| session.id)
    }

    /// Opens a session at this log index. Beyond the limit, the least recently used session is closed.
    pub fn open(&mut self, at: Index) -> SessionId {
        if self.sessions.len() >= usize::from(self.limits.sessions_max) {
            let oldest = self.sessions.iter().enumerate().min_by_key(|(_, session)| session.used);
            if let Some(slot) = oldest.map(|(slot, _)| slot) {
                self.sessions.remove(slot);
            }
        }
        let id = SessionId(at.0);
        // Log indexes only grow, so this keeps the order.
        self.sessions.push(Session { id, used: at, acknowledged_through: Serial::ZERO, answers: Vec::new() });
        id
    }

    /// Closes a session; `false` if it is not open.
    pub fn close(&mut self, id: SessionId) -> bool {
        let before = self.sessions.len();
        self.sessions.retain(|session| session.id != id);
        self.sessions.len() != before
    }

    /// Whether the request committed at this log index is to be applied.
    pub fn admit(&mut self, ticket: Ticket, at: Index) -> Admission<A> {
        let max = self.limits.answers_max;
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == ticket.session) else {
            return Admission::Refused(SessionRefusal::Expired { session: ticket.session });
        };
        session.used = at;
        session.acknowledged_through = session.acknowledged_through.max(ticket.acknowledged_through);
        let through = session.acknowledged_through;
        session.answers.retain(|(serial, _)| *serial > through);
        if let Some((_, answer)) = session.answers.iter().find(|(serial, _)| *serial == ticket.serial) {
            return Admission::Repeated(answer.clone());
        }
        if ticket.serial <= through {
            return Admission::Refused(SessionRefusal::Acknowledged { serial: ticket.serial, through });
        }
        let outstanding = ticket.serial.0 - through.0;
        if outstanding > u64::from(max) {
            return Admission::Refused(SessionRefusal::TooMany { outstanding, max });
        }
        Admission::New
    }

    /// Stores the answer to an applied request.
    pub fn answered(&mut self, ticket: Ticket, answer: A) {
        if let Some(session) = self.sessions.iter_mut().find(|session| session.id == ticket.session) {
            let slot = session.answers.partition_point(|(serial, _)| *serial < ticket.serial);
            session.answers.insert(slot, (ticket.serial, answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(session: u64, serial: u64, through: u64) -> Ticket {
        Ticket { session: SessionId(session), serial: Serial(serial), acknowledged_through: Serial(through) }
    }

    fn sessions() -> Sessions<char> {
        Sessions::new(SessionLimits { sessions_max: 2, answers_max: 2 })
    }

    #[test]
    fn a_retry_gets_the_first_answer_until_it_is_acknowledged() {
        let mut all = sessions();
        let id = all.open(Index(3)).0;
        assert_eq!(all.admit(ticket(id, 1, 0), Index(4)), Admission::New);
        all.answered(ticket(id, 1, 0), 'a');
        assert_eq!(all.admit(ticket(id, 1, 0), Index(5)), Admission::Repeated('a'));
        assert_eq!(all.admit(ticket(id, 2, 1), Index(6)), Admission::New);
        let (serial, through) = (Serial(1), Serial(1));
        let refused = Admission::Refused(SessionRefusal::Acknowledged { serial, through });
        assert_eq!(all.admit(ticket(id, 1, 0), Index(7)), refused);
    }

    #[test]
    fn requests_may_come_in_any_order_within_the_bound() {
        let mut all = sessions();
        let id = all.open(Index(3)).0;
        assert_eq!(all.admit(ticket(id, 2, 0), Index(4)), Admission::New);
        all.answered(ticket(id, 2, 0), 'b');
        assert_eq!(all.admit(ticket(id, 1, 0), Index(5)), Admission::New);
        let refused = Admission::Refused(SessionRefusal::TooMany { outstanding: 3, max: 2 });
        assert_eq!(all.admit(ticket(id, 3, 0), Index(6)), refused);
    }

    #[test]
    fn the_session_used_longest_ago_goes_and_is_never_new_again() {
        let mut all = sessions();
        let (first, second) = (all.open(Index(1)), all.open(Index(2)));
        assert_eq!(all.admit(ticket(first.0, 1, 0), Index(3)), Admission::New);
        let third = all.open(Index(4));
        assert_eq!(all.ids().collect::<Vec<_>>(), [first, third]);
        let expired = Admission::Refused(SessionRefusal::Expired { session: second });
        assert_eq!(all.admit(ticket(second.0, 1, 0), Index(5)), expired);
        assert!(all.close(first) && !all.close(first));
    }
}
