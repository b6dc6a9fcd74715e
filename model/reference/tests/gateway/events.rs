//! The next event of an operation: mostly one that it waits for.

use super::dice::Dice;
use cutover::core::fence::{Body, Key, Mutation, Read, Refusal, Reply, Request, Value, Write};
use cutover::core::gate::{Consistency, Event, Timer, Work};
use cutover::core::ids::{Epoch, PartitionId, Placement, Position, Revision, Serial, SessionId, WriteId};
use cutover::core::placement::{Guarantee, PartitionState, Phase, Resolution};
use cutover_reference::gateway::operation::{Attempt, Operation, Waits};

pub const PARTITION: PartitionId = PartitionId(1);

pub struct Events<'a>(&'a mut Dice);

/// The mutation of a write: each attempt has the same.
fn mutation(id: WriteId) -> Mutation {
    let key: Key = b"a".as_slice().try_into().expect("it is short");
    let value: Value = b"v".as_slice().try_into().expect("it is short");
    match (id.session.0 + id.serial.0) % 3 {
        0 => Mutation::put(key, value),
        1 => Mutation::cas(key, None, Some(value)),
        _ => Mutation::cas(key, Some(value), None),
    }
}

impl<'a> Events<'a> {
    pub const fn new(dice: &'a mut Dice) -> Self {
        Self(dice)
    }

    pub fn work(&mut self) -> Work {
        match self.0.below(4) {
            0 => Work::Read(Consistency::Strong, self.key()),
            1 => Work::Read(Consistency::StaleOk, self.key()),
            _ => {
                let id = self.id();
                Work::Write(id, mutation(id))
            }
        }
    }

    fn key(&mut self) -> Key {
        self.0.one_of(&["a", "b"]).as_bytes().try_into().expect("it is short")
    }

    pub fn guarantee(&mut self) -> Guarantee {
        self.0.one_of(&[Guarantee::Sealed, Guarantee::Sealed, Guarantee::Timed])
    }

    fn id(&mut self) -> WriteId {
        let (session, serial) = (1 + self.0.below(2), 1 + self.0.below(2));
        WriteId { session: SessionId(session), serial: Serial(serial) }
    }

    fn store(&mut self) -> Placement {
        self.0.one_of(&[Placement(0), Placement(1)])
    }

    fn epoch(&mut self) -> Epoch {
        Epoch(1 + self.0.below(4))
    }

    pub fn view(&mut self) -> Resolution {
        let (from, to) = (self.store(), Placement(1));
        let state = match self.0.below(4) {
            0 => PartitionState::Migrating { from, to, phase: Phase::Draining },
            1 => PartitionState::Migrating { from, to, phase: Phase::Cutover },
            _ => PartitionState::Active(from),
        };
        let (epoch, guarantee) = (self.epoch(), self.guarantee());
        Resolution { partition: PARTITION, state, epoch, guarantee, revision: Revision(9) }
    }

    pub fn next(&mut self, of: &Operation) -> Event {
        let fitting = match of.waits {
            Waits::Start => Event::Start,
            Waits::View(_) if self.0.percent(10) => Event::Resolved(None),
            Waits::View(_) => Event::Resolved(Some(self.view())),
            Waits::Answer(attempt) => self.answer(&of.work, attempt),
            Waits::Pause => Event::TimerFired(Timer::Backoff),
            Waits::Nothing => self.any(of),
        };
        if self.0.percent(75) { fitting } else { self.any(of) }
    }

    fn answer(&mut self, work: &Work, attempt: Attempt) -> Event {
        let Attempt { store, token } = attempt;
        match (self.0.below(10), work.clone()) {
            (0..2, _) => Event::TimerFired(Timer::Attempt),
            (2..4, Work::Write(id, mutation)) => {
                let write = Write { id, token, mutation };
                Event::Replied(Reply::Applied { write, position: Position(3) })
            }
            (2..4, Work::Read(..)) => Event::Served { store, token },
            (_, work) => Event::Replied(self.refused(&work, attempt)),
        }
    }

    fn refused(&mut self, work: &Work, Attempt { store, token }: Attempt) -> Reply {
        let through = token;
        let id = self.id();
        let mut refusals = vec![
            Refusal::Sealed { through, token },
            Refusal::Closed { through, token },
            Refusal::UnknownPartition { store },
            Refusal::Busy { limit: 1 },
            Refusal::Forgotten { id },
        ];
        let body = match work.clone() {
            Work::Write(id, mutation) => {
                // Of a write that expects nothing, no store says so.
                let expects = mutation.expects().is_some();
                let found = self.0.percent(50).then(|| b"x".as_slice().try_into().expect("it is short"));
                refusals.extend(expects.then_some(Refusal::Differs { found }));
                Body::Write(Write { id, token, mutation })
            }
            Work::Read(_, key) => Body::Read(Read { token, key }),
        };
        let at = self.0.below(refusals.len() as u64);
        let refusal = refusals.swap_remove(usize::try_from(at).expect("it is an index"));
        Reply::Refused { request: Request { store, partition: PARTITION, body }, refusal }
    }

    /// Any event, such as a late answer to an attempt of before.
    fn any(&mut self, of: &Operation) -> Event {
        let made_up = Attempt { store: self.store(), token: self.epoch() };
        let attempt =
            if of.sent.is_empty() || self.0.percent(30) { made_up } else { self.0.one_of(&of.sent) };
        let work = if self.0.percent(70) { of.work.clone() } else { self.work() };
        match self.0.below(12) {
            0 => Event::Start,
            1 => Event::Resolved(Some(self.view())),
            2 => Event::Resolved(None),
            3 => Event::TimerFired(Timer::Attempt),
            4 => Event::TimerFired(Timer::Backoff),
            5 => Event::TimerFired(Timer::Deadline),
            6 => Event::Served { store: attempt.store, token: attempt.token },
            7 => {
                let id = match of.work {
                    Work::Write(id, _) if self.0.percent(60) => id,
                    Work::Write(..) | Work::Read(..) => self.id(),
                };
                let write = Write { id, token: attempt.token, mutation: mutation(id) };
                Event::Replied(Reply::Applied { write, position: Position(2) })
            }
            _ => Event::Replied(self.refused(&work, attempt)),
        }
    }
}
