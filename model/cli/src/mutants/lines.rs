//! The JSON lines, schema `cutover.run/1`.

use super::board::{Baseline, Row};
use super::patch::{Engine, Expect, Patch};
use super::run_output::Verdict;
use super::select::{Chosen, Why};
use serde::Serialize;

/// One line of `--format json`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Line<'a> {
    /// The first line.
    RunStarted {
        /// The format's name and number.
        schema: &'static str,
        /// The verb.
        command: &'static str,
        /// Of this program.
        version: &'static str,
        /// As expanded.
        options: Options<'a>,
    },
    /// The unmutated tree over one scope.
    Baseline {
        /// The scope; none where only the compiler is asked.
        scope: Option<&'a str>,
        /// HOLDS, VIOLATED, UNKNOWN or BROKEN.
        verdict: &'static str,
        /// The invariant that fails.
        by: Option<&'a str>,
        /// Unique states.
        states: Option<u64>,
        /// Of the check.
        cpu_s: f64,
        /// The reason.
        why: &'a str,
    },
    /// A mutant that was run.
    Mutant {
        /// Number in the list of published bugs.
        bug: Option<u32>,
        /// Row of the list of rules.
        rule: Option<&'a str>,
        /// File name.
        patch: &'a str,
        /// What judged it.
        engine: Engine,
        /// What became of it.
        verdict: Verdict,
        /// The search ended before it could tell.
        unknown: bool,
        /// What should have become of it.
        expect: Expect,
        /// Whether it did.
        as_expected: bool,
        /// The invariant that must fail.
        named: &'a str,
        /// What failed.
        by: Option<&'a str>,
        /// Where.
        scope: Option<&'a str>,
        /// Unique states.
        states: Option<u64>,
        /// For engines that have them.
        seeds: Option<u64>,
        /// Of the check.
        cpu_s: f64,
        /// To the violation.
        steps: Option<u64>,
        /// The reason.
        why: &'a str,
    },
    /// A mutant that was chosen and not run.
    NotRun {
        /// File name.
        patch: &'a str,
        /// Why it was chosen.
        chosen: Why,
    },
    /// `--apply-only`: one patch.
    Apply {
        /// File name.
        patch: &'a str,
        /// Whether it applies.
        applies: bool,
        /// git's complaint.
        why: Option<&'a str>,
    },
    /// `--list`: one patch.
    Patch {
        /// File name.
        patch: &'a str,
        /// Number in the list of published bugs.
        bug: Option<u32>,
        /// Row of the list of rules.
        rule: Option<&'a str>,
        /// Where the bug was published.
        source: Option<&'a str>,
        /// What the bug does.
        mechanism: &'a str,
        /// The invariant that must fail.
        named: &'a str,
        /// Where.
        scope: Option<&'a str>,
        /// What must become of it.
        expect: Expect,
        /// Free text.
        note: Option<&'a str>,
        /// The files that it touches.
        files: &'a [String],
    },
    /// The last line.
    RunFinished {
        /// The exit code.
        exit: u8,
        /// On the wall.
        seconds: f64,
    },
}

/// The options as expanded.
#[derive(Debug, Serialize)]
pub struct Options<'a> {
    /// The patterns.
    pub patterns: &'a [String],
    /// The commit since which something must have changed.
    pub only_changed: Option<&'a str>,
    /// How many by lot.
    pub sample: Option<usize>,
    /// The lot's seed.
    pub seed: Option<&'a str>,
    /// Seconds after which no mutant is started.
    pub budget_s: Option<u64>,
    /// Seconds for a check that must find a violation.
    pub timeout_s: u64,
    /// Seconds for a check that must complete.
    pub baseline_timeout_s: u64,
    /// Only whether the patches apply.
    pub apply_only: bool,
    /// Only which there are.
    pub list: bool,
    /// Whether the output of builds and checks stays.
    pub keep: bool,
    /// What has to judge a patch.
    pub engine: Option<Engine>,
    /// Seeds of the simulator.
    pub seeds: u64,
}

impl<'a> Line<'a> {
    /// The line of an unmutated tree.
    #[must_use]
    pub fn baseline(baseline: &'a Baseline) -> Self {
        let outcome = &baseline.outcome;
        Self::Baseline {
            scope: baseline.scope.as_deref(),
            verdict: baseline.word(),
            by: outcome.finding.by.as_deref(),
            states: outcome.states,
            cpu_s: outcome.cpu.as_secs_f64(),
            why: &outcome.finding.why,
        }
    }

    /// The line of a mutant.
    #[must_use]
    pub fn mutant(row: &'a Row<'a>) -> Self {
        let (patch, outcome) = (row.chosen.patch, &row.outcome);
        Self::Mutant {
            bug: patch.bug,
            rule: patch.rule.as_deref(),
            patch: &patch.name,
            engine: patch.engine(),
            verdict: outcome.finding.verdict,
            unknown: outcome.finding.unknown,
            expect: patch.expect,
            as_expected: row.as_expected(),
            named: patch.named(),
            by: outcome.finding.by.as_deref(),
            scope: patch.scope.as_deref(),
            states: outcome.states,
            seeds: outcome.seeds,
            cpu_s: outcome.cpu.as_secs_f64(),
            steps: outcome.finding.steps,
            why: &outcome.finding.why,
        }
    }

    /// The line of a mutant that was not run.
    #[must_use]
    pub fn not_run(one: &Chosen<'a>) -> Self {
        Self::NotRun { patch: &one.patch.name, chosen: one.why }
    }

    /// The line of a patch in the list.
    #[must_use]
    pub fn patch(patch: &'a Patch) -> Self {
        Self::Patch {
            patch: &patch.name,
            bug: patch.bug,
            rule: patch.rule.as_deref(),
            source: patch.source.as_deref(),
            mechanism: &patch.mechanism,
            named: patch.named(),
            scope: patch.scope.as_deref(),
            expect: patch.expect,
            note: patch.note.as_deref(),
            files: &patch.files,
        }
    }
}
