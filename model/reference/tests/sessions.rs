//! Random tickets to sessions and to their reference: each answer is compared, and which sessions are open.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "support/dice.rs"]
mod dice;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "support/tally.rs"]
mod tally;

use cutover::core::ids::{Index, Serial, SessionId};
use cutover::core::raft::{Admission, SessionLimits, SessionRefusal, Sessions, Ticket};
use cutover_reference::beside::session::SessionsBeside;
use dice::Dice;
use tally::Tally;

const WORLDS: u64 = 30;
const STEPS: u64 = 4_000;

/// The newest sessions that clients speak of, open or not.
const KNOWN: usize = 8;

struct World {
    dice: Dice,
    machine: Sessions<u64>,
    reference: SessionsBeside<u64>,
    /// The sessions that were opened, the next number of each, and how far its client has acknowledged.
    known: Vec<(SessionId, u64, u64)>,
    past: Vec<Ticket>,
    at: Index,
}

impl World {
    fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, number);
        let mut limit = |more: u64| u16::try_from(1 + dice.below(more)).expect("it is small");
        let limits = SessionLimits { sessions_max: limit(5), answers_max: limit(4) };
        let (machine, reference) = (Sessions::new(limits), SessionsBeside::new(limits));
        Self { dice, machine, reference, known: Vec::new(), past: Vec::new(), at: Index::ZERO }
    }

    fn step(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.at = Index(self.at.0 + 1 + self.dice.below(2));
        let before = self.machine.clone();
        let judged = match self.dice.below(100) {
            _ if self.known.is_empty() => self.open(tally),
            0..5 => self.open(tally),
            5..7 => {
                let (id, _, _) = self.dice.one_of(&self.known);
                let was_open = self.machine.close(id);
                tally.notes(if was_open { "close: open" } else { "close: not open" });
                self.reference.closed(id, was_open)
            }
            _ => {
                let ticket = self.ticket();
                self.request(ticket, tally)
            }
        };
        let same = judged.and_then(|()| self.reference.compare(&self.machine));
        same.map_err(|disagreement| format!("at {}: {disagreement}\nbefore: {before:?}", self.at))
    }

    fn open(&mut self, tally: &mut Tally) -> Result<(), cutover_reference::beside::Disagreement> {
        let open = self.machine.ids().count();
        let id = self.machine.open(self.at);
        tally.notes(if self.machine.ids().count() == open {
            "open: another goes"
        } else {
            "open: none goes"
        });
        self.known.push((id, 1, 0));
        let surplus = self.known.len().saturating_sub(KNOWN);
        self.known.drain(..surplus);
        self.reference.opened(self.at, id)
    }

    fn ticket(&mut self) -> Ticket {
        if self.dice.percent(35) && !self.past.is_empty() {
            return self.dice.one_of(&self.past);
        }
        let at = usize::try_from(self.dice.below(self.known.len() as u64)).expect("it is an index");
        let (session, next, acknowledged) = &mut self.known[at];
        let serial = match self.dice.below(100) {
            0..60 => {
                *next += 1;
                *next - 1
            }
            60..80 => next.saturating_sub(1 + self.dice.below(4)).max(1),
            80..90 => *next + self.dice.below(4),
            _ => 1 + self.dice.below(3),
        };
        if self.dice.percent(40) {
            *acknowledged = (*acknowledged + self.dice.below(3)).min(*next);
        }
        let through = if self.dice.percent(80) { *acknowledged } else { self.dice.below(*next + 2) };
        let (session, serial) = (*session, Serial(serial));
        let ticket = Ticket { session, serial, acknowledged_through: Serial(through) };
        self.past.push(ticket);
        let surplus = self.past.len().saturating_sub(24);
        self.past.drain(..surplus);
        ticket
    }

    fn request(
        &mut self,
        ticket: Ticket,
        tally: &mut Tally,
    ) -> Result<(), cutover_reference::beside::Disagreement> {
        let admission = self.machine.admit(ticket, self.at);
        tally.notes(match admission {
            Admission::New => "new",
            Admission::Repeated(_) => "answered alike",
            Admission::Refused(SessionRefusal::Expired { .. }) => "expired",
            Admission::Refused(SessionRefusal::Acknowledged { .. }) => "acknowledged",
            Admission::Refused(SessionRefusal::TooMany { .. }) => "too many",
        });
        self.reference.admitted(ticket, self.at, &admission)?;
        if admission == Admission::New {
            let answers = &self.reference.sessions().open[&ticket.session].answers;
            if answers.last_key_value().is_some_and(|(last, _)| ticket.serial < *last) {
                tally.notes("new, after a later one");
            }
            self.machine.answered(ticket, self.at.0);
            self.reference.answered(ticket, self.at.0);
        }
        Ok(())
    }
}

fn walk(seed: u64) {
    let mut tally = Tally::default();
    for number in 0..WORLDS {
        let mut world = World::new(seed, number);
        for _ in 0..STEPS {
            world.step(&mut tally).unwrap_or_else(|what| panic!("seed {seed}, world {number}, {what}"));
        }
    }
    tally.wants(
        100,
        &[
            "open: another goes",
            "open: none goes",
            "close: open",
            "close: not open",
            "new",
            "new, after a later one",
            "answered alike",
            "expired",
            "acknowledged",
            "too many",
        ],
    );
}

#[test]
fn sessions_agree_with_their_reference() {
    walk(1);
}

/// `WALK_SEEDS=1000..1100 cargo test --release -p cutover-reference --test sessions -- --ignored`
#[test]
#[ignore = "as long as it is asked to"]
fn sessions_agree_with_their_reference_from_other_seeds() {
    seeds::asked_for().for_each(walk);
}
