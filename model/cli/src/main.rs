//! The program `cutover`.

use std::process::ExitCode;

/// A search makes many small allocations that live for one step, which mimalloc handles faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(cutover_cli::run(std::env::args_os()))
}
