//! Builds and checks the unmutated tree, and then each mutant.

use super::build::{Built, Tools};
use super::error::Error;
use super::joint::{self, Joint};
use super::judge::{Judge, Program};
use super::patch::Patch;
use super::process::{self, End, Logs};
use super::run_output::{Finding, RunOutput};
use super::tree::{Checkout, Saved};
use cutover_report::{Expect, MutantVerdict as Verdict};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const COMPILES: &str = "it compiles";

/// Limits of a check.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time limit where an invariant must fail.
    pub mutant: Duration,
    /// Time limit where all invariants must hold, so that the search must be complete.
    pub whole: Duration,
    /// Maximum number of seeds of the simulator.
    pub seeds: u64,
    /// Time for which random walks go on.
    pub walk: Duration,
    /// Seed of the random walks.
    pub walk_seed: u64,
}

/// A verdict with its cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict and its reason.
    pub finding: Finding,
    /// Number of unique states of the search.
    pub states: Option<u64>,
    /// Number of seeds that the simulator ran.
    pub seeds: Option<u64>,
    /// CPU time of the check.
    pub cpu: Duration,
    /// The verdicts of the check, a line for each kind.
    pub said: Vec<String>,
}

impl Outcome {
    fn without_check(finding: Finding) -> Self {
        Self { finding, states: None, seeds: None, cpu: Duration::ZERO, said: Vec::new() }
    }
}

/// The output of a check; if it was killed at its time limit, also a text that gives the limit.
struct Checked {
    said: RunOutput,
    complaint: String,
    late: Option<String>,
    panicked: bool,
    cpu: Duration,
}

impl Checked {
    fn outcome(self, finding: Finding) -> Outcome {
        Outcome {
            finding,
            states: self.said.states,
            seeds: self.said.seeds,
            cpu: self.cpu,
            said: self.said.digest(),
        }
    }
}

/// When a check may end before it has seen everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until<'a> {
    /// Never: nothing may fail.
    Never,
    /// When this invariant fails.
    Invariant(&'a str),
    /// When anything fails.
    Anything,
}

/// Builds and checks mutants. Its methods return `None` if the run is interrupted.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The repository and the copy in which mutants are built.
    pub checkout: &'a Checkout,
    /// The programs to start.
    pub tools: &'a Tools,
    /// The mutants that are in one build.
    pub joint: &'a Joint,
    /// The limits of a check.
    pub limits: Limits,
    /// Set when the run is to be interrupted.
    pub stop: &'a AtomicBool,
}

impl Bench<'_> {
    /// Checks the unmutated tree where this judges, which must find nothing; for the compiler, only builds it.
    ///
    /// # Errors
    /// [`Error`] if a program cannot be started or a file cannot be written.
    pub fn baseline(&self, judge: &Judge) -> Result<Option<Outcome>, Error> {
        let name = judge.place().map_or("build".to_owned(), |place| place.replace('/', "-"));
        let logs = self.logs(&format!("baseline-{name}"))?;
        let program = match self.built(judge, &logs)? {
            None => return Ok(None),
            Some(Built::Refused(why)) => return Ok(Some(no_check(Verdict::Broken, None, why))),
            Some(Built::Program(program)) => program,
        };
        let Some(checked) = self.check(&program, judge, Until::Never, None, &logs)? else {
            return Ok(Some(no_check(Verdict::Survived, None, COMPILES.to_owned())));
        };
        let Some(checked) = checked else { return Ok(None) };
        let (said, late) = (&checked.said, checked.late.as_deref());
        let finding = match judge {
            Judge::Compiler | Judge::Scope(_) | Judge::Scopes => said.judge_all(&checked.complaint, late),
            Judge::Trace(_) => said.judge_trace(None, &checked.complaint, late),
            Judge::Seeds => said.judge_seeds(None, &checked.complaint, late),
            Judge::Traces | Judge::Walk | Judge::Reference | Judge::Tests => {
                said.judge_any(checked.panicked, &checked.complaint, late)
            }
        };
        Ok(Some(checked.outcome(finding)))
    }

    /// Lets each of `judges` judge a mutant. One that is not in the joint build is applied to the copy, which is restored afterwards.
    ///
    /// # Errors
    /// [`Error`] if a program cannot be started or a file cannot be written.
    pub fn mutant(&self, patch: &Patch, judges: &[Judge]) -> Result<Option<Vec<(Judge, Outcome)>>, Error> {
        if self.joint.number(patch).is_some() {
            return self.judged(patch, judges);
        }
        self.joint.undo()?;
        let tree = &self.checkout.tree;
        let saved = Saved::new(tree, &patch.files)?;
        if let Some(complaint) = self.tools.git.apply(tree, &patch.diff, false)? {
            let why = format!("the patch no longer applies: {complaint}");
            let broken = |judge: &Judge| (judge.clone(), no_check(Verdict::Broken, None, why.clone()));
            return Ok(Some(judges.iter().map(broken).collect()));
        }
        let outcomes = self.judged(patch, judges);
        saved.restore()?;
        outcomes
    }

    fn judged(&self, patch: &Patch, judges: &[Judge]) -> Result<Option<Vec<(Judge, Outcome)>>, Error> {
        let mut outcomes = Vec::new();
        for judge in judges {
            let Some(outcome) = self.applied(patch, judge)? else { return Ok(None) };
            outcomes.push((judge.clone(), outcome));
        }
        Ok(Some(outcomes))
    }

    fn applied(&self, patch: &Patch, judge: &Judge) -> Result<Option<Outcome>, Error> {
        let logs = self.logs(&patch.stem().replace('/', "-"))?;
        let program = match self.built(judge, &logs)? {
            None => return Ok(None),
            Some(Built::Refused(why)) if patch.expect == Expect::DoesNotCompile => {
                return Ok(Some(no_check(Verdict::Killed, Some("the compiler"), why)));
            }
            Some(Built::Refused(why)) => return Ok(Some(no_check(Verdict::Broken, None, why))),
            Some(Built::Program(_)) if patch.expect == Expect::DoesNotCompile => {
                return Ok(Some(no_check(Verdict::Survived, None, COMPILES.to_owned())));
            }
            Some(Built::Program(program)) => program,
        };
        let anything = patch.any || *judge != Judge::named(patch.scope.as_deref());
        let until = match (&patch.invariant, patch.expect) {
            _ if anything => Until::Anything,
            (Some(id), Expect::Killed | Expect::DoesNotCompile | Expect::Open) => Until::Invariant(id),
            (None, _) | (_, Expect::Survives) => Until::Never,
        };
        let Some(checked) = self.check(&program, judge, until, self.joint.number(patch), &logs)? else {
            return Ok(Some(no_check(Verdict::Survived, None, COMPILES.to_owned())));
        };
        let Some(checked) = checked else { return Ok(None) };
        let (said, late) = (&checked.said, checked.late.as_deref());
        let finding = if anything {
            said.judge_any(checked.panicked, &checked.complaint, late)
        } else {
            said.judge(patch, &checked.complaint, late)
        };
        self.keep_trace(&finding, &logs);
        Ok(Some(checked.outcome(finding)))
    }

    fn built(&self, judge: &Judge, logs: &Path) -> Result<Option<Built>, Error> {
        if let Some(program) = self.joint.program(judge.program()) {
            return Ok(Some(Built::Program(program.to_owned())));
        }
        self.tools.build(self.checkout, judge.program(), logs, self.stop)
    }

    /// Arguments of the simulator. Seeds run one at a time, so that always the same seed finds a mutant.
    fn seeds(&self, until: Until<'_>) -> Vec<String> {
        let all = ["--seeds".to_owned(), self.limits.seeds.to_string()];
        let one_by_one = (until != Until::Never).then(|| ["--fail-fast", "--jobs", "1"].map(str::to_owned));
        all.into_iter().chain(one_by_one.into_iter().flatten()).collect()
    }

    /// The command of a judge; `None` for the compiler, which has judged already.
    fn command(&self, program: &Path, judge: &Judge, until: Until<'_>) -> Option<Command> {
        let mut check = match judge.program() {
            Program::Checker | Program::Simulator => Command::new(program),
            Program::Reference => return Some(self.tools.reference(self.checkout)),
            Program::Tests => return Some(self.tools.tests(self.checkout)),
        };
        check.current_dir(&self.checkout.tree);
        match judge {
            Judge::Compiler => return None,
            Judge::Scope(scope) => _ = check.args(["check", "--scope", scope]),
            Judge::Scopes => _ = check.args(["check", "--set", "pr"]),
            Judge::Trace(trace) => _ = check.args(["replay", trace]),
            Judge::Traces => _ = check.args(["replay", "traces"]),
            Judge::Walk => {
                let (budget, seed) =
                    (format!("{}s", self.limits.walk.as_secs()), self.limits.walk_seed.to_string());
                check.args(["walk", "--set", "pr", "--threads", "2", "--budget", &budget, "--seed", &seed]);
            }
            Judge::Seeds | Judge::Reference | Judge::Tests => _ = check.args(self.seeds(until)),
        }
        match (judge, until) {
            (Judge::Scope(_), Until::Invariant(id)) => _ = check.args(["--stop-at", id]),
            (Judge::Scope(_) | Judge::Scopes, Until::Anything) => _ = check.arg("--fail-fast"),
            (_, Until::Never | Until::Anything | Until::Invariant(_)) => {}
        }
        check.args(["--format", "json"]);
        Some(check)
    }

    /// Runs a judge. The outer `None` is for the compiler, which has judged already, the inner one for an interruption.
    fn check(
        &self,
        program: &Path,
        judge: &Judge,
        until: Until<'_>,
        number: Option<u32>,
        logs: &Path,
    ) -> Result<Option<Option<Checked>>, Error> {
        let Some(mut check) = self.command(program, judge, until) else { return Ok(None) };
        check.env(joint::VARIABLE, number.unwrap_or_default().to_string());
        let limit = if until == Until::Never { self.limits.whole } else { self.limits.mutant };
        let limit = if *judge == Judge::Walk { limit.max(self.limits.walk * 2) } else { limit };
        let logs = Logs::new(logs, judge.engine().word());
        let ran = process::run(check, &logs, Some(limit), self.stop)?;
        let (ending, late) = match ran.end {
            End::Interrupted => return Ok(Some(None)),
            End::Exited(status) => (status.to_string(), None),
            End::TimedOut => {
                let late = format!("stopped after {}", humantime::format_duration(limit));
                (late.clone(), Some(late))
            }
        };
        let last = ran.stderr.lines().rfind(|line| !line.trim().is_empty());
        let said = match judge.program() {
            Program::Checker | Program::Simulator => RunOutput::read(&ran.stdout),
            Program::Reference | Program::Tests => RunOutput::read_tests(&ran.stdout),
        };
        Ok(Some(Some(Checked {
            said,
            panicked: ran.stderr.contains("panicked at"),
            complaint: last.map_or(ending.clone(), |last| format!("{} ({ending})", last.trim())),
            late,
            cpu: ran.cpu,
        })))
    }

    fn logs(&self, name: &str) -> Result<PathBuf, Error> {
        let dir = self.checkout.out.join(name);
        fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
        Ok(dir)
    }

    /// Copies a violation's trace, because the next mutant's check may overwrite it.
    fn keep_trace(&self, finding: &Finding, logs: &Path) {
        let Some(trace) = &finding.trace else {
            return;
        };
        let from = self.checkout.tree.join(trace);
        if let (true, Some(name)) = (from.is_file(), from.file_name()) {
            // The trace is no part of the verdict, and can be made again.
            let _ = fs::copy(&from, logs.join(name));
        }
    }
}

fn no_check(verdict: Verdict, by: Option<&str>, why: String) -> Outcome {
    Outcome::without_check(Finding::new(verdict, by, why))
}
