//! `cutover`: the front door.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cutover_model::cli::run(std::env::args_os()))
}
