//! Two-phase commit: either all participants commit, or none does.
//!
//! A participant that has voted yes waits for the decision, however long it takes. The scope `impatient` breaks
//! this rule on purpose: it must violate an invariant, so `check` fails if it no longer finds that.

use Phase::{Aborted, Committed, Prepared, Working};
use cutover_model::protocol::{Bounds, Catalog, Choice, Invariant, Notes, Protocol, Scope};

/// The bounds of a scope.
#[derive(Clone, Debug)]
pub struct TwoPhaseCommit {
    participants: usize,
    /// Number of crashes of the coordinator, which loses the votes that it has counted.
    crashes: u8,
    /// A bug on purpose: a participant that has voted yes aborts when its timer fires.
    impatient: bool,
}

impl Bounds for TwoPhaseCommit {
    fn faults(&self) -> String {
        format!("delay, repeat, reorder any message, crash of the coordinator <= {}", self.crashes)
    }
}

/// The state of a participant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Participant {
    phase: Phase,
    /// The vote that it has sent. The message stays deliverable, so a crashed coordinator can count it again.
    vote: Option<bool>,
    /// Whether the coordinator has counted the vote since its last crash.
    counted: bool,
}

/// The state of all participants and of the coordinator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    participants: Vec<Participant>,
    /// The coordinator's decision. It is durable, unlike the counted votes.
    decision: Option<Phase>,
    crashes: u8,
}

/// An action; the number is that of a participant, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    VoteYes(usize),
    GiveUp(usize),
    CountVote(usize),
    Decide(usize),
    StopWaiting,
    Crash,
}

const AGREEMENT: Invariant = Invariant::new(
    "2pc.agreement",
    "No participant commits while another aborts.",
    "Gray and Lamport 2006, TCConsistent",
);
const VOTES_RESPECTED: Invariant = Invariant::new(
    "2pc.votes-respected",
    "The coordinator commits only what every participant has voted for.",
    "Gray and Lamport 2006, section 3",
);

impl Protocol for TwoPhaseCommit {
    type Bounds = Self;
    type State = State;
    type Action = Action;

    fn invariants() -> &'static [Invariant] {
        &[AGREEMENT, VOTES_RESPECTED]
    }

    fn marks() -> &'static [&'static str] {
        &["all have committed", "all have aborted", "votes counted again after a crash"]
    }

    fn new(bounds: &Self) -> Self {
        bounds.clone()
    }

    fn initial(&self) -> State {
        let participant = Participant { phase: Working, vote: None, counted: false };
        State { participants: vec![participant; self.participants], decision: None, crashes: 0 }
    }

    fn enabled(&self, _: &State, into: &mut Vec<Action>) {
        let each = [Action::VoteYes, Action::GiveUp, Action::CountVote, Action::Decide];
        into.extend((0..self.participants).flat_map(|name| each.map(|action| action(name))));
        into.extend([Action::StopWaiting, Action::Crash]);
    }

    fn step(&self, state: &State, action: &Action, notes: &mut Notes) -> Option<State> {
        let mut next = state.clone();
        let waits = state.decision.is_none();
        match *action {
            Action::VoteYes(name) => {
                let it = next.participants.get_mut(name).filter(|it| it.phase == Working)?;
                (it.phase, it.vote) = (Prepared, Some(true));
            }
            Action::GiveUp(name) => {
                let it = next.participants.get_mut(name)?;
                let may = it.phase == Working || (self.impatient && it.phase == Prepared);
                it.phase = may.then_some(Aborted)?;
                it.vote.get_or_insert(false);
                notes.say(|| "aborts, and says so".to_owned());
            }
            Action::CountVote(name) => {
                let it = next.participants.get_mut(name).filter(|it| waits && !it.counted)?;
                it.counted = true;
                if !it.vote? {
                    next.decision = Some(Aborted);
                } else if next.participants.iter().all(|it| it.counted) {
                    next.decision = Some(Committed);
                    notes.mark(state.crashes > 0, "votes counted again after a crash");
                }
            }
            Action::Decide(name) => {
                let it = next.participants.get_mut(name).filter(|it| it.phase <= Prepared)?;
                it.phase = state.decision?;
            }
            Action::StopWaiting if waits => next.decision = Some(Aborted),
            Action::Crash if waits && state.crashes < self.crashes => {
                next.crashes += 1;
                next.participants.iter_mut().for_each(|it| it.counted = false);
            }
            Action::StopWaiting | Action::Crash => return None,
        }
        judge(&next, notes);
        Some(next)
    }

    fn choice(&self, _: &State, action: &Action) -> Option<Choice> {
        let lane = |name: usize| format!("p{}", name + 1);
        Some(match *action {
            Action::VoteYes(name) => Choice::new(lane(name), "vote yes"),
            Action::GiveUp(name) => Choice::timer(lane(name), "timer patience"),
            Action::CountVote(name) => Choice::new("tm", format!("count the vote of {}", lane(name))),
            Action::Decide(name) => Choice::new(lane(name), "deliver the decision"),
            Action::StopWaiting => Choice::timer("tm", "timer votes"),
            Action::Crash => Choice::fault("tm", "crash lose=counted"),
        })
    }

    fn facts(&self, state: &State) -> Vec<(String, String)> {
        let participants = (1..).zip(&state.participants);
        let facts = participants.map(|(name, it)| (format!("p{name}"), format!("{:?}", it.phase)));
        facts.chain([("tm".to_owned(), format!("{:?}", state.decision))]).collect()
    }

    /// Participants are interchangeable, so their order is irrelevant.
    fn representative(state: &State) -> State {
        let mut sorted = state.clone();
        sorted.participants.sort();
        sorted
    }
}

fn judge(state: &State, notes: &mut Notes) {
    let all = |phase| state.participants.iter().all(|it| it.phase == phase);
    let any = |phase| state.participants.iter().any(|it| it.phase == phase);
    notes.mark(all(Committed), "all have committed");
    notes.mark(all(Aborted), "all have aborted");
    notes.demand(!any(Committed) || !any(Aborted), &AGREEMENT, || {
        ("one has committed", "another has aborted")
    });
    let agreed = state.participants.iter().all(|it| it.vote == Some(true));
    notes.demand(agreed || state.decision != Some(Committed), &VOTES_RESPECTED, || {
        ("the coordinator commits", "somebody has not voted for it")
    });
}

impl Catalog for TwoPhaseCommit {
    fn scopes() -> Vec<Scope<Self>> {
        let all = Self { participants: 3, crashes: 1, impatient: false };
        let broken = Self { participants: 2, crashes: 0, impatient: true };
        vec![
            Scope::new("two-phase-commit", "votes, timers and a crash of the coordinator", all)
                .reaching(Self::marks().iter().copied()),
            Scope::new("impatient", "known to break: a participant gives up after its yes", broken)
                .breaking(AGREEMENT.id),
        ]
    }
}
