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
}

impl Operation {
    /// One that has not begun.
    #[must_use]
    pub const fn new(partition: PartitionId, work: Work, guarantee: Guarantee) -> Self {
        Self { partition, work, guarantee, waits: Waits::Start, sent: Vec::new() }
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
                Work::Read(consistency) if attempt == (Attempt { store: *store, token: *token }) => {
                    self.ends(Outcome::Served(consistency))
                }
                Work::Read(_) | Work::Write(_) => Vec::new(),
            },
            (_, Event::Resolved(_) | Event::Served { .. } | Event::TimerFired(_)) => Vec::new(),
        }
    }

    /// How it has to be resolved.
    const fn needs(&self) -> Freshness {
        // G2
        match (self.work, self.guarantee) {
            (Work::Read(Consistency::Strong), _) | (Work::Write(_), Guarantee::Timed) => Freshness::Fresh,
            (Work::Read(Consistency::StaleOk), _) | (Work::Write(_), Guarantee::Sealed) => Freshness::Cached,
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
        match self.work {
            // G5
            Work::Read(_) => self.sends(serves_reads(view), token, Body::Read(Read { token })),
            Work::Write(id) => match takes_writes(view) {
                // G4
                Some(store) => {
                    let mut outputs = vec![Output::Admitted { view: *view, token }];
                    outputs.extend(self.sends(store, token, Body::Write(Write { id, token })));
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
            Reply::Applied { write, .. } if self.work == Work::Write(write.id) => {
                self.ends(Outcome::Acknowledged)
            }
            Reply::Refused { request, refusal } => {
                let Waits::Answer(attempt) = self.waits else { return Vec::new() };
                let Attempt { store, token } = attempt;
                let body = match self.work {
                    Work::Write(id) => Body::Write(Write { id, token }),
                    Work::Read(_) => Body::Read(Read { token }),
                };
                // G8
                if request.store != store || request.body != body {
                    return Vec::new();
                }
                if matches!(refusal, Refusal::Forgotten { .. }) {
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
            | Reply::ChunkTaken(_) => Vec::new(),
        }
    }

    fn ends(&mut self, outcome: Outcome) -> Vec<Output> {
        // G10
        self.waits = Waits::Nothing;
        vec![Output::Finish(outcome)]
    }
}
