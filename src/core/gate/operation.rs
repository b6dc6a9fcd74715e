//! One read or write of a client, from the first resolution to the answer.

use super::{WriteAdmission, admit_write};
use crate::core::fence::{Body, Key, Mutation, Read, Refusal, Reply, Request, Write};
use crate::core::ids::{Epoch, Names, PartitionId, Placement, Relabel, WriteId};
use crate::core::placement::{Guarantee, Resolution};
use alloc::vec;
use alloc::vec::Vec;

/// The request of a client that an operation serves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Work {
    /// A write. Every attempt carries this id and this mutation.
    Write(WriteId, Mutation),
    /// A read of a row with the given consistency.
    Read(Consistency, Key),
}

/// How old the state may be that a read returns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Consistency {
    /// The read sees every write acknowledged before it was invoked.
    Strong,
    /// The read may return an earlier state of the partition, and its answer is labelled so.
    StaleOk,
}

/// How a partition is resolved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Freshness {
    /// A linearizable read of the control plane, begun after the request.
    Fresh,
    /// From the gateway's cache, however old.
    Cached,
}

/// The outcome of an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// The write has taken effect, durably.
    Acknowledged,
    /// The read returned a value, with this consistency.
    Served(Consistency),
    /// Nothing was sent: it took no effect.
    NotSent,
    /// The row is not as the write expects it: it took no effect.
    Differs,
    /// An attempt was sent and not acknowledged: it may have taken effect, or still may.
    Indeterminate,
}

/// An input of an operation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Event {
    /// The client invoked the operation.
    Start,
    /// The resolution that was requested. `None`: the read failed, or the partition does not exist or is not open.
    Resolved(Option<Resolution>),
    /// An answer of a sink arrived.
    Replied(Reply),
    /// A sink served the read that carried this token.
    Served {
        /// The sink that served the read.
        store: Placement,
        /// The token of the read.
        token: Epoch,
    },
    /// A timer that the operation set has fired.
    TimerFired(Timer),
}

/// A timer. The driver knows the durations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// The timeout of one attempt.
    Attempt,
    /// The pause before the next attempt.
    Backoff,
    /// The client's deadline for the whole operation.
    Deadline,
}

/// An output of an operation. Outputs are performed in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Output {
    /// Resolve the partition, and pass the result in as [`Event::Resolved`].
    Resolve(Freshness),
    /// The gate admitted a write against this view.
    Admitted {
        /// The resolution that the gate used.
        view: Resolution,
        /// The token of the write.
        token: Epoch,
    },
    /// Send a request to a sink.
    Send(Request),
    /// Start or restart a timer.
    SetTimer(Timer),
    /// Give the client this outcome. It is the last output.
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

/// The state machine of one operation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Operation {
    partition: PartitionId,
    work: Work,
    /// The partition's guarantee, as far as the gateway knows.
    guarantee: Guarantee,
    stage: Stage,
    /// An attempt was sent and may take effect.
    attempted: bool,
    /// The attempts of a conditional write that nobody has answered, counted to [`UNANSWERED_MAX`]: one of them may find the row as
    /// expected later.
    unanswered: u8,
}

/// More unanswered attempts mean no more than this many.
const UNANSWERED_MAX: u8 = 2;

impl Operation {
    /// An operation that has not begun. `guarantee` is the gateway's last known guarantee of the partition; a
    /// resolution corrects it.
    #[must_use]
    pub const fn new(partition: PartitionId, work: Work, guarantee: Guarantee) -> Self {
        Self { partition, work, guarantee, stage: Stage::Idle, attempted: false, unanswered: 0 }
    }

    /// The client's request: a write or a read.
    #[must_use]
    pub const fn work(&self) -> &Work {
        &self.work
    }

    /// Whether the client has its answer.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Whether the operation has not begun.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Handles one event; the outputs are to be performed in order.
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
                Work::Read(consistency, _) if (token, store) == (*with, *at) => {
                    self.finish(Outcome::Served(consistency))
                }
                Work::Read(..) | Work::Write(..) => Vec::new(),
            },
            (Stage::Resolving | Stage::Sent { .. } | Stage::BackingOff, _) => Vec::new(),
        }
    }

    /// A strong read must see every earlier flip. A write of a `timed` partition starts its time limit with this read
    /// of the record.
    const fn freshness(&self) -> Freshness {
        match (&self.work, self.guarantee) {
            (Work::Read(Consistency::Strong, _), _) | (Work::Write(..), Guarantee::Timed) => Freshness::Fresh,
            (Work::Read(Consistency::StaleOk, _), _) | (Work::Write(..), Guarantee::Sealed) => {
                Freshness::Cached
            }
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
        // The partition moved to a sink that cannot refuse late writes, so a cached view no longer suffices.
        if asked == Freshness::Cached && self.freshness() == Freshness::Fresh {
            return self.resolve();
        }
        let token = view.epoch;
        match self.work.clone() {
            Work::Read(_, key) => {
                let store = view.state.read_placement();
                self.send(store, token, Body::Read(Read { token, key }))
            }
            Work::Write(id, mutation) => match admit_write(view, token) {
                WriteAdmission::Admit(store) => {
                    let mut outputs = vec![Output::Admitted { view: *view, token }];
                    outputs.extend(self.send(store, token, Body::Write(Write { id, token, mutation })));
                    outputs
                }
                WriteAdmission::Reject(_) => self.back_off(),
            },
        }
    }

    fn send(&mut self, store: Placement, token: Epoch, body: Body) -> Vec<Output> {
        self.stage = Stage::Sent { token, store };
        self.attempted = true;
        if let Body::Write(Write { mutation, .. }) = &body
            && mutation.expects().is_some()
        {
            self.unanswered = self.unanswered.saturating_add(1).min(UNANSWERED_MAX);
        }
        let request = Request { store, partition: self.partition, body };
        vec![Output::SetTimer(Timer::Attempt), Output::Send(request)]
    }

    fn back_off(&mut self) -> Vec<Output> {
        self.stage = Stage::BackingOff;
        vec![Output::SetTimer(Timer::Backoff)]
    }

    /// An acknowledgement is valid for the write, whichever attempt it answers. A refusal is valid for its own attempt
    /// only: an earlier one may still take effect.
    fn replied(&mut self, reply: &Reply) -> Vec<Output> {
        match (&self.work, reply) {
            (Work::Write(id, _), Reply::Applied { write, .. }) if write.id == *id => {
                self.finish(Outcome::Acknowledged)
            }
            (_, Reply::Refused { request, refusal }) if self.is_answered_by(request) => {
                self.unanswered = self.unanswered.saturating_sub(1);
                let differs = matches!(refusal, Refusal::Differs { .. });
                if differs && self.unanswered == 0 {
                    return self.finish(Outcome::Differs);
                }
                if differs || matches!(refusal, Refusal::Forgotten { .. }) {
                    return self.finish(Outcome::Indeterminate);
                }
                self.back_off()
            }
            (Work::Write(..) | Work::Read(..), _) => Vec::new(),
        }
    }

    /// Whether a refusal answers the current attempt.
    fn is_answered_by(&self, request: &Request) -> bool {
        let Stage::Sent { token, store } = self.stage else { return false };
        let attempt = match (&self.work, &request.body) {
            (Work::Write(id, _), Body::Write(write)) => write.id == *id && write.token == token,
            (Work::Read(_, key), Body::Read(read)) => read.token == token && read.key == *key,
            (Work::Write(..) | Work::Read(..), _) => false,
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
        let work = match &self.work {
            Work::Write(id, mutation) => Work::Write(id.relabel(names), mutation.clone()),
            Work::Read(..) => self.work.clone(),
        };
        Self { work, ..self.clone() }
    }
}
