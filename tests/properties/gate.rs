//! The gateway's machines.

use super::{cases, some};
use cutover::core::fence::{Body, Key, Mutation, Read, Refusal, Reply, Request, Write};
use cutover::core::gate::{
    Consistency, Event, Freshness, GateRefusal, Operation, Outcome, Output, Timer, Work, WriteAdmission,
    admit_cached_write, admit_write,
};
use cutover::core::ids::{Epoch, PartitionId, Placement, Position, Serial, SessionId, WriteId};
use cutover::core::placement::{Guarantee, PartitionState, Phase};
use proptest::prelude::*;

const PARTITION: PartitionId = PartitionId(1);

/// The write under test.
const OURS: WriteId = WriteId { session: SessionId(1), serial: Serial(1) };

/// Any operation of a client.
pub fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        Just(Work::Write(OURS, some::put(OURS))),
        Just(Work::Write(OURS, Mutation::cas(row(), None, Some(some::value("1"))))),
        Just(Work::Read(Consistency::Strong, row())),
        Just(Work::Read(Consistency::StaleOk, row())),
    ]
}

fn row() -> Key {
    some::key("a")
}

/// Whether the write depends on a row.
fn is_conditional(work: &Work) -> bool {
    matches!(work, Work::Write(_, mutation) if mutation.expects().is_some())
}

fn refusal() -> impl Strategy<Value = Refusal> {
    let (store, through) = (Placement(0), Epoch(3));
    prop_oneof![
        Just(Refusal::Sealed { through, token: Epoch(1) }),
        Just(Refusal::Closed { through, token: Epoch(1) }),
        Just(Refusal::UnknownPartition { store }),
        Just(Refusal::Busy { limit: 1 }),
        Just(Refusal::Forgotten { id: OURS }),
        Just(Refusal::Differs { found: Some(some::value("2")) }),
    ]
}

/// Any event, many of them about attempts that were never made.
pub fn event() -> impl Strategy<Value = Event> {
    let timer = prop_oneof![Just(Timer::Attempt), Just(Timer::Backoff), Just(Timer::Deadline)];
    let token = || (1_u64..6).prop_map(Epoch);
    let body = (some::write_id(2, 1), token(), any::<bool>()).prop_map(|(id, token, write)| {
        if write {
            Body::Write(Write { id, token, mutation: some::put(id) })
        } else {
            Body::Read(Read { token, key: row() })
        }
    });
    let request =
        (some::placement(3), body).prop_map(|(store, body)| Request { store, partition: PARTITION, body });
    prop_oneof![
        3 => Just(Event::Start),
        6 => prop::option::weighted(0.9, some::resolution()).prop_map(Event::Resolved),
        1 => (some::write_id(2, 2), token()).prop_map(|(id, token)| {
            let write = Write { id, token, mutation: some::put(id) };
            Event::Replied(Reply::Applied { write, position: Position(1) })
        }),
        3 => (request, refusal())
            .prop_map(|(request, refusal)| Event::Replied(Reply::Refused { request, refusal })),
        1 => (some::placement(3), token()).prop_map(|(store, token)| Event::Served { store, token }),
        4 => timer.prop_map(Event::TimerFired),
    ]
}

/// The observations of a run so far.
#[derive(Default)]
struct Seen {
    sent: Vec<Request>,
    /// How many of the attempts that were sent have been answered.
    answered: usize,
    /// Whether the last one is waited for.
    waits: bool,
    finished: Option<Outcome>,
    /// The freshness that was last asked for, if there is no answer yet.
    asked: Option<Freshness>,
    /// The guarantee of the partition's store, according to the last answer.
    told: Option<Guarantee>,
}

impl Seen {
    fn take(
        &mut self,
        operation: &Operation,
        event: &Event,
        outputs: &[Output],
        guarantee: Guarantee,
    ) -> Result<(), TestCaseError> {
        if self.finished.is_some() {
            prop_assert!(outputs.is_empty(), "after the answer: {outputs:?}");
        }
        let work = operation.work();
        let asked = self.asked;
        if let Event::Replied(Reply::Refused { request, .. }) = event
            && self.waits
            && self.sent.last().is_some_and(|last| same_attempt(last, request))
        {
            self.answered += 1;
            self.waits = false;
        }
        self.waits &= *event != Event::TimerFired(Timer::Attempt);
        if let (Some(_), Event::Resolved(answer)) = (asked, event) {
            self.asked = None;
            self.told = answer.map(|view| view.guarantee).or(self.told);
        }
        let guarantee = self.told.unwrap_or(guarantee);
        for output in outputs {
            prop_assert!(self.finished.is_none(), "{output:?} comes after the answer");
            match output {
                Output::Resolve(freshness) => {
                    let cached = matches!(work, Work::Read(Consistency::StaleOk, _))
                        || (matches!(work, Work::Write(..)) && guarantee == Guarantee::Sealed);
                    let wanted = if cached { Freshness::Cached } else { Freshness::Fresh };
                    prop_assert_eq!(*freshness, wanted);
                    self.asked = Some(*freshness);
                }
                Output::Admitted { view, token } => {
                    prop_assert_eq!(*token, view.epoch);
                    prop_assert!(matches!(work, Work::Write(..)), "only writes pass the gate");
                    prop_assert!(view.state.write_placement().is_some(), "admitted in {}", view.state);
                }
                Output::Send(request) => {
                    self.judge_send(work, event, request)?;
                    let stale = asked == Some(Freshness::Cached) && matches!(work, Work::Write(..));
                    prop_assert!(asked.is_some(), "it was not asked for");
                    prop_assert!(
                        !stale || guarantee == Guarantee::Sealed,
                        "a cached view of a store that cannot refuse"
                    );
                    self.sent.push(request.clone());
                    self.waits = true;
                }
                Output::SetTimer(_) => {}
                Output::Finish(outcome) => {
                    self.judge_finish(work, event, *outcome)?;
                    self.finished = Some(*outcome);
                }
            }
        }
        prop_assert_eq!(operation.is_done(), self.finished.is_some());
        Ok(())
    }

    /// A request is sent only on a fresh view, to the placement and with the epoch of that view.
    fn judge_send(&self, work: &Work, event: &Event, request: &Request) -> Result<(), TestCaseError> {
        let Event::Resolved(Some(view)) = event else {
            return Err(TestCaseError::fail(format!("{request:?} was sent on {event:?}")));
        };
        prop_assert_eq!(request.partition, PARTITION);
        match (work, &request.body) {
            (Work::Write(id, mutation), Body::Write(write)) => {
                prop_assert_eq!((&write.id, write.token, &write.mutation), (id, view.epoch, mutation));
                prop_assert_eq!(Some(request.store), view.state.write_placement());
            }
            (Work::Read(_, key), Body::Read(read)) => {
                prop_assert_eq!((read.token, &read.key), (view.epoch, key));
                prop_assert_eq!(request.store, view.state.read_placement());
            }
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
        Ok(())
    }

    fn judge_finish(&self, work: &Work, event: &Event, outcome: Outcome) -> Result<(), TestCaseError> {
        let last = self.sent.last();
        match (outcome, event) {
            (Outcome::Acknowledged, Event::Replied(Reply::Applied { write, .. })) => {
                prop_assert!(matches!(work, Work::Write(id, _) if *id == write.id));
            }
            (Outcome::Served(consistency), Event::Served { store, token }) => {
                prop_assert_eq!(work, &Work::Read(consistency, row()));
                let sent = last.map(|request| (request.store, request.body.clone()));
                prop_assert_eq!(
                    sent,
                    Some((*store, Body::Read(Read { token: *token, key: row() }))),
                    "not the attempt under way"
                );
            }
            (Outcome::NotSent, Event::TimerFired(Timer::Deadline)) => prop_assert!(last.is_none()),
            (Outcome::Indeterminate, Event::TimerFired(Timer::Deadline)) => prop_assert!(last.is_some()),
            (Outcome::Indeterminate, Event::Replied(Reply::Refused { request, refusal })) => {
                prop_assert!(last.is_some_and(|last| same_attempt(last, request)));
                let earlier = is_conditional(work) && self.answered < self.sent.len();
                let differs = matches!(refusal, Refusal::Differs { .. });
                prop_assert!(
                    differs || matches!(refusal, Refusal::Forgotten { .. }),
                    "{refusal} is retryable"
                );
                prop_assert!(!differs || earlier, "no attempt can take effect any more");
            }
            (Outcome::Differs, Event::Replied(Reply::Refused { request, refusal })) => {
                prop_assert!(last.is_some_and(|last| same_attempt(last, request)));
                prop_assert!(matches!(refusal, Refusal::Differs { .. }), "{refusal} says nothing of the row");
                let all = self.answered == self.sent.len();
                prop_assert!(
                    all || !is_conditional(work),
                    "an attempt without an answer may take effect later"
                );
            }
            other => return Err(TestCaseError::fail(format!("finished with {other:?}"))),
        }
        Ok(())
    }
}

/// Whether a request is this attempt. What a write does is not looked at: the same id does the same.
fn same_attempt(sent: &Request, request: &Request) -> bool {
    let same = match (&sent.body, &request.body) {
        (Body::Write(one), Body::Write(other)) => (one.id, one.token) == (other.id, other.token),
        (one, other) => one == other,
    };
    same && sent.store == request.store
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn an_operation_answers_once_and_sends_only_what_its_view_allows(
        work in work(),
        guarantee in some::guarantee(),
        events in prop::collection::vec(event(), 0..30),
    ) {
        let mut operation = Operation::new(PARTITION, work, guarantee);
        let mut seen = Seen::default();
        prop_assert!(operation.is_idle());
        for event in &events {
            let (idle, before) = (operation.is_idle(), operation.clone());
            let outputs = operation.handle(event);
            if idle && *event != Event::Start {
                prop_assert!(outputs.is_empty() && operation == before, "it begins with the client");
            }
            seen.take(&operation, event, &outputs, guarantee)?;
        }
        // A deadline ends the operation in any state.
        let begun = !operation.is_idle();
        let deadline = Event::TimerFired(Timer::Deadline);
        let outputs = operation.handle(&deadline);
        seen.take(&operation, &deadline, &outputs, guarantee)?;
        prop_assert_eq!(operation.is_done(), begun);
    }

    #[test]
    fn the_gate_admits_only_at_the_epoch_and_placement_of_its_view(view in some::resolution(), at in 1_u64..6) {
        let at = Epoch(at);
        let cutover = matches!(view.state, PartitionState::Migrating { phase: Phase::Cutover, .. });
        let expected = match (at == view.epoch, view.state) {
            (false, _) => WriteAdmission::Reject(GateRefusal::StaleEpoch { have: view.epoch, got: at }),
            (true, _) if cutover => {
                WriteAdmission::Reject(GateRefusal::InCutover { partition: view.partition, epoch: view.epoch })
            }
            (true, PartitionState::Active(owner) | PartitionState::Migrating { from: owner, .. }) => {
                WriteAdmission::Admit(owner)
            }
        };
        prop_assert_eq!(admit_write(&view, at), expected);
        let cached = match view.guarantee {
            Guarantee::Sealed => expected,
            Guarantee::Timed => WriteAdmission::Reject(GateRefusal::Cached { partition: view.partition }),
        };
        prop_assert_eq!(admit_cached_write(&view, at), cached, "a store that cannot refuse needs a fresh view");
    }
}
