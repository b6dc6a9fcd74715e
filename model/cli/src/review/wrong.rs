//! Errors in files that `review` reads.

use thiserror::Error;

/// Why a file cannot be compared, or a map of names not be applied.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// The operating system cannot read the file.
    #[error("{file}: cannot be read: {error}")]
    Io {
        /// Path of the file.
        file: String,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// A line is not as expected.
    #[error("{file}: line {line}: found {found}, expected {expected}")]
    Line {
        /// Path of the file.
        file: String,
        /// Number of the line, from 1.
        line: usize,
        /// What the line contains.
        found: String,
        /// What the line should contain.
        expected: String,
    },
}

/// An error in a line, before the file's name is added.
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

    /// Adds the file's name.
    pub(super) fn of(self, file: &str) -> Unreadable {
        let Self { line, found, expected } = self;
        Unreadable::Line { file: file.to_owned(), line, found, expected }
    }
}

/// Reads a file as text; `expected` describes the contents for the error message.
pub(super) fn text_of(path: &std::path::Path, expected: &str) -> Result<String, Unreadable> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Unreadable::Io { file: file.clone(), error })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        Wrong::new(line, "bytes that are not UTF-8", expected).of(&file)
    })
}
