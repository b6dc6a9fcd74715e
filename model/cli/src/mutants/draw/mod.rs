//! Draws blind mutants: functions of the production code, each edited by a rule that is drawn with it. Nobody chooses what is
//! broken, so the share that is found says what the checker is worth.
//!
//! The same seed draws the same edits of the same sources.

mod candidates;
mod rules;
#[cfg(test)]
mod tests;

use super::Tools;
use super::error::Error;
use super::joint::{self, Mutants};
use super::process::{self, End, Logs};
use super::tree::{Checkout, Saved};
use crate::exit;
use candidates::{Candidate, candidates};
use cutover_report::Console;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// Folders whose functions are drawn.
const FOLDERS: [&str; 4] = ["src/client", "src/core", "src/node/driver", "src/node/server"];
/// Files that hold no behaviour: tests, and what is shown to people.
const LEFT_OUT: [&str; 3] = ["tests.rs", "text.rs", "log_limiter.rs"];
/// How often a function may be drawn: more than once only if all others do not suffice.
const ROUNDS: u32 = 8;

/// What to draw.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Number of mutants that compile.
    pub(super) count: usize,
    /// The seed.
    pub(super) seed: String,
    /// Directory for the patches.
    pub(super) into: PathBuf,
}

/// What the compiler is started with, so that the library with all its parts is checked.
const CHECK: [&str; 8] = ["rustc", "-p", "cutover", "--lib", "--features", "server", "--profile", "check"];

/// The step of which the compiler's output is kept.
const COMPILE: &str = "compile";

/// Draws mutants until `plan.count` of them compile, and writes their patches.
///
/// # Errors
/// [`Error`] if a source cannot be read, a program not be started, or a patch not be written.
pub(super) fn run(
    plan: &Plan,
    checkout: &Checkout,
    tools: &Tools,
    stop: &AtomicBool,
    console: &mut Console,
) -> Result<u8, Error> {
    checkout.sync(&tools.git)?;
    fs::create_dir_all(&plan.into).map_err(Error::io(&plan.into))?;
    let logs = checkout.out.join("draw");
    fs::create_dir_all(&logs).map_err(Error::io(&logs))?;
    let order = drawn(&all(&checkout.tree)?, &plan.seed);
    let mut order = order.into_iter();
    let (mut kept, mut refused) = (0_usize, 0_usize);
    while kept < plan.count && !stop.load(Ordering::Relaxed) {
        let missing = plan.count - kept;
        let batch: Vec<_> = order.by_ref().take(missing + missing / 2 + 1).collect();
        if batch.is_empty() {
            break;
        }
        console.note(&format!("compiling {} edits at once", batch.len()));
        let Some(compiled) = compiled(&batch, checkout, tools, &logs, stop)? else { break };
        refused += batch.len() - compiled.len();
        for (candidate, before) in compiled.into_iter().take(missing) {
            kept += 1;
            let file = plan.into.join(format!("{kept:03}-{}.patch", candidate.rule.slug()));
            let text = patch(candidate, &before, &candidate.applied(&before), &plan.seed);
            fs::write(&file, text).map_err(Error::io(&file))?;
            console.say(&format!("{kept:>3}  {}", candidate.what()));
        }
    }
    console.say(&format!("done  {kept} drawn from seed {}, {refused} more do not compile", plan.seed));
    Ok(if kept == plan.count { exit::HOLDS } else { exit::UNKNOWN })
}

/// Those of a batch that compile, in their order, with the sources that they edit; `None` if the run is interrupted.
fn compiled<'c>(
    batch: &'c [Candidate],
    checkout: &Checkout,
    tools: &Tools,
    logs: &Path,
    stop: &AtomicBool,
) -> Result<Option<Vec<(&'c Candidate, String)>>, Error> {
    let mut mutants = Mutants::new();
    let mut sources = BTreeMap::new();
    for (candidate, number) in batch.iter().zip(1..) {
        let path = checkout.tree.join(&candidate.file);
        let before = fs::read_to_string(&path).map_err(Error::io(&path))?;
        if let Some(bodies) = joint::bodies_of(&candidate.file, &before, &candidate.applied(&before)) {
            mutants.insert(number, bodies);
            sources.insert(number, (candidate, before));
        }
    }
    let errors = Logs::new(logs, COMPILE).stderr;
    let compile = || compiles(checkout, &tools.cargo, logs, stop);
    let Some(saved) = joint::compiled(&checkout.tree, &mut mutants, &errors, compile)? else {
        return Ok(None);
    };
    saved.map_or(Ok(()), Saved::restore)?;
    sources.retain(|number, _| mutants.contains_key(number));
    Ok(Some(sources.into_values().collect()))
}

/// All edits that the rules allow, in the order of files and places.
fn all(root: &Path) -> Result<Vec<Candidate>, Error> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        sources(root, Path::new(folder), &mut files)?;
    }
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let path = root.join(&file);
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        all.extend(candidates(&file, &text));
    }
    Ok(all)
}

fn sources(root: &Path, folder: &Path, into: &mut Vec<String>) -> Result<(), Error> {
    let dir = root.join(folder);
    for entry in fs::read_dir(&dir).map_err(Error::io(&dir))? {
        let entry = entry.map_err(Error::io(&dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = folder.join(&name);
        if entry.path().is_dir() {
            if name != "tests" {
                sources(root, &path, into)?;
            }
        } else if name.ends_with(".rs") && !LEFT_OUT.contains(&name.as_str()) {
            into.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

/// The edits in the order in which they are tried: functions by a draw, and for each a rule and then a place.
fn drawn(all: &[Candidate], seed: &str) -> Vec<Candidate> {
    let mut functions: BTreeMap<(&str, &str), Vec<&Candidate>> = BTreeMap::new();
    for candidate in all {
        functions.entry((&candidate.file, &candidate.function)).or_default().push(candidate);
    }
    let mut order = Vec::new();
    for round in 0..ROUNDS {
        let mut lots: Vec<_> = functions
            .iter_mut()
            .filter(|(_, left)| !left.is_empty())
            .map(|((file, function), left)| {
                let rule = least(left.iter().map(|one| one.rule.slug()), |rule| {
                    lot(seed, round, &[*file, *function, *rule])
                });
                let of_rule = left.iter().filter(|one| Some(one.rule.slug()) == rule);
                let chosen =
                    least(of_rule.copied(), |one| lot(seed, round, &[*file, *function, &one.place()]));
                left.retain(|one| Some(*one) != chosen);
                (lot(seed, round, &[*file, *function]), chosen)
            })
            .collect();
        lots.sort_by_key(|(lot, _)| *lot);
        order.extend(lots.into_iter().filter_map(|(_, chosen)| chosen.cloned()));
    }
    order
}

fn least<T: Clone>(of: impl Iterator<Item = T>, by: impl Fn(&T) -> u64) -> Option<T> {
    of.min_by_key(|one| by(one))
}

/// The lot of what these texts name: FNV-1a, with a final mix, since similar texts are to get different lots.
fn lot(seed: &str, round: u32, texts: &[&str]) -> u64 {
    let all = [seed].into_iter().chain(texts.iter().copied());
    let bytes = round.to_le_bytes().into_iter().chain(all.flat_map(|text| text.bytes().chain([0])));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// Whether the copy compiles; `None` if the run is interrupted.
fn compiles(
    checkout: &Checkout,
    cargo: &Path,
    logs: &Path,
    stop: &AtomicBool,
) -> Result<Option<bool>, Error> {
    let mut command = Command::new(cargo);
    command
        .current_dir(&checkout.tree)
        .args(CHECK)
        .arg("--target-dir")
        .arg(&checkout.build)
        .args(["--", "--cap-lints", "warn"])
        .env("CARGO_TERM_COLOR", "never");
    let ran = process::run(command, &Logs::new(logs, COMPILE), None, stop)?;
    Ok(match ran.end {
        End::Interrupted => None,
        End::Exited(status) => Some(status.success()),
        End::TimedOut => Some(false),
    })
}

/// The patch with its header. Whether the edit changes anything that somebody could notice is for a person to judge.
fn patch(candidate: &Candidate, before: &str, after: &str, seed: &str) -> String {
    let mut text = String::new();
    let Candidate { file, function, rule, line, .. } = candidate;
    let _ = writeln!(text, "# kind: drawn");
    let _ = writeln!(text, "# rule: {}", rule.text());
    let _ = writeln!(text, "# mechanism: {}", candidate.what());
    let _ = writeln!(text, "# note: {file}:{line}, in {function}, seed {seed}");
    let _ = writeln!(text, "# invariant: any\n# expect: open");
    text.push_str(&diff(file, before, after));
    text
}

/// The difference of two texts that differ in one run of lines, as a unified diff.
fn diff(file: &str, before: &str, after: &str) -> String {
    const CONTEXT: usize = 3;
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let most = old.len().min(new.len()) - head;
    let tail =
        old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(one, other)| one == other).count();
    let from = head.saturating_sub(CONTEXT);
    let to = |lines: &[&str]| (lines.len() - tail + CONTEXT).min(lines.len());
    let mut text = format!("diff --git a/{file} b/{file}\n--- a/{file}\n+++ b/{file}\n");
    let (old_count, new_count) = (to(&old) - from, to(&new) - from);
    let _ = writeln!(text, "@@ -{},{old_count} +{},{new_count} @@", from + 1, from + 1);
    let mut lines = |sign: char, lines: &[&str]| {
        for line in lines {
            let _ = writeln!(text, "{sign}{line}");
        }
    };
    lines(' ', &old[from..head]);
    lines('-', &old[head..old.len() - tail]);
    lines('+', &new[head..new.len() - tail]);
    lines(' ', &old[old.len() - tail..to(&old)]);
    text
}
