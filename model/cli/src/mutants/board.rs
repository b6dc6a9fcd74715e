//! A run of the scoreboard of mutants, from the first build to the exit code.

use super::error::Error;
use super::lines;
use super::row::{Baseline, Row};
use super::runner::Bench;
use super::select::Chosen;
use crate::exit;
use cutover_report::{BaselineVerdict, Chosen as Why, Console, Expect, MutantVerdict as Verdict};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The results of a run of the scoreboard.
#[derive(Debug, Default)]
pub struct Board<'a> {
    /// Number of scopes in which the unmutated tree must hold.
    pub scopes: usize,
    /// Results of the unmutated tree, one for each scope.
    pub baselines: Vec<Baseline>,
    /// Results of the mutants that were run.
    pub rows: Vec<Row<'a>>,
    /// The selected mutants that were not run.
    pub not_run: Vec<Chosen<'a>>,
    /// Whether the user interrupted the run.
    pub interrupted: bool,
}

impl<'a> Board<'a> {
    /// Checks the unmutated tree in every scope that is used, then each mutant, until the time is up or the run is
    /// interrupted. If the unmutated tree does not hold, no mutant is run, since its verdict would prove nothing.
    ///
    /// # Errors
    /// [`Error`] if a program cannot be started or a file cannot be written.
    pub fn run(
        bench: &Bench<'_>,
        chosen: &[Chosen<'a>],
        budget: Option<Duration>,
        console: &mut Console,
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let over = || budget.is_some_and(|budget| began.elapsed() >= budget);
        let mut board = Self::default();
        let scopes: BTreeSet<_> = chosen.iter().map(|one| one.patch.scope.clone()).collect();
        board.scopes = scopes.len();
        console.begin("mutants", u64::try_from(scopes.len() + chosen.len()).ok());
        for scope in scopes {
            console.progress(|| "the unmutated tree".to_owned());
            let Some(outcome) = bench.baseline(scope.as_deref())? else {
                break;
            };
            let baseline = Baseline { scope, outcome };
            console.step_done(&format!("{:<8}  {}", baseline.verdict(), baseline.what()));
            console.line(&lines::baseline(&baseline));
            let broken = baseline.outcome.finding.verdict == Verdict::Broken;
            board.baselines.push(baseline);
            if broken {
                break;
            }
        }
        let sound = board.baselines.iter().all(Baseline::holds);
        for one in chosen {
            let stopped = bench.stop.load(Ordering::Relaxed);
            let outcome = if !sound || stopped || over() {
                None
            } else {
                console.progress(|| one.patch.stem().to_owned());
                bench.mutant(one.patch)?
            };
            let Some(outcome) = outcome else {
                console.line(&lines::not_run(one));
                board.not_run.push(*one);
                continue;
            };
            let row = Row { chosen: *one, outcome };
            console.step_done(&progress(&row));
            console.line(&lines::mutant(&row));
            board.rows.push(row);
        }
        board.interrupted = bench.stop.load(Ordering::Relaxed);
        Ok(board)
    }

    /// Number of mutants that were killed, that survived although they must be killed, and that were broken.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |verdict: Verdict| {
            let is = |row: &&Row<'_>| row.outcome.finding.verdict == verdict;
            self.rows.iter().filter(is).count()
        };
        let expected = |row: &&Row<'_>| row.outcome.finding.verdict == Verdict::Survived && row.as_expected();
        let survived = count(Verdict::Survived) - self.rows.iter().filter(expected).count();
        (count(Verdict::Killed), survived, count(Verdict::Broken))
    }

    /// The exit code: a failure takes precedence over an unknown verdict.
    #[must_use]
    pub fn exit(&self) -> u8 {
        let fails = |baseline: &Baseline| {
            matches!(baseline.verdict(), BaselineVerdict::Violated | BaselineVerdict::Broken)
        };
        let must_survive_but_unknown =
            |row: &Row<'_>| row.chosen.patch.expect == Expect::Survives && row.outcome.finding.unknown;
        let wrong = |row: &Row<'_>| !row.as_expected() && !must_survive_but_unknown(row);
        let owed = |one: &Chosen<'_>| one.why != Why::Sampled;
        if self.baselines.iter().any(fails) || self.rows.iter().any(wrong) {
            exit::VIOLATED
        } else if self.interrupted
            || !self.baselines.iter().all(Baseline::holds)
            || self.rows.iter().any(must_survive_but_unknown)
            || self.not_run.iter().any(owed)
        {
            exit::UNKNOWN
        } else if self.rows.is_empty() {
            exit::NOTHING
        } else {
            exit::HOLDS
        }
    }
}

fn progress(row: &Row<'_>) -> String {
    let finding = &row.outcome.finding;
    let word = finding.word();
    let name = row.chosen.patch.stem();
    match (&finding.by, finding.verdict) {
        (Some(by), Verdict::Killed) => format!("{word:<8}  {name}  by {by}"),
        (Some(other), _) => format!("{word:<8}  {name}  but {other} fails"),
        (None, _) => format!("{word:<8}  {name}"),
    }
}
