//! The scoreboard's results as lines of `cutover.run/1`.

use super::patch::Patch;
use super::row::{Baseline, Row};
use super::select::Chosen;
use cutover_report::{self as report, Line};

/// The line for a result of the unmutated tree.
pub(super) fn baseline(baseline: &Baseline) -> Line {
    let outcome = &baseline.outcome;
    Line::Baseline(report::Baseline {
        scope: baseline.judge.place().map(str::to_owned),
        verdict: baseline.verdict(),
        by: outcome.finding.by.clone(),
        states: outcome.states,
        cpu_s: outcome.cpu.into(),
        why: outcome.finding.why.clone(),
    })
}

/// The line for a mutant's result.
pub(super) fn mutant(row: &Row<'_>) -> Line {
    let (patch, outcome) = (row.chosen.patch, &row.outcome);
    Line::Mutant(Box::new(report::Mutant {
        bug: patch.bug,
        rule: patch.rule.clone(),
        kind: patch.kind.clone(),
        patch: patch.name.clone(),
        engine: Some(row.judge.engine()),
        verdict: outcome.finding.verdict,
        unknown: outcome.finding.unknown,
        expect: patch.expect,
        as_expected: row.as_expected(),
        named: row.named(),
        by: outcome.finding.by.clone(),
        scope: row.judge.place().map(str::to_owned),
        states: outcome.states,
        seeds: outcome.seeds,
        cpu_s: outcome.cpu.into(),
        steps: outcome.finding.steps,
        why: outcome.finding.why.clone(),
    }))
}

/// The line for a selected mutant that was not run.
pub(super) fn not_run(one: &Chosen<'_>) -> Line {
    Line::NotRun { patch: one.patch.name.clone(), chosen: one.why }
}

/// The line for a patch under `--apply-only`; `why`: git's error, if the patch does not apply.
pub(super) fn apply(patch: &Patch, why: Option<String>) -> Line {
    Line::Apply { patch: patch.name.clone(), applies: why.is_none(), why }
}

/// The line for a patch under `--list`.
pub(super) fn patch(patch: &Patch) -> Line {
    Line::Patch(Box::new(report::Patch {
        patch: patch.name.clone(),
        bug: patch.bug,
        rule: patch.rule.clone(),
        source: patch.source.clone(),
        mechanism: patch.mechanism.clone(),
        named: patch.named(),
        scope: patch.scope.clone(),
        expect: Some(patch.expect),
        note: patch.note.clone(),
        kind: patch.kind.clone(),
        harm: patch.harm.clone(),
        equivalent: patch.equivalent.clone(),
        files: patch.files.clone(),
    }))
}
