//! The program `cutover-sim`, the simulator.

use std::process::ExitCode;

#[cfg(madsim)]
fn main() -> ExitCode {
    ExitCode::from(cutover_sim::cli::run(std::env::args_os()))
}

#[cfg(not(madsim))]
fn main() -> ExitCode {
    eprintln!("cutover-sim: built without the simulator, expected: cargo sim-build --release");
    ExitCode::from(cutover_report::exit::USAGE)
}
