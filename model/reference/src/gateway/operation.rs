//! One read or write of a client, from the first resolution to the answer.

use super::gate::{serves_reads, takes_writes};
use cutover::core::fence::{Body, Read, Refusal, Reply, Request, Write};
use cutover::core::gate::{Consistency, Event, Freshness, Outcome, Output, Timer, Work};
use cutover::core::ids::{Epoch, PartitionId, Placement};
use cutover::core::placement::{Guarantee, Resolution};

/// What an operation waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waits {
    /// That the client asks.
    Start,
    /// A resolution.
    View(Freshness),
    /// The answer to an attempt.
    Answer(Attempt),
    /// The pause before the next attempt.
    Pause,
    /// Nothing: the client has its answer.
    Nothing,
}

/// An attempt that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// To whom.
    pub store: Placement,
    /// With which token.
    pub token: Epoch,
}

/// An operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// Of this partition.
    pub partition: PartitionId,
    /// What the client wants.
    pub work: Work,
    /// What the store of the partition promises, as far as is known.
    pub guarantee: Guarantee,
    /// What it waits for.
    pub waits: Waits,
    /// All attempts that were sent.
    pub sent: Vec<Attempt>,
    /// How many of them were refused while they were under way.
    pub refused: usize,
}

impl Operation {
    /// One that has not begun.
    #[must_use]
    pub const fn new(partition: PartitionId, work: Work, guarantee: Guarantee) -> Self {
        Self { partition, work, guarantee, waits: Waits::Start, sent: Vec::new(), refused: 0 }
    }

    /// What is to be done at an event. Except that what is sent comes after its admission, in any order.
    pub fn handle(&mut self, event: &Event) -> Vec<Output> {
        match (self.waits, event) {
            // G10
            (Waits::Nothing, _) => Vec::new(),
            (Waits::Start, Event::Start) => {
                // G1
                let mut outputs = vec![Output::SetTimer(Timer::Deadline)];
                outputs.extend(self.resolves());
                outputs
            }
            (Waits::Start, _) | (_, Event::Start) => Vec::new(),
            (_, Event::TimerFired(Timer::Deadline)) => {
                // G9
                let nothing = self.sent.is_empty();
                self.ends(if nothing { Outcome::NotSent } else { Outcome::Indeterminate })
            }
            (Waits::View(asked), Event::Resolved(view)) => self.resolved(asked, view.as_ref()),
            // G6
            (Waits::Pause, Event::TimerFired(Timer::Backoff))
            | (Waits::Answer(_), Event::TimerFired(Timer::Attempt)) => self.resolves(),
            (_, Event::Replied(reply)) => self.replied(reply),
            (Waits::Answer(attempt), Event::Served { store, token }) => match self.work {
                // G8
                Work::Read(consistency, _) if (attempt.store, attempt.token) == (*store, *token) => {
                    self.ends(Outcome::Served(consistency))
                }
                Work::Read(..) | Work::Write(..) => Vec::new(),
            },
            (_, Event::Resolved(_) | Event::Served { .. } | Event::TimerFired(_)) => Vec::new(),
        }
    }

    /// How it has to be resolved.
    const fn needs(&self) -> Freshness {
        // G2
        match (&self.work, self.guarantee) {
            (Work::Read(Consistency::Strong, _), _) | (Work::Write(..), Guarantee::Timed) => Freshness::Fresh,
            (Work::Read(Consistency::StaleOk, _), _) | (Work::Write(..), Guarantee::Sealed) => {
                Freshness::Cached
            }
        }
    }

    fn resolves(&mut self) -> Vec<Output> {
        self.waits = Waits::View(self.needs());
        vec![Output::Resolve(self.needs())]
    }

    fn resolved(&mut self, asked: Freshness, view: Option<&Resolution>) -> Vec<Output> {
        // G3
        let Some(view) = view else { return self.pauses() };
        self.guarantee = view.guarantee;
        // G2
        if asked == Freshness::Cached && self.needs() == Freshness::Fresh {
            return self.resolves();
        }
        let token = view.epoch;
        let body = body_of(&self.work, token);
        match self.work {
            // G5
            Work::Read(..) => self.sends(serves_reads(view), token, body),
            Work::Write(..) => match takes_writes(view) {
                // G4
                Some(store) => {
                    let mut outputs = vec![Output::Admitted { view: *view, token }];
                    outputs.extend(self.sends(store, token, body));
                    outputs
                }
                None => self.pauses(),
            },
        }
    }

    fn sends(&mut self, store: Placement, token: Epoch, body: Body) -> Vec<Output> {
        let attempt = Attempt { store, token };
        self.sent.push(attempt);
        self.waits = Waits::Answer(attempt);
        // G6
        let request = Request { store, partition: self.partition, body };
        vec![Output::SetTimer(Timer::Attempt), Output::Send(request)]
    }

    fn pauses(&mut self) -> Vec<Output> {
        self.waits = Waits::Pause;
        vec![Output::SetTimer(Timer::Backoff)]
    }

    fn replied(&mut self, reply: &Reply) -> Vec<Output> {
        match reply {
            // G7
            Reply::Applied { write, .. } if self.writes(write) => self.ends(Outcome::Acknowledged),
            Reply::Refused { request, refusal } => {
                let Waits::Answer(attempt) = self.waits else { return Vec::new() };
                // G8
                if request.store != attempt.store || !self.is_of(&request.body, attempt.token) {
                    return Vec::new();
                }
                self.refused += 1;
                let differs = matches!(refusal, Refusal::Differs { .. });
                // G13
                if differs && self.refused == self.sent.len() {
                    return self.ends(Outcome::Differs);
                }
                if differs || matches!(refusal, Refusal::Forgotten { .. }) {
                    return self.ends(Outcome::Indeterminate);
                }
                self.pauses()
            }
            Reply::Applied { .. }
            | Reply::Prepared(_)
            | Reply::Sealed(_)
            | Reply::Evidence(_)
            | Reply::Watermark(_)
            | Reply::Dropped(_)
            | Reply::ChunkTaken(_)
            | Reply::Ended(_) => Vec::new(),
        }
    }

    /// Whether an acknowledged write is the one of this operation, by whichever attempt.
    fn writes(&self, write: &Write) -> bool {
        matches!(self.work, Work::Write(id, _) if id == write.id)
    }

    /// Whether a request is one with this token that the operation sends: by the id of a write, by the key of a read.
    fn is_of(&self, body: &Body, token: Epoch) -> bool {
        match (&self.work, body) {
            (Work::Write(id, _), Body::Write(write)) => (write.id, write.token) == (*id, token),
            (Work::Read(_, key), Body::Read(read)) => read.key == *key && read.token == token,
            (Work::Write(..) | Work::Read(..), _) => false,
        }
    }

    fn ends(&mut self, outcome: Outcome) -> Vec<Output> {
        // G10
        self.waits = Waits::Nothing;
        vec![Output::Finish(outcome)]
    }
}

fn body_of(work: &Work, token: Epoch) -> Body {
    match work.clone() {
        Work::Write(id, mutation) => Body::Write(Write { id, token, mutation }),
        Work::Read(_, key) => Body::Read(Read { token, key }),
    }
}
