//! Errors that prevent a run of `coverage`.

use crate::exit;
use std::io;
use std::path::Path;

/// An error that ends the run before it has a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, or the current directory, does not fit the request.
    #[error("{0}")]
    Usage(String),
    /// No LLVM tools fit the compiler, or the compiler does not tell its version.
    #[error("{0}")]
    NoTools(String),
    /// A file is not as expected.
    #[error("{file}:{line}: found {found}, expected {expected}")]
    Unreadable {
        /// Path of the file.
        file: String,
        /// Number of the line, from 1.
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
    /// A program could not be started, or failed.
    #[error("{program}: {said}")]
    Failed {
        /// Name of the program.
        program: String,
        /// How it ended, and the end of its error output.
        said: String,
    },
}

impl Error {
    /// The exit code of the process for this error.
    pub(super) fn exit(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::NoTools(_) => exit::NOTHING,
            Self::Unreadable { .. } => exit::DATA,
            Self::Io { .. } | Self::Failed { .. } => exit::INTERNAL,
        }
    }

    /// Adds the path to an error of the file system.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |source| Self::Io { path, source }
    }

    /// Adds the program's name to an error in starting it.
    pub(super) fn start(program: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let program = program.display().to_string();
        move |source| Self::Failed { program, said: source.to_string() }
    }
}
