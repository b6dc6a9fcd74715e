//! The processes of a demo: a node, a store or a gateway, each with its log.

use super::gateway;
use crate::cli::{Failed, exit, serve, sink};
use core::time::Duration;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A process of a demo. It ends with the process that started it.
#[derive(Debug, clap::Subcommand)]
pub enum Role {
    /// Run a node
    Serve(serve::Args),
    /// Run a store
    #[command(subcommand)]
    Sink(sink::What),
    /// Write and read rows until the standard input ends
    Gateway(gateway::Args),
}

/// Runs a process of a demo.
pub(in crate::cli) fn run(role: &Role) -> Result<(), Failed> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| Failed::new(exit::INTERNAL, format!("it would outlive its demo: {error}")))?;
    match role {
        Role::Serve(args) => serve::run(args),
        Role::Sink(what) => sink::run(what),
        Role::Gateway(args) => gateway::run(args),
    }
}

/// A process that a demo starts, ends, and starts again.
pub(super) struct Part {
    pub(super) name: String,
    arguments: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
    /// Length of the log at the last start.
    heard: usize,
}

/// This program, once more.
pub(super) fn program() -> Result<Command, Failed> {
    let me = std::env::current_exe()
        .map_err(|error| Failed::new(exit::INTERNAL, format!("where this program is: {error}")))?;
    let mut command = Command::new(me);
    command.env("NO_COLOR", "1");
    Ok(command)
}

impl Part {
    pub(super) fn new(name: &str, log: PathBuf, arguments: Vec<String>) -> Self {
        Self { name: name.to_owned(), arguments, log, child: None, heard: 0 }
    }

    /// What it is started with from now on.
    pub(super) fn with(&mut self, arguments: Vec<String>) {
        self.arguments = arguments;
    }

    pub(super) fn start(&mut self) -> Result<(), Failed> {
        let failed = |error| Failed::new(exit::INTERNAL, format!("{}: {error}", self.log.display()));
        let log = OpenOptions::new().create(true).append(true).open(&self.log).map_err(failed)?;
        self.heard = usize::try_from(log.metadata().map_err(failed)?.len()).unwrap_or(usize::MAX);
        let out = log.try_clone().map_err(failed)?;
        let mut command = program()?;
        command.arg("demo-part").args(&self.arguments).stdin(Stdio::piped()).stdout(out).stderr(log);
        // Ctrl-C in a terminal reaches the demo alone.
        command.process_group(0);
        let child = command.spawn();
        self.child =
            Some(child.map_err(|error| Failed::new(exit::INTERNAL, format!("{}: {error}", self.name)))?);
        Ok(())
    }

    /// The number of the process that runs.
    pub(super) fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it has said since its last start that it serves.
    pub(super) fn serves(&self) -> bool {
        let all = fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(all.get(self.heard..).unwrap_or_default()).into_owned();
        said.contains(" serves ")
    }

    /// The last line of its log.
    fn last_words(&self) -> String {
        let all = fs::read_to_string(&self.log).unwrap_or_default();
        all.lines().last().unwrap_or("nothing").to_owned()
    }

    /// Kills it, as `kill -9` does.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _gone = child.kill();
            let _status = child.wait();
        }
    }

    /// The error that it ended by itself, if it did.
    pub(super) fn check(&mut self) -> Result<(), Failed> {
        match self.ended() {
            None => Ok(()),
            Some(status) => {
                let line = format!("{} ended with {status}, and said: {}", self.name, self.last_words());
                Err(Failed::new(exit::INTERNAL, line))
            }
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    /// Closes its standard input. A gateway ends then.
    pub(super) fn close(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
        }
    }

    fn terminate(&self) {
        if let Some(child) = &self.child {
            let _gone = kill_process(Pid::from_child(child), Signal::TERM);
        }
    }

    /// Waits until it has ended. After `patience`, it is killed.
    pub(super) async fn end(&mut self, patience: Duration) {
        let until = tokio::time::Instant::now() + patience;
        while self.child.is_some() && self.ended().is_none() && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.kill();
    }

    /// Ends it, in order if that takes no longer than `patience`.
    pub(super) async fn stop(&mut self, patience: Duration) {
        self.close();
        self.terminate();
        self.end(patience).await;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}
