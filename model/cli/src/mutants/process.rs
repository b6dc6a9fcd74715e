//! Child processes with a time limit, and their CPU time. Each child has its own process group, which is killed
//! with it: a compiler started by cargo does not outlive cargo.

use super::error::Error;
use process_wrap::std::{ChildWrapper, CommandWrap, ProcessGroup};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const FIRST_NAP: Duration = Duration::from_millis(1);
const LONGEST_NAP: Duration = Duration::from_millis(50);

/// How a child process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It exited, or a signal from elsewhere ended it.
    Exited(ExitStatus),
    /// It was killed at its time limit.
    TimedOut,
    /// It was killed because the whole run was interrupted.
    Interrupted,
}

/// The files that receive a child's output. Files, not pipes: a grandchild that keeps a pipe open would block the
/// reader after the child has ended.
#[derive(Debug)]
pub struct Logs {
    /// File for standard output.
    pub stdout: PathBuf,
    /// File for standard error.
    pub stderr: PathBuf,
}

impl Logs {
    /// The files for the step `step`, in the directory `dir`.
    #[must_use]
    pub fn new(dir: &Path, step: &str) -> Self {
        Self { stdout: dir.join(format!("{step}.stdout")), stderr: dir.join(format!("{step}.stderr")) }
    }
}

/// The result of a child process.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// User and system time, or wall time where the operating system does not report it.
    pub cpu: Duration,
}

/// Runs `command` until it ends, `limit` is over, or `stop` is set.
///
/// # Errors
/// The operating system's error if the command cannot be started or its output not be stored.
pub fn run(
    mut command: Command,
    logs: &Logs,
    limit: Option<Duration>,
    stop: &AtomicBool,
) -> Result<Ran, Error> {
    let create = |path: &Path| File::create(path).map_err(Error::io(path));
    let program = PathBuf::from(command.get_program());
    let (began, cpu_before) = (Instant::now(), cpu_of_children());
    command.stdin(Stdio::null()).stdout(create(&logs.stdout)?).stderr(create(&logs.stderr)?);
    let mut command = CommandWrap::from(command);
    let mut child = command.wrap(ProcessGroup::leader()).spawn().map_err(Error::start(&program))?;
    let end = wait(child.as_mut(), limit, stop).map_err(Error::start(&program))?;
    let cpu = match (cpu_before, cpu_of_children()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        (_, _) => began.elapsed(),
    };
    let read = |path: &Path| {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        Ok::<_, Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Ran { end, stdout: read(&logs.stdout)?, stderr: read(&logs.stderr)?, cpu })
}

fn wait(child: &mut dyn ChildWrapper, limit: Option<Duration>, stop: &AtomicBool) -> std::io::Result<End> {
    let began = Instant::now();
    let mut nap = FIRST_NAP;
    loop {
        let ended = child.try_wait()?;
        if stop.load(Ordering::Relaxed) {
            if ended.is_none() {
                child.kill()?;
            }
            return Ok(End::Interrupted);
        }
        if let Some(status) = ended {
            return Ok(End::Exited(status));
        }
        if limit.is_some_and(|limit| began.elapsed() >= limit) {
            child.kill()?;
            return Ok(End::TimedOut);
        }
        thread::sleep(nap);
        nap = LONGEST_NAP.min(nap * 2);
    }
}

/// CPU time of all children that have ended, from Linux's `cutime + cstime`, which are in ticks of 10 ms.
fn cpu_of_children() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    parse_stat(&stat).map(|ticks| Duration::from_millis(ticks.saturating_mul(10)))
}

fn parse_stat(stat: &str) -> Option<u64> {
    // The second field, the name of the command, may contain spaces and brackets.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(13);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::{End, Logs, parse_stat, run};
    use std::process::Command;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    #[test]
    fn the_time_of_children_is_read_past_a_name_with_brackets() {
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 700 50 20 0";
        assert_eq!(parse_stat(stat), Some(750));
        assert_eq!(parse_stat("42 (a) S 1 2"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_child_that_does_not_end_is_stopped() -> Result<(), super::Error> {
        let dir = std::env::temp_dir();
        let logs = Logs::new(&dir, &format!("mutants-nap-{}", std::process::id()));
        let began = Instant::now();
        let nap = || {
            let mut nap = Command::new("sleep");
            nap.arg("60");
            nap
        };
        let limit = Some(Duration::from_millis(20));
        let ran = run(nap(), &logs, limit, &AtomicBool::new(false))?;
        assert_eq!(ran.end, End::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(30));
        let ran = run(nap(), &logs, None, &AtomicBool::new(true))?;
        assert_eq!(ran.end, End::Interrupted);
        let _ = std::fs::remove_file(&logs.stdout);
        let _ = std::fs::remove_file(&logs.stderr);
        Ok(())
    }
}
