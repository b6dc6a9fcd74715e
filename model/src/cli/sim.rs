//! `sim`: the simulator is another build of the same source, and so another program. This one finds it, or builds it.

use super::exit;
use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// Handed on as they are: `cutover-sim` reads them.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// See `cutover sim --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    args: Vec<OsString>,
}

/// Runs the simulator, with its exit code.
pub(super) fn run(args: &Args) -> u8 {
    let program = match find() {
        Ok(program) => program,
        Err(why) => return super::refuse(&why, exit::INTERNAL),
    };
    match Command::new(&program).args(&args.args).status() {
        Ok(status) => code(status),
        Err(error) => super::refuse(&format!("{}: {error}", program.display()), exit::INTERNAL),
    }
}

fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::INTERNAL)
}

/// The program beside this one; in a checkout, one that is built when it is asked for.
fn find() -> Result<PathBuf, String> {
    let name = format!("cutover-sim{EXE_SUFFIX}");
    let me = env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    let beside = me.with_file_name(&name);
    if beside.is_file() && !in_target_directory(&me) {
        return Ok(beside);
    }
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().filter(|root| root.join("sim/Cargo.toml").is_file());
    let Some(root) = root else {
        return Err(format!("{} is not there, expected it beside this program", beside.display()));
    };
    build(root, &name)
}

/// In a target directory a `cutover-sim` is the one that was built without the simulator.
fn in_target_directory(me: &Path) -> bool {
    me.parent().is_some_and(|directory| directory.join("deps").is_dir())
}

fn build(root: &Path, name: &str) -> Result<PathBuf, String> {
    let program = root.join("target/sim/release").join(name);
    if !program.is_file() {
        eprintln!("cutover: building the simulator, once: cargo sim-build --release");
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let built = Command::new(cargo)
        .args(["sim-build", "--release", "--quiet"])
        .current_dir(root)
        // Flags in the environment would take the place of the one that makes it a simulator.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .status();
    match built {
        Ok(status) if status.success() => Ok(program),
        Ok(status) => Err(format!("cargo sim-build --release ended with {status}")),
        Err(error) => Err(format!("cargo sim-build --release: {error}")),
    }
}
