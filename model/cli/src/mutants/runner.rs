//! Builds and checks the unmutated tree, and then each mutant.

use super::build::{Built, Tools};
use super::error::Error;
use super::patch::{Patch, engine_of};
use super::process::{self, End, Logs};
use super::run_output::{Finding, RunOutput};
use super::tree::{Checkout, Saved};
use cutover_report::{Engine, Expect, MutantVerdict as Verdict};
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

/// Builds and checks mutants. Its methods return `None` if the run is interrupted.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The repository and the copy in which mutants are built.
    pub checkout: &'a Checkout,
    /// The programs to start.
    pub tools: &'a Tools,
    /// The limits of a check.
    pub limits: Limits,
    /// Set when the run is to be interrupted.
    pub stop: &'a AtomicBool,
}

impl Bench<'_> {
    /// Checks the unmutated tree in `scope`, where all invariants must hold; without a scope, only builds it.
    ///
    /// # Errors
    /// [`Error`] if a program cannot be started or a file cannot be written.
    pub fn baseline(&self, scope: Option<&str>) -> Result<Option<Outcome>, Error> {
        let name = scope.map_or("build".to_owned(), |scope| scope.replace('/', "-"));
        let logs = self.logs(&format!("baseline-{name}"))?;
        let engine = engine_of(scope);
        let program = match self.build(engine, &logs)? {
            None => return Ok(None),
            Some(Built::Refused(why)) => return Ok(Some(no_check(Verdict::Broken, None, why))),
            Some(Built::Program(program)) => program,
        };
        let Some(scope) = scope else {
            return Ok(Some(no_check(Verdict::Survived, None, COMPILES.to_owned())));
        };
        let Some(checked) = self.check(&program, scope, None, &logs)? else {
            return Ok(None);
        };
        let (said, late) = (&checked.said, checked.late.as_deref());
        let finding = match engine {
            Engine::Check => said.judge_all(&checked.complaint, late),
            Engine::Replay => said.judge_trace(None, &checked.complaint, late),
            Engine::Sim => said.judge_seeds(None, &checked.complaint, late),
        };
        Ok(Some(checked.outcome(finding)))
    }

    /// Applies a patch to the copy, builds and checks it, and restores the copy.
    ///
    /// # Errors
    /// [`Error`] if a program cannot be started or a file cannot be written.
    pub fn mutant(&self, patch: &Patch) -> Result<Option<Outcome>, Error> {
        let tree = &self.checkout.tree;
        let saved = Saved::new(tree, &patch.files)?;
        if let Some(complaint) = self.tools.git.apply(tree, &patch.diff, false)? {
            let why = format!("the patch no longer applies: {complaint}");
            return Ok(Some(no_check(Verdict::Broken, None, why)));
        }
        let outcome = self.applied(patch);
        saved.restore()?;
        outcome
    }

    fn applied(&self, patch: &Patch) -> Result<Option<Outcome>, Error> {
        let logs = self.logs(&patch.stem().replace('/', "-"))?;
        let Some(built) = self.build(patch.engine(), &logs)? else {
            return Ok(None);
        };
        let (program, scope) = match (built, &patch.scope, patch.expect) {
            (Built::Refused(why), _, Expect::DoesNotCompile) => {
                return Ok(Some(no_check(Verdict::Killed, Some("the compiler"), why)));
            }
            (Built::Refused(why), _, Expect::Killed | Expect::Survives) => {
                return Ok(Some(no_check(Verdict::Broken, None, why)));
            }
            (Built::Program(program), Some(scope), Expect::Killed | Expect::Survives) => (program, scope),
            (Built::Program(_), _, _) => {
                return Ok(Some(no_check(Verdict::Survived, None, COMPILES.to_owned())));
            }
        };
        let until = match patch.expect {
            Expect::Killed | Expect::DoesNotCompile => patch.invariant.as_deref(),
            Expect::Survives => None,
        };
        let Some(checked) = self.check(&program, scope, until, &logs)? else {
            return Ok(None);
        };
        let late = checked.late.as_deref();
        let finding = checked.said.judge(patch, &checked.complaint, late);
        self.keep_trace(&finding, &logs);
        Ok(Some(checked.outcome(finding)))
    }

    fn build(&self, engine: Engine, logs: &Path) -> Result<Option<Built>, Error> {
        self.tools.build(self.checkout, engine, logs, self.stop)
    }

    /// Arguments of the simulator. Seeds run one at a time, so that always the same seed finds a mutant.
    fn seeds(&self, until: Option<&str>) -> Vec<String> {
        let all = ["--seeds".to_owned(), self.limits.seeds.to_string()];
        let one_by_one = until.map(|_| ["--fail-fast", "--jobs", "1"].map(str::to_owned));
        all.into_iter().chain(one_by_one.into_iter().flatten()).collect()
    }

    fn check(
        &self,
        program: &Path,
        scope: &str,
        until: Option<&str>,
        logs: &Path,
    ) -> Result<Option<Checked>, Error> {
        let mut check = Command::new(program);
        check.current_dir(&self.checkout.tree);
        match engine_of(Some(scope)) {
            Engine::Check => {
                check.args(["check", "--scope", scope]);
                check.args(until.map(|id| ["--stop-at", id]).into_iter().flatten());
            }
            Engine::Replay => _ = check.args(["replay", scope]),
            Engine::Sim => _ = check.args(self.seeds(until)),
        }
        check.args(["--format", "json"]);
        let limit = until.map_or(self.limits.whole, |_| self.limits.mutant);
        let logs = Logs::new(logs, "check");
        let ran = process::run(check, &logs, Some(limit), self.stop)?;
        let (ending, late) = match ran.end {
            End::Interrupted => return Ok(None),
            End::Exited(status) => (status.to_string(), None),
            End::TimedOut => {
                let late = format!("stopped after {}", humantime::format_duration(limit));
                (late.clone(), Some(late))
            }
        };
        let last = ran.stderr.lines().rfind(|line| !line.trim().is_empty());
        Ok(Some(Checked {
            said: RunOutput::read(&ran.stdout),
            complaint: last.map_or(ending.clone(), |last| format!("{} ({ending})", last.trim())),
            late,
            cpu: ran.cpu,
        }))
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
