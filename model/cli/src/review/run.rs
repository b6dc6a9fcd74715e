//! Combines the lines of each run into the results of a side.

use super::side::{Baseline, Ending, Key, Mutant, MutantResult, Ruling, Searched, Seed, Setup, Side};
use super::wrong::Wrong;
use cutover_report::{
    BaselineVerdict, InvariantVerdict, Line, Mutant as MutantLine, MutantVerdict, RunStarted,
    Scope as ScopeLine, Seed as SeedLine, Verdict,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Options that select what runs and for how long, but do not change a scope's meaning.
const SELECTION: [&str; 5] = ["scopes", "threads", "budget_s", "scope_budget_s", "memory"];

/// A run whose last line has not been read.
pub(super) struct Open {
    pub(super) line: usize,
    pub(super) started: RunStarted,
    pub(super) lines: Vec<(usize, Line)>,
}

/// Reads one run after the other into a [`Side`].
pub(super) struct Reader {
    pub(super) side: Side,
    /// Line number of each result, for messages about contradicting results.
    lines: BTreeMap<(ResultKind, String), usize>,
    runs: usize,
}

/// The kind of a result. For mutants, a later kind replaces an earlier one: a mutant that was run is better known
/// than one that was only applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ResultKind {
    Listed,
    Applied,
    Judged,
    Scope,
    Baseline,
    Seed,
}

/// The lines about one scope, which come in any order.
#[derive(Default)]
struct Draft {
    first: usize,
    /// More than one element if the run searched the scope several times.
    scopes: Vec<(usize, ScopeLine)>,
    rulings: BTreeMap<String, Ruling>,
    reached: BTreeSet<String>,
}

impl Reader {
    pub(super) fn new(file: &str) -> Self {
        let side = Side { file: file.to_owned(), ..Side::default() };
        Self { side, lines: BTreeMap::new(), runs: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs == 0
    }

    pub(super) fn take(&mut self, run: Open) -> Result<(), Wrong> {
        self.runs += 1;
        if !run.started.version.is_empty() {
            self.side.versions.insert(run.started.version.clone());
        }
        if run.started.command == "mutants" {
            self.side.every_mutant |= selects_nothing(&run.started);
        }
        let mut drafts = BTreeMap::new();
        for (number, line) in run.lines {
            self.line(number, line, &mut drafts)?;
        }
        for scope in strings(run.started.options.get("scopes")) {
            if !drafts.contains_key(&scope) {
                return Err(Wrong::new(run.line, format!("no result for scope {scope:?}"), "one"));
            }
        }
        for (scope, draft) in drafts {
            self.scope(&Key { scope, options: options(&run.started) }, draft)?;
        }
        Ok(())
    }

    fn line(&mut self, number: usize, line: Line, drafts: &mut BTreeMap<String, Draft>) -> Result<(), Wrong> {
        match line {
            Line::Scope(line) => {
                draft(drafts, number, line.scope.clone()).scopes.push((number, *line));
                Ok(())
            }
            Line::Verdict(Verdict { scope, invariant, verdict, steps, .. }) => {
                draft(drafts, number, scope).ruling(number, invariant, Ruling { verdict, steps })
            }
            Line::Reached { scope, what } => {
                draft(drafts, number, scope).reached.insert(what);
                Ok(())
            }
            Line::Baseline(line) => {
                let states = line.states.filter(|_| line.verdict == BaselineVerdict::Holds);
                let scope = line.scope.unwrap_or("no scope".to_owned());
                self.baseline(number, scope, Baseline { verdict: line.verdict, states })
            }
            Line::Mutant(line) => {
                let (name, mutant) = judged(*line);
                self.mutant(number, ResultKind::Judged, name, mutant)
            }
            Line::Apply { patch, applies, why } => {
                let fate = if applies { MutantResult::Applies } else { MutantResult::Broken };
                let mutant = Mutant::unjudged(fate, why.unwrap_or_default());
                self.mutant(number, ResultKind::Applied, patch, mutant)
            }
            Line::NotRun { patch, .. } => self.listed(number, patch),
            Line::Patch(line) => self.listed(number, line.patch),
            Line::Seed(line) => self.seed(number, *line),
            Line::Mark { mark, count } => {
                if count > 0 {
                    self.side.seed_marks.insert(mark);
                }
                Ok(())
            }
            // Lines that the loader handles, that cannot occur, or that are not compared.
            Line::RunStarted(_)
            | Line::RunFinished { .. }
            | Line::Listed(_)
            | Line::Walk(_)
            | Line::Invariant { .. }
            | Line::Trace(_)
            | Line::Recording(_)
            | Line::Fault { .. }
            | Line::Count { .. }
            | Line::EngineTotal(_)
            | Line::Change(_)
            | Line::Review(_)
            | Line::Touched(_)
            | Line::History(_)
            | Line::Coverage(_)
            | Line::Unexecuted(_)
            | Line::Untrue { .. }
            | Line::Transitions(_)
            | Line::Simulated { .. }
            | Line::Demo(_)
            | Line::Other => Ok(()),
        }
    }

    fn seed(&mut self, line: usize, seed: SeedLine) -> Result<(), Wrong> {
        let SeedLine { seed: name, verdict, invariant, deterministic, options, .. } = seed;
        let found = Seed { verdict, invariant, deterministic, options };
        let first = *self.lines.entry((ResultKind::Seed, name.clone())).or_insert(line);
        let own = self.side.seeds.entry(name.clone()).or_insert(found.clone());
        if *own == found { Ok(()) } else { Err(twice(line, "seed", &name, first)) }
    }

    fn listed(&mut self, line: usize, patch: String) -> Result<(), Wrong> {
        self.mutant(line, ResultKind::Listed, patch, Mutant::unjudged(MutantResult::NotRun, String::new()))
    }

    fn mutant(&mut self, line: usize, of: ResultKind, patch: String, mutant: Mutant) -> Result<(), Wrong> {
        let name = patch.strip_suffix(".patch").unwrap_or(&patch).to_owned();
        let known = [ResultKind::Judged, ResultKind::Applied, ResultKind::Listed]
            .into_iter()
            .find_map(|of| self.lines.get(&(of, name.clone())).map(|line| (of, *line)));
        match known {
            Some((better, _)) if better > of => return Ok(()),
            Some((same, first)) if same == of => {
                let merged = self.side.mutants.get_mut(&name).is_some_and(|own| own.merge(mutant));
                return if merged { Ok(()) } else { Err(twice(line, "mutant", &name, first)) };
            }
            Some(_) | None => {}
        }
        self.lines.insert((of, name.clone()), line);
        self.side.mutants.insert(name, mutant);
        Ok(())
    }

    fn baseline(&mut self, line: usize, scope: String, baseline: Baseline) -> Result<(), Wrong> {
        let first = *self.lines.entry((ResultKind::Baseline, scope.clone())).or_insert(line);
        let own = self.side.baselines.entry(scope.clone()).or_insert(baseline.clone());
        if *own == baseline { Ok(()) } else { Err(twice(line, "the unmutated tree over", &scope, first)) }
    }

    fn scope(&mut self, key: &Key, draft: Draft) -> Result<(), Wrong> {
        if draft.scopes.is_empty() {
            let found = format!("a result of scope {:?}", key.scope);
            return Err(Wrong::new(draft.first, found, "a line of type \"scope\" for it in the same run"));
        }
        for (line, scope) in draft.scopes {
            let searched = searched(scope, draft.rulings.clone(), draft.reached.clone());
            let first = *self.lines.entry((ResultKind::Scope, format!("{key:?}"))).or_insert(line);
            let merged = match self.side.scopes.get_mut(key) {
                Some(own) => own.merge(searched),
                None => self.side.scopes.insert(key.clone(), searched).is_none(),
            };
            if !merged {
                return Err(twice(line, "scope", &key.scope, first));
            }
        }
        Ok(())
    }
}

impl Draft {
    fn ruling(&mut self, number: usize, invariant: String, ruling: Ruling) -> Result<(), Wrong> {
        let own = self.rulings.entry(invariant.clone()).or_insert(ruling);
        if own.verdict != ruling.verdict {
            let found = format!("{} for invariant {invariant:?}", ruling.verdict.word());
            return Err(Wrong::new(
                number,
                found,
                format!("{}, the verdict of an earlier line", own.verdict.word()),
            ));
        }
        own.steps = own.steps.min(ruling.steps);
        Ok(())
    }
}

fn draft(drafts: &mut BTreeMap<String, Draft>, first: usize, scope: String) -> &mut Draft {
    drafts.entry(scope).or_insert(Draft { first, ..Draft::default() })
}

/// The error for a second result on the same thing: no way to tell which one to compare.
fn twice(line: usize, what: &str, name: &str, first: usize) -> Wrong {
    let found = format!("another result for {what} {name:?}");
    Wrong::new(line, found, format!("the one of line {first}, or none"))
}

fn searched(line: ScopeLine, rulings: BTreeMap<String, Ruling>, reached: BTreeSet<String>) -> Searched {
    let violated = rulings.values().any(|ruling| ruling.verdict == InvariantVerdict::Violated);
    let complete = line.complete && !violated;
    Searched {
        ending: match (complete, violated) {
            (true, _) => Ending::Complete,
            (false, true) => Ending::Violation,
            (false, false) => Ending::Early,
        },
        ended_by: line.ended_by,
        unique: complete.then_some(line.unique),
        rulings,
        reached: if complete { reached } else { BTreeSet::new() },
        missing: if complete { line.missing.into_iter().collect() } else { BTreeSet::new() },
        setup: line.bounds.map(|bounds| Setup { bounds, faults: line.faults, expect: line.expect }),
    }
}

fn judged(line: MutantLine) -> (String, Mutant) {
    let MutantLine { patch, verdict, unknown, expect, as_expected, named, by, why, .. } = line;
    let fate = match verdict {
        MutantVerdict::Killed => MutantResult::Killed,
        MutantVerdict::Survived if unknown => MutantResult::Unknown,
        MutantVerdict::Survived => MutantResult::Survived,
        MutantVerdict::Broken => MutantResult::Broken,
    };
    (patch, Mutant { fate, by, named, expect: Some(expect), as_expected, why })
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The options that affect a scope's numbers. An option that has its default value counts as not set.
fn options(started: &RunStarted) -> BTreeMap<String, String> {
    let counts = |name: &str, value: &Value| {
        let default = value.is_null() || (name == "pauses" && value == "bounded");
        !default && !SELECTION.contains(&name)
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let options = started.options.iter().filter(|(name, value)| counts(name, value));
    options.map(|(name, value)| (name.clone(), text(value))).collect()
}

/// Whether a run of the scoreboard selected all patches.
fn selects_nothing(started: &RunStarted) -> bool {
    let set = |name| started.options.get(name).is_some_and(|value| !value.is_null());
    strings(started.options.get("patterns")).is_empty()
        && !set("only_changed")
        && !set("sample")
        && !set("engine")
}
