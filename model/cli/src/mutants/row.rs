//! The results of the unmutated tree and of a mutant.

use super::judge::Judge;
use super::runner::Outcome;
use super::select::Chosen;
use cutover_report::{BaselineVerdict, Expect, MutantVerdict as Verdict};

/// The result of the unmutated tree in one scope.
#[derive(Debug)]
pub struct Baseline {
    /// What judges it. For patches that must not compile, the tree is only built.
    pub judge: Judge,
    /// The verdict with its cost.
    pub outcome: Outcome,
}

impl Baseline {
    /// The verdict on the unmutated tree.
    #[must_use]
    pub fn verdict(&self) -> BaselineVerdict {
        match self.outcome.finding.verdict {
            Verdict::Killed => BaselineVerdict::Violated,
            Verdict::Survived if self.outcome.finding.unknown => BaselineVerdict::Unknown,
            Verdict::Survived => BaselineVerdict::Holds,
            Verdict::Broken => BaselineVerdict::Broken,
        }
    }

    /// What was checked, for progress messages: the scope, or the build.
    #[must_use]
    pub fn what(&self) -> String {
        match self.judge.place() {
            Some(scope) => format!("the unmutated tree over {scope}"),
            None => "the unmutated tree, built".to_owned(),
        }
    }

    /// Whether the unmutated tree holds, so that verdicts on mutants in this scope prove something.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verdict() == BaselineVerdict::Holds
    }
}

/// The result of a mutant by one engine.
#[derive(Debug)]
pub struct Row<'a> {
    /// The patch, and why it was selected.
    pub chosen: Chosen<'a>,
    /// What judged it.
    pub judge: Judge,
    /// The verdict with its cost.
    pub outcome: Outcome,
}

impl Row<'_> {
    /// Whether this engine judged by whatever it found, so that the mutant may also be found elsewhere.
    #[must_use]
    pub fn is_one_of_several(&self) -> bool {
        let patch = self.chosen.patch;
        patch.any || self.judge != Judge::named(patch.scope.as_deref())
    }

    /// What must find the mutant, by this engine.
    #[must_use]
    pub fn named(&self) -> String {
        let patch = self.chosen.patch;
        if self.is_one_of_several() { "any".to_owned() } else { patch.named() }
    }

    /// Whether the verdict is the one that the patch demands of this engine.
    #[must_use]
    pub fn as_expected(&self) -> bool {
        let finding = &self.outcome.finding;
        if self.is_one_of_several() {
            return finding.verdict != Verdict::Broken;
        }
        finding.as_expected(self.chosen.patch.expect)
    }
}

/// The results of a mutant, by all engines that judged it.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'b, 'a> {
    /// One row for each engine, at least one.
    pub rows: &'b [Row<'a>],
}

impl<'b, 'a> Judged<'b, 'a> {
    /// The mutants of these rows, which are in order of the mutants.
    pub fn all(rows: &'b [Row<'a>]) -> impl Iterator<Item = Self> {
        rows.chunk_by(|one, next| one.chosen.patch.name == next.chosen.patch.name).map(|rows| Self { rows })
    }

    /// The patch, and why it was selected.
    #[must_use]
    pub fn chosen(&self) -> Option<Chosen<'a>> {
        self.rows.first().map(|row| row.chosen)
    }

    /// The verdict that the patch's header demands.
    #[must_use]
    pub fn expect(&self) -> Option<Expect> {
        self.chosen().map(|chosen| chosen.patch.expect)
    }

    /// The rows that decide: that of the engine that the header names, or all.
    fn deciding(&self) -> impl Iterator<Item = &'b Row<'a>> {
        let named = self.rows.iter().any(|row| !row.is_one_of_several());
        self.rows.iter().filter(move |row| !named || !row.is_one_of_several())
    }

    /// The verdict: killed if an engine that decides has killed it, broken if one could not run.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let any = |verdict| self.deciding().any(|row| row.outcome.finding.verdict == verdict);
        match (any(Verdict::Killed), any(Verdict::Broken)) {
            (true, _) => Verdict::Killed,
            (false, true) => Verdict::Broken,
            (false, false) => Verdict::Survived,
        }
    }

    /// Whether an engine that decides ended before it had a verdict.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.verdict() == Verdict::Survived && self.deciding().any(|row| row.outcome.finding.unknown)
    }

    /// Whether the verdict is the one that the patch demands.
    #[must_use]
    pub fn as_expected(&self) -> bool {
        let Some(Chosen { patch, .. }) = self.chosen() else { return true };
        if patch.equivalent.is_some() {
            return self.verdict() == Verdict::Survived;
        }
        match (patch.expect, self.verdict()) {
            (Expect::Open, verdict) => verdict != Verdict::Broken,
            (Expect::Killed | Expect::DoesNotCompile, verdict) => verdict == Verdict::Killed,
            (Expect::Survives, verdict) => verdict == Verdict::Survived && !self.is_unknown(),
        }
    }
}
