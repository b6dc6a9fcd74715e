//! Why the scoreboard could not be run at all.

use crate::exit;
use std::io;
use std::path::Path;

/// What ends the command before it has a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, or the place where it was typed, asks for something that is not there.
    #[error("{0}")]
    Usage(String),
    /// A patch's header or diff is not what it should be.
    #[error("{file}:{line}: found {found}, expected {expected}")]
    Unreadable {
        /// The patch, relative to the root of the repository.
        file: String,
        /// Line in the patch, from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A file or directory could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// git refused something that it should do.
    #[error("git {what} failed: {said}")]
    Git {
        /// The git command.
        what: String,
        /// git's last line.
        said: String,
    },
}

impl Error {
    /// The process's exit code for this error.
    #[must_use]
    pub fn exit(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::Unreadable { .. } => exit::DATA,
            Self::Io { .. } | Self::Start { .. } | Self::Git { .. } => exit::INTERNAL,
        }
    }

    /// Names the path in an error of the file system.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |source| Self::Io { path, source }
    }

    /// Names the program in an error of a child that does not start.
    pub fn start(program: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let program = program.display().to_string();
        move |source| Self::Start { program, source }
    }
}
