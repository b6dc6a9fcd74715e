//! Prints the results of `check` for one scope.

use super::check::{Judged, Run};
use crate::exit;
use crate::numbers::{count, rate, short};
use crate::program;
use bytesize::ByteSize;
use cutover_model::catalog::AnyScope;
use cutover_model::check::Checked;
use cutover_model::protocol::{Invariant, JudgedBy, WaysCost};
use cutover_model::render;
use cutover_model::search::Covered;
use cutover_model::witness::Witness;
use cutover_report::{Goals, InvariantVerdict, Line, Scope, Verdict};
use indicatif::HumanCount;
use std::path::{Path, PathBuf};

impl Run<'_> {
    pub(super) fn head(&self, scope: &dyn AnyScope) {
        self.console.say(&format!("    scope  {} — {}", scope.name(), scope.about()));
        for line in render::wrap(&scope.bounds(), 88) {
            self.console.say(&format!("           {line}"));
        }
        let told_apart = self.args.no_symmetry || self.args.breadth_first || scope.expect().is_some();
        let symmetry = if told_apart { "off" } else { "on" };
        for (at, line) in
            render::wrap(&format!("{}; symmetry {symmetry}", scope.faults()), 88).iter().enumerate()
        {
            let head = if at == 0 { "   faults" } else { "         " };
            self.console.say(&format!("{head}  {line}"));
        }
    }

    pub(super) fn print(&self, scope: &dyn AnyScope, checked: &Checked) -> Judged {
        let Checked { covered, witness, reached, missing, ways } = checked;
        self.print_reached(scope, reached);
        let trace = witness.as_ref().and_then(|witness| self.write_trace(scope, witness));
        let broken = witness.as_ref().map(|witness| witness.violation.invariant);
        let code = match (broken, scope.expect()) {
            (Some(broken), Some(expected)) if broken == expected => exit::HOLDS,
            (Some(_), _) => exit::VIOLATED,
            (None, Some(_)) if covered.complete => exit::VIOLATED,
            (None, _) if !covered.complete => exit::UNKNOWN,
            (None, _) if !missing.is_empty() && self.is_whole(scope) => exit::VIOLATED,
            (None, _) if too_many_cut(ways) => exit::UNKNOWN,
            (None, _) => exit::HOLDS,
        };
        // Missing marks count only if the search was complete and used the scope's own options.
        let lost: &[&str] = if covered.complete && self.is_whole(scope) { missing } else { &[] };
        self.print_verdicts(scope, (covered, ways), lost, witness.as_ref(), trace.as_deref());
        if let Some(witness) = witness {
            self.print_failure(scope, witness, trace.as_deref());
        }
        if code == exit::VIOLATED && broken.is_none() {
            for mark in missing {
                self.console.say(&format!("  MISSING  {}: the scope no longer gets there", mark));
            }
            if let Some(Invariant { id, .. }) = scope.expect() {
                self.console.say(&format!(
                    "  MISSING  {id} must break here, and holds: the search no longer finds this known bug"
                ));
            }
        }
        self.print_goals(scope, ways);
        self.print_done(scope, covered, broken);
        Judged { code, complete: covered.complete, unique: covered.unique, broken }
    }

    /// Whether the scope ran with its own options. With others it need not reach the marks that it requires.
    fn is_whole(&self, scope: &dyn AnyScope) -> bool {
        scope.options().is_empty() && self.args.stop_at.is_none()
    }

    fn print_reached(&self, scope: &dyn AnyScope, reached: &[&str]) {
        for (at, line) in render::wrap_parts(reached, " · ", 100).iter().enumerate() {
            let head = if at == 0 { "  REACHED" } else { "         " };
            self.console.say(&format!("{head}  {line}"));
        }
        for mark in reached {
            self.console.line(&Line::Reached { scope: scope.name().to_owned(), what: (*mark).to_owned() });
        }
    }

    fn print_verdicts(
        &self,
        scope: &dyn AnyScope,
        (found, ways): (&Covered, &WaysCost),
        missing: &[&str],
        witness: Option<&Witness>,
        trace: Option<&Path>,
    ) {
        self.console.line(&Line::Scope(Box::new(Scope {
            scope: scope.name().to_owned(),
            complete: found.complete,
            generated: found.generated,
            unique: found.unique,
            depth: found.depth,
            seconds: found.took.into(),
            ended_by: found.ended_by.map(|limit| limit.text().to_owned()),
            missing: missing.iter().map(|&mark| mark.to_owned()).collect(),
            bounds: Some(scope.bounds()),
            faults: scope.faults(),
            expect: scope.expect().map(|invariant| invariant.id.to_owned()),
            goals: goals(scope, ways),
        })));
        for invariant in scope.judged().into_iter().chain(scope.goals()) {
            let violated = witness.filter(|witness| witness.violation.invariant == invariant);
            let verdict = match violated {
                Some(_) => InvariantVerdict::Violated,
                None if invariant.scope == JudgedBy::Ways && too_many_cut(ways) => InvariantVerdict::Unknown,
                None if found.complete => InvariantVerdict::Holds,
                None => InvariantVerdict::Unknown,
            };
            self.console.line(&Line::Verdict(Verdict {
                scope: scope.name().to_owned(),
                invariant: invariant.id.to_owned(),
                verdict,
                steps: violated.map(|witness| count(witness.steps.len())),
                trace: violated.and(trace).map(|path| path.display().to_string()),
            }));
        }
    }

    fn print_goals(&self, scope: &dyn AnyScope, ways: &WaysCost) {
        if scope.goals().is_empty() || ways.judged == 0 {
            return;
        }
        let WaysCost { judged, runs, steps, excused, cut, took, bytes } = *ways;
        let mut parts = vec![
            format!(
                "{} from {} states",
                render::plural(count(scope.goals().len()), "goal"),
                HumanCount(judged)
            ),
            format!("{} ({} steps)", render::plural(runs, "run"), HumanCount(steps)),
            format!("cut {cut} ({})", share(cut, runs)),
        ];
        if excused > 0 {
            parts.push(format!("{excused} without a living quorum"));
        }
        parts.push(format!("{took:.1?} of all threads, {}", ByteSize(bytes)));
        for (at, line) in render::wrap_parts(&parts.iter().map(String::as_str).collect::<Vec<_>>(), ", ", 100)
            .iter()
            .enumerate()
        {
            let head = if at == 0 { "    GOALS" } else { "         " };
            self.console.say(&format!("{head}  {line}"));
        }
        if too_many_cut(ways) {
            self.console.say("  UNKNOWN  the goals: more than 1 % of the runs were cut");
        }
    }

    fn print_failure(&self, scope: &dyn AnyScope, witness: &Witness, trace: Option<&Path>) {
        self.console.say("");
        let broken = witness.violation.invariant;
        self.console.say(&render::failure(witness, scope.name(), scope.expect() == Some(broken)));
        if let Some(note) = scope.remark(broken) {
            for line in render::wrap(note, 88) {
                self.console.say(&format!("      {line}"));
            }
            self.console.say("");
        }
        if let Some(path) = trace {
            self.console.say("");
            let path = path.display();
            self.console.say(&format!("  reproduce   {} replay {path}", front_door()));
            self.console.say(&format!("  look        {} explore --scope {}", front_door(), scope.name()));
        }
        self.console.say("");
    }

    fn print_done(&self, scope: &dyn AnyScope, found: &Covered, broken: Option<&'static Invariant>) {
        let (unique, took) = (HumanCount(found.unique), found.took);
        let speed = short(rate(found.unique, took));
        let line = match (broken, found.ended_by) {
            (Some(broken), _) if scope.expect() == Some(broken) => {
                let id = broken.id;
                format!("   BROKEN  {id}, as is known of this design, after {unique} states, {took:.1?}")
            }
            (Some(Invariant { id, .. }), _) => format!(" VIOLATED  {id} after {unique} states, {took:.1?}"),
            (None, Some(limit)) => format!(
                "  UNKNOWN  the {} ended the search: {unique} states covered, to depth {}, nothing broken, {took:.1?}",
                limit.text(),
                found.depth
            ),
            (None, None) if !found.complete => "  UNKNOWN  the search is not complete".to_owned(),
            (None, None) => format!(
                "    HOLDS  {} invariants over all {unique} states (complete within the bounds), depth {}, {speed} states/s, {took:.1?}",
                scope.judged().len(),
                found.depth
            ),
        };
        self.console.say(&line);
        self.console.say("");
    }

    fn write_trace(&self, scope: &dyn AnyScope, witness: &Witness) -> Option<PathBuf> {
        let name = format!("{}-{}.trace", scope.name().replace('/', "."), witness.violation.invariant.id);
        let path = self.args.out.join(name);
        let text = match scope.trace(witness) {
            Ok(trace) => trace.to_string(),
            Err(unfit) => {
                eprintln!("{}: the run does not fit into a trace: {unfit}", program::name());
                return None;
            }
        };
        match write_whole(&path, &text) {
            Ok(()) => Some(path),
            Err(error) => {
                eprintln!("{}: {}: the trace could not be written: {error}", program::name(), path.display());
                None
            }
        }
    }
}

/// Whether so many runs were given up that nothing is said of the goals.
fn too_many_cut(ways: &WaysCost) -> bool {
    ways.cut.saturating_mul(100) > ways.runs
}

/// A share in per cent, with one place.
fn share(part: u64, all: u64) -> String {
    let tenths = part.saturating_mul(1000).checked_div(all).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn goals(scope: &dyn AnyScope, ways: &WaysCost) -> Option<Goals> {
    let goals = count(scope.goals().len());
    let WaysCost { judged, runs, steps, excused, cut, took, bytes } = *ways;
    let seconds = took.into();
    (goals > 0 && judged > 0).then_some(Goals { goals, judged, runs, steps, excused, cut, seconds, bytes })
}

/// The command to print in hints: through cargo, if cargo started this program.
pub(super) fn front_door() -> &'static str {
    if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { program::name() }
}

/// Writes a file so that it exists completely or not at all.
pub(super) fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut builder = tempfile::Builder::new();
    // Readable by others, since a trace is made to be passed on.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(dir)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
