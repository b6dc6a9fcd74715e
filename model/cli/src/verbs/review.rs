//! The verb `review`.

use crate::mutants::{self, Error};
use crate::numbers::count;
use crate::review::{self, Outcome, Renames, Review, Side, Unreadable};
use crate::{Format, exit, refuse};
use cutover_report::{Console, Line, Touched};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cutover check --format json > base.jsonl      at the commit to compare with
  cutover check --format json > head.jsonl      at the change
  cutover mutants --format json >> head.jsonl   a file may hold several runs
  cutover review base.jsonl head.jsonl --renames docs/renames.txt
  cutover review base.jsonl head.jsonl --since origin/main
  cutover review base.jsonl head.jsonl --summary \"$GITHUB_STEP_SUMMARY\"
";

/// Compare two runs: invariants, state spaces, mutants; list what needs a decision
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", exit::help_of_verb(review::CODES)))]
pub struct Args {
    /// Output of `check`, `mutants` and `sim` with --format json, before the change
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// The same output with the change
    #[arg(value_name = "HEAD")]
    head: PathBuf,
    /// A map of old names to new ones, with lines `KIND OLD -> NEW`; names in BASE are replaced before the
    /// comparison
    #[arg(long, value_name = "FILE")]
    renames: Option<PathBuf>,
    /// Also list the functions that were changed since this commit, with the rules and the mutants of each
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
    /// Format of the results; `human` is Markdown
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Also append the Markdown to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

/// Runs the verb.
pub fn run(args: &Args) -> u8 {
    let (base, head, renames) = match sides(args) {
        Ok(sides) => sides,
        Err(error) => return refuse(&error.to_string(), exit::DATA),
    };
    let options = json!({
        "base": args.base.display().to_string(), "head": args.head.display().to_string(),
        "renames": args.renames.as_ref().map(|path| path.display().to_string()),
        "since": args.since,
        "summary": args.summary.as_ref().map(|path| path.display().to_string()),
    });
    let console = crate::console(args.format, "review", &options);
    for unused in renames.unused() {
        console.note(&format!("note: {unused}"));
    }
    let touched = match touched(args, &console) {
        Ok(touched) => touched,
        Err(error) => {
            console.note(&format!("{}: {error}", crate::program::name()));
            return console.finish(error.exit());
        }
    };
    let review = Review::new(&base, &head);
    let markdown = review::markdown(&review) + &review::touched(&touched);
    for function in touched {
        console.line(&Line::Touched(function));
    }
    console.say(&markdown);
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
    console.finish(code)
}

fn touched(args: &Args, console: &Console) -> Result<Vec<Touched>, Error> {
    let Some(since) = &args.since else { return Ok(Vec::new()) };
    mutants::touched(Path::new("."), since, console)
}

fn sides(args: &Args) -> Result<(Side, Side, Renames), Unreadable> {
    let mut renames = args.renames.as_deref().map_or_else(|| Ok(Renames::default()), Renames::read)?;
    let base = review::read_renamed(&args.base, &mut renames)?;
    Ok((base, review::read(&args.head)?, renames))
}

fn print_lines(console: &Console, review: &Review) {
    for change in &review.changes {
        console.line(&Line::Change(change.clone()));
    }
    let side = |side: &review::Contents| cutover_report::Contents {
        file: side.file.clone(),
        scopes: count(side.scopes),
        mutants: count(side.mutants),
        seeds: count(side.seeds),
    };
    console.line(&Line::Review(Box::new(cutover_report::Review {
        outcome: review.outcome().word().to_owned(),
        base: side(&review.base),
        head: side(&review.head),
        invariants: count(review.invariants),
        mutants: count(review.mutants),
        seeds: count(review.seeds),
        base_only: count(review.base_only),
        head_only: count(review.head_only),
        standing: review.standing.clone(),
        unknown: review.unknown.clone(),
    })));
}

/// Appends in a single write, so that concurrent appends do not mix.
fn append(path: &Path, markdown: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{markdown}\n").as_bytes())
}
