//! `cutover check`.

use crate::console::Console;
use crate::{Format, exit, refuse};
use cutover::core::invariant::Id;
use cutover_model::environment::Environment;
use cutover_model::in_environment;
use cutover_model::render::{self, thousands};
use cutover_model::scopes::{self, OptionError, Scope, Set};
use cutover_model::search::{Found, Order, Searched, Watcher};
use cutover_model::witness::Witness;
use serde_json::json;
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
  cutover check --list                                  scopes, bounds and invariants";

/// Explore the production state machines exhaustively within each scope's bounds
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scopes, by name or by a prefix of names; may be repeated [default: all of the set]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Which scopes run when none is named
    #[arg(long, value_enum, default_value_t = Set::Pr)]
    set: Set,
    /// Show scopes, bounds and invariants, and run nothing
    #[arg(long)]
    list: bool,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Threads of a search [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Stop when this much time is over, and call the rest UNKNOWN (such as 90s, 10m, 2h)
    #[arg(long, value_name = "DURATION", value_parser = parse_budget)]
    budget: Option<Duration>,
    /// Stop a scope after this much time, call it UNKNOWN, and go on with the next
    #[arg(long, value_name = "DURATION", value_parser = parse_budget)]
    scope_budget: Option<Duration>,
    /// Stop when this much memory is in use, and call the rest UNKNOWN (such as 512MiB, 4GiB)
    #[arg(long, value_name = "BYTES", value_parser = parse_memory)]
    memory: Option<u64>,
    /// Search on until this very invariant breaks, whatever else does
    #[arg(long, value_name = "INVARIANT")]
    stop_at: Option<String>,
    /// Timed scopes: whether a write may take any time to take effect
    #[arg(long, value_name = "HOW", value_parser = ["bounded", "unbounded"])]
    pauses: Option<String>,
    /// Timed scopes: the wait, in ticks, instead of the one derived
    #[arg(long, value_name = "TICKS", value_parser = parse_ticks)]
    barrier: Option<u64>,
    /// Tell mirrored states apart
    #[arg(long)]
    pub(super) no_symmetry: bool,
    /// Search breadth-first, on one thread and without symmetry: larger and slower, but the first run that breaks
    /// something is a shortest one
    #[arg(long)]
    pub(super) breadth_first: bool,
    /// Where traces of failing runs are written
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(super) out: PathBuf,
}

/// A shortest run is worth waiting for, but not for ever: a bug can make a small world a large one.
const SHORTEST_WITHIN: Duration = Duration::from_secs(60);

fn parse_budget(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "expected a duration such as 90s, 10m or 2h".to_owned())
}

fn parse_ticks(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a number of ticks such as 4".to_owned())
}

fn parse_memory(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number of bytes such as 512MiB or 4GiB".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" | "B" => 0,
        "KiB" | "K" => 10,
        "MiB" | "M" => 20,
        "GiB" | "G" => 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

/// What a scope came to.
pub(super) struct Judged {
    pub(super) code: u8,
    pub(super) complete: bool,
    pub(super) unique: u64,
    pub(super) broken: Option<Id>,
}

/// Runs the verb.
pub fn run(args: &Args) -> u8 {
    let scopes = match select(args) {
        Ok(scopes) => scopes,
        Err(what) => return refuse(&what, exit::USAGE),
    };
    let stop_at = match args.stop_at.as_deref().map(|name| Id::named(name).ok_or(name)).transpose() {
        Ok(stop_at) => stop_at,
        Err(name) => {
            let all: Vec<_> = Id::ALL.iter().map(ToString::to_string).collect();
            let expected = all.join(", ");
            return refuse(
                &format!("invariant {name:?} does not exist, expected one of {expected}"),
                exit::USAGE,
            );
        }
    };
    if args.list {
        return list(&scopes, args.format);
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
    let options = json!({
        "scopes": scopes.iter().map(|scope| scope.name).collect::<Vec<_>>(),
        "threads": threads(args), "symmetry": !args.no_symmetry, "breadth_first": args.breadth_first,
        "budget_s": args.budget.map(|budget| budget.as_secs()), "scope_budget_s": args.scope_budget.map(|budget| budget.as_secs()),
        "memory": args.memory,
        "stop_at": stop_at.map(|id| id.to_string()), "pauses": args.pauses, "barrier": args.barrier,
    });
    let mut run = Run {
        console: Console::new(args.format, "check", &options),
        args,
        stop_at,
        ends: args.budget.map(|budget| Instant::now() + budget),
        interrupted: &interrupted,
    };
    let judged: Vec<Judged> = scopes.iter().map(|scope| run.scope(scope)).collect();
    run.summary(&scopes, &judged)
}

fn threads(args: &Args) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or(processors, usize::from)
}

fn select(args: &Args) -> Result<Vec<Scope>, String> {
    let all = scopes::all();
    let mut chosen: Vec<Scope> = Vec::new();
    for name in &args.scopes {
        let exact = all.iter().any(|scope| scope.name == name);
        let within = |scope: &&Scope| {
            scope.name == name
                || (!exact
                    && scope.name.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('/')))
        };
        let mut matching: Vec<Scope> = all.iter().filter(within).cloned().collect();
        if matching.is_empty() {
            matching = all.iter().filter(|scope| scope.name.starts_with(name.as_str())).cloned().collect();
            if matching.len() > 1 {
                let names: Vec<_> = matching.iter().map(|scope| scope.name).collect();
                return Err(format!("scope {name:?} could be any of {}", names.join(", ")));
            }
        }
        if matching.is_empty() {
            let names: Vec<_> = all.iter().map(|scope| scope.name).collect();
            return Err(format!("scope {name:?} does not exist, expected one of {}", names.join(", ")));
        }
        matching.retain(|scope| chosen.iter().all(|other| other.name != scope.name));
        chosen.extend(matching);
    }
    if args.scopes.is_empty() {
        chosen = all.into_iter().filter(|scope| scope.set <= args.set).collect();
    }
    for scope in &mut chosen {
        set_options(scope, args).map_err(|error| error.to_string())?;
    }
    Ok(chosen)
}

fn set_options(scope: &mut Scope, args: &Args) -> Result<(), OptionError> {
    if let Some(pauses) = &args.pauses {
        scope.set_option("pauses", pauses)?;
    }
    if let Some(barrier) = args.barrier {
        scope.set_option("barrier", &barrier.to_string())?;
    }
    Ok(())
}

fn list(scopes: &[Scope], format: Format) -> u8 {
    let console = Console::new(format, "check --list", &json!({}));
    for scope in scopes {
        console.say(&format!("{:<26} {}", scope.name, scope.about));
        for line in render::wrap(&scope.bounds(), 92) {
            console.say(&format!("      {line}"));
        }
        console.say(&format!("      faults: {}", scope.faults()));
        if let Some(id) = scope.expect {
            console.say(&format!("      a published design, known to break {id}"));
        }
        console.json(&json!({ "type": "listed", "scope": scope.name, "about": scope.about,
            "bounds": scope.bounds(), "faults": scope.faults(), "expect": scope.expect.map(|id| id.to_string()) }));
    }
    console.say("");
    for id in Id::ALL {
        let entry = id.entry();
        console.say(&format!("{:<36} {}", entry.id, entry.claim));
        console.json(
            &json!({ "type": "invariant", "id": entry.id, "claim": entry.claim, "source": entry.source }),
        );
    }
    console.finish(exit::HOLDS);
    exit::HOLDS
}

pub(super) struct Run<'a> {
    pub(super) console: Console,
    pub(super) args: &'a Args,
    pub(super) stop_at: Option<Id>,
    ends: Option<Instant>,
    interrupted: &'a AtomicBool,
}

impl Run<'_> {
    fn scope(&mut self, scope: &Scope) -> Judged {
        self.head(scope);
        in_environment!(scope.clone(), world => self.scope_in(scope, &Arc::new(world)))
    }

    fn scope_in<E: Environment>(&mut self, scope: &Scope, world: &Arc<E>) -> Judged {
        let watch = self.stop_at.or(scope.expect).map_or_else(|| scope.judged(), Id::bit);
        let searched = Searched { world: Arc::clone(world), watch };
        let exhaust = Order::DepthFirst { threads: threads(self.args), symmetry: !self.args.no_symmetry };
        // A design that is known to break is shown at its shortest, at once.
        let shortest = scope.expect.is_some() || self.args.breadth_first;
        let order = if shortest { Order::BreadthFirst } else { exhaust };
        let scope_ends = self.args.scope_budget.map(|budget| Instant::now() + budget);
        let until = scope_ends.into_iter().chain(self.ends).min();
        let found = self.search(&searched, order, scope.name, until);
        let witness = found.witness.as_deref().and_then(|actions| self.witness(world, order, actions, watch));
        self.print(scope, &**world, &found, witness.as_ref())
    }

    fn search<E: Environment>(
        &mut self,
        searched: &Searched<E>,
        order: Order,
        name: &str,
        until: Option<Instant>,
    ) -> Found<E::Action> {
        let interrupted = self.interrupted;
        self.console.begin(name);
        let console = &mut self.console;
        let mut watcher = Watcher {
            until,
            memory: self.args.memory,
            interrupted: &|| interrupted.load(Ordering::Relaxed),
            progress: &mut |at| console.progress(name, at),
        };
        let found = searched.run(order, &mut watcher);
        self.console.end();
        found
    }

    /// The shortest run that breaks what the given one breaks; if a limit is in the way, that one without its idle
    /// steps.
    fn witness<E: Environment>(
        &mut self,
        world: &Arc<E>,
        order: Order,
        actions: &[E::Action],
        watch: u32,
    ) -> Option<Witness> {
        let first = Id::in_set(watch)
            .filter_map(|id| Witness::run(&**world, actions, id))
            .min_by_key(|w| w.steps.len())?;
        if order == Order::BreadthFirst {
            return Some(first);
        }
        let id = self.stop_at.unwrap_or(first.id);
        let searched = Searched { world: Arc::clone(world), watch: id.bit() };
        let patience = Instant::now() + SHORTEST_WITHIN;
        let until = Some(self.ends.map_or(patience, |ends| ends.min(patience)));
        let shortest = self.search(&searched, Order::BreadthFirst, "the shortest run", until).witness;
        let actions = shortest.unwrap_or_else(|| Witness::shorten(&**world, actions, id));
        Witness::run(&**world, &actions, id).or(Some(first))
    }

    /// The verdict on each invariant, over all scopes that judge it.
    fn invariants(&self, ours: &[(&Scope, &Judged)]) {
        let broken = |id: Id| ours.iter().any(|(_, judged)| judged.broken == Some(id));
        let mut cells = Vec::new();
        let mut others = 0;
        for id in Id::ALL {
            let judging = || ours.iter().filter(|(scope, _)| scope.judged() & id.bit() != 0);
            if broken(*id) {
                self.console.say(&format!(" VIOLATED  {id}"));
            } else if judging().any(|(_, judged)| judged.broken.is_some()) {
                others += 1;
            } else if judging().count() > 0 {
                let complete = judging().all(|(_, judged)| judged.complete);
                let verdict = if complete { "HOLDS" } else { "UNKNOWN" };
                cells.push(format!("{verdict:>9}  {:<38}", id.to_string()));
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

    fn summary(&self, scopes: &[Scope], judged: &[Judged]) -> u8 {
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
        let ours = || scopes.iter().zip(judged).filter(|(scope, _)| scope.expect.is_none());
        self.invariants(&ours().collect::<Vec<_>>());
        for (scope, judged) in scopes.iter().zip(judged).filter(|(scope, _)| scope.expect.is_some()) {
            let verdict = if judged.broken.is_some() { "BROKEN" } else { "?" };
            self.console.say(&format!("{verdict:>9}  {} — {}", scope.name, scope.about));
        }
        let unique: u64 = judged.iter().map(|judged| judged.unique).sum();
        let complete = ours().filter(|(_, judged)| judged.complete).count();
        self.console.say(&format!(
            "     done  {complete} of {} scopes complete within their bounds, {} states, {:.1?}",
            ours().count(),
            thousands(unique),
            self.console.elapsed()
        ));
        self.console.finish(code);
        code
    }
}
