//! `cutover`: the front door.

use std::process::ExitCode;

/// A search is half made of small allocations that live for a step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(cutover_cli::run(std::env::args_os()))
}
