//! Verbs that another program implements: the simulator is another build of the same source, and the daemon
//! contains the database and network that a check does not need. This module finds the program, or builds it in a
//! checkout.

use crate::exit;
use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments that are passed on to the other program.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Passed {
    /// See `--help` of this verb
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    args: Vec<OsString>,
}

/// A program of this project that implements some of the verbs.
#[derive(Debug)]
struct Sibling {
    name: &'static str,
    what: &'static str,
    /// A file that exists in every checkout.
    source: &'static str,
    /// Arguments of cargo to build the program.
    cargo: &'static [&'static str],
    /// Directory of the built program, relative to the checkout.
    built: &'static str,
}

const SIMULATOR: Sibling = Sibling {
    name: "cutover-sim",
    what: "the simulator",
    source: "sim/Cargo.toml",
    cargo: &["sim-build", "--release"],
    built: "target/sim/release",
};

const DAEMON: Sibling = Sibling {
    name: "cutoverd",
    what: "the daemon",
    source: "src/bin/cutoverd.rs",
    cargo: &[
        "build",
        "--release",
        "-p",
        "cutover",
        "--features",
        "server",
        "--bin",
        "cutoverd",
        "--target-dir",
        "target",
    ],
    built: "target/release",
};

/// Runs the simulator and returns its exit code.
pub(crate) fn simulate(passed: &Passed) -> u8 {
    SIMULATOR.run(None, passed)
}

/// Runs a verb of the daemon and returns its exit code.
pub(crate) fn operate(verb: &str, passed: &Passed) -> u8 {
    DAEMON.run(Some(verb), passed)
}

impl Sibling {
    fn run(&self, verb: Option<&str>, passed: &Passed) -> u8 {
        let program = match self.find() {
            Ok(program) => program,
            Err(why) => return crate::refuse(&why, exit::INTERNAL),
        };
        let error = match become_program(Command::new(&program).args(verb).args(&passed.args)) {
            Ok(code) => return code,
            Err(error) => error,
        };
        crate::refuse(&format!("{}: {error}", program.display()), exit::INTERNAL)
    }

    /// The program next to this one if installed; in a checkout, it is built when needed.
    fn find(&self) -> Result<PathBuf, String> {
        let name = format!("{}{EXE_SUFFIX}", self.name);
        let me = env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
        let beside = me.with_file_name(&name);
        if beside.is_file() && !in_target_directory(&me) {
            return Ok(beside);
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        let Some(root) = root.filter(|root| root.join(self.source).is_file()) else {
            return Err(format!("{} is not there, expected it beside this program", beside.display()));
        };
        self.build(root, &name)
    }

    fn build(&self, root: &Path, name: &str) -> Result<PathBuf, String> {
        let program = root.join(self.built).join(name);
        let command = format!("cargo {}", self.cargo.join(" "));
        if !program.is_file() {
            eprintln!("cutover: building {}, once: {command}", self.what);
        }
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let built = Command::new(cargo)
            .args(self.cargo)
            .arg("--quiet")
            .current_dir(root)
            // Flags in the environment would replace those of the build.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_TARGET_DIR")
            .status();
        match built {
            Ok(status) if status.success() => Ok(program),
            Ok(status) => Err(format!("{command} ended with {status}")),
            Err(error) => Err(format!("{command}: {error}")),
        }
    }
}

/// Replaces this process by the other program, so that signals reach it and its exit code is the one that is seen.
#[cfg(unix)]
fn become_program(command: &mut Command) -> std::io::Result<u8> {
    Err(std::os::unix::process::CommandExt::exec(command))
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> std::io::Result<u8> {
    let status = command.status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::INTERNAL))
}

/// Whether this program is in a target directory, where the program next to it may come from another build or
/// source.
fn in_target_directory(me: &Path) -> bool {
    me.parent().is_some_and(|directory| directory.join("deps").is_dir())
}
