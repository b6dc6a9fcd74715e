//! Compares the scoreboards: mutants, and the unmutated tree.

use super::side::{Baseline, Fate, Mutant, Side};
use cutover_report::{BaselineVerdict, Call, Change, Kind, Value};
use std::collections::BTreeSet;

/// The result of comparing two scoreboards.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) changes: Vec<Change>,
    pub(super) standing: Vec<String>,
    pub(super) unknown: Vec<String>,
    /// Number of mutants that both sides ran.
    pub(super) compared: usize,
    pub(super) base_only: usize,
    pub(super) head_only: usize,
    pub(super) in_common: bool,
}

/// What one side's file says about a mutant.
#[derive(Clone, Copy)]
enum At<'a> {
    Judged(&'a Mutant),
    /// The mutant exists, or may exist, but this run's selection left it out.
    NotRun {
        applies: bool,
    },
    Gone,
}

impl<'a> At<'a> {
    fn of(side: &'a Side, name: &str) -> Self {
        match side.mutants.get(name) {
            Some(mutant) if mutant.was_run() => Self::Judged(mutant),
            Some(mutant) => Self::NotRun { applies: mutant.fate == Fate::Applies },
            None if side.every_mutant => Self::Gone,
            None => Self::NotRun { applies: false },
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Judged(mutant) => Value::word(mutant.text()),
            Self::NotRun { applies: true } => Value::word("applies, not run"),
            Self::NotRun { applies: false } => Value::word("not run"),
            Self::Gone => Value::Absent,
        }
    }

    fn is_bad(self) -> bool {
        match self {
            Self::Judged(mutant) => !mutant.is_well(),
            Self::NotRun { .. } | Self::Gone => false,
        }
    }
}

pub(super) fn compare(base: &Side, head: &Side) -> Board {
    let mut board = Board::default();
    let names: BTreeSet<&String> = base.mutants.keys().chain(head.mutants.keys()).collect();
    for name in names {
        board.mutant(name, At::of(base, name), At::of(head, name));
        let known = |side: &Side| side.mutants.get(name).is_some_and(|mutant| mutant.fate != Fate::NotRun);
        board.in_common |= known(base) && known(head);
    }
    for (scope, now) in &head.baselines {
        let Some(before) = base.baselines.get(scope) else { continue };
        board.in_common = true;
        board.baseline(scope, before, now);
    }
    board
}

impl Board {
    fn mutant(&mut self, name: &str, base: At<'_>, head: At<'_>) {
        let call = match (base, head) {
            (At::Judged(before), At::Judged(now)) => {
                self.compared += 1;
                if before.text() == now.text() && !before.expects_otherwise(now) {
                    return self.alike(name, now);
                }
                judged(before, now)
            }
            (At::Judged(before), At::NotRun { .. }) => {
                self.base_only += 1;
                if before.is_well() {
                    return;
                }
                Call::Note
            }
            (At::NotRun { .. }, At::Judged(now)) => {
                self.head_only += 1;
                if now.is_well() {
                    return;
                }
                Call::Decide
            }
            (At::NotRun { .. }, At::NotRun { .. }) | (At::Gone, At::Gone) => return,
            (At::Judged(_) | At::NotRun { .. }, At::Gone) => Call::Decide,
            (At::Gone, At::Judged(_) | At::NotRun { .. }) => {
                if head.is_bad() {
                    Call::Decide
                } else {
                    Call::Note
                }
            }
        };
        self.changes.push(Change {
            call,
            kind: Kind::Mutant,
            scopes: Vec::new(),
            what: vec![name.to_owned()],
            base: base.value(),
            head: head.value(),
            note: broken(head).or_else(|| broken(base)),
        });
    }

    fn alike(&mut self, name: &str, mutant: &Mutant) {
        if mutant.fate == Fate::Unknown {
            self.unknown.push(format!("the mutant {name}"));
        } else if !mutant.is_well() {
            self.standing.push(format!("the mutant {name} is {}", mutant.text()));
        }
    }

    fn baseline(&mut self, scope: &str, before: &Baseline, now: &Baseline) {
        let same_states = match (before.states, now.states) {
            (Some(before), Some(now)) => before == now,
            (None, _) | (_, None) => true,
        };
        if before.verdict == now.verdict && same_states {
            return self.same_baseline(scope, now);
        }
        let better = now.verdict == BaselineVerdict::Holds && before.verdict != now.verdict;
        self.changes.push(Change {
            call: if better { Call::Better } else { Call::Decide },
            kind: Kind::Baseline,
            scopes: vec![scope.to_owned()],
            what: Vec::new(),
            base: Value::word(before.text()),
            head: Value::word(now.text()),
            note: None,
        });
    }

    fn same_baseline(&mut self, scope: &str, baseline: &Baseline) {
        let what = format!("the unmutated tree over {scope}");
        match baseline.verdict {
            BaselineVerdict::Holds => {}
            BaselineVerdict::Unknown => self.unknown.push(what),
            verdict @ (BaselineVerdict::Violated | BaselineVerdict::Broken) => {
                self.standing.push(format!("{what} is {verdict}"));
            }
        }
    }
}

/// How to treat a mutant that both sides ran with different results.
fn judged(before: &Mutant, now: &Mutant) -> Call {
    if before.expects_otherwise(now) || !now.is_well() {
        Call::Decide
    } else if before.is_well() {
        Call::Note
    } else {
        Call::Better
    }
}

/// Why a mutant is broken, if it is.
fn broken(at: At<'_>) -> Option<String> {
    match at {
        At::Judged(mutant) if mutant.fate == Fate::Broken => mutant.why.lines().next().map(str::to_owned),
        At::Judged(_) | At::NotRun { .. } | At::Gone => None,
    }
}
