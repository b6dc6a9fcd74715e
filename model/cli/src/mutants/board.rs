//! A run of the scoreboard of mutants, from the first build to the exit code.

use super::error::Error;
use super::judge::Judge;
use super::lines;
use super::patch::Patch;
use super::row::{Baseline, Judged, Row};
use super::runner::Bench;
use super::select::Chosen;
use crate::exit;
use cutover_report::{BaselineVerdict, Chosen as Why, Console, Engine, Expect, MutantVerdict as Verdict};
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
    /// Results of the mutants that were run, one after another, each by its engines.
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
        judges_of: impl Fn(&Patch) -> Vec<Judge>,
        budget: Option<Duration>,
        console: &mut Console,
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let over = || budget.is_some_and(|budget| began.elapsed() >= budget);
        let mut board = Self::default();
        let judges: BTreeSet<_> = chosen.iter().flat_map(|one| judges_of(one.patch)).collect();
        board.scopes = judges.len();
        console.begin("mutants", u64::try_from(judges.len() + chosen.len()).ok());
        for judge in judges {
            console.progress(|| "the unmutated tree".to_owned());
            let Some(outcome) = bench.baseline(&judge)? else {
                break;
            };
            let baseline = Baseline { judge, outcome };
            console.step_done(&format!("{:<8}  {}", baseline.verdict(), baseline.what()));
            console.line(&lines::baseline(&baseline));
            let broken = baseline.outcome.finding.verdict == Verdict::Broken;
            board.baselines.push(baseline);
            if broken {
                break;
            }
        }
        let sound = board.baselines.iter().all(Baseline::holds);
        let apart = |one: &&Chosen<'_>| bench.joint.number(one.patch).is_none();
        for one in chosen.iter().filter(|one| !apart(one)).chain(chosen.iter().filter(apart)) {
            let stopped = bench.stop.load(Ordering::Relaxed);
            let outcomes = if !sound || stopped || over() {
                None
            } else {
                console.progress(|| one.patch.stem().to_owned());
                bench.mutant(one.patch, &judges_of(one.patch))?
            };
            let Some(outcomes) = outcomes else {
                console.line(&lines::not_run(one));
                board.not_run.push(*one);
                continue;
            };
            let rows = outcomes.into_iter().map(|(judge, outcome)| Row { chosen: *one, judge, outcome });
            let rows: Vec<_> = rows.collect();
            console.step_done(&rows.iter().map(progress).collect::<Vec<_>>().join("\n"));
            for row in &rows {
                console.line(&lines::mutant(row));
            }
            board.rows.extend(rows);
        }
        board.interrupted = bench.stop.load(Ordering::Relaxed);
        Ok(board)
    }

    /// Number of mutants that were killed, that survived although they must be killed, and that were broken.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |verdict: Verdict| self.judged().filter(|one| one.verdict() == verdict).count();
        let survived = self.judged().filter(|one| one.verdict() == Verdict::Survived && !one.as_expected());
        (count(Verdict::Killed), survived.count(), count(Verdict::Broken))
    }

    /// The mutants that were run.
    pub fn judged(&self) -> impl Iterator<Item = Judged<'_, 'a>> {
        Judged::all(&self.rows)
    }

    /// The engines that judged, in their order.
    #[must_use]
    pub fn engines(&self) -> Vec<Engine> {
        let engines: BTreeSet<_> = self.rows.iter().map(|row| row.judge.engine()).collect();
        engines.into_iter().collect()
    }

    /// The exit code: a failure takes precedence over an unknown verdict.
    #[must_use]
    pub fn exit(&self) -> u8 {
        let fails = |baseline: &Baseline| {
            matches!(baseline.verdict(), BaselineVerdict::Violated | BaselineVerdict::Broken)
        };
        let must_survive_but_unknown =
            |one: &Judged<'_, '_>| one.expect() == Some(Expect::Survives) && one.is_unknown();
        let wrong = |one: Judged<'_, '_>| !one.as_expected() && !must_survive_but_unknown(&one);
        let owed = |one: &Chosen<'_>| one.why != Why::Sampled;
        if self.baselines.iter().any(fails) || self.judged().any(wrong) {
            exit::VIOLATED
        } else if self.interrupted
            || !self.baselines.iter().all(Baseline::holds)
            || self.judged().any(|one| must_survive_but_unknown(&one))
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
    let name = match row.is_one_of_several() {
        true => format!("{}  ({})", row.chosen.patch.stem(), row.judge.engine()),
        false => row.chosen.patch.stem().to_owned(),
    };
    match (&finding.by, finding.verdict) {
        (Some(by), Verdict::Killed) => format!("{word:<8}  {name}  by {by}"),
        (Some(other), _) => format!("{word:<8}  {name}  but {other} fails"),
        (None, _) => format!("{word:<8}  {name}"),
    }
}
