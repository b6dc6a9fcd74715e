//! How the program that checks a mutant is built, and with which tools.

use super::error::Error;
use super::git::Git;
use super::judge::Program;
use super::process::{self, End, Logs};
use super::tree::Checkout;
use std::env::{self, consts::EXE_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

/// Number of lines of the compiler's output that a finding keeps.
const COMPILER_LINES: usize = 24;
/// A mutant may leave a variable unused; that must be a warning wherever it is built.
const CAP_LINTS: &str = "--cap-lints=warn";

/// The package's tests that a mutant can fail within seconds.
const TESTS: [&str; 12] = [
    "properties",
    "datadriven",
    "traces",
    "transcripts",
    "history",
    "control_plane",
    "migration_store",
    "store",
    "seam",
    "driver",
    "embedded",
    "judges",
];

/// The programs that the scoreboard starts.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The program `cargo`, or a substitute in tests.
    pub cargo: PathBuf,
    /// The program `git`.
    pub git: Git,
    /// How to build the program that has the verb `check`.
    pub build: Build,
}

impl Tools {
    /// The programs found on the search path.
    #[must_use]
    pub fn new(build: Build) -> Self {
        Self { cargo: PathBuf::from("cargo"), git: Git { program: PathBuf::from("git") }, build }
    }
}

/// How to build the program that has the verb `check`.
#[derive(Debug, Clone)]
pub struct Build {
    /// Arguments after `cargo build`.
    arguments: Vec<String>,
    profile: String,
    program: String,
}

impl Build {
    /// A program of the given package, built with the given profile.
    #[must_use]
    pub fn of_package(package: &str, program: &str, profile: &str) -> Self {
        let arguments = ["--profile", profile, "-p", package, "--bin", program];
        Self::with(&arguments, program, profile)
    }

    /// A program of the package at the root of the repository.
    #[must_use]
    pub fn of_program(program: &str) -> Self {
        Self::with(&["--release", "--bin", program], program, "release")
    }

    fn with(arguments: &[&str], program: &str, profile: &str) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { arguments, profile: profile.to_owned(), program: format!("{program}{EXE_SUFFIX}") }
    }
}

/// The result of a build: a program, or the compiler's errors.
pub(super) enum Built {
    Program(PathBuf),
    Refused(String),
}

impl Tools {
    /// Builds the tree of a checkout; `None` if the run is interrupted.
    pub(super) fn build(
        &self,
        checkout: &Checkout,
        program: Program,
        logs: &Path,
        stop: &AtomicBool,
    ) -> Result<Option<Built>, Error> {
        let (cargo, program) = match program {
            Program::Checker => self.build_check(checkout),
            Program::Simulator => self.build_sim(checkout),
            Program::Reference => (not_run(self.reference(checkout)), self.cargo.clone()),
            Program::Tests => (not_run(self.tests(checkout)), self.cargo.clone()),
        };
        let ran = process::run(cargo, &Logs::new(logs, "build"), None, stop)?;
        match ran.end {
            End::Interrupted => Ok(None),
            End::Exited(status) if status.success() => Ok(Some(Built::Program(program))),
            End::Exited(_) | End::TimedOut => Ok(Some(Built::Refused(errors(&ran.stderr)))),
        }
    }

    fn cargo(&self, checkout: &Checkout, command: &str, target: &Path) -> Command {
        let tree = &checkout.tree;
        let mut cargo = Command::new(&self.cargo);
        cargo
            .current_dir(tree)
            .args([command, "--manifest-path"])
            .arg(tree.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(target)
            .env("CARGO_TERM_COLOR", "never")
            .env_remove("CARGO_BUILD_TARGET");
        cargo
    }

    /// The tests of the reference models, which cargo builds and runs.
    pub(super) fn reference(&self, checkout: &Checkout) -> Command {
        let mut cargo = self.cargo(checkout, "test", &checkout.build);
        cargo.args(["--profile", &self.build.profile, "-p", "cutover-reference", "--no-fail-fast"]);
        cap_lints(&mut cargo);
        cargo
    }

    /// The package's own tests, those of sources and of real processes left out.
    pub(super) fn tests(&self, checkout: &Checkout) -> Command {
        let mut cargo = self.cargo(checkout, "test", &checkout.build);
        cargo.args(["--profile", &self.build.profile, "-p", "cutover", "--lib"]);
        cargo.args(TESTS.iter().flat_map(|test| ["--test", *test]));
        cap_lints(&mut cargo);
        cargo
    }

    fn build_check(&self, checkout: &Checkout) -> (Command, PathBuf) {
        let build = &checkout.build;
        let mut cargo = self.cargo(checkout, "build", build);
        let Build { arguments, profile, program } = &self.build;
        cargo.args(arguments);
        cap_lints(&mut cargo);
        (cargo, build.join(profile).join(program))
    }

    /// Builds the simulator, which is another build of the same tree. Compiling takes most of the time to a
    /// verdict, so the parts that each patch changes are not optimised.
    fn build_sim(&self, checkout: &Checkout) -> (Command, PathBuf) {
        let build = checkout.build.with_file_name("build-sim");
        let mut cargo = self.cargo(checkout, "build", &build);
        cargo
            .args(["--profile", "mutant", "-p", "cutover-sim"])
            .args(
                ["cutover", "cutover-sim"]
                    .map(|name| format!("--config=profile.mutant.package.{name}.opt-level=0")),
            )
            .arg(format!("--config=target.'cfg(all())'.rustflags=['--cfg','madsim','{CAP_LINTS}']"))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        (cargo, build.join("mutant").join(format!("cutover-sim{EXE_SUFFIX}")))
    }
}

fn not_run(mut tests: Command) -> Command {
    tests.arg("--no-run");
    tests
}

fn cap_lints(cargo: &mut Command) {
    // The environment variable, if set, takes precedence over cargo's configuration.
    match env::var("RUSTFLAGS") {
        Ok(flags) => cargo.env("RUSTFLAGS", format!("{flags} {CAP_LINTS}")),
        Err(_) => cargo.arg(format!("--config=build.rustflags=[\"{CAP_LINTS}\"]")),
    };
}

/// The compiler's output from the first error on. The last lines only count the errors.
fn errors(stderr: &str) -> String {
    let from_error = stderr.lines().skip_while(|line| !line.starts_with("error"));
    let lines: Vec<_> = from_error.take(COMPILER_LINES).collect();
    if lines.is_empty() {
        let tail: Vec<_> = stderr.lines().rev().take(COMPILER_LINES).collect();
        return tail.into_iter().rev().collect::<Vec<_>>().join("\n");
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::errors;

    #[test]
    fn the_first_error_is_the_one_to_show() {
        let stderr = "   Compiling a\nwarning: w\n  --> x\nerror[E0277]: no\n --> y\n";
        assert_eq!(errors(stderr), "error[E0277]: no\n --> y");
        assert_eq!(errors("cannot\nstart\n"), "cannot\nstart");
    }
}
