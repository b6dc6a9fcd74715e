//! Errors that prevent a run of the scoreboard.

use crate::exit;
use std::io;
use std::path::Path;

/// An error that ends the run before it has results.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, or the current directory, does not fit the request.
    #[error("{0}")]
    Usage(String),
    /// A patch's header or diff is not as expected.
    #[error("{file}:{line}: found {found}, expected {expected}")]
    Unreadable {
        /// Path of the patch, relative to the root of the repository.
        file: String,
        /// Number of the line in the patch, from 1.
        line: usize,
        /// What the line contains.
        found: String,
        /// What the line should contain.
        expected: String,
    },
    /// A file or directory could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Path of the file or directory.
        path: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Name of the program.
        program: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A git command failed.
    #[error("git {what} failed: {said}")]
    Git {
        /// The command's arguments.
        what: String,
        /// The last line of git's error output.
        said: String,
    },
}

impl Error {
    /// The exit code of the process for this error.
    #[must_use]
    pub fn exit(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::Unreadable { .. } => exit::DATA,
            Self::Io { .. } | Self::Start { .. } | Self::Git { .. } => exit::INTERNAL,
        }
    }

    /// Adds the path to an error of the file system.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |source| Self::Io { path, source }
    }

    /// Adds the program's name to an error in starting it.
    pub fn start(program: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let program = program.display().to_string();
        move |source| Self::Start { program, source }
    }
}
