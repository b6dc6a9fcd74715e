//! `cutover mutants`: applies known bugs and reports whether the checker finds each.
//!
//! A patch in `tests/mutants` names the invariant that must fail, or the stored trace that must diverge. The scoreboard
//! applies the patch to a copy of the working tree, builds the checker with it, and searches until that invariant fails,
//! or replays the trace. A mutant that survives is a defect of the checker. For comparison, the unmutated tree must hold
//! in the same scopes and traces, and a patch that changes nothing must survive.

mod args;
mod board;
mod build;
mod cells;
mod draw;
mod error;
mod git;
mod header;
mod joint;
mod judge;
mod lines;
mod load;
mod matrix;
mod patch;
mod process;
mod report;
mod row;
mod run_output;
mod runner;
mod select;
#[cfg(test)]
mod tests;
mod tree;

pub use args::{Args, Simulator, without_simulator};
pub use build::{Build, Tools};
pub use error::Error;
pub use git::Git;

use crate::exit;
use board::Board;
use clap::ValueEnum as _;
use cutover_report::{Console, Engine, Line};
use joint::Joint;
use judge::{Judge, SEEDS};
use patch::{DIR, Patch};
use runner::{Bench, Limits};
use select::{Chosen, Selection};
use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tree::Checkout;

/// Set when the user presses Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// Runs the verb in the current directory and returns the exit code. `simulator`: its options, if there is one. `build`:
/// how to build the program that checks a mutant.
#[must_use]
pub fn run(args: &Args, simulator: Option<Simulator>, build: Build) -> u8 {
    // If a handler was set before, it stays. Ctrl-C then ends this process and its children, and the next run
    // repairs the copy.
    let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
    match env::current_dir() {
        Ok(cwd) => run_in(&cwd, args, simulator, &Tools::new(build), &STOP),
        Err(error) => crate::refuse(&format!("the current directory: {error}"), exit::INTERNAL),
    }
}

/// Runs the verb in `cwd` with the given programs, until it is done or `stop` is set. Returns the exit code.
#[must_use]
fn run_in(cwd: &Path, args: &Args, simulator: Option<Simulator>, tools: &Tools, stop: &AtomicBool) -> u8 {
    let options = args.expanded(simulator);
    let mut console = Console::new(args.format, "mutants", env!("CARGO_PKG_VERSION"), &options);
    let result = command(args, simulator, tools, cwd, stop, &mut console);
    console.end();
    console.finish(result.unwrap_or_else(|error| {
        console.note(&format!("{}: {error}", crate::program::name()));
        error.exit()
    }))
}

fn command(
    args: &Args,
    simulator: Option<Simulator>,
    tools: &Tools,
    cwd: &Path,
    stop: &AtomicBool,
    console: &mut Console,
) -> Result<u8, Error> {
    let checkout = Checkout::find(cwd, &tools.git)?;
    if let Some(count) = args.draw {
        let _lock = checkout.lock()?;
        let plan = draw::Plan { count, seed: args.seed.clone(), into: cwd.join(&args.into) };
        return draw::run(&plan, &checkout, tools, stop, console);
    }
    let patches = load::all(&checkout.root, console)?;
    let seeds = |patch: &&Patch| patch.scope.as_deref() == Some(SEEDS);
    if let Some(patch) = patches.iter().find(seeds).filter(|_| simulator.is_none()) {
        return Err(Error::Usage(format!(
            "{}: scope `{SEEDS}` is the simulator's of another program",
            patch.name
        )));
    }
    let selection = selection(args, simulator, tools, &checkout)?;
    let chosen = select::choose(&patches, &selection)?;
    if args.list {
        return Ok(list(&chosen, console));
    }
    if chosen.is_empty() {
        console.note(&format!("nothing was run: none of {} patches in {DIR} was chosen", patches.len()));
        return Ok(exit::NOTHING);
    }
    if args.apply_only {
        return apply_only(&chosen, tools, &checkout, console);
    }
    let _lock = checkout.lock()?;
    checkout.sync(&tools.git)?;
    remove_output(&checkout)?;
    let judges = |patch: &Patch| selection.judges(patch);
    let Some(joint) = joint(&chosen, judges, tools, &checkout, stop, console)? else {
        return Ok(exit::UNKNOWN);
    };
    let bench = Bench {
        checkout: &checkout,
        tools,
        joint: &joint,
        limits: Limits {
            mutant: args.timeout,
            whole: args.baseline_timeout,
            seeds: simulator.map_or(0, |simulator| simulator.seeds),
            walk: args.walk_budget,
            walk_seed: args.walk_seed,
        },
        stop,
    };
    let board = Board::run(&bench, &chosen, judges, args.budget, console)?;
    joint.undo()?;
    console.end();
    let totals = matrix::totals(&board);
    for total in &totals {
        console.line(&Line::EngineTotal(total.clone()));
    }
    if let Some(file) = &args.markdown {
        fs::write(file, matrix::markdown(&board, &totals)).map_err(Error::io(file))?;
    }
    if args.keep {
        console.note(&format!("kept  {}", checkout.out.display()));
    } else {
        remove_output(&checkout)?;
    }
    console.say(&report::render(&board, console.elapsed()));
    Ok(board.exit())
}

/// One build of all mutants that can be joined.
fn joint(
    chosen: &[Chosen<'_>],
    judges: impl Fn(&Patch) -> Vec<Judge>,
    tools: &Tools,
    checkout: &Checkout,
    stop: &AtomicBool,
    console: &mut Console,
) -> Result<Option<Joint>, Error> {
    let patches: Vec<_> = chosen.iter().map(|one| one.patch).collect();
    let programs = patches.iter().flat_map(|patch| judges(patch)).map(|judge| judge.program()).collect();
    console.note(&format!("building {} mutants at once", patches.len()));
    let joint = Joint::build(&patches, &programs, checkout, tools, stop)?;
    if let Some(joint) = &joint {
        let alone = patches.iter().filter(|patch| joint.number(patch).is_none()).count();
        console.note(&format!(
            "{} mutants are in one build, {alone} are built one by one",
            patches.len() - alone
        ));
    }
    Ok(joint)
}

fn selection(
    args: &Args,
    simulator: Option<Simulator>,
    tools: &Tools,
    checkout: &Checkout,
) -> Result<Selection, Error> {
    let changed = match &args.only_changed {
        Some(base) => {
            let changed = tools.git.changed_since(&checkout.root, base)?;
            Some(changed.into_iter().collect())
        }
        None => None,
    };
    Ok(Selection {
        patterns: args.patterns.clone(),
        changed,
        sample: args.sample.map(|count| (count, args.seed.clone())),
        engines: if args.engine.is_empty() { every_engine(simulator) } else { args.engine.clone() },
        everywhere: args.everywhere,
    })
}

/// The engines of a program: only this project's own has a simulator and reference models.
fn every_engine(simulator: Option<Simulator>) -> Vec<Engine> {
    let own = |engine: &Engine| match engine {
        Engine::Check | Engine::Replay | Engine::Walk => true,
        Engine::Sim | Engine::Reference | Engine::Test => simulator.is_some(),
    };
    Engine::value_variants().iter().copied().filter(own).collect()
}

fn list(chosen: &[Chosen<'_>], console: &Console) -> u8 {
    for one in chosen {
        console.line(&lines::patch(one.patch));
    }
    let patches: Vec<_> = chosen.iter().map(|one| one.patch).collect();
    console.say(&report::list(&patches));
    exit::HOLDS
}

fn apply_only(
    chosen: &[Chosen<'_>],
    tools: &Tools,
    checkout: &Checkout,
    console: &Console,
) -> Result<u8, Error> {
    let mut broken = 0_usize;
    for one in chosen {
        let why = tools.git.apply(&checkout.root, &one.patch.diff, true)?;
        let line = match &why {
            Some(why) => format!("BROKEN   {}: {why}", one.patch.path()),
            None => format!("APPLIES  {}", one.patch.path()),
        };
        broken += usize::from(why.is_some());
        console.say(&line);
        console.line(&lines::apply(one.patch, why));
    }
    let applied = chosen.len() - broken;
    console.say(&format!("done  {applied} apply, {broken} broken"));
    Ok(if broken > 0 { exit::VIOLATED } else { exit::HOLDS })
}

fn remove_output(checkout: &Checkout) -> Result<(), Error> {
    match fs::remove_dir_all(&checkout.out) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(&checkout.out)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
