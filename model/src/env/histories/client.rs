//! A client, which makes one request under a session, by the production rule for retries.

use super::cluster::{Answered, Cluster};
use super::moves::{PARTITION, TARGET};
use super::{REFUSED, REPEATED, TICKETS, TOLD_ONCE, WENT_ON};
use crate::protocol::Notes;
use cutover::core::control_plane::{ControlPlaneEntry, PartitionName};
use cutover::core::ids::{HistoryId, Placement, Serial, SessionId};
use cutover::core::migration::{Command, Expected, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::Ticket;
use cutover::core::retry::{Attempt, Call, Ending, Next, Refusal, Repeat};

/// A session of a client, with its request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Session {
    id: SessionId,
    /// The history in which it was opened.
    history: HistoryId,
    /// The record that the client had read, if it moves a partition.
    expected: Option<Expected>,
    call: Call,
}

/// A client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Client {
    session: Option<Session>,
    /// Number of sessions that it has opened.
    sessions: u8,
    attempts: u8,
    /// The last history of which a refusal told it.
    told: Option<HistoryId>,
    /// Whether its request was answered.
    done: bool,
}

impl Client {
    /// A client that has no session yet.
    pub(super) const fn new() -> Self {
        Self { session: None, sessions: 0, attempts: 0, told: None, done: false }
    }

    /// Whether it needs a session, and has opened fewer than this.
    pub(super) const fn may_open(&self, sessions: u8) -> bool {
        !self.done && self.session.is_none() && self.sessions < sessions
    }

    /// Whether it has a request in a session, and has made fewer attempts than this.
    pub(super) const fn may_ask(&self, attempts: u8) -> bool {
        !self.done && self.session.is_some() && self.attempts < attempts
    }

    /// Opens a session. A client that moves a partition reads its record first.
    pub(super) fn open(&mut self, cluster: &mut Cluster, moves: bool) -> Option<()> {
        self.sessions += 1;
        let expected = cluster.record(PARTITION).filter(|_| moves).map(|record| record.expected());
        let call = Call::new(Repeat::Ticketed);
        let (id, history) = (cluster.open_session()?, cluster.history());
        self.session = Some(Session { id, history, expected, call });
        Some(())
    }

    /// The request: to move the partition, or to create one of its own.
    fn request(name: usize, session: &Session) -> Option<ControlPlaneEntry> {
        Some(match session.expected {
            Some(expected) => ControlPlaneEntry::OwnershipTransition(Command {
                partition: PARTITION,
                transition: Transition::Begin { expected, to: TARGET },
            }),
            None => ControlPlaneEntry::NamedTransition {
                name: PartitionName::try_from(format!("c{}", name + 1)).ok()?,
                transition: Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed },
            },
        })
    }

    /// Makes an attempt at the request, and hears the answer or not. Returns the change that it made.
    pub(super) fn ask(
        &mut self,
        (name, heard): (usize, bool),
        cluster: &mut Cluster,
        notes: &mut Notes,
    ) -> Option<Option<super::cluster::Change>> {
        let session = self.session?;
        self.attempts += 1;
        let (own, of) = (cluster.history(), session.history);
        if !cluster.status().knows_sessions_of(of) {
            notes.mark(true, REFUSED);
            notes.say(|| format!("refused: history {own}"));
            notes.demand(of != own, &TOLD_ONCE, || {
                (format!("{} of history {of} is refused", session.id), format!("the history is {own}"))
            });
            self.hears(session, heard, Attempt::Refused(Refusal::Forgotten), own, notes);
            return Some(None);
        }
        let ticket = Ticket { session: session.id, serial: Serial(1), acknowledged_through: Serial::ZERO };
        let (answered, change) = cluster.propose(Some(ticket), Self::request(name, &session)?)?;
        notes.say(|| format!("{answered:?}"));
        let facts = || {
            (format!("{} of history {of} is answered in history {own}", session.id), format!("{answered:?}"))
        };
        notes.demand(of == own || answered == Answered::Expired, &TICKETS, facts);
        notes.demand(of != own || answered != Answered::Expired, &TOLD_ONCE, facts);
        notes.mark(answered == Answered::Repeated, REPEATED);
        notes.mark(heard && self.told == Some(own) && answered != Answered::Expired, WENT_ON);
        let attempt = match answered {
            Answered::Applied | Answered::Repeated => Attempt::Answered,
            Answered::Refused => Attempt::Refused(Refusal::Request),
            Answered::Expired => Attempt::Refused(Refusal::Forgotten),
        };
        self.hears(session, heard, attempt, own, notes);
        Some(change)
    }

    /// What the client makes of an attempt, if it hears of it.
    fn hears(&mut self, session: Session, heard: bool, attempt: Attempt, own: HistoryId, notes: &mut Notes) {
        let Session { mut call, .. } = session;
        let attempt = if heard { attempt } else { Attempt::NoAnswer };
        let next = call.attempted(attempt);
        let told = attempt == Attempt::Refused(Refusal::Forgotten);
        if told {
            notes.demand(next == Next::End(Ending::Refused) && self.told != Some(own), &TOLD_ONCE, || {
                (
                    format!("told of history {own}, the call goes on with {next:?}"),
                    format!("told before of {:?}", self.told),
                )
            });
            self.told = Some(own);
        }
        match next {
            Next::End(Ending::Answer | Ending::Refused) if told => self.session = None,
            Next::End(Ending::Answer | Ending::Refused) => self.done = true,
            // It may be sent again under the same ticket.
            Next::End(Ending::Unknown | Ending::NotDone) => {
                let call = Call::resumed(Repeat::Ticketed);
                self.session = Some(Session { call, ..session });
            }
            Next::Again { .. } => self.session = Some(Session { call, ..session }),
        }
    }

    /// The state in words.
    pub(super) fn text(&self) -> String {
        let session = self.session.map_or_else(
            || "no session".to_owned(),
            |Session { id, history, .. }| format!("{id} of history {history}"),
        );
        format!("{session}, {} attempts, done: {}", self.attempts, self.done)
    }
}
