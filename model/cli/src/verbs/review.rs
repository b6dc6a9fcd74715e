//! `cutover review`.

use crate::console::Console;
use crate::review::{self, Outcome, Review};
use crate::{Format, exit, refuse};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cutover check --format json > base.jsonl      at the commit to compare with
  cutover check --format json > head.jsonl      at the change
  cutover mutants --format json >> head.jsonl   a file may hold several runs
  cutover review base.jsonl head.jsonl --summary \"$GITHUB_STEP_SUMMARY\"

Exit codes: 0 nothing differs, or nothing that needs a decision; 2 nothing needs a decision, but
something ended early on both sides; 4 nothing in common; 5 something awaits a decision; 64 usage;
65 a file that is not JSON lines of complete runs; 70 the summary cannot be written.";

/// Compare two runs: invariants, state space, mutants; what awaits a decision
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What `check` and `mutants` printed before the change, with --format json
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// What they print with it
    #[arg(value_name = "HEAD")]
    head: PathBuf,
    /// How to print the results: Markdown for people
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Also append the Markdown to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

/// Runs the verb.
pub fn run(args: &Args) -> u8 {
    let sides = review::read(&args.base).and_then(|base| Ok((base, review::read(&args.head)?)));
    let (base, head) = match sides {
        Ok(sides) => sides,
        Err(error) => return refuse(&error.to_string(), exit::DATA),
    };
    let options = json!({
        "base": args.base.display().to_string(), "head": args.head.display().to_string(),
        "summary": args.summary.as_ref().map(|path| path.display().to_string()),
    });
    let console = Console::new(args.format, "review", &options);
    let review = Review::new(&base, &head);
    let markdown = review::markdown(&review);
    for line in markdown.lines() {
        console.say(line);
    }
    print_lines(&console, &review);
    let mut code = match review.outcome() {
        Outcome::Same | Outcome::Changed => exit::HOLDS,
        Outcome::Unknown => exit::UNKNOWN,
        Outcome::Nothing => exit::NOTHING,
        Outcome::Decide => exit::REVIEW,
    };
    if let Some(path) = &args.summary
        && let Err(error) = append(path, &markdown)
    {
        code = refuse(&format!("{}: the summary cannot be written: {error}", path.display()), exit::INTERNAL);
    }
    console.finish(code);
    code
}

fn print_lines(console: &Console, review: &Review) {
    for change in &review.changes {
        let mut line = json!(change);
        line["type"] = "change".into();
        console.json(&line);
    }
    let side = |side: &review::Contents| json!({ "file": side.file, "scopes": side.scopes, "mutants": side.mutants });
    console.json(&json!({
        "type": "review", "outcome": review.outcome().word(), "base": side(&review.base), "head": side(&review.head),
        "invariants": review.invariants, "mutants": review.mutants, "base_only": review.base_only,
        "head_only": review.head_only, "standing": review.standing, "unknown": review.unknown,
    }));
}

/// In one write, so that what others append meanwhile stays whole.
fn append(path: &Path, markdown: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{markdown}\n").as_bytes())
}
