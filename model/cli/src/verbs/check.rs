//! The verb `check`.

use crate::numbers::{rate, short};
use crate::{Format, exit, refuse};
use bytesize::ByteSize;
use cutover_model::catalog::{AnyScope, Protocols};
use cutover_model::check::{How, Observer};
use cutover_model::protocol::{Invariant, OptionError, Set};
use cutover_model::render;
use cutover_model::search::Progress;
use cutover_report::{Console, InvariantVerdict, Line, Listed};
use indicatif::HumanCount;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  cutover check                                         every scope of the set for pull requests
  cutover check --scope migration/moves                 one scope; a prefix names several
  cutover check --scope migration-timed --pauses unbounded
  cutover check --scope migration-timed --barrier 3     one tick below the bound
  cutover check --set nightly --scope-budget 10m --budget 150m --memory 14GiB
  cutover check --set regress                           small scopes, each for bugs that were fixed
  cutover check --list                                  scopes, bounds and invariants";

/// Search the production state machines exhaustively within each scope's bounds
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scopes, by name or by a prefix of names; may be repeated [default: all of the set]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The set of scopes that runs if none is named
    #[arg(long, value_enum, default_value_t = Set::Pr)]
    set: Set,
    /// Show scopes, bounds and invariants, and run nothing
    #[arg(long)]
    list: bool,
    /// Format of the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Threads of a search [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Stop after this much time; what remains is UNKNOWN (such as 90s, 10m, 2h)
    #[arg(long, value_name = "DURATION", value_parser = parse_budget)]
    budget: Option<Duration>,
    /// Stop a scope after this much time; it is UNKNOWN, and the next one starts
    #[arg(long, value_name = "DURATION", value_parser = parse_budget)]
    scope_budget: Option<Duration>,
    /// Stop when this much memory is in use; what remains is UNKNOWN (such as 512MiB, 4GiB)
    #[arg(long, value_name = "BYTES", value_parser = parse_memory)]
    memory: Option<u64>,
    /// Start no further scope after one in which an invariant is violated
    #[arg(long)]
    fail_fast: bool,
    /// Stop only when this invariant is violated, and ignore all others
    #[arg(long, value_name = "INVARIANT")]
    pub(super) stop_at: Option<String>,
    /// Count states that differ only in interchangeable names separately
    #[arg(long)]
    pub(super) no_symmetry: bool,
    /// Search breadth-first, on one thread and without symmetry: needs more memory and time, but the first
    /// violating run that it finds is a shortest one
    #[arg(long)]
    pub(super) breadth_first: bool,
    /// Directory for the traces of failing runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(super) out: PathBuf,
}

pub(super) fn parse_budget(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "expected a duration such as 90s, 10m or 2h".to_owned())
}

fn parse_memory(text: &str) -> Result<u64, String> {
    let bytes = text.parse::<ByteSize>().map_or(0, |size| size.as_u64());
    match bytes {
        // ByteSize caps larger numbers at the maximum.
        0 | u64::MAX => Err("expected a number of bytes such as 512MiB or 4GiB".to_owned()),
        bytes => Ok(bytes),
    }
}

/// The result of a scope.
pub(super) struct Judged {
    pub(super) code: u8,
    pub(super) complete: bool,
    pub(super) unique: u64,
    pub(super) broken: Option<&'static Invariant>,
}

/// Runs the verb; `options`: name and value of each option of bounds that the command line sets.
pub fn run<P: Protocols>(args: &Args, options: &[(&'static str, String)]) -> u8 {
    let scopes = match select::<P>(args, options) {
        Ok(scopes) => scopes,
        Err(what) => return refuse(&what, exit::USAGE),
    };
    let known: Vec<_> = P::invariants().into_iter().chain(P::goals()).collect();
    if let Some(name) = args.stop_at.as_deref().filter(|name| known.iter().all(|known| known.id != *name)) {
        let all: Vec<_> = known.iter().map(|invariant| invariant.id).collect();
        let expected = all.join(", ");
        return refuse(
            &format!("invariant {name:?} does not exist, expected one of {expected}"),
            exit::USAGE,
        );
    }
    if args.list {
        return list(&scopes, &known, args.format);
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
    let mut expanded = json!({
        "scopes": scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
        "threads": threads(args), "symmetry": !args.no_symmetry, "breadth_first": args.breadth_first,
        "budget_s": args.budget.map(|budget| budget.as_secs()), "scope_budget_s": args.scope_budget.map(|budget| budget.as_secs()),
        "memory": args.memory,
        "stop_at": args.stop_at,
    });
    for option in P::options() {
        let given = options.iter().find(|(name, _)| *name == option.name);
        let value = |(_, text): &(_, String)| {
            text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number))
        };
        expanded[option.name] = given.map_or(Value::Null, value);
    }
    let mut run = Run {
        console: crate::console(args.format, "check", &expanded),
        args,
        known,
        ends: args.budget.map(|budget| Instant::now() + budget),
        interrupted: &interrupted,
    };
    let mut judged = Vec::new();
    for scope in &scopes {
        let one = run.scope(&**scope);
        let stop = args.fail_fast && one.code == exit::VIOLATED;
        judged.push(one);
        if stop {
            break;
        }
    }
    run.summary(&scopes, &judged)
}

fn threads(args: &Args) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or(processors, usize::from)
}

fn select<P: Protocols>(
    args: &Args,
    options: &[(&'static str, String)],
) -> Result<Vec<Box<dyn AnyScope>>, String> {
    let mut all = P::scopes();
    let names: Vec<&'static str> = all.iter().map(|scope| scope.name()).collect();
    let mut chosen: Vec<&'static str> = Vec::new();
    for name in &args.scopes {
        for fitting in fitting(&names, name)? {
            if !chosen.contains(&fitting) {
                chosen.push(fitting);
            }
        }
    }
    if args.scopes.is_empty() {
        all.retain(|scope| args.set.runs(scope.set()));
    } else {
        let place = |scope: &dyn AnyScope| chosen.iter().position(|name| *name == scope.name());
        all.retain(|scope| place(&**scope).is_some());
        all.sort_by_key(|scope| place(&**scope));
    }
    for scope in &mut all {
        for (name, value) in options {
            scope.set_option(name, value).map_err(|error| refusal(&error))?;
        }
    }
    Ok(all)
}

/// The scope with that name, or all scopes below it; otherwise the only scope whose name starts with it.
pub(super) fn fitting(names: &[&'static str], name: &str) -> Result<Vec<&'static str>, String> {
    let named = |fits: &dyn Fn(&str) -> bool| -> Vec<&'static str> {
        names.iter().copied().filter(|name| fits(name)).collect()
    };
    let exact = named(&|other| other == name);
    if !exact.is_empty() {
        return Ok(exact);
    }
    let below = named(&|other| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')));
    if !below.is_empty() {
        return Ok(below);
    }
    let beginning = named(&|other| other.starts_with(name));
    match beginning.len() {
        0 => Err(format!("scope {name:?} does not exist, expected one of {}", names.join(", "))),
        1 => Ok(beginning),
        _ => Err(format!("scope {name:?} could be any of {}", beginning.join(", "))),
    }
}

/// The error message for an option, named as a flag.
fn refusal(error: &OptionError) -> String {
    match error {
        OptionError::Value { name, found, expected } => {
            format!("invalid value '{found}' for '--{name}': expected {expected}")
        }
        OptionError::Unknown { .. } | OptionError::NotHere { .. } => error.to_string(),
    }
}

fn list(scopes: &[Box<dyn AnyScope>], invariants: &[&'static Invariant], format: Format) -> u8 {
    let console = crate::console(format, "check --list", &json!({}));
    for scope in scopes {
        console.say(&format!("{:<26} {}", scope.name(), scope.about()));
        for line in render::wrap(&scope.bounds(), 92) {
            console.say(&format!("      {line}"));
        }
        console.say(&format!("      faults: {}", scope.faults()));
        let expect = scope.expect().map(|invariant| invariant.id);
        if let Some(id) = expect {
            console.say(&format!("      a published design, known to break {id}"));
        }
        console.line(&Line::Listed(Listed {
            scope: scope.name().to_owned(),
            about: scope.about().to_owned(),
            bounds: scope.bounds(),
            faults: scope.faults(),
            expect: expect.map(str::to_owned),
        }));
    }
    console.say("");
    for Invariant { id, claim, source, .. } in invariants {
        console.say(&format!("{id:<36} {claim}"));
        console.line(&Line::Invariant {
            id: (*id).to_owned(),
            claim: (*claim).to_owned(),
            source: (*source).to_owned(),
            scope: None,
            kills: None,
        });
    }
    console.finish(exit::HOLDS)
}

pub(super) struct Run<'a> {
    pub(super) console: Console,
    pub(super) args: &'a Args,
    /// The invariants of all protocols.
    known: Vec<&'static Invariant>,
    ends: Option<Instant>,
    interrupted: &'a AtomicBool,
}

impl Run<'_> {
    fn scope(&mut self, scope: &dyn AnyScope) -> Judged {
        self.head(scope);
        let scope_ends = self.args.scope_budget.map(|budget| Instant::now() + budget);
        let how = How {
            threads: threads(self.args),
            symmetry: !self.args.no_symmetry,
            breadth_first: self.args.breadth_first,
            stop_at: self.args.stop_at.clone(),
            ends: scope_ends.into_iter().chain(self.ends).min(),
            ends_all: self.ends,
            memory: self.args.memory,
        };
        let checked = scope.check(&how, self);
        self.print(scope, &checked)
    }

    /// Prints the verdict on each invariant over all scopes that judge it.
    fn invariants(&self, ours: &[(&dyn AnyScope, &Judged)]) {
        let broken = |id: &Invariant| ours.iter().any(|(_, judged)| judged.broken == Some(id));
        let mut cells = Vec::new();
        let mut others = 0;
        let claims =
            |scope: &dyn AnyScope| scope.judged().into_iter().chain(scope.goals()).collect::<Vec<_>>();
        let judges: Vec<_> = ours.iter().map(|(scope, judged)| (claims(*scope), judged)).collect();
        for invariant in &self.known {
            let judging = || judges.iter().filter(|(judges, _)| judges.contains(invariant));
            if broken(invariant) {
                self.console.say(&format!(" VIOLATED  {}", invariant.id));
            } else if judging().any(|(_, judged)| judged.broken.is_some()) {
                others += 1;
            } else if judging().count() > 0 {
                let complete = judging().all(|(_, judged)| judged.complete);
                let verdict = if complete { InvariantVerdict::Holds } else { InvariantVerdict::Unknown };
                cells.push(format!("{verdict:>9}  {:<38}", invariant.id));
            }
        }
        for pair in cells.chunks(2) {
            self.console.say(&pair.concat());
        }
        if others > 0 {
            self.console.say(&format!(
                "  UNKNOWN  {others} other invariants: a search ends with the first that breaks"
            ));
        }
    }

    fn summary(&self, scopes: &[Box<dyn AnyScope>], judged: &[Judged]) -> u8 {
        let any = |code| judged.iter().any(|judged| judged.code == code);
        let code = if judged.is_empty() {
            exit::NOTHING
        } else if any(exit::VIOLATED) {
            exit::VIOLATED
        } else if any(exit::UNKNOWN) {
            exit::UNKNOWN
        } else {
            exit::HOLDS
        };
        let all = || scopes.iter().map(|scope| &**scope).zip(judged);
        let ours = || all().filter(|(scope, _)| scope.expect().is_none());
        self.invariants(&ours().collect::<Vec<_>>());
        for (scope, judged) in all().filter(|(scope, _)| scope.expect().is_some()) {
            let verdict = if judged.broken.is_some() { "BROKEN" } else { "?" };
            self.console.say(&format!("{verdict:>9}  {} — {}", scope.name(), scope.about()));
        }
        let unique: u64 = judged.iter().map(|judged| judged.unique).sum();
        let complete = ours().filter(|(_, judged)| judged.complete).count();
        self.console.say(&format!(
            "     done  {complete} of {} scopes complete within their bounds, {} states, {:.1?}",
            ours().count(),
            HumanCount(unique),
            self.console.elapsed()
        ));
        self.console.finish(code)
    }
}

impl Observer for Run<'_> {
    fn begin(&mut self, _what: &str) {
        self.console.begin("checking", None);
    }

    fn progress(&mut self, what: &str, at: Progress) {
        self.console.progress(|| {
            let (unique, speed) = (HumanCount(at.unique), short(rate(at.unique, at.took)));
            format!("{what}  {unique} unique   depth {}   {speed} states/s", at.depth)
        });
    }

    fn end(&mut self) {
        self.console.end();
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
