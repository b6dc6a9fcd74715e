//! Random attempts of calls, and random outcomes, beside their references.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "support/dice.rs"]
mod dice;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "support/tally.rs"]
mod tally;

use cutover::core::control_plane::Answer;
use cutover::core::ids::{Epoch, Index, NodeId, PartitionId, Serial, SessionId};
use cutover::core::migration::MigrationError;
use cutover::core::raft::{Effect, Outcome, Rejection, SessionRefusal};
use cutover::core::retry::{Attempt, Call, Next, Refusal, Repeat, Target};
use cutover_reference::beside::call::{CallBeside, told};
use dice::Dice;
use tally::{Tally, name};

const CALLS: u64 = 20_000;
const ATTEMPTS_MAX: u64 = 30;

const ATTEMPTS: [Attempt; 10] = [
    Attempt::Answered,
    Attempt::NotSent,
    Attempt::NoAnswer,
    Attempt::Indeterminate,
    Attempt::Refused(Refusal::Request),
    Attempt::Refused(Refusal::Attempt),
    Attempt::Refused(Refusal::Forgotten),
    Attempt::NotLeader { hint: true },
    Attempt::NotLeader { hint: false },
    Attempt::Busy,
];

/// Each ending, and each way on.
const SEEN: &[&str] = &[
    "Answered: Answer",
    "Refused: Refused",
    "Refused: Unknown",
    "NoAnswer: Unknown",
    "Indeterminate: Unknown",
    "NoAnswer: Another",
    "Indeterminate: Another",
    "NotSent: Another",
    "NotLeader: Hinted",
    "NotLeader: Hinted after a pause",
    "NotLeader: Another",
    "Busy: Same",
    "Busy: Another",
    "a hint after an attempt that may have been applied",
    "the deadline: NotDone",
    "the deadline: Unknown",
];

fn call(dice: &mut Dice, tally: &mut Tally) -> Result<(), String> {
    let repeat = dice.one_of(&[Repeat::Harmless, Repeat::Ticketed, Repeat::Never]);
    let resumed = repeat == Repeat::Ticketed && dice.percent(20);
    let mut machine = if resumed { Call::resumed(repeat) } else { Call::new(repeat) };
    let mut reference = CallBeside::new(repeat, resumed);
    reference.compare(&machine).map_err(|what| what.to_string())?;
    // Attempts that end the call are rarer in some calls, and those of a kind come in rows in others.
    let (goes_on, repeats) = (dice.percent(70), dice.below(80));
    let mut attempt = dice.one_of(&ATTEMPTS);
    for _ in 0..ATTEMPTS_MAX {
        if !dice.percent(repeats) {
            let from = if goes_on { &ATTEMPTS[7..] } else { &ATTEMPTS };
            attempt = if dice.percent(90) { dice.one_of(from) } else { dice.one_of(&ATTEMPTS) };
        }
        let open = reference.call().may_be_applied();
        let next = machine.attempted(attempt);
        reference.attempted(attempt, next, &machine).map_err(|what| what.to_string())?;
        if open && attempt == (Attempt::NotLeader { hint: true }) {
            tally.notes("a hint after an attempt that may have been applied");
        }
        match next {
            Next::End(ending) => {
                tally.notes(format!("{}: {ending:?}", name(&attempt)));
                return Ok(());
            }
            Next::Again { to, pause } => {
                let late = if pause && to == Target::Hinted { " after a pause" } else { "" };
                tally.notes(format!("{}: {to:?}{late}", name(&attempt)));
            }
        }
    }
    tally.notes(format!("the deadline: {:?}", machine.expired()));
    Ok(())
}

fn walk(seed: u64) {
    let (mut dice, mut tally) = (Dice::new(seed, 0), Tally::default());
    for number in 0..CALLS {
        call(&mut dice, &mut tally).unwrap_or_else(|what| panic!("seed {seed}, call {number}\n{what}"));
    }
    tally.wants(20, SEEN);
}

#[test]
fn calls_agree_with_their_reference() {
    walk(1);
    walk(2);
}

/// `WALK_SEEDS=1000..1100 cargo test --release -p cutover-reference --test call -- --ignored`
#[test]
#[ignore = "as long as it is asked to"]
fn calls_agree_with_their_reference_from_other_seeds() {
    seeds::asked_for().for_each(walk);
}

/// Every outcome of a transition says what is known of it, and no more.
#[test]
fn a_store_says_what_the_outcome_says() {
    let (session, serial) = (SessionId(1), Serial(2));
    let answers = [
        Answer::Epoch(Epoch(7)),
        Answer::Named { partition: PartitionId(3), epoch: Epoch(8) },
        Answer::Refused(MigrationError::AlreadyOpen { partition: PartitionId(1) }),
    ];
    let answered = answers.map(|answer| Effect::Answered { answer, repeated: false });
    let refused = [
        SessionRefusal::Expired { session },
        SessionRefusal::Acknowledged { serial, through: serial },
        SessionRefusal::TooMany { outstanding: 9, max: 8 },
    ];
    let effects = answered.into_iter().chain(refused.map(Effect::SessionRefused));
    let committed = effects.map(|effect| Outcome::Committed { index: Index(5), effect });
    let rejections = [
        Rejection::NotLeader { leader: None },
        Rejection::Transferring { to: NodeId(2) },
        Rejection::Busy { have: 9, max: 8 },
        Rejection::TooLong { have: 9, max: 8 },
        Rejection::OpensTerm,
        Rejection::Halted,
    ];
    let others = rejections.map(Outcome::Rejected).into_iter().chain([Outcome::Indeterminate]);
    for outcome in committed.chain(others) {
        told(&outcome).unwrap_or_else(|what| panic!("{outcome:?}\n{what}"));
    }
    told(&Outcome::Indeterminate).expect("it is unknown");
}
