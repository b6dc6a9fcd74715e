//! Compares the speed of the search with stateright's own raft example, in one run on one machine.
//!
//! `cargo bench -p cutover-cli --bench speed` prints the table of docs/performance.md. Each row is the run of a
//! separate process: its wall time, the number of states that it prints, and its peak resident memory. The example
//! is built from the sources that cargo has fetched for stateright, into its own target directory.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "ratios are for people to read")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Error = Box<dyn std::error::Error>;

/// A measured search.
struct Row {
    what: String,
    generated: f64,
    unique: f64,
    took: Duration,
    peak: u64,
}

/// The options with which a scope is searched.
struct How {
    threads: usize,
    symmetry: bool,
    breadth_first: bool,
}

const BREADTH_FIRST: How = How { threads: 1, symmetry: false, breadth_first: true };

fn main() -> Result<(), Error> {
    // `cargo test --benches` only builds and starts this program, without the argument `--bench`.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let raft = raft_example()?;
    let mut rows = Vec::new();
    for threads in [1, 2] {
        rows.push(baseline(&raft, threads)?);
    }
    rows.push(ours("replication", BREADTH_FIRST)?);
    for scope in ["replication", "composed", "migration/moves", "migration-timed/wait"] {
        for (threads, symmetry) in [(1, false), (1, true), (2, true)] {
            rows.push(ours(scope, How { threads, symmetry, breadth_first: false })?);
        }
    }
    print(&rows);
    Ok(())
}

/// Builds stateright's example.
fn raft_example() -> Result<PathBuf, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = Command::new(&cargo).args(["metadata", "--format-version", "1"]).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let stateright =
        packages.iter().find(|package| package["name"] == "stateright").ok_or("no stateright")?;
    let manifest = stateright["manifest_path"].as_str().ok_or("stateright has no manifest")?;
    let target = metadata["target_directory"].as_str().ok_or("no target directory")?;
    // Built in a copy of the sources, because cargo writes a lock file next to the manifest.
    let copy = Path::new(target).join("baseline/stateright");
    copy_tree(Path::new(manifest).parent().ok_or("no folder")?, &copy)?;
    let built = Command::new(&cargo)
        .args(["build", "--release", "--example", "raft", "--target-dir"])
        .arg(Path::new(target).join("baseline/target"))
        .arg("--manifest-path")
        .arg(copy.join("Cargo.toml"))
        .status()?;
    if !built.success() {
        return Err("stateright's raft example does not build".into());
    }
    Ok(Path::new(target).join("baseline/target/release/examples/raft"))
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if !target.exists() {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    // The copy lies in this workspace's folder but is no part of the workspace.
    let manifest = to.join("Cargo.toml");
    if let Ok(text) = std::fs::read_to_string(&manifest)
        && !text.contains("[workspace]")
    {
        std::fs::write(&manifest, text + "\n[workspace]\n")?;
    }
    Ok(())
}

/// Runs the example. It starts one thread per processor, so it is given that many processors.
fn baseline(raft: &Path, threads: usize) -> Result<Row, Error> {
    let processors = if threads == 1 { "0" } else { "0,1" };
    let mut command = Command::new("taskset");
    command.args(["-c", processors]).arg(raft).args(["check", "3", "10"]);
    let (text, took, peak) = run(command)?;
    let line =
        text.lines().rev().find(|line| line.starts_with("Done.")).ok_or("the example did not finish")?;
    let number = |key: &str| -> Result<f64, Error> {
        let rest = line.split(key).nth(1).ok_or("no such figure")?;
        Ok(rest.split(',').next().unwrap_or_default().trim().parse()?)
    };
    Ok(Row {
        what: format!("stateright's raft example (3 servers, depth 10), breadth-first, {threads} thread(s)"),
        generated: number("states=")?,
        unique: number("unique=")?,
        took,
        peak,
    })
}

fn ours(scope: &str, how: How) -> Result<Row, Error> {
    let How { threads, symmetry, breadth_first } = how;
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(["check", "--format", "json", "--scope", scope, "--threads", &threads.to_string()]);
    if !symmetry {
        command.arg("--no-symmetry");
    }
    if breadth_first {
        command.arg("--breadth-first");
    }
    let (text, _, peak) = run(command)?;
    let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let line = lines.into_iter().find(|line| line["type"] == "scope").ok_or("check printed no scope")?;
    let number = |key: &str| line[key].as_f64().ok_or("no such figure");
    let mirrored = if symmetry { "symmetry" } else { "no symmetry" };
    let order = if breadth_first { "breadth-first" } else { "depth-first" };
    Ok(Row {
        what: format!("{scope}, {order}, {threads} thread(s), {mirrored}"),
        generated: number("generated")?,
        unique: number("unique")?,
        took: Duration::from_secs_f64(number("seconds")?),
        peak,
    })
}

/// Runs a command to its end. Also returns its peak resident memory in bytes, as last reported by the operating
/// system.
fn run(mut command: Command) -> Result<(String, Duration, u64), Error> {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut out = child.stdout.take().ok_or("no output")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: u64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        peak = peak.max(kib * 1024);
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = began.elapsed();
    let text = reader.join().map_err(|_| "the reader died")??;
    Ok((text, took, peak))
}

fn print(rows: &[Row]) {
    println!(
        "| search | generated | unique | seconds | generated/s | unique/s | bytes/unique | generated/s ratio |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let base = rows.first().map_or(1.0, |row| row.generated / row.took.as_secs_f64());
    for row in rows {
        let seconds = row.took.as_secs_f64();
        println!(
            "| {} | {:.0} | {:.0} | {seconds:.1} | {:.0} | {:.0} | {:.0} | {:.2} |",
            row.what,
            row.generated,
            row.unique,
            row.generated / seconds,
            row.unique / seconds,
            row.peak as f64 / row.unique,
            row.generated / seconds / base
        );
    }
}
