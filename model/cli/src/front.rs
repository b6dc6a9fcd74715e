//! The verbs that exist for every protocol, and the `main` of a crate that has no other verbs.

use crate::verbs::{check, explain, explore, replay, review};
use crate::{mutants, program, usage};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use cutover_model::catalog::Protocols;
use std::ffi::OsString;
use std::process::ExitCode;

/// The verbs that exist for every protocol.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Search the state machines exhaustively within each scope's bounds
    Check(check::Args),
    /// Browse a scope's states and actions (stateright's Explorer)
    Explore(explore::Args),
    /// Run stored traces again, through the machines of this build
    Replay(replay::Args),
    /// Apply known bugs, one at a time, and check that each is found
    Mutants(mutants::Args),
    /// Compare two runs: invariants, state spaces, mutants; list what needs a decision
    Review(review::Args),
    /// Explain an invariant: claim, source, the mutants it kills, a witness
    Explain(explain::Args),
}

impl Verb {
    /// Runs the verb and returns the exit code. `build`: how to build the program that checks a mutant.
    pub(crate) fn run<P: Protocols>(self, matches: &ArgMatches, build: mutants::Build) -> u8 {
        match self {
            Self::Check(args) => check::run::<P>(&args, &chosen::<P>(matches)),
            Self::Explore(args) => explore::run::<P>(&args),
            Self::Replay(args) => replay::run::<P>(&args),
            Self::Mutants(args) => mutants::run(&args, build),
            Self::Review(args) => review::run(&args),
            Self::Explain(args) => explain::run::<P>(&args),
        }
    }
}

/// The command line, with a flag of `check` added for each option of the protocols' bounds.
pub(crate) fn command<C: CommandFactory, P: Protocols>() -> clap::Command {
    let flags = P::options().into_iter().map(|option| {
        let flag = clap::Arg::new(option.name).long(option.name).value_name(option.value).help(option.about);
        if option.values.is_empty() { flag } else { flag.value_parser(option.values.to_vec()) }
    });
    C::command().mut_subcommand("check", |check| check.args(flags))
}

/// Name and value of each option of bounds that the command line sets.
fn chosen<P: Protocols>(matches: &ArgMatches) -> Vec<(&'static str, String)> {
    let Some(check) = matches.subcommand_matches("check") else { return Vec::new() };
    let value = |name: &'static str| Some((name, check.get_one::<String>(name)?.clone()));
    P::options().into_iter().filter_map(|option| value(option.name)).collect()
}

/// Checks a protocol: searches all of its states, and replays what it finds.
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// A whole `main` for a crate that checks protocols of its own, given as a tuple of one to four types.
///
/// The verb `mutants` builds the program of the same name in a copy of the git repository around the current
/// directory, and looks for patches in `tests/mutants` there.
#[must_use]
pub fn main<P: Protocols>() -> ExitCode {
    let program = program::named_as_started();
    ExitCode::from(run::<P>(program, std::env::args_os()))
}

fn run<P: Protocols>(program: &'static str, args: impl IntoIterator<Item = OsString>) -> u8 {
    let matches = match command::<Cli, P>().name(program).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return usage::<Cli>(&error),
    };
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.verb.run::<P>(&matches, mutants::Build::of_program(program)),
        Err(error) => usage::<Cli>(&error),
    }
}
