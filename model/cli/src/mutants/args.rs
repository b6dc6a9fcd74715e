//! The command line.

use crate::exit;
use cutover_report::{Engine, Format};
use serde::Serialize;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  cutover mutants                          all of them
  cutover mutants cas seal                 those with `cas` or `seal` in their names
  cutover mutants --only-changed main --sample 5 --seed \"$GITHUB_SHA\" --budget 10m
  cutover mutants --apply-only             only whether the patches still apply
";

const CODES: &[(u8, &str)] = &[
    (exit::HOLDS, "each is killed by the invariant it names"),
    (exit::VIOLATED, "one is not, or no longer applies, or the unmutated tree fails"),
    (exit::UNKNOWN, "unknown: time was over first, or Ctrl-C"),
    (exit::NOTHING, "nothing was run"),
    (exit::USAGE, "wrong command line"),
    (exit::DATA, "a patch that cannot be read"),
];

/// Puts known bugs in, one at a time, and shows which invariant finds each
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", exit::help_of_verb(CODES)))]
pub struct Args {
    /// Patches to run: names or parts of names [default: all]
    #[arg(value_name = "PATTERN")]
    pub patterns: Vec<String>,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Only patches that changed since the commit BASE, or that touch a file that did
    #[arg(long, value_name = "BASE")]
    pub only_changed: Option<String>,
    /// Also K of the others, drawn by lot; alone, nothing but these
    #[arg(long, value_name = "K")]
    pub sample: Option<usize>,
    /// What the lot depends on: the same text draws the same patches
    #[arg(long, value_name = "TEXT", default_value = "cutover", requires = "sample")]
    pub seed: String,
    /// Start no mutant after this time (10m, 1h 30m)
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub budget: Option<Duration>,
    /// Give up on a mutant whose check takes longer
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// Give up on a check that must complete, one of the unmutated tree, when it takes longer
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    pub baseline_timeout: Duration,
    /// Only check that the patches can be read and apply
    #[arg(long, conflicts_with = "list")]
    pub apply_only: bool,
    /// Only list the patches
    #[arg(long)]
    pub list: bool,
    /// Keep what builds and checks printed, and the traces, in target/mutants/out
    #[arg(long)]
    pub keep: bool,
}

/// The flags of a front door whose mutants the simulator can judge, too.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Simulator {
    /// Only patches that this judges [default: both]
    #[arg(long, value_enum)]
    pub engine: Option<Engine>,
    /// Seeds that the simulator runs, at most, for a mutant; as many must hold without one
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub seeds: u64,
}

impl Args {
    /// The options as a machine reads them.
    #[must_use]
    pub fn expanded(&self, simulator: Option<Simulator>) -> Options<'_> {
        Options {
            patterns: &self.patterns,
            only_changed: self.only_changed.as_deref(),
            sample: self.sample,
            seed: self.sample.map(|_| self.seed.as_str()),
            budget_s: self.budget.map(|budget| budget.as_secs()),
            timeout_s: self.timeout.as_secs(),
            baseline_timeout_s: self.baseline_timeout.as_secs(),
            apply_only: self.apply_only,
            list: self.list,
            keep: self.keep,
            engine: simulator.and_then(|simulator| simulator.engine),
            seeds: simulator.map(|simulator| simulator.seeds),
        }
    }
}

/// The options as expanded.
#[derive(Debug, Serialize)]
pub struct Options<'a> {
    /// The patterns.
    pub patterns: &'a [String],
    /// The commit since which something must have changed.
    pub only_changed: Option<&'a str>,
    /// How many by lot.
    pub sample: Option<usize>,
    /// The lot's seed.
    pub seed: Option<&'a str>,
    /// Seconds after which no mutant is started.
    pub budget_s: Option<u64>,
    /// Seconds for a check that must find a violation.
    pub timeout_s: u64,
    /// Seconds for a check that must complete.
    pub baseline_timeout_s: u64,
    /// Only whether the patches apply.
    pub apply_only: bool,
    /// Only which there are.
    pub list: bool,
    /// Whether the output of builds and checks stays.
    pub keep: bool,
    /// What has to judge a patch.
    pub engine: Option<Engine>,
    /// Seeds of the simulator, where there is one.
    pub seeds: Option<u64>,
}
