//! What `cutover check` prints of one scope.

use super::check::{Judged, Run};
use crate::console::{rate, seconds, short};
use crate::exit;
use cutover::core::invariant::Id;
use cutover_model::environment::Environment;
use cutover_model::render::{self, thousands};
use cutover_model::scopes::Scope;
use cutover_model::search::{Found, Limit};
use cutover_model::witness::Witness;
use serde_json::json;
use std::path::{Path, PathBuf};

impl Run<'_> {
    pub(super) fn head(&self, scope: &Scope) {
        self.console.say(&format!("    scope  {} — {}", scope.name, scope.about));
        for line in render::wrap(&scope.bounds(), 88) {
            self.console.say(&format!("           {line}"));
        }
        let told_apart = self.args.no_symmetry || self.args.breadth_first || scope.expect.is_some();
        let symmetry = if told_apart { "off" } else { "on" };
        for (at, line) in
            render::wrap(&format!("{}; symmetry {symmetry}", scope.faults()), 88).iter().enumerate()
        {
            let head = if at == 0 { "   faults" } else { "         " };
            self.console.say(&format!("{head}  {line}"));
        }
    }

    pub(super) fn print<E: Environment>(
        &self,
        scope: &Scope,
        world: &E,
        found: &Found<E::Action>,
        witness: Option<&Witness>,
    ) -> Judged {
        let reached = world.reached();
        self.print_reached(scope, &reached);
        let mut missing = world.to_reach();
        missing.retain(|mark| !reached.contains(mark));
        let trace = witness.and_then(|witness| self.write_trace(scope, witness));
        let broken = witness.map(|witness| witness.id);
        let code = match (broken, scope.expect) {
            (Some(id), Some(expected)) if id == expected => exit::HOLDS,
            (Some(_), _) => exit::VIOLATED,
            (None, Some(_)) if found.complete => exit::VIOLATED,
            (None, _) if !found.complete => exit::UNKNOWN,
            (None, _) if !missing.is_empty() && self.is_whole(scope) => exit::VIOLATED,
            (None, _) => exit::HOLDS,
        };
        // Places count only where the search came to its end, with the options that the scope is listed with.
        let lost: &[&str] = if found.complete && self.is_whole(scope) { &missing } else { &[] };
        self.print_verdicts(scope, found, lost, witness, trace.as_deref());
        if let Some(witness) = witness {
            self.print_failure(scope, witness, trace.as_deref());
        }
        if code == exit::VIOLATED && broken.is_none() {
            for mark in &missing {
                self.console.say(&format!("  MISSING  {}: the scope no longer gets there", mark));
            }
            if let Some(id) = scope.expect {
                self.console
                    .say(&format!("  MISSING  {id} was to break, and holds: the search has lost its teeth"));
            }
        }
        self.print_done(scope, found, broken);
        Judged { code, complete: found.complete, unique: found.unique, broken }
    }

    /// A scope run with other options than listed need not reach what the listed one does.
    fn is_whole(&self, scope: &Scope) -> bool {
        scope.options().is_empty() && self.stop_at.is_none()
    }

    fn print_reached(&self, scope: &Scope, reached: &[&str]) {
        for (at, line) in render::wrap_parts(reached, " · ", 100).iter().enumerate() {
            let head = if at == 0 { "  REACHED" } else { "         " };
            self.console.say(&format!("{head}  {line}"));
        }
        for mark in reached {
            self.console.json(&json!({ "type": "reached", "scope": scope.name, "what": mark }));
        }
    }

    fn print_verdicts<A>(
        &self,
        scope: &Scope,
        found: &Found<A>,
        missing: &[&str],
        witness: Option<&Witness>,
        trace: Option<&Path>,
    ) {
        self.console.json(&json!({
            "type": "scope", "scope": scope.name, "complete": found.complete, "generated": found.generated,
            "unique": found.unique, "depth": found.depth, "seconds": seconds(found.took),
            "ended_by": found.ended_by.map(Limit::text),
            "missing": missing,
            "bounds": scope.bounds(), "faults": scope.faults(),
            "expect": scope.expect.map(|id| id.to_string()),
        }));
        for id in &Id::in_set(scope.judged()).collect::<Vec<_>>() {
            let violated = witness.filter(|witness| witness.id == *id);
            let verdict = match violated {
                Some(_) => "VIOLATED",
                None if found.complete => "HOLDS",
                None => "UNKNOWN",
            };
            self.console.json(&json!({
                "type": "verdict", "scope": scope.name, "invariant": id.to_string(), "verdict": verdict,
                "steps": violated.map(|witness| witness.steps.len()),
                "trace": violated.and(trace).map(|path| path.display().to_string()),
            }));
        }
    }

    fn print_failure(&self, scope: &Scope, witness: &Witness, trace: Option<&Path>) {
        self.console.say("");
        self.console.say(&render::failure(witness, scope.name, scope.expect == Some(witness.id)));
        if let Some(note) = why_no_barrier(scope, witness.id) {
            for line in render::wrap(note, 88) {
                self.console.say(&format!("      {line}"));
            }
            self.console.say("");
        }
        if let Some(path) = trace {
            self.console.say("");
            let path = path.display();
            self.console.say(&format!("  reproduce   {} replay {path}", front_door()));
            self.console.say(&format!("  look        {} explore --scope {}", front_door(), scope.name));
        }
        self.console.say("");
    }

    fn print_done<A>(&self, scope: &Scope, found: &Found<A>, broken: Option<Id>) {
        let (unique, took) = (thousands(found.unique), found.took);
        let speed = short(rate(found.unique, took));
        let line = match (broken, found.ended_by) {
            (Some(id), _) if scope.expect == Some(id) => {
                format!("   BROKEN  {id}, as is known of this design, after {unique} states, {took:.1?}")
            }
            (Some(id), _) => format!(" VIOLATED  {id} after {unique} states, {took:.1?}"),
            (None, Some(limit)) => format!(
                "  UNKNOWN  the {} ended the search: {unique} states covered, to depth {}, nothing broken, {took:.1?}",
                limit.text(),
                found.depth
            ),
            (None, None) if !found.complete => "  UNKNOWN  the search did not come to its end".to_owned(),
            (None, None) => format!(
                "    HOLDS  {} invariants over all {unique} states (complete within the bounds), depth {}, {speed} states/s, {took:.1?}",
                scope.judged().count_ones(),
                found.depth
            ),
        };
        self.console.say(&line);
        self.console.say("");
    }

    fn write_trace(&self, scope: &Scope, witness: &Witness) -> Option<PathBuf> {
        let name = format!("{}-{}.trace", scope.name.replace('/', "."), witness.id);
        let path = self.args.out.join(name);
        let text = match witness.trace(scope) {
            Ok(trace) => trace.to_string(),
            Err(unfit) => {
                eprintln!("cutover: the run does not fit into a trace: {unfit}");
                return None;
            }
        };
        match write_whole(&path, &text) {
            Ok(()) => Some(path),
            Err(error) => {
                eprintln!("cutover: {}: the trace could not be written: {error}", path.display());
                None
            }
        }
    }
}

/// Why no wait can be long enough, where that is what was shown.
fn why_no_barrier(scope: &Scope, id: Id) -> Option<&'static str> {
    let unbounded = scope.timed.is_some_and(|timed| timed.effect_ticks.is_none());
    (unbounded && matches!(id, Id::CommitAtOwnerOnly | Id::NoCommitInCutover | Id::NoLostWrite)).then_some(
        "Why: a wait bounds how long the controller is patient, not how long a gateway, a queue or a network may \
         hold a write that was let out before; only the store that applies it can refuse it.",
    )
}

/// What to type to get here again.
fn front_door() -> &'static str {
    if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { "cutover" }
}

/// Writes a file so that it is there whole, or not at all.
pub(super) fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut builder = tempfile::Builder::new();
    // Others read it too: a trace is made to be passed on.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(dir)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
