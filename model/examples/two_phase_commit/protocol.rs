//! Two-phase commit: either all participants commit, or none does.
//!
//! A participant that has voted yes waits for the decision, however long it takes. The scope `impatient` breaks
//! this rule on purpose: it must violate an invariant, so `check` fails if it no longer finds that.

use cutover_model::protocol::{Bounds, Catalog, Choice, Invariant, JudgedBy, Notes, Protocol, Scope};

/// The bounds of a scope.
#[derive(Clone, Debug)]
pub struct CommitBounds {
    participants: usize,
    /// Number of crashes of the coordinator, which loses the votes that it has counted.
    crashes: u8,
    /// A bug on purpose: a participant that has voted yes aborts when its timer fires.
    impatient: bool,
}

impl Bounds for CommitBounds {
    fn text(&self) -> String {
        format!("{} participants, votes and decisions arrive late and again", self.participants)
    }

    fn faults(&self) -> String {
        format!("delay, repeat, reorder any message, crash of the coordinator <= {}", self.crashes)
    }
}

/// The state of a participant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Phase {
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
    /// The coordinator's decision: true to commit. It is durable, unlike the counted votes.
    decision: Option<bool>,
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

/// The protocol within the bounds of one scope.
#[derive(Debug)]
pub struct TwoPhaseCommit(CommitBounds);

const AGREEMENT: usize = 0;
const VOTES_RESPECTED: usize = 1;
const COMMITTED: usize = 0;
const ABORTED: usize = 1;
const COUNTED_AGAIN: usize = 2;

impl Protocol for TwoPhaseCommit {
    type Bounds = CommitBounds;
    type State = State;
    type Action = Action;

    fn invariants() -> &'static [Invariant] {
        &[
            Invariant {
                id: "2pc.agreement",
                claim: "No participant commits while another aborts.",
                source: "Gray and Lamport 2006, TCConsistent",
                scope: JudgedBy::Cluster,
            },
            Invariant {
                id: "2pc.votes-respected",
                claim: "The coordinator commits only what every participant has voted for.",
                source: "Gray and Lamport 2006, section 3",
                scope: JudgedBy::Cluster,
            },
        ]
    }

    fn marks() -> Vec<&'static str> {
        vec!["all have committed", "all have aborted", "votes counted again after a crash"]
    }

    fn new(bounds: &CommitBounds) -> Self {
        Self(bounds.clone())
    }

    fn initial(&self) -> State {
        let participant = Participant { phase: Phase::Working, vote: None, counted: false };
        State { participants: vec![participant; self.0.participants], decision: None, crashes: 0 }
    }

    fn enabled(&self, state: &State, into: &mut Vec<Action>) {
        for (name, participant) in state.participants.iter().enumerate() {
            if participant.phase == Phase::Working {
                into.push(Action::VoteYes(name));
            }
            if participant.phase == Phase::Working
                || (self.0.impatient && participant.phase == Phase::Prepared)
            {
                into.push(Action::GiveUp(name));
            }
            if state.decision.is_none() && participant.vote.is_some() && !participant.counted {
                into.push(Action::CountVote(name));
            }
            if state.decision.is_some() && matches!(participant.phase, Phase::Working | Phase::Prepared) {
                into.push(Action::Decide(name));
            }
        }
        if state.decision.is_none() {
            into.push(Action::StopWaiting);
            if state.crashes < self.0.crashes {
                into.push(Action::Crash);
            }
        }
    }

    fn step(&self, state: &State, action: &Action, notes: &mut Notes) -> Option<State> {
        let mut next = state.clone();
        match *action {
            Action::VoteYes(name) => {
                let participant = next.participants.get_mut(name)?;
                (participant.phase, participant.vote) = (Phase::Prepared, Some(true));
            }
            Action::GiveUp(name) => {
                let participant = next.participants.get_mut(name)?;
                participant.phase = Phase::Aborted;
                participant.vote.get_or_insert(false);
                notes.say(|| "aborts, and says so".to_owned());
            }
            Action::CountVote(name) => {
                let participant = next.participants.get_mut(name)?;
                participant.counted = true;
                if participant.vote == Some(false) {
                    next.decision = Some(false);
                } else if next.participants.iter().all(|participant| participant.counted) {
                    next.decision = Some(true);
                    if state.crashes > 0 {
                        notes.mark(COUNTED_AGAIN);
                    }
                }
                notes.say(|| decided(next.decision).to_owned());
            }
            Action::Decide(name) => {
                let commit = state.decision?;
                next.participants.get_mut(name)?.phase =
                    if commit { Phase::Committed } else { Phase::Aborted };
            }
            Action::StopWaiting => next.decision = Some(false),
            Action::Crash => {
                next.crashes += 1;
                next.participants.iter_mut().for_each(|participant| participant.counted = false);
            }
        }
        judge(&next, notes);
        Some(next)
    }

    fn choice(&self, _: &State, action: &Action) -> Option<Choice> {
        let lane = |name: usize| format!("p{}", name + 1);
        Some(match *action {
            Action::VoteYes(name) => Choice::new(lane(name), "vote yes"),
            Action::GiveUp(name) => Choice::timer(lane(name), "timer patience"),
            Action::CountVote(name) => Choice::new("tm", format!("count the vote of p{}", name + 1)),
            Action::Decide(name) => Choice::new(lane(name), "deliver the decision"),
            Action::StopWaiting => Choice::timer("tm", "timer votes"),
            Action::Crash => Choice::fault("tm", "crash lose=counted"),
        })
    }

    fn facts(&self, state: &State) -> Vec<(String, String)> {
        let participants = (1..).zip(&state.participants);
        let facts =
            participants.map(|(name, participant)| (format!("p{name}"), format!("{:?}", participant.phase)));
        facts.chain([("tm".to_owned(), decided(state.decision).to_owned())]).collect()
    }

    /// Participants are interchangeable, so their order is irrelevant.
    fn representative(state: &State) -> State {
        let mut sorted = state.clone();
        sorted.participants.sort();
        sorted
    }
}

const fn decided(decision: Option<bool>) -> &'static str {
    match decision {
        None => "waits for votes",
        Some(true) => "has decided to commit",
        Some(false) => "has decided to abort",
    }
}

fn judge(state: &State, notes: &mut Notes) {
    let all = |phase: Phase| state.participants.iter().all(|participant| participant.phase == phase);
    let any = |phase: Phase| state.participants.iter().position(|participant| participant.phase == phase);
    if let (Some(one), Some(other)) = (any(Phase::Committed), any(Phase::Aborted)) {
        let facts = || (format!("p{} has committed", one + 1), format!("p{} has aborted", other + 1));
        notes.demand(false, AGREEMENT, facts);
    }
    let against = state.participants.iter().position(|participant| participant.vote != Some(true));
    notes.demand(state.decision != Some(true) || against.is_none(), VOTES_RESPECTED, || {
        ("the coordinator commits".to_owned(), format!("of {against:?}, no vote for it is known"))
    });
    if all(Phase::Committed) {
        notes.mark(COMMITTED);
    }
    if all(Phase::Aborted) {
        notes.mark(ABORTED);
    }
}

impl Catalog for TwoPhaseCommit {
    fn scopes() -> Vec<Scope<CommitBounds>> {
        let bounds = CommitBounds { participants: 3, crashes: 1, impatient: false };
        vec![
            Scope::new("two-phase-commit", "votes, timers and a crash of the coordinator", bounds.clone())
                .reaching(Self::marks()),
            Scope::new(
                "impatient",
                "the mutant: a participant that has voted yes gives up",
                CommitBounds { participants: 2, crashes: 0, impatient: true },
            )
            .breaking("2pc.agreement"),
        ]
    }
}
