//! The JSON output of `cutover check`, `cutover replay` or the simulator, and the verdict on a mutant that follows from it.

use super::judge::Judge;
use super::patch::{Patch, divergence};
use cutover_report::{
    Expect, InvariantVerdict as Judged, Line, MutantVerdict as Verdict, Seed, SeedVerdict, Trace,
    TraceVerdict, Verdict as VerdictLine,
};
use std::collections::BTreeSet;

/// What kills a mutant whose check ends in a panic.
const PANIC: &str = "a panic";
/// What kills a mutant with which a search is complete, and does not see what it has to see.
const NOT_REACHED: &str = "not reached";

#[derive(Debug)]
struct Ruling {
    invariant: String,
    judged: Judged,
    steps: Option<u64>,
    trace: Option<String>,
    /// Name of the scope; empty if there is none.
    scope: String,
}

/// The results in the output of one check.
#[derive(Debug)]
pub struct RunOutput {
    rulings: Vec<Ruling>,
    /// The results of replayed traces.
    replayed: Vec<Trace>,
    /// The scopes that hold a published design, in which an invariant has to fail.
    designs: BTreeSet<String>,
    /// Situations that complete searches had to reach, and did not.
    missing: Vec<String>,
    /// Whether the searches were complete, those of designs that must break left out; `None` if the output does not contain this.
    complete: Option<bool>,
    /// Number of unique states.
    pub states: Option<u64>,
    /// Number of seeds that the simulator ran, and of those with the verdict `UNKNOWN`.
    pub seeds: Option<u64>,
    unknown: u64,
    /// Whether the output has its last line.
    finished: bool,
}

/// A verdict with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The verdict on the mutant.
    pub verdict: Verdict,
    /// Whether the search ended before it had a verdict.
    pub unknown: bool,
    /// Id of the invariant that failed, or `the compiler`.
    pub by: Option<String>,
    /// The reason: one line, or several for an error of the build.
    pub why: String,
    /// Length of the run that violates the invariant.
    pub steps: Option<u64>,
    /// Path of the trace of the violation, as printed by the check.
    pub trace: Option<String>,
}

impl Finding {
    /// A finding without a violating run.
    #[must_use]
    pub fn new(verdict: Verdict, by: Option<&str>, why: String) -> Self {
        Self { verdict, unknown: false, by: by.map(str::to_owned), why, steps: None, trace: None }
    }

    /// Whether this is the verdict that the patch demands.
    #[must_use]
    pub fn as_expected(&self, expect: Expect) -> bool {
        match expect {
            Expect::Killed | Expect::DoesNotCompile => self.verdict == Verdict::Killed,
            Expect::Open => self.verdict != Verdict::Broken,
            Expect::Survives => self.verdict == Verdict::Survived && !self.unknown,
        }
    }

    /// The verdict as printed.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Survived if self.unknown => "UNKNOWN",
            Verdict::Killed | Verdict::Survived | Verdict::Broken => self.verdict.word(),
        }
    }

    fn unknown(by: Option<&str>, why: String) -> Self {
        Self { unknown: true, ..Self::new(Verdict::Survived, by, why) }
    }

    fn ruled(verdict: Verdict, ruling: &Ruling, why: String) -> Self {
        Self {
            steps: ruling.steps,
            trace: ruling.trace.clone(),
            ..Self::new(verdict, Some(&ruling.invariant), why)
        }
    }
}

impl RunOutput {
    /// Reads the output of a check. Lines that are no JSON are skipped, since a check that was killed may end in
    /// the middle of a line. What is missing then is noticed in [`RunOutput::judge`].
    #[must_use]
    pub fn read(stdout: &str) -> Self {
        let mut said = Self {
            rulings: Vec::new(),
            replayed: Vec::new(),
            designs: BTreeSet::new(),
            missing: Vec::new(),
            complete: None,
            states: None,
            seeds: None,
            unknown: 0,
            finished: false,
        };
        for line in stdout.lines() {
            match serde_json::from_str(line).unwrap_or(Line::Other) {
                Line::Scope(scope) => {
                    if scope.expect.is_none() {
                        said.complete = Some(said.complete.unwrap_or(true) && scope.complete);
                    }
                    said.states = Some(said.states.unwrap_or(0).saturating_add(scope.unique));
                    if scope.complete {
                        said.missing.extend(scope.missing);
                    }
                    if scope.expect.is_some() {
                        said.designs.insert(scope.scope);
                    }
                }
                Line::Verdict(VerdictLine { invariant, verdict, steps, trace, scope }) => {
                    said.rulings.push(Ruling { invariant, judged: verdict, steps, trace, scope })
                }
                Line::Seed(seed) => said.seed(*seed),
                Line::Trace(trace) => said.replayed.push(trace),
                Line::RunFinished { .. } => said.finished = true,
                // Lines of other verbs, or without a use here.
                Line::RunStarted(_)
                | Line::Reached { .. }
                | Line::Listed(_)
                | Line::Walk(_)
                | Line::Invariant { .. }
                | Line::Recording(_)
                | Line::Baseline(_)
                | Line::Mutant(_)
                | Line::EngineTotal(_)
                | Line::NotRun { .. }
                | Line::Apply { .. }
                | Line::Patch(_)
                | Line::Fault { .. }
                | Line::Mark { .. }
                | Line::Count { .. }
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
                | Line::Other => {}
            }
        }
        said
    }

    fn seed(&mut self, seed: Seed) {
        self.seeds = Some(self.seeds.unwrap_or(0) + 1);
        match seed.verdict {
            SeedVerdict::Holds => {}
            SeedVerdict::Unknown => self.unknown += 1,
            other @ (SeedVerdict::Stuck | SeedVerdict::Violated | SeedVerdict::Crashed) => {
                self.rulings.push(Ruling {
                    invariant: seed.invariant.unwrap_or_else(|| other.to_string()),
                    judged: Judged::Violated,
                    steps: None,
                    trace: None,
                    scope: String::new(),
                })
            }
        }
    }

    /// Reads the output of tests: each is a ruling by its name.
    #[must_use]
    pub fn read_tests(stdout: &str) -> Self {
        let mut said = Self::read("");
        for line in stdout.lines() {
            said.finished |= line.starts_with("test result:");
            let Some((name, result)) = line.strip_prefix("test ").and_then(|test| test.split_once(" ... "))
            else {
                continue;
            };
            let judged = match result {
                "ok" => Judged::Holds,
                "FAILED" => Judged::Violated,
                _ => continue,
            };
            let (steps, trace, scope) = (None, None, String::new());
            said.rulings.push(Ruling { invariant: name.to_owned(), judged, steps, trace, scope });
        }
        said
    }

    /// The verdict on a mutant that whatever is found kills. `panicked`: the check ended in a panic.
    #[must_use]
    pub fn judge_any(&self, panicked: bool, complaint: &str, late: Option<&str>) -> Finding {
        if let Some(ruling) = self.violated() {
            return Finding::ruled(Verdict::Killed, ruling, format!("{} fails", ruling.invariant));
        }
        let wrong = |trace: &&Trace| !trace.as_recorded && trace.verdict != TraceVerdict::Unknown;
        if let Some(trace) = self.replayed.iter().find(wrong) {
            let what = match (&trace.invariant, trace.step) {
                (Some(id), _) => id.clone(),
                (None, Some(step)) => divergence(step),
                (None, None) => trace.verdict.to_string(),
            };
            let why = format!("{} is {}", trace.path, trace.verdict);
            return Finding { steps: trace.step, ..Finding::new(Verdict::Killed, Some(&what), why) };
        }
        if let Some(what) = self.missing.first() {
            let why = format!("a situation is not reached: {what}");
            return Finding::new(Verdict::Killed, Some(NOT_REACHED), why);
        }
        match late {
            Some(late) => Finding::unknown(None, format!("{late}, and nothing was found")),
            None if panicked && !self.finished => {
                Finding::new(Verdict::Killed, Some(PANIC), complaint.to_owned())
            }
            None if !self.finished => {
                Finding::new(Verdict::Broken, None, format!("there is no verdict: {complaint}"))
            }
            None => Finding::new(Verdict::Survived, None, "nothing was found".to_owned()),
        }
    }

    /// The verdict on a mutant that the simulator judged. `id`: the invariant that must fail, if one must.
    #[must_use]
    pub fn judge_seeds(&self, id: Option<&str>, complaint: &str, late: Option<&str>) -> Finding {
        let seeds = self.seeds.unwrap_or(0);
        match (self.violated(), id) {
            (Some(ruling), Some(id)) if ruling.invariant != id => {
                let why = format!("{} fails instead of {id}, at seed {seeds}", ruling.invariant);
                Finding::ruled(Verdict::Survived, ruling, why)
            }
            (Some(ruling), _) => {
                Finding::ruled(Verdict::Killed, ruling, format!("{} fails at seed {seeds}", ruling.invariant))
            }
            (None, _) if late.is_some() || (seeds > 0 && self.unknown == seeds) => {
                let late = late.unwrap_or("no seed has a verdict");
                Finding::unknown(None, format!("{late}, after {seeds} seeds"))
            }
            (None, _) if !self.finished || seeds == 0 => {
                Finding::new(Verdict::Broken, None, format!("the simulator gave no verdict: {complaint}"))
            }
            (None, _) => Finding::new(Verdict::Survived, None, format!("{seeds} seeds hold")),
        }
    }

    /// The verdict on a mutant that a stored trace judges. `step`: number of the step at which the trace must
    /// diverge, if it must.
    #[must_use]
    pub fn judge_trace(&self, step: Option<u64>, complaint: &str, late: Option<&str>) -> Finding {
        let Some(trace) = self.replayed.last() else {
            return match late {
                Some(late) => Finding::unknown(None, format!("{late} before the trace had ended")),
                None => Finding::new(Verdict::Broken, None, format!("replay gave no verdict: {complaint}")),
            };
        };
        let at = trace.step.unwrap_or(0);
        let found = |verdict, by: String, why: String| Finding {
            steps: trace.step,
            ..Finding::new(verdict, Some(&by), why)
        };
        let wanted = step.is_none_or(|step| step == at);
        match (trace.verdict, &trace.invariant) {
            (TraceVerdict::Holds, _) => Finding::new(Verdict::Survived, None, "the trace holds".to_owned()),
            (TraceVerdict::Diverged, _) if wanted => {
                found(Verdict::Killed, divergence(at), format!("the trace diverges at step {at}"))
            }
            (TraceVerdict::Diverged, _) => {
                let wanted = step.unwrap_or(0);
                let why = format!("the trace diverges at step {at} instead of {wanted}");
                found(Verdict::Survived, divergence(at), why)
            }
            (TraceVerdict::Violates, Some(id)) => {
                let verdict = if step.is_none() { Verdict::Killed } else { Verdict::Survived };
                found(verdict, id.clone(), format!("{id} fails at step {at}, the trace does not diverge"))
            }
            (other @ (TraceVerdict::Violates | TraceVerdict::Stale | TraceVerdict::Unknown), _) => {
                let verdict = if step.is_none() { Verdict::Killed } else { Verdict::Survived };
                Finding::new(verdict, None, format!("the trace is {other} and does not diverge"))
            }
        }
    }

    /// The verdict on the mutant `patch`. `complaint`: the last line on stderr of the check. `late`: a text if the
    /// check was killed at its time limit.
    #[must_use]
    pub fn judge(&self, patch: &Patch, complaint: &str, late: Option<&str>) -> Finding {
        let judge = Judge::named(patch.scope.as_deref());
        match (&patch.invariant, patch.expect) {
            (id, expect) if judge == Judge::Seeds => {
                let wanted = id.as_deref().filter(|_| expect == Expect::Killed);
                self.judge_seeds(wanted, complaint, late)
            }
            (_, _) if matches!(judge, Judge::Trace(_)) => self.judge_trace(patch.step, complaint, late),
            (Some(id), _) if judge == Judge::Walk => self.judge_walk(id),
            (Some(id), Expect::Killed | Expect::DoesNotCompile | Expect::Open) => {
                self.judge_named(id, complaint, late)
            }
            (_, Expect::Survives) | (None, _) => self.judge_all(complaint, late),
        }
    }

    /// The verdict of walks, which say nothing of what they do not find.
    fn judge_walk(&self, id: &str) -> Finding {
        let is = |ruling: &&Ruling| ruling.judged == Judged::Violated && ruling.invariant == id;
        match (self.rulings.iter().find(is), self.violated()) {
            (Some(ruling), _) => Finding::ruled(Verdict::Killed, ruling, format!("{id} fails")),
            (None, Some(other)) => {
                Finding::ruled(Verdict::Survived, other, format!("{} fails instead", other.invariant))
            }
            (None, None) => Finding::new(Verdict::Survived, None, "the walks do not find it".to_owned()),
        }
    }

    fn judge_named(&self, id: &str, complaint: &str, late: Option<&str>) -> Finding {
        let named = self.rulings.iter().find(|ruling| ruling.invariant == id);
        let other = self.violated();
        let instead = |why: String| match other {
            Some(other) => {
                let why = format!("{} fails instead: {why}", other.invariant);
                Finding::ruled(Verdict::Survived, other, why)
            }
            None => Finding::new(Verdict::Survived, None, why),
        };
        match (named, named.map(|ruling| ruling.judged), late) {
            (Some(ruling), Some(Judged::Violated), _) => {
                Finding::ruled(Verdict::Killed, ruling, format!("{id} fails"))
            }
            (_, Some(Judged::Holds), _) if self.complete == Some(true) => instead(format!("{id} holds")),
            (_, _, Some(late)) => {
                Finding { unknown: true, ..instead(format!("{late} before {id} was decided")) }
            }
            (_, Some(_), None) => {
                Finding { unknown: true, ..instead(format!("the search ended before {id} was decided")) }
            }
            (_, None, None) if other.is_some() => instead(format!("there is no verdict on {id}")),
            (_, None, None) => {
                let why = format!("check gave no verdict on {id}: {complaint}");
                Finding::new(Verdict::Broken, None, why)
            }
        }
    }

    /// The verdict where no invariant may fail.
    #[must_use]
    pub fn judge_all(&self, complaint: &str, late: Option<&str>) -> Finding {
        if let Some(ruling) = self.violated() {
            let why = format!("{} fails", ruling.invariant);
            return Finding::ruled(Verdict::Killed, ruling, why);
        }
        if let Some(late) = late {
            return Finding::unknown(None, format!("{late} before all was decided"));
        }
        let holds = |ruling: &Ruling| ruling.judged == Judged::Holds || self.designs.contains(&ruling.scope);
        if self.rulings.is_empty() {
            let why = format!("check gave no verdict: {complaint}");
            Finding::new(Verdict::Broken, None, why)
        } else if self.complete == Some(true) && self.rulings.iter().all(holds) {
            Finding::new(Verdict::Survived, None, "all invariants hold".to_owned())
        } else {
            Finding::unknown(None, "the search ended before all was decided".to_owned())
        }
    }

    /// The verdicts of the check, a line for each kind.
    #[must_use]
    pub fn digest(&self) -> Vec<String> {
        let kinds = [Judged::Violated, Judged::Unknown, Judged::Holds];
        let line = |kind: Judged| {
            let of_kind = self.rulings.iter().filter(|r| r.judged == kind);
            let ids: Vec<_> = of_kind.map(|ruling| ruling.invariant.as_str()).collect();
            (!ids.is_empty()).then(|| format!("{kind:<8}  {}", ids.join(", ")))
        };
        kinds.into_iter().filter_map(line).collect()
    }

    fn violated(&self) -> Option<&Ruling> {
        let violated =
            |ruling: &&Ruling| ruling.judged == Judged::Violated && !self.designs.contains(&ruling.scope);
        self.rulings.iter().find(violated)
    }
}
