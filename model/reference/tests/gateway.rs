//! Random events to operations of clients and to their references: each output is compared.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "support/dice.rs"]
mod dice;
#[path = "gateway/events.rs"]
mod events;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "support/tally.rs"]
mod tally;

use cutover::core::fence::{Refusal, Reply};
use cutover::core::gate::{Event, Operation, Output, Work, WriteAdmission, admit_cached_write, admit_write};
use cutover::core::ids::Epoch;
use cutover_reference::beside::gateway::{OperationBeside, admitted};
use cutover_reference::gateway::operation::Waits;
use dice::Dice;
use events::{Events, PARTITION};
use tally::{Tally, name};

const OPERATIONS: u64 = 15_000;
const EVENTS_MAX: u64 = 60;

fn walk(seed: u64) {
    let mut tally = Tally::default();
    let mut dice = Dice::new(seed, 0);
    for number in 0..OPERATIONS {
        operation(&mut dice, &mut tally)
            .unwrap_or_else(|what| panic!("seed {seed}, operation {number}\n{what}"));
        gate(&mut dice, &mut tally).unwrap_or_else(|what| panic!("seed {seed}, admission {number}\n{what}"));
    }
    tally.wants(50, SEEN);
}

/// Each rule, kept; and each event that it tells to ignore.
const SEEN: &[&str] = &[
    "Start: Deadline Resolve",
    "resolved anew because of its guarantee",
    "no view: Backoff",
    "in a cutover: Backoff",
    "sent: a write",
    "sent: a read",
    "Attempt: Resolve",
    "Backoff: Resolve",
    "Deadline: NotSent",
    "Deadline: Indeterminate",
    "applied: Acknowledged",
    "applied: Acknowledged, for an attempt of before",
    "applied: of another write",
    "refused: Backoff",
    "refused: Indeterminate",
    "refused: another attempt",
    "differs: Differs",
    "differs: Differs, after other attempts",
    "differs: Indeterminate, after other attempts",
    "Served: Served",
    "Served: ignored",
    "Attempt: ignored",
    "Backoff: ignored",
    "ignored, for it is done",
    "ignored, for it has not begun",
    "gate: Admit",
    "gate: StaleEpoch",
    "gate: InCutover",
    "gate: Cached",
];

fn operation(dice: &mut Dice, tally: &mut Tally) -> Result<(), String> {
    let mut events = Events::new(dice);
    let (work, guarantee) = (events.work(), events.guarantee());
    let mut machine = Operation::new(PARTITION, work.clone(), guarantee);
    let mut reference = OperationBeside::new(PARTITION, work, guarantee);
    for _ in 0..EVENTS_MAX {
        let before = reference.operation().clone();
        let event = events.next(&before);
        let was = machine.clone();
        let outputs = machine.handle(&event);
        let judged = reference.handled(&event, &outputs, &machine);
        judged.map_err(|disagreement| format!("{was:?}\n{disagreement}"))?;
        note(tally, &before, &event, &outputs);
        if before.waits == Waits::Nothing {
            break;
        }
    }
    Ok(())
}

fn note(
    tally: &mut Tally,
    before: &cutover_reference::gateway::operation::Operation,
    event: &Event,
    outputs: &[Output],
) {
    let first = match outputs {
        [Output::SetTimer(timer), ..] => name(timer),
        [Output::Finish(outcome)] => name(outcome),
        [other, ..] => name(other),
        [] => "ignored".to_owned(),
    };
    match (before.waits, event) {
        (Waits::Nothing, _) => tally.notes("ignored, for it is done"),
        (Waits::Start, Event::Start) => tally.notes("Start: Deadline Resolve"),
        (Waits::Start, _) => tally.notes("ignored, for it has not begun"),
        (Waits::View(_), Event::Resolved(None)) => tally.notes(format!("no view: {first}")),
        (Waits::View(_), Event::Resolved(Some(_))) => match (first.as_str(), &before.work) {
            ("Resolve", _) => tally.notes("resolved anew because of its guarantee"),
            ("Backoff", _) => tally.notes("in a cutover: Backoff"),
            (_, Work::Write(..)) => tally.notes("sent: a write"),
            (_, Work::Read(..)) => tally.notes("sent: a read"),
        },
        (waits, Event::Replied(Reply::Applied { write, .. })) => {
            if !matches!(before.work, Work::Write(id, _) if id == write.id) {
                return tally.notes("applied: of another write");
            }
            let current = matches!(waits, Waits::Answer(attempt) if attempt.token == write.token);
            let late = if current { "" } else { ", for an attempt of before" };
            tally.notes(format!("applied: {first}{late}"));
        }
        (_, Event::Replied(Reply::Refused { .. })) if outputs.is_empty() => {
            tally.notes("refused: another attempt");
        }
        (_, Event::Replied(Reply::Refused { refusal: Refusal::Differs { .. }, .. })) => {
            let others = if before.sent.len() > 1 { ", after other attempts" } else { "" };
            tally.notes(format!("differs: {first}{others}"));
        }
        (_, Event::Replied(Reply::Refused { .. })) => tally.notes(format!("refused: {first}")),
        (_, Event::Served { .. }) => tally.notes(format!("Served: {first}")),
        (_, Event::TimerFired(timer)) => tally.notes(format!("{timer:?}: {first}")),
        (_, Event::Start | Event::Resolved(_) | Event::Replied(_)) => {}
    }
}

fn gate(dice: &mut Dice, tally: &mut Tally) -> Result<(), String> {
    let view = Events::new(dice).view();
    let resolved = Epoch(dice.near(view.epoch.0));
    for from_cache in [false, true] {
        let admission =
            if from_cache { admit_cached_write(&view, resolved) } else { admit_write(&view, resolved) };
        admitted(&view, resolved, from_cache, &admission).map_err(|what| what.to_string())?;
        match admission {
            WriteAdmission::Admit(_) => tally.notes("gate: Admit"),
            WriteAdmission::Reject(refusal) => tally.notes(format!("gate: {}", name(&refusal))),
        }
    }
    Ok(())
}

#[test]
fn an_operation_agrees_with_its_reference() {
    walk(1);
}

/// `WALK_SEEDS=1000..1100 cargo test --release -p cutover-reference --test gateway -- --ignored`
#[test]
#[ignore = "as long as it is asked to"]
fn an_operation_agrees_with_its_reference_from_other_seeds() {
    seeds::asked_for().for_each(walk);
}
