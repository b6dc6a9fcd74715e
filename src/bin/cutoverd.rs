//! `cutoverd`: the program with the operator's commands, without the checker.
//!
//! May import: `cli`.

#[cfg(not(madsim))]
fn main() -> std::process::ExitCode {
    use clap::Parser;
    use cutover::cli::exit;

    /// The control plane that moves a partition of live data without losing a write.
    #[derive(Parser)]
    #[command(name = "cutoverd", version, max_term_width = 100)]
    #[command(after_help = exit::help(&[exit::Program::Daemon]))]
    struct Cli {
        #[command(subcommand)]
        verb: cutover::cli::Verb,
    }

    match Cli::try_parse() {
        Ok(cli) => std::process::ExitCode::from(cutover::cli::run(cli.verb)),
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { exit::DONE };
            let _printed = error.print();
            std::process::ExitCode::from(code)
        }
    }
}

#[cfg(madsim)]
fn main() {}
