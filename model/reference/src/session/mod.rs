//! Client sessions: rules `S1` to `S9` of `docs/protocol.md`. All that was ever answered is kept; what may be said of it follows
//! from what is acknowledged.

use cutover::core::ids::{Index, Serial, SessionId};
use cutover::core::raft::{SessionRefusal, Ticket};
use std::collections::BTreeMap;

/// The sessions of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sessions<A> {
    /// So many may be open.
    pub open_max: usize,
    /// So far may a request be above the last acknowledged one.
    pub answers_max: u16,
    /// The open ones.
    pub open: BTreeMap<SessionId, Session<A>>,
    /// The highest id that was given out.
    pub highest: SessionId,
}

/// An open session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session<A> {
    /// The last entry that opened or named it.
    pub used: Index,
    /// Everything through this number is acknowledged.
    pub acknowledged: Serial,
    /// Every answer.
    pub answers: BTreeMap<Serial, A>,
}

/// What a ticket is to be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Right<A> {
    /// The request is applied.
    New,
    /// It was applied, with this answer.
    Repeated(A),
    /// It is not applied.
    Refused(SessionRefusal),
}

impl<A: Clone> Sessions<A> {
    /// No session.
    #[must_use]
    pub const fn new(open_max: usize, answers_max: u16) -> Self {
        Self { open_max, answers_max, open: BTreeMap::new(), highest: SessionId(0) }
    }

    /// A session with this id is opened at an index. False: the id was given out before.
    pub fn opens(&mut self, at: Index, id: SessionId) -> bool {
        // S2
        while self.open.len() >= self.open_max.max(1) {
            let longest_ago = self.open.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| *id);
            longest_ago.map(|id| self.open.remove(&id));
        }
        // S1
        let is_new = id > self.highest;
        self.highest = id.max(self.highest);
        let session = Session { used: at, acknowledged: Serial::ZERO, answers: BTreeMap::new() };
        self.open.insert(id, session);
        is_new
    }

    /// A session is closed. False: it was not open.
    pub fn closes(&mut self, id: SessionId) -> bool {
        // S3
        self.open.remove(&id).is_some()
    }

    /// What the request with this ticket is to be answered, at an index.
    pub fn right(&mut self, ticket: Ticket, at: Index) -> Right<A> {
        let (id, serial) = (ticket.session, ticket.serial);
        // S4
        let Some(session) = self.open.get_mut(&id) else {
            return Right::Refused(SessionRefusal::Expired { session: id });
        };
        // S2
        session.used = at;
        // S5
        let through = session.acknowledged.max(ticket.acknowledged_through);
        session.acknowledged = through;
        // S7
        if serial <= through {
            return Right::Refused(SessionRefusal::Acknowledged { serial, through });
        }
        // S6
        if let Some(answer) = session.answers.get(&serial) {
            return Right::Repeated(answer.clone());
        }
        // S8
        let (outstanding, max) = (serial.0 - through.0, self.answers_max);
        if outstanding > u64::from(max) {
            return Right::Refused(SessionRefusal::TooMany { outstanding, max });
        }
        // S9
        Right::New
    }

    /// The request was applied, with this answer.
    pub fn answered(&mut self, ticket: Ticket, answer: A) {
        // S6
        if let Some(session) = self.open.get_mut(&ticket.session) {
            session.answers.insert(ticket.serial, answer);
        }
    }
}
