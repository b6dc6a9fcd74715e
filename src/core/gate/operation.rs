//! One read or write of a client, from the first resolve to the answer.

use super::{WriteAdmission, admit_write};
use crate::core::fence::{Body, Read, Refusal, Reply, Request, Write};
use crate::core::ids::{Epoch, Names, PartitionId, Placement, Relabel, WriteId};
use crate::core::placement::{Guarantee, Resolution};
use alloc::vec;
use alloc::vec::Vec;

/// What a client wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Work {
    /// A write; every attempt carries this id.
    Write(WriteId),
    /// A read.
    Read(Consistency),
}

/// What a read may return.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Consistency {
    /// Every write acknowledged before the read was invoked.
    Strong,
    /// Any earlier state of the partition; labelled so in the answer.
    StaleOk,
}

/// How new a resolution must be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Freshness {
    /// Read from the control plane after this was asked, linearizably.
    Fresh,
    /// Whatever the cache holds.
    Cached,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// The write has taken effect, durably.
    Acknowledged,
    /// The read was served.
    Served(Consistency),
    /// Nothing was ever sent: it took no effect.
    NotSent,
    /// An attempt was sent and not acknowledged: it may have taken effect, or still may.
    Indeterminate,
}

/// What happens to an operation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Event {
    /// The client asks.
    Start,
    /// A resolution that was asked for; `None`: the read failed, or there is no such partition.
    Resolved(Option<Resolution>),
    /// A sink answered.
    Replied(Reply),
    /// A sink served the read that carried this token.
    Served {
        /// The sink.
        store: Placement,
        /// The read's token.
        token: Epoch,
    },
    /// A timer fired.
    TimerFired(Timer),
}

/// A wait; the driver knows how long.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// The attempt has had its time.
    Attempt,
    /// Time to try again.
    Backoff,
    /// The client's deadline.
    Deadline,
}

/// What an operation does, in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Output {
    /// Resolve the partition.
    Resolve(Freshness),
    /// The gate admitted a write against this view.
    Admitted {
        /// The view.
        view: Resolution,
        /// What the write carries.
        token: Epoch,
    },
    /// Send to a sink.
    Send(Request),
    /// Start a timer; one of the same kind that runs starts anew.
    SetTimer(Timer),
    /// Answer the client.
    Finish(Outcome),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Stage {
    Idle,
    Resolving,
    Sent { token: Epoch, store: Placement },
    BackingOff,
    Done,
}

/// The machine of one operation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Operation {
    partition: PartitionId,
    work: Work,
    /// What the gateway knows of the partition's guarantee.
    guarantee: Guarantee,
    stage: Stage,
    /// An attempt went out, and may take effect.
    attempted: bool,
}

impl Operation {
    /// An operation that has not begun. `guarantee` is what the gateway believes the partition's store can promise; a
    /// resolution corrects it.
    #[must_use]
    pub const fn new(partition: PartitionId, work: Work, guarantee: Guarantee) -> Self {
        Self { partition, work, guarantee, stage: Stage::Idle, attempted: false }
    }

    /// What the client wants.
    #[must_use]
    pub const fn work(&self) -> Work {
        self.work
    }

    /// Whether the client has its answer.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Whether it has begun.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Takes one event; the outputs are to be performed in order.
    #[must_use]
    pub fn handle(&mut self, event: &Event) -> Vec<Output> {
        match (self.stage, event) {
            (Stage::Done, _) => Vec::new(),
            (Stage::Idle, Event::Start) => {
                self.stage = Stage::Resolving;
                vec![Output::SetTimer(Timer::Deadline), Output::Resolve(self.freshness())]
            }
            (Stage::Resolving, Event::Resolved(view)) => self.resolved(view.as_ref()),
            (Stage::BackingOff, Event::TimerFired(Timer::Backoff)) => self.resolve(),
            (Stage::Sent { .. }, Event::TimerFired(Timer::Attempt)) => self.resolve(),
            (Stage::Idle, _) => Vec::new(),
            (_, Event::TimerFired(Timer::Deadline)) if self.attempted => self.finish(Outcome::Indeterminate),
            (_, Event::TimerFired(Timer::Deadline)) => self.finish(Outcome::NotSent),
            (_, Event::Replied(reply)) => self.replied(reply),
            (Stage::Sent { token, store }, Event::Served { store: at, token: with }) => match self.work {
                Work::Read(consistency) if (token, store) == (*with, *at) => {
                    self.finish(Outcome::Served(consistency))
                }
                Work::Read(_) | Work::Write(_) => Vec::new(),
            },
            (Stage::Resolving | Stage::Sent { .. } | Stage::BackingOff, _) => Vec::new(),
        }
    }

    /// A strong read must learn of every flip before it; a write of a `timed` partition starts the time it is given
    /// with this read of the record.
    const fn freshness(&self) -> Freshness {
        match (self.work, self.guarantee) {
            (Work::Read(Consistency::Strong), _) | (Work::Write(_), Guarantee::Timed) => Freshness::Fresh,
            (Work::Read(Consistency::StaleOk), _) | (Work::Write(_), Guarantee::Sealed) => Freshness::Cached,
        }
    }

    fn resolve(&mut self) -> Vec<Output> {
        self.stage = Stage::Resolving;
        vec![Output::Resolve(self.freshness())]
    }

    fn resolved(&mut self, view: Option<&Resolution>) -> Vec<Output> {
        let Some(view) = view else { return self.back_off() };
        let asked = self.freshness();
        self.guarantee = view.guarantee;
        // The partition has moved to a store that cannot refuse: a cached view is not good enough any more.
        if asked == Freshness::Cached && self.freshness() == Freshness::Fresh {
            return self.resolve();
        }
        let token = view.epoch;
        match self.work {
            Work::Read(_) => {
                let store = view.state.read_placement();
                self.send(store, token, Body::Read(Read { token }))
            }
            Work::Write(id) => match admit_write(view, token) {
                WriteAdmission::Admit(store) => {
                    let mut outputs = vec![Output::Admitted { view: *view, token }];
                    outputs.extend(self.send(store, token, Body::Write(Write { id, token })));
                    outputs
                }
                WriteAdmission::Reject(_) => self.back_off(),
            },
        }
    }

    fn send(&mut self, store: Placement, token: Epoch, body: Body) -> Vec<Output> {
        self.stage = Stage::Sent { token, store };
        self.attempted = true;
        let request = Request { store, partition: self.partition, body };
        vec![Output::SetTimer(Timer::Attempt), Output::Send(request)]
    }

    fn back_off(&mut self) -> Vec<Output> {
        self.stage = Stage::BackingOff;
        vec![Output::SetTimer(Timer::Backoff)]
    }

    /// An acknowledgement counts for the write, whichever attempt it answers. A refusal counts for its own attempt only:
    /// an earlier one may still take effect.
    fn replied(&mut self, reply: &Reply) -> Vec<Output> {
        match (self.work, reply) {
            (Work::Write(id), Reply::Applied { write, .. }) if write.id == id => {
                self.finish(Outcome::Acknowledged)
            }
            (_, Reply::Refused { request, refusal }) if self.is_answered_by(request) => {
                if matches!(refusal, Refusal::Forgotten { .. }) {
                    return self.finish(Outcome::Indeterminate);
                }
                self.back_off()
            }
            (Work::Write(_) | Work::Read(_), _) => Vec::new(),
        }
    }

    /// Whether a refusal is about the attempt that is under way.
    fn is_answered_by(&self, request: &Request) -> bool {
        let Stage::Sent { token, store } = self.stage else { return false };
        let attempt = match (self.work, &request.body) {
            (Work::Write(id), Body::Write(write)) => write.id == id && write.token == token,
            (Work::Read(_), Body::Read(read)) => read.token == token,
            (Work::Write(_) | Work::Read(_), _) => false,
        };
        attempt && request.store == store
    }

    fn finish(&mut self, outcome: Outcome) -> Vec<Output> {
        self.stage = Stage::Done;
        vec![Output::Finish(outcome)]
    }
}

impl Relabel for Operation {
    fn relabel(&self, names: &dyn Names) -> Self {
        let work = match self.work {
            Work::Write(id) => Work::Write(id.relabel(names)),
            Work::Read(consistency) => Work::Read(consistency),
        };
        Self { work, ..self.clone() }
    }
}
