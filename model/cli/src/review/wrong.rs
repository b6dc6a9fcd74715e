//! Files that cannot be read as what they should be.

use thiserror::Error;

/// A file that cannot be compared, or a map of names that cannot be applied.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// The system does not give it.
    #[error("{file}: cannot be read: {error}")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{file}: line {line}: found {found}, expected {expected}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
}

/// What is wrong with a line of a file that is still to be named.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) found: String,
    pub(super) expected: String,
}

impl Wrong {
    pub(super) fn new(line: usize, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { line, found: found.into(), expected: expected.into() }
    }

    /// The error, with its file.
    pub(super) fn of(self, file: &str) -> Unreadable {
        let Self { line, found, expected } = self;
        Unreadable::Line { file: file.to_owned(), line, found, expected }
    }
}

/// Reads a file as text; `expected` says what it should hold.
pub(super) fn text_of(path: &std::path::Path, expected: &str) -> Result<String, Unreadable> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Unreadable::Io { file: file.clone(), error })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        Wrong::new(line, "bytes that are not UTF-8", expected).of(&file)
    })
}
