//! A user of the production library's sessions: it leaves requests unresolved, makes others meanwhile, and resumes them in any
//! order. Whatever the library tells it of one must be what the log has under its ticket.

use super::api::{Api, ChangeRequest};
use super::deadline::Deadline;
use super::library;
use super::tickets::some_change;
use crate::event_log::lock;
use crate::host::Hosts;
use crate::judge::{Told, is_of_the_attempt, own};
use crate::stream::Stream;
use core::time::Duration;
use cutover::client::{Applied, Client, ClientError, Session, Unresolved};
use cutover::core::ids::Serial;
use cutover::core::raft::Ticket;
use tokio::time::sleep;

type Outcome = Result<Result<Applied, ClientError>, Box<Unresolved>>;

/// A session of the library, with its requests that are unresolved.
struct Held {
    session: Session,
    next: u64,
    open: Vec<(Serial, Box<Unresolved>)>,
    /// Whether somebody else who holds the session has acknowledged everything.
    given_up: bool,
}

/// A user of the library's sessions.
pub struct Resumer {
    number: u8,
    hosts: Hosts,
    client: Client,
    deadline: Deadline,
    api: Api,
    chance: Stream,
}

impl Resumer {
    /// A user that knows the initial nodes; `None` if there are none.
    #[must_use]
    pub fn new(number: u8, hosts: &Hosts) -> Option<Self> {
        let seed = hosts.options.seed;
        let mut chance = Stream::new(seed, "resumer", number.into());
        // With little patience, many requests are left unresolved.
        let patience = Duration::from_millis(chance.pick(&[8, 20, 60, 300]).unwrap_or(60));
        let client = library::client(&hosts.all(), patience, seed ^ (u64::from(number) << 16))?;
        let api =
            Api::new(hosts.all(), Duration::from_secs(1), Stream::new(seed, "api", 600 + u64::from(number)));
        let deadline = Deadline::new(hosts, patience);
        Some(Self { number, hosts: hosts.clone(), client, deadline, api, chance })
    }

    /// Makes requests until the run is over.
    pub async fn run(mut self) {
        loop {
            sleep(Duration::from_millis(self.chance.below(500))).await;
            let opened = self.deadline.keep("a session is opened", self.client.session()).await;
            let Ok(session) = opened else { continue };
            let mut held = Held { session, next: 1, open: Vec::new(), given_up: false };
            for _ in 0..self.chance.between(5, 60) {
                sleep(Duration::from_millis(self.chance.below(250))).await;
                if !self.step(&mut held).await {
                    break;
                }
            }
            let Held { session, open, .. } = held;
            for (serial, left) in open {
                self.left(&session, serial, &left.error);
            }
            if self.chance.below(2) == 0 {
                let _expires_otherwise = self.deadline.keep("a session is closed", session.close()).await;
            }
        }
    }

    /// One request, new or again. Returns whether the session is of further use.
    async fn step(&mut self, held: &mut Held) -> bool {
        let full = held.open.len() >= usize::from(self.hosts.options.answers_max);
        // The other holder has taken the number of the next request. What is open is asked once more.
        if held.given_up && held.open.is_empty() {
            return false;
        }
        let again = !held.open.is_empty() && (full || held.given_up || self.chance.below(2) == 0);
        let (serial, outcome) = if again {
            let at = self.chance.below(u64::try_from(held.open.len()).unwrap_or(1));
            let (serial, unresolved) = held.open.swap_remove(usize::try_from(at).unwrap_or(0));
            (serial, self.deadline.keep("a change again", held.session.resume(unresolved)).await)
        } else {
            let (by, transition) = some_change(128 + self.number, held.next, &self.hosts, &mut self.chance);
            held.next += 1;
            let call = held.session.apply(by, transition);
            (Serial(held.next - 1), self.deadline.keep("a change", call).await)
        };
        if self.chance.below(30) == 0 {
            self.give_up(held).await;
        }
        self.settle(held, serial, outcome)
    }

    /// Another holder of the session acknowledges everything.
    async fn give_up(&mut self, held: &mut Held) {
        let (by, transition) = some_change(128 + self.number, 1 << 15, &self.hosts, &mut self.chance);
        let ticket = Ticket {
            session: held.session.id(),
            serial: Serial(held.next),
            acknowledged_through: Serial(held.next - 1),
        };
        held.given_up = true;
        let asked = ChangeRequest::Apply(by, Box::new(transition), Some((ticket, held.session.history())));
        let _answer = self.api.ask(&asked, 4).await;
        self.hosts.event_log.count("client", "sessions given up by another holder");
    }

    fn settle(&self, held: &mut Held, serial: Serial, outcome: Outcome) -> bool {
        let settled = match outcome {
            Err(unresolved) => {
                self.hosts.event_log.count("client", "requests left unresolved");
                held.open.push((serial, unresolved));
                return true;
            }
            Ok(settled) => settled,
        };
        match settled {
            Ok(Applied { partition, epoch, index, repeated }) => {
                self.told(&held.session, serial, Told::Done { partition, epoch, index, repeated });
                true
            }
            Err(ClientError::Forgotten(_)) if !held.given_up => {
                let found =
                    format!("u{} is told that {}.{serial} is forgotten", self.number, held.session.id());
                lock(&self.hosts.judge).find(own::ANSWER, found, "nobody has acknowledged it".to_owned());
                false
            }
            Err(ClientError::Forgotten(_) | ClientError::SessionExpired { .. }) => false,
            Err(error) => {
                self.left(&held.session, serial, &error);
                true
            }
        }
    }

    /// A request that is not sent again: what its last error says of it.
    fn left(&self, session: &Session, serial: Serial, error: &ClientError) {
        match error {
            ClientError::Refused { reason, .. } if !is_of_the_attempt(reason) => {
                self.told(session, serial, Told::Refused(reason.clone()));
            }
            ClientError::Indeterminate | ClientError::Forgotten(_) | ClientError::SessionExpired { .. } => {}
            ClientError::NoAddress
            | ClientError::Unreachable(_)
            | ClientError::NoLeader(_)
            | ClientError::Busy(_)
            | ClientError::Refused { .. }
            | ClientError::Denied(_)
            | ClientError::NotFound(_)
            | ClientError::NotOpen(_)
            | ClientError::Unexpected(_) => self.told(session, serial, Told::NotDone(error.to_string())),
        }
    }

    fn told(&self, session: &Session, serial: Serial, told: Told) {
        let facts = [session.id().0, serial.0];
        self.hosts.event_log.note("u", self.number.into(), "is told", &facts, || format!("{told:?}"));
        let request = (session.history(), session.id(), serial);
        lock(&self.hosts.judge).told(&format!("u{}", self.number), request, told);
    }
}
