//! The verb `walk`.

use super::check;
use crate::numbers::{count, rate, short};
use crate::{Format, exit, refuse};
use cutover_model::catalog::{AnyScope, Protocols};
use cutover_model::protocol::Set;
use cutover_model::walk::{Failed, Plan, Progress, SHORTENS, Walked};
use cutover_report::{Console, InvariantVerdict, Line, Verdict, Walk as WalkLine};
use indicatif::HumanCount;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  cutover walk                                          walk for a minute, from seed 1
  cutover walk --budget 30m --seed 7 --threads 8
  cutover walk --scope walk/system --walks 100          the same hundred walks on every machine
  cutover walk --set everything --budget 1h             also through the scopes that are searched";

/// The most steps of a run that are printed. The trace has all.
const TOLD: usize = 200;

/// The scopes to walk through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Through {
    /// The worlds that are made for walks
    Pr,
    /// The same, with longer walks
    Nightly,
    /// Also every scope that `check` searches
    Everything,
}

/// Walk at random through worlds that are too large to be searched, and judge every step
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scopes, by name or by a prefix of names; may be repeated [default: all of the set]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The scopes to walk through if none is named
    #[arg(long, value_enum, default_value_t = Through::Pr)]
    set: Through,
    /// Walk for this much time in all (such as 90s, 10m, 2h) [default: 60s, unless --walks is given]
    #[arg(long, value_name = "DURATION", value_parser = check::parse_budget)]
    budget: Option<Duration>,
    /// Walks through each scope; the same ones from the same seed
    #[arg(long, value_name = "N")]
    walks: Option<u64>,
    /// Steps of a walk [default: 3000; 12000 in the set nightly]
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// The seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Threads [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Leave a walk that fails as long as it is
    #[arg(long)]
    whole: bool,
    /// List every abstract state that was seen, the rarest first
    #[arg(long)]
    states: bool,
    /// Format of the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Directory for the traces of failing walks
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
}

/// Runs the verb.
pub fn run<P: Protocols>(args: &Args) -> u8 {
    let scopes = match select::<P>(args) {
        Ok(scopes) => scopes,
        Err(what) => return refuse(&what, exit::USAGE),
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or(processors, usize::from);
    let steps = args.steps.unwrap_or(if args.set == Through::Nightly { 12_000 } else { 3_000 });
    let budget = args.budget.or_else(|| args.walks.is_none().then(|| Duration::from_secs(60)));
    let expanded = json!({
        "scopes": scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
        "seed": args.seed, "walks": args.walks, "steps": steps, "threads": threads,
        "budget_s": budget.map(|budget| budget.as_secs()),
    });
    let mut run =
        Run { console: crate::console(args.format, "walk", &expanded), args, interrupted: &interrupted };
    let mut code = if scopes.is_empty() { exit::NOTHING } else { exit::HOLDS };
    let mut left = u32::try_from(scopes.len()).unwrap_or(u32::MAX);
    let ends = budget.map(|budget| Instant::now() + budget);
    for scope in &scopes {
        // What one scope leaves of its share is for the others.
        let share =
            ends.map(|ends| Instant::now() + ends.saturating_duration_since(Instant::now()) / left.max(1));
        let plan = Plan {
            seed: args.seed,
            walks: args.walks,
            ends: share,
            steps,
            threads,
            shortens: (!args.whole).then_some(SHORTENS),
        };
        if run.scope(&**scope, &plan) {
            code = exit::VIOLATED;
        }
        left = left.saturating_sub(1);
        if interrupted.load(Ordering::Relaxed) {
            code = if code == exit::VIOLATED { code } else { exit::UNKNOWN };
            break;
        }
    }
    run.console.finish(code)
}

fn select<P: Protocols>(args: &Args) -> Result<Vec<Box<dyn AnyScope>>, String> {
    let mut all = P::scopes();
    if args.scopes.is_empty() {
        // Designs that are known to be unsafe are found by a search.
        all.retain(|scope| match args.set {
            Through::Pr | Through::Nightly => scope.set() == Set::Walk,
            Through::Everything => scope.expect().is_none(),
        });
        return Ok(all);
    }
    let names: Vec<&'static str> = all.iter().map(|scope| scope.name()).collect();
    let mut chosen = Vec::new();
    for name in &args.scopes {
        chosen.extend(check::fitting(&names, name)?);
    }
    all.retain(|scope| chosen.contains(&scope.name()));
    Ok(all)
}

struct Run<'a> {
    console: Console,
    args: &'a Args,
    interrupted: &'a AtomicBool,
}

impl Run<'_> {
    /// Walks through a scope. Returns whether a walk failed.
    fn scope(&mut self, scope: &dyn AnyScope, plan: &Plan) -> bool {
        self.console.say(&format!("  {:<24} {}", scope.name(), scope.about()));
        self.console.begin("walking", None);
        let walked = scope.walk(plan, &mut |Progress { walks, steps, took }| {
            self.console.progress(|| {
                let (walks, speed) = (HumanCount(walks), short(rate(steps, took)));
                format!("{}  {walks} walks   {} steps   {speed} steps/s", scope.name(), HumanCount(steps))
            });
            self.interrupted.load(Ordering::Relaxed)
        });
        self.console.end();
        let trace = walked.failed.as_ref().and_then(|failed| self.failed(scope, failed));
        self.covered(scope, &walked, trace);
        walked.failed.is_some()
    }

    fn failed(&self, scope: &dyn AnyScope, failed: &Failed) -> Option<String> {
        let Failed { walk, steps, options, witness, cut_off } = failed;
        let violation = &witness.violation;
        self.console
            .say(&format!(" VIOLATED  {}   walk {walk} of seed {}", violation.invariant.id, self.args.seed));
        self.console.say(&format!("           {}", violation.invariant.claim));
        self.console.say(&format!("   found   {}", violation.found));
        self.console.say(&format!("  against  {}", violation.against));
        let how = match cut_off {
            Some(false) => String::new(),
            Some(true) => format!(", shortening was cut off after {} s", SHORTENS.as_secs()),
            None => ", not shortened".to_owned(),
        };
        let (left, told) = (witness.steps.len(), witness.steps.len().min(TOLD));
        let which = if told < left { format!("; the last {told}") } else { String::new() };
        self.console.say(&format!("           {left} of {steps} steps are left{how}{which}:"));
        for (number, step) in (1..).zip(&witness.steps).skip(left - told) {
            self.console.say(&format!("  {number:>3}  {}", step.choice));
            for line in &step.said {
                self.console.say(&format!("         {line}"));
            }
        }
        let drawn = scope.drawn(options)?;
        let trace = match drawn.trace(witness) {
            Ok(trace) => trace,
            Err(unfit) => {
                self.console.say(&format!("   trace   not written: {unfit}"));
                return None;
            }
        };
        let name = format!("{}-{}.trace", scope.name().replace('/', "-"), violation.invariant.id);
        let path = self.args.out.join(name);
        let written =
            std::fs::create_dir_all(&self.args.out).and_then(|()| std::fs::write(&path, trace.to_string()));
        match written {
            Ok(()) => {
                self.console.say(&format!("   trace   cutover replay {}", path.display()));
                Some(path.display().to_string())
            }
            Err(error) => {
                self.console.say(&format!("   trace   not written: {}: {error}", path.display()));
                None
            }
        }
    }

    fn covered(&self, scope: &dyn AnyScope, walked: &Walked, trace: Option<String>) {
        let covered = &walked.covered;
        let text = scope.walked(covered);
        let (states, transitions) = (covered.abstractions.len(), covered.transitions());
        let speed = short(rate(covered.steps, covered.took));
        if walked.failed.is_none() {
            self.console.say(&format!(
                "NOT FOUND  within {} steps of {} walks, seed {}",
                HumanCount(covered.steps),
                HumanCount(covered.walks),
                self.args.seed
            ));
        }
        self.console.say(&format!(
            "           {states} abstract states, {transitions} pairs of state and action; {speed} steps/s, {:.1?}",
            covered.took
        ));
        let never: Vec<&str> =
            text.kinds.iter().filter(|(_, taken, _)| *taken == 0).map(|(name, ..)| *name).collect();
        let never: Vec<&str> = never.into_iter().chain(text.unreached.iter().copied()).collect();
        if !never.is_empty() {
            self.console.say(&format!("    never  {}", never.join(", ")));
        }
        if self.args.states {
            for (name, taken, refused) in &text.kinds {
                self.console.say(&format!("{taken:>10}  {name}, and {refused} times without effect"));
            }
            for (mark, walks) in &text.marks {
                self.console.say(&format!("{walks:>10}  walks reached: {mark}"));
            }
            for (state, times) in &text.states {
                self.console.say(&format!("{times:>10}  {state}"));
            }
        }
        self.console.line(&Line::Walk(Box::new(WalkLine {
            scope: scope.name().to_owned(),
            seed: self.args.seed,
            walks: covered.walks,
            steps: covered.steps,
            seconds: covered.took.into(),
            states: u64::try_from(states).unwrap_or(u64::MAX),
            transitions,
            kinds: text.kinds.iter().map(|(name, taken, _)| ((*name).to_owned(), *taken)).collect(),
            marks: text.marks.iter().map(|(mark, _)| (*mark).to_owned()).collect(),
            never: never.into_iter().map(str::to_owned).collect(),
            failed: walked.failed.as_ref().map(|failed| failed.walk),
            invariant: walked.failed.as_ref().map(|failed| failed.witness.violation.invariant.id.to_owned()),
            trace: trace.clone(),
        })));
        for invariant in scope.judged().into_iter().chain(scope.goals()) {
            let violated =
                walked.failed.as_ref().filter(|failed| failed.witness.violation.invariant == invariant);
            let verdict =
                if violated.is_some() { InvariantVerdict::Violated } else { InvariantVerdict::Unknown };
            self.console.line(&Line::Verdict(Verdict {
                scope: scope.name().to_owned(),
                invariant: invariant.id.to_owned(),
                verdict,
                steps: violated.map(|failed| count(failed.witness.steps.len())),
                trace: violated.and(trace.clone()),
            }));
        }
    }
}
