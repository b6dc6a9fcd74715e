//! The verbs that exist for every protocol, and the `main` of a crate that has no other verbs.

use crate::offer::Offer;
use crate::verbs::{check, explain, explore, replay, review, walk};
use crate::{mutants, program, usage};
use clap::{ArgMatches, Args as _, CommandFactory, FromArgMatches, Parser, Subcommand};
use cutover_model::catalog::Protocols;
use std::ffi::OsString;
use std::process::ExitCode;

/// The verbs that exist for every protocol.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Search the state machines exhaustively within each scope's bounds
    Check(check::Args),
    /// Walk at random through worlds that are too large to be searched, and judge every step
    Walk(walk::Args),
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
    pub(crate) fn run<P: Protocols>(self, matches: &ArgMatches, offer: Offer, build: mutants::Build) -> u8 {
        match self {
            Self::Check(args) => check::run::<P>(&args, &chosen::<P>(matches)),
            Self::Walk(args) => walk::run::<P>(&args),
            Self::Explore(args) => explore::run::<P>(&args),
            Self::Replay(args) => replay::run::<P>(&args, offer),
            Self::Mutants(args) => mutants::run(&args, simulator(matches, offer), build),
            Self::Review(args) => review::run(&args),
            Self::Explain(args) => explain::run::<P>(&args),
        }
    }
}

/// The command line, with a flag of `check` for each option of the protocols' bounds, and with the flags that belong to
/// what this program offers.
pub(crate) fn command<C: CommandFactory, P: Protocols>(offer: Offer) -> clap::Command {
    let flags = P::options().into_iter().map(|option| {
        let flag = clap::Arg::new(option.name).long(option.name).value_name(option.value).help(option.about);
        if option.values.is_empty() { flag } else { flag.value_parser(option.values.to_vec()) }
    });
    let command = C::command().mut_subcommand("check", |check| check.args(flags));
    match offer {
        Offer::Protocols => command.mut_subcommand("mutants", mutants::without_simulator),
        Offer::Server => command
            .mut_subcommand("mutants", mutants::Simulator::augment_args)
            .mut_subcommand("replay", replay::with_recordings),
    }
}

/// Name and value of each option of bounds that the command line sets.
fn chosen<P: Protocols>(matches: &ArgMatches) -> Vec<(&'static str, String)> {
    let Some(check) = matches.subcommand_matches("check") else { return Vec::new() };
    let value = |name: &'static str| Some((name, check.get_one::<String>(name)?.clone()));
    P::options().into_iter().filter_map(|option| value(option.name)).collect()
}

/// The options of the simulator, if this program offers it.
fn simulator(matches: &ArgMatches, offer: Offer) -> Option<mutants::Simulator> {
    match offer {
        Offer::Protocols => None,
        Offer::Server => mutants::Simulator::from_arg_matches(matches.subcommand_matches("mutants")?).ok(),
    }
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
    let matches = match command::<Cli, P>(Offer::Protocols).name(program).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return usage::<Cli>(&error),
    };
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.verb.run::<P>(&matches, Offer::Protocols, mutants::Build::of_program(program)),
        Err(error) => usage::<Cli>(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_model::Ours;

    /// The help texts of the program and of all its verbs.
    fn help(mut command: clap::Command) -> String {
        let verbs = command.get_subcommands_mut().map(|verb| verb.render_long_help().to_string());
        let verbs: Vec<String> = verbs.collect();
        format!("{}{}", command.render_long_help(), verbs.concat())
    }

    /// Features of this project's server are in the help of `cutover`, and not in that of another crate's program.
    #[test]
    fn what_is_the_servers_alone_is_offered_by_its_own_front_door_alone() {
        let theirs = help(command::<Cli, Ours>(Offer::Protocols));
        let ours = help(command::<crate::Cli, Ours>(Offer::Server));
        for verb in ["check", "explore", "replay", "mutants", "review", "explain"] {
            assert!(
                theirs.contains(&format!("\n  {verb} ")) && ours.contains(&format!("\n  {verb} ")),
                "{verb}"
            );
        }
        for word in ["--seeds", "simulat", "recording", "\n  sim ", "\n  history ", "\n  serve ", "\n  ctl "]
        {
            assert!(ours.contains(word), "cutover does not offer {word:?}");
            assert!(!theirs.contains(word), "a crate of somebody else's offers {word:?}:\n{theirs}");
        }
    }

    #[test]
    fn what_is_the_servers_alone_is_refused_elsewhere() {
        let takes = |command: clap::Command, args: &[&str]| command.try_get_matches_from(args).is_ok();
        for args in [&["x", "mutants", "--engine", "sim"], &["x", "mutants", "--seeds", "3"]] {
            assert!(takes(command::<crate::Cli, Ours>(Offer::Server), args), "{args:?}");
            assert!(!takes(command::<Cli, Ours>(Offer::Protocols), args), "{args:?}");
        }
        for engine in ["check", "replay"] {
            assert!(takes(command::<Cli, Ours>(Offer::Protocols), &["x", "mutants", "--engine", engine]));
        }
        let matches =
            command::<crate::Cli, Ours>(Offer::Server).try_get_matches_from(["x", "mutants", "--seeds", "3"]);
        let said = simulator(&matches.unwrap_or_default(), Offer::Server);
        assert_eq!(said.map(|said| said.seeds), Some(3));
    }
}
