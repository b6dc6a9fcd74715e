//! The results of the unmutated tree and of a mutant.

use super::runner::Outcome;
use super::select::Chosen;
use cutover_report::{BaselineVerdict, MutantVerdict as Verdict};

/// The result of the unmutated tree in one scope.
#[derive(Debug)]
pub struct Baseline {
    /// Name of the scope; `None` for patches that must not compile, for which the tree is only built.
    pub scope: Option<String>,
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
        match &self.scope {
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

/// The result of a mutant.
#[derive(Debug)]
pub struct Row<'a> {
    /// The patch, and why it was selected.
    pub chosen: Chosen<'a>,
    /// The verdict with its cost.
    pub outcome: Outcome,
}

impl Row<'_> {
    /// Whether the verdict is the one that the patch demands.
    #[must_use]
    pub fn as_expected(&self) -> bool {
        let finding = &self.outcome.finding;
        finding.as_expected(self.chosen.patch.expect)
    }
}
