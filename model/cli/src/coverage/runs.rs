//! The instrumented build, and the judged runs that it counts.
//!
//! The threads of a process share its counters, so each run has one thread, and several run at a time.

use super::error::Error;
use super::tools::Tools;
use cutover_report::Console;
use serde::Deserialize;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

/// Compiles a crate of the workspace with counters. Cargo calls it for these alone: nobody reads how often a dependency's
/// lines are executed, and counting there makes a search twice as slow.
const WRAPPER: &str = "#!/bin/sh\nexec \"$@\" -C instrument-coverage\n";
const PROFILE: &str = "coverage";
const FRONT_DOOR: &str = "cutover";
const SIMULATOR: &str = "cutover-sim";
/// What cargo builds of the simulator. The flag swaps the runtime; `.cargo/config.toml` says why it is given here.
const SIMULATED: &[&str] =
    &["-p", SIMULATOR, "--bin", SIMULATOR, "--config", "target.'cfg(all())'.rustflags=['--cfg','madsim']"];
/// Tests of the references: random walks that hold a machine against its reference.
const REFERENCES: &[&str] = &["walk", "store", "controller", "sessions", "watch", "gateway", "call", "disk"];
/// Walks by number and not by time, so that the same lines are executed on every machine: set, number, seed.
const WALKS: &[(&str, &str, &str)] = &[("pr", "100", "1"), ("pr", "100", "2"), ("everything", "12", "3")];
/// The scopes that are searched for a pull request: within seconds each, to the end. `check` searches the others, too, but
/// with counters that takes minutes, and walks through them execute the same lines.
pub(super) const SEARCHED: &[&str] = &[
    "migration/life",
    "migration/admission-back",
    "published/unsealed-force",
    "published/drain-barrier",
    "membership-join",
    "membership-wiped",
    "membership-outsider",
    "membership-replaced",
    "calls",
    "histories",
    "histories/moves",
    "histories/held",
];
/// The runs that are asked for lines that a machine reads are kept, for the transitions in them.
const JSON: &str = "--format=json";
const TRACES: &str = "target/coverage/traces";
/// Number of lines of a failed program's output that are shown.
const LAST_LINES: usize = 12;

/// A judged run: a program of the instrumented build that fails if it finds something wrong.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) name: String,
    /// Name of the target that cargo builds.
    program: &'static str,
    args: Vec<String>,
}

/// The judged runs: the walks of the references, walks through every scope, and searches. `scopes`: those to search.
pub(super) fn all(scopes: &[&str]) -> Vec<Run> {
    let run = |name: String, program, args: &[&str]| Run {
        name,
        program,
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
    };
    let reference = |test: &&'static str| run(format!("reference {test}"), test, &["--test-threads=1"]);
    let walk = |(set, walks, seed): &(&str, &str, &str)| {
        let args =
            ["walk", "--set", set, "--walks", walks, "--seed", seed, "--threads", "1", "--out", TRACES, JSON];
        run(format!("walk --set {set} --walks {walks} --seed {seed}"), FRONT_DOOR, &args)
    };
    let search = |scope: &&str| {
        let args = ["check", "--scope", scope, "--threads", "1", "--out", TRACES];
        run(format!("check --scope {scope}"), FRONT_DOOR, &args)
    };
    let references = REFERENCES.iter().map(reference);
    references.chain(WALKS.iter().map(walk)).chain(scopes.iter().map(search)).collect()
}

/// The first `seeds` seeds of the simulator, in as many runs as there are processors. The same seeds do the same on every machine.
pub(super) fn simulated(seeds: u64) -> Vec<Run> {
    let jobs = u64::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1);
    let share = seeds.div_ceil(jobs).max(1);
    let firsts = (0..jobs).map(|job| job * share).take_while(|before| *before < seeds);
    let run = |before: u64| {
        let (from, count) = ((before + 1).to_string(), share.min(seeds - before).to_string());
        let args = ["--seeds", &count, "--from", &from, "--jobs", "1"].map(str::to_owned).into();
        Run { name: format!("sim --seeds {count} --from {from}"), program: SIMULATOR, args }
    };
    firsts.map(run).collect()
}

/// The programs of an instrumented build, by the names of their targets.
#[derive(Debug)]
pub(super) struct Build {
    target: PathBuf,
    programs: Vec<(&'static str, PathBuf)>,
}

impl Build {
    /// The directory of what the last runs counted and said.
    pub(super) fn profiles(&self) -> PathBuf {
        self.target.join("profiles")
    }

    fn program(&self, name: &str) -> Result<&Path, Error> {
        let found =
            self.programs.iter().find(|(other, _)| *other == name).map(|(_, program)| program.as_path());
        found.ok_or_else(|| Error::Failed {
            program: name.to_owned(),
            said: "found no such program, expected it to be built".to_owned(),
        })
    }
}

/// The repository, and the directory of the instrumented build in it.
#[derive(Debug)]
pub(super) struct Checkout {
    pub(super) root: PathBuf,
}

/// A line of `cargo build --message-format=json`.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

impl Checkout {
    /// Finds the repository around `cwd`.
    pub(super) fn find(cwd: &Path) -> Result<Self, Error> {
        let is =
            |dir: &&Path| dir.join("src/core/mod.rs").is_file() && dir.join("model/cli/Cargo.toml").is_file();
        let root = cwd.ancestors().find(is).ok_or_else(|| {
            Error::Usage(format!(
                "found no checkout around {}, expected one: coverage builds it",
                cwd.display()
            ))
        })?;
        Ok(Self { root: fs::canonicalize(root).map_err(Error::io(root))? })
    }

    pub(super) fn target(&self) -> PathBuf {
        self.root.join("target").join("coverage")
    }

    /// Builds the programs of all runs in a target directory of their own.
    pub(super) fn build(&self) -> Result<Build, Error> {
        let mut packages = vec!["-p", "cutover-cli", "--bin", FRONT_DOOR, "-p", "cutover-reference"];
        packages.extend(REFERENCES.iter().flat_map(|test| ["--test", test]));
        let programs: Vec<&'static str> = [FRONT_DOOR].iter().chain(REFERENCES).copied().collect();
        self.build_into(&self.target(), &packages, &programs)
    }

    /// Builds the simulator, which is the same source under another runtime, in a target directory of its own.
    pub(super) fn build_simulator(&self) -> Result<Build, Error> {
        self.build_into(&self.target().join("sim"), SIMULATED, &[SIMULATOR])
    }

    fn build_into(
        &self,
        target: &Path,
        packages: &[&str],
        programs: &[&'static str],
    ) -> Result<Build, Error> {
        fs::create_dir_all(target).map_err(Error::io(target))?;
        let wrapper = target.join("instrument");
        write_program(&wrapper).map_err(Error::io(&wrapper))?;
        let cargo = PathBuf::from(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        let mut command = Command::new(&cargo);
        command
            .current_dir(&self.root)
            .args(["build", "--profile", PROFILE, "--quiet", "--message-format=json-render-diagnostics"])
            .args(packages)
            .arg("--target-dir")
            .arg(target)
            .env("RUSTC_WORKSPACE_WRAPPER", &wrapper)
            // Build scripts are instrumented as well, and would leave their profiles in the working directory.
            .env("LLVM_PROFILE_FILE", target.join("build-%m.profraw"))
            .env("CARGO_INCREMENTAL", "0")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
            command.env_remove(flags);
        }
        let output = command.output().map_err(Error::start(&cargo))?;
        if !output.status.success() {
            return Err(Error::Failed { program: "cargo build".to_owned(), said: output.status.to_string() });
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let messages: Vec<Message> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let program = |name: &&'static str| {
            let is = |message: &&Message| message.target.as_ref().is_some_and(|target| target.name == *name);
            Some((*name, messages.iter().filter(is).find_map(|message| message.executable.clone())?))
        };
        Ok(Build { target: target.to_owned(), programs: programs.iter().filter_map(program).collect() })
    }

    /// Performs the runs, as many at a time as there are processors. Returns what each failed run said.
    pub(super) fn perform(
        &self,
        build: &Build,
        runs: &[Run],
        console: &mut Console,
    ) -> Result<Vec<String>, Error> {
        let dir = build.profiles();
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io(&dir)(error)),
            Ok(()) | Err(_) => fs::create_dir_all(&dir).map_err(Error::io(&dir))?,
        }
        let profile = |at: usize| dir.join(format!("{at}.profraw"));
        let next = AtomicUsize::new(0);
        let work = |ended: Sender<_>| {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(run) = runs.get(at) else { return };
                let began = Instant::now();
                let failure = self.perform_one(build, run, &profile(at));
                let _ = ended.send((run, began.elapsed(), failure));
            }
        };
        let mut failures = Vec::new();
        std::thread::scope(|scope| {
            let (ended, results) = channel();
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                let ended = ended.clone();
                scope.spawn(|| work(ended));
            }
            drop(ended);
            for (run, took, failure) in results {
                console.step_done(&format!("{took:>7.1?}  {}", run.name));
                failures.extend(failure?);
            }
            Ok(())
        })?;
        Ok(failures)
    }

    /// Performs a run. Returns what it said if it failed.
    fn perform_one(&self, build: &Build, run: &Run, profile: &Path) -> Result<Option<String>, Error> {
        let program = build.program(run.program)?;
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .args(&run.args)
            .env("LLVM_PROFILE_FILE", profile)
            .stdin(Stdio::null());
        let output = command.output().map_err(Error::start(program))?;
        if run.args.iter().any(|arg| arg == JSON) {
            let kept = profile.with_extension("jsonl");
            fs::write(&kept, &output.stdout).map_err(Error::io(&kept))?;
        }
        if output.status.success() {
            return Ok(None);
        }
        let said = [output.stdout, output.stderr].concat();
        let last = last_lines(&String::from_utf8_lossy(&said));
        Ok(Some(format!("{}: {}\n{last}", run.name, output.status)))
    }

    /// The export of what the runs counted in `src/core`. `others`: profiles of further runs.
    pub(super) fn export(&self, tools: &Tools, build: &Build, others: &[PathBuf]) -> Result<String, Error> {
        let dir = build.profiles();
        let files = fs::read_dir(&dir).map_err(Error::io(&dir))?.filter_map(|entry| Some(entry.ok()?.path()));
        let own = files.filter(|file| file.extension().is_some_and(|extension| extension == "profraw"));
        let mut profiles: Vec<PathBuf> = own.chain(others.iter().cloned()).collect();
        profiles.sort();
        let merged = build.target.join("merged.profdata");
        let mut merge: Vec<&OsStr> =
            vec!["merge".as_ref(), "-sparse".as_ref(), "-o".as_ref(), merged.as_os_str()];
        merge.extend(profiles.iter().map(|file| file.as_os_str()));
        said(&tools.profdata, &merge)?;
        let (profile, sources) =
            (format!("--instr-profile={}", merged.display()), self.root.join("src/core"));
        let mut export: Vec<&OsStr> =
            ["export", "--skip-functions", "--skip-expansions", &profile].map(OsStr::new).into();
        for (at, (_, program)) in build.programs.iter().enumerate() {
            export.extend((at > 0).then_some(OsStr::new("-object")));
            export.push(program.as_os_str());
        }
        export.extend(["--sources".as_ref(), sources.as_os_str()]);
        said(&tools.cov, &export)
    }
}

#[cfg(unix)]
fn write_program(path: &Path) -> io::Result<()> {
    fs::write(path, WRAPPER)?;
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
}

#[cfg(not(unix))]
fn write_program(_: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "coverage needs a Unix shell to instrument a build"))
}

fn said(program: &Path, args: &[&OsStr]) -> Result<String, Error> {
    let output = Command::new(program).args(args).output().map_err(Error::start(program))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = format!("{}\n{}", output.status, last_lines(&String::from_utf8_lossy(&output.stderr)));
    Err(Error::Failed { program: program.display().to_string(), said })
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    lines
        .get(from..)
        .unwrap_or_default()
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
