//! What the scoreboard has of the unmutated tree and of each mutant.

use super::runner::Outcome;
use super::select::Chosen;
use cutover_report::{BaselineVerdict, MutantVerdict as Verdict};

/// The tree as it is, over one scope.
#[derive(Debug)]
pub struct Baseline {
    /// The scope; none where only the compiler is asked.
    pub scope: Option<String>,
    /// What it came to.
    pub outcome: Outcome,
}

impl Baseline {
    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> BaselineVerdict {
        match self.outcome.finding.verdict {
            Verdict::Killed => BaselineVerdict::Violated,
            Verdict::Survived if self.outcome.finding.unknown => BaselineVerdict::Unknown,
            Verdict::Survived => BaselineVerdict::Holds,
            Verdict::Broken => BaselineVerdict::Broken,
        }
    }

    /// What was checked.
    #[must_use]
    pub fn what(&self) -> String {
        match &self.scope {
            Some(scope) => format!("the unmutated tree over {scope}"),
            None => "the unmutated tree, built".to_owned(),
        }
    }

    /// Whether the mutants mean anything in this scope.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verdict() == BaselineVerdict::Holds
    }
}

/// A mutant that was run.
#[derive(Debug)]
pub struct Row<'a> {
    /// Which, and why it was chosen.
    pub chosen: Chosen<'a>,
    /// What it came to.
    pub outcome: Outcome,
}

impl Row<'_> {
    /// Whether the mutant came to what its patch says.
    #[must_use]
    pub fn as_expected(&self) -> bool {
        let finding = &self.outcome.finding;
        finding.as_expected(self.chosen.patch.expect)
    }
}
