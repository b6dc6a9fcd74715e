//! Options of `cutover mutants`.

use crate::exit;
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use cutover_report::{Engine, Format};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  cutover mutants                          all of them
  cutover mutants cas seal                 those with `cas` or `seal` in their names
  cutover mutants --engine replay          those that a stored trace finds
  cutover mutants --only-changed main --sample 5 --seed \"$GITHUB_SHA\" --budget 10m
  cutover mutants kinds/ --engine check --engine walk --markdown board.md
  cutover mutants --draw 100 --seed 7      edits that nobody has chosen, in target/mutants/drawn
  cutover mutants --apply-only             only whether the patches still apply
";

const CODES: &[(u8, &str)] = &[
    (exit::HOLDS, "each is killed by the invariant or the trace that it names"),
    (exit::VIOLATED, "one is not, or no longer applies, or the unmutated tree fails"),
    (exit::UNKNOWN, "unknown: time was over first, or Ctrl-C"),
    (exit::NOTHING, "nothing was run"),
    (exit::USAGE, "wrong command line"),
    (exit::DATA, "a patch that cannot be read"),
];

/// Applies known bugs, one at a time, and reports which invariant or stored trace finds each
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", exit::help_of_verb(CODES)))]
pub struct Args {
    /// Patches to run: names or parts of names [default: all]
    #[arg(value_name = "PATTERN")]
    pub patterns: Vec<String>,
    /// Format of the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Only patches that changed since the commit BASE, or that touch a file that did
    #[arg(long, value_name = "BASE")]
    pub only_changed: Option<String>,
    /// Also draw K of the other patches at random; without other selections, run only these
    #[arg(long, value_name = "K")]
    pub sample: Option<usize>,
    /// Seed of the random choice: the same text draws the same patches
    #[arg(long, value_name = "TEXT", default_value = "cutover")]
    pub seed: String,
    /// Only patches that this engine judges, and only by it; may be repeated [default: all]
    #[arg(long, value_enum)]
    pub engine: Vec<Engine>,
    /// Judge each patch by every engine, side by side, and not only by the one that its header names
    #[arg(long)]
    pub everywhere: bool,
    /// Time for which random walks go on
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    pub walk_budget: Duration,
    /// Seed of random walks
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub walk_seed: u64,
    /// Draw N functions and edit each by a rule that is drawn with it; write the patches that compile, and run nothing
    #[arg(long, value_name = "N", conflicts_with_all = ["list", "apply_only", "sample", "patterns"])]
    pub draw: Option<usize>,
    /// Directory for drawn patches
    #[arg(long, value_name = "DIR", default_value = "target/mutants/drawn", requires = "draw")]
    pub into: PathBuf,
    /// Also write the scoreboard as Markdown to this file
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Start no mutant after this time (10m, 1h 30m)
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub budget: Option<Duration>,
    /// Time limit for the check of a mutant
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// Time limit for a check of the unmutated tree, which must be complete
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    pub baseline_timeout: Duration,
    /// Only check that the patches can be read and apply
    #[arg(long, conflicts_with = "list")]
    pub apply_only: bool,
    /// Only list the patches
    #[arg(long)]
    pub list: bool,
    /// Keep traces and the output of builds and checks in target/mutants/out
    #[arg(long)]
    pub keep: bool,
}

/// Options of `mutants` in a program that has a simulator.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Simulator {
    /// Maximum number of simulator seeds per mutant; without a mutant, as many must hold
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub seeds: u64,
}

/// Removes the simulator's options from the verb.
pub fn without_simulator(mutants: clap::Command) -> clap::Command {
    let engines = Engine::value_variants().iter().filter(|engine| **engine != Engine::Sim);
    let names = PossibleValuesParser::new(engines.filter_map(ValueEnum::to_possible_value));
    let parser = names.try_map(|name| Engine::from_str(&name, false));
    mutants.mut_arg("engine", |engine| engine.value_parser(parser))
}

impl Args {
    /// The options as the `run-started` line lists them.
    #[must_use]
    pub fn expanded(&self, simulator: Option<Simulator>) -> Options<'_> {
        Options {
            patterns: &self.patterns,
            only_changed: self.only_changed.as_deref(),
            sample: self.sample,
            seed: self.sample.or(self.draw).map(|_| self.seed.as_str()),
            draw: self.draw,
            budget_s: self.budget.map(|budget| budget.as_secs()),
            timeout_s: self.timeout.as_secs(),
            baseline_timeout_s: self.baseline_timeout.as_secs(),
            apply_only: self.apply_only,
            list: self.list,
            keep: self.keep,
            engine: (!self.engine.is_empty()).then_some(&self.engine),
            everywhere: self.everywhere.then_some(true),
            walk_budget_s: self.walk_budget.as_secs(),
            walk_seed: self.walk_seed,
            seeds: simulator.map(|simulator| simulator.seeds),
        }
    }
}

/// The options as the `run-started` line lists them.
#[derive(Debug, Serialize)]
pub struct Options<'a> {
    /// The patterns that select patches; empty for all.
    pub patterns: &'a [String],
    /// The commit since which a patch, or a file that it touches, must have changed.
    pub only_changed: Option<&'a str>,
    /// Number of patches to draw at random.
    pub sample: Option<usize>,
    /// Seed of the random choice; `None` if nothing is drawn.
    pub seed: Option<&'a str>,
    /// Number of functions to draw and edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<usize>,
    /// Seconds after which no mutant is started.
    pub budget_s: Option<u64>,
    /// Time limit in seconds for the check of a mutant.
    pub timeout_s: u64,
    /// Time limit in seconds for a check of the unmutated tree.
    pub baseline_timeout_s: u64,
    /// Whether only to check that the patches apply.
    pub apply_only: bool,
    /// Only which there are.
    pub list: bool,
    /// Whether the output of builds and checks stays.
    pub keep: bool,
    /// What has to judge a patch.
    pub engine: Option<&'a [Engine]>,
    /// Whether every engine judges every patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub everywhere: Option<bool>,
    /// Seconds for which random walks go on.
    pub walk_budget_s: u64,
    /// Seed of random walks.
    pub walk_seed: u64,
    /// Maximum number of simulator seeds per mutant; `None` in a program without a simulator.
    pub seeds: Option<u64>,
}
