//! Performs the outputs of one [`Operation`]: resolves, sends, waits, and tells it what came of that. The operation decides what is done.

use super::placements::{Placements, Resolved};
use super::stores::{Said, Stores};
use crate::client::Client;
use crate::core::fence::{Body, Refusal, Reply, Request, Value};
use crate::core::gate::{Event, Freshness, GateRefusal, Operation, Outcome, Output, Timer, Work};
use crate::core::ids::{Epoch, PartitionId, Position};
use core::future::{Future, pending};
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};

/// What a running operation uses.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub client: Client,
    pub placements: Arc<Placements>,
    pub stores: Arc<Stores>,
    /// The time limit of one attempt.
    pub attempt: Duration,
}

/// What is said of an operation that nothing was in the way of yet.
const NOTHING: &str = "nothing has answered";

/// The outcome of an operation, with what came with it.
#[derive(Debug)]
pub(super) struct Told {
    pub outcome: Outcome,
    /// Of an acknowledged write.
    pub position: Position,
    /// The row of a read that was served, or of a write that expects another.
    pub found: Option<Value>,
    /// A store has forgotten the session of the write.
    pub is_forgotten: bool,
    /// What was in the way last.
    pub last: String,
}

type Waiting<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

struct Run {
    tools: Tools,
    partition: PartitionId,
    is_write: bool,
    resolving: Waiting<Resolved>,
    /// The request of the attempt under way, and its answer.
    sent: Option<Request>,
    answer: Waiting<Result<Said, String>>,
    /// The epoch of the last view: the next attempt needs a better one.
    tried: Option<Epoch>,
    timers: Vec<(Instant, Timer)>,
    until: Instant,
    pauses: u32,
    told: Told,
}

/// Runs an operation to its outcome, which it has by `until`.
pub(super) async fn run(tools: Tools, partition: PartitionId, work: Work, until: Instant) -> Told {
    let guarantee = tools.placements.guarantee(partition);
    let is_write = matches!(work, Work::Write(..));
    let mut operation = Operation::new(partition, work, guarantee);
    let told = Told {
        outcome: Outcome::NotSent,
        position: Position(0),
        found: None,
        is_forgotten: false,
        last: NOTHING.to_owned(),
    };
    let mut run = Run {
        tools,
        partition,
        is_write,
        resolving: None,
        sent: None,
        answer: None,
        tried: None,
        timers: Vec::new(),
        until,
        pauses: 0,
        told,
    };
    let mut event = Event::Start;
    loop {
        for output in operation.handle(&event) {
            if let Output::Finish(outcome) = output {
                return Told { outcome, ..run.told };
            }
            run.perform(output);
        }
        event = run.next().await;
    }
}

/// Waits for what is awaited, if anything is.
async fn done<T>(waiting: &mut Waiting<T>) -> T {
    match waiting {
        Some(future) => {
            let value = future.await;
            *waiting = None;
            value
        }
        None => pending().await,
    }
}

impl Run {
    fn perform(&mut self, output: Output) {
        match output {
            Output::Resolve(freshness) => self.resolve(freshness),
            Output::Send(request) => self.send(request),
            Output::SetTimer(timer) => self.set(timer),
            Output::Admitted { .. } | Output::Finish(_) => {}
        }
    }

    fn resolve(&mut self, freshness: Freshness) {
        let (placements, partition, tried) = (Arc::clone(&self.tools.placements), self.partition, self.tried);
        self.resolving = Some(Box::pin(async move { placements.resolve(partition, freshness, tried).await }));
    }

    /// Sends a request. An earlier attempt that has no answer yet gets none any more.
    fn send(&mut self, request: Request) {
        let (stores, limit) = (Arc::clone(&self.tools.stores), self.tools.attempt);
        let message = request.clone();
        self.answer = Some(Box::pin(async move { stores.send(message, limit).await }));
        self.sent = Some(request);
    }

    fn set(&mut self, timer: Timer) {
        let at = match timer {
            Timer::Deadline => self.until,
            Timer::Attempt => Instant::now() + self.tools.attempt,
            Timer::Backoff => Instant::now() + self.pause(),
        };
        self.timers.retain(|(_, set)| *set != timer);
        self.timers.push((at, timer));
    }

    fn pause(&mut self) -> Duration {
        self.pauses = self.pauses.saturating_add(1);
        self.tools.client.wait(self.pauses.saturating_sub(1))
    }

    /// Waits for the next event.
    async fn next(&mut self) -> Event {
        loop {
            // The deadline is the first of those at the same time.
            let first =
                self.timers.iter().min_by_key(|(at, timer)| (*at, *timer != Timer::Deadline)).copied();
            let (at, timer) = first.unwrap_or((self.until, Timer::Deadline));
            // After the deadline nothing more is sent, and an answer that is there counts.
            let event = tokio::select! {
                biased;
                answer = done(&mut self.answer) => self.answered(answer),
                () = sleep_until(at) => Some(self.fired(timer)),
                resolved = done(&mut self.resolving) => Some(self.resolved(resolved)),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    fn fired(&mut self, timer: Timer) -> Event {
        self.timers.retain(|(_, set)| *set != timer);
        let awaited = self.sent.as_ref().filter(|_| self.answer.is_some()).map(|request| request.store);
        match (timer, awaited) {
            // What was in the way before says more.
            (Timer::Deadline, _) if self.told.last != NOTHING => {}
            (Timer::Deadline, _) if self.resolving.is_some() => {
                self.told.last = format!("the control plane has not said where {} is", self.partition);
            }
            (Timer::Attempt | Timer::Deadline, Some(store)) => {
                self.told.last = format!("store {store} has not answered");
            }
            (Timer::Attempt | Timer::Deadline | Timer::Backoff, _) => {}
        }
        Event::TimerFired(timer)
    }

    fn resolved(&mut self, resolved: Resolved) -> Event {
        Event::Resolved(match resolved {
            Ok(view) => {
                self.tried = Some(view.epoch);
                if self.is_write && view.state.write_placement().is_none() {
                    let (partition, epoch) = (view.partition, view.epoch);
                    self.told.last = GateRefusal::InCutover { partition, epoch }.to_string();
                }
                Some(view)
            }
            Err(why) => {
                self.told.last = why;
                None
            }
        })
    }

    /// What a store said, as an event. An attempt that failed has no answer: its timer fires early.
    fn answered(&mut self, answer: Result<Said, String>) -> Option<Event> {
        let request = self.sent.clone()?;
        match (answer, &request.body) {
            (Ok(Said::Applied(position)), Body::Write(write)) => {
                self.told.position = position;
                Some(Event::Replied(Reply::Applied { write: write.clone(), position }))
            }
            (Ok(Said::Row(found)), Body::Read(read)) => {
                self.told.found = found;
                Some(Event::Served { store: request.store, token: read.token })
            }
            (Ok(Said::Refused(refusal)), _) => {
                self.refused(&request, &refusal);
                Some(Event::Replied(Reply::Refused { request, refusal }))
            }
            (Ok(said), _) => self.failed(format!("store {} answers something else: {said:?}", request.store)),
            (Err(why), _) => self.failed(why),
        }
    }

    fn refused(&mut self, request: &Request, refusal: &Refusal) {
        self.told.last = format!("store {}: {refusal}", request.store);
        if let Refusal::Differs { found } = refusal {
            self.told.found.clone_from(found);
        }
        self.told.is_forgotten |= matches!(refusal, Refusal::Forgotten { .. });
    }

    fn failed(&mut self, why: String) -> Option<Event> {
        self.told.last = why;
        let early = Instant::now() + self.pause();
        for (at, timer) in &mut self.timers {
            if *timer == Timer::Attempt {
                *at = early.min(*at);
            }
        }
        None
    }
}
