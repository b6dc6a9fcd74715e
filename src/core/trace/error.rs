//! What a trace can hold, and why a text is not a trace.

use super::format::{END, LINE_BYTES_MAX, LINES_MAX, MAGIC, VERSION};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use thiserror::Error;

/// A kind of text in a trace, for errors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Field {
    /// The name of the scope: a word.
    Scope,
    /// The name of an option: a word without `=`.
    OptionName,
    /// The value of an option: a line, possibly empty.
    OptionValue,
    /// The id of an invariant: a word.
    Invariant,
    /// A situation that the run must reach: a line.
    Mark,
    /// A line of narration: possibly empty, possibly indented.
    Narration,
    /// The participant that acts: a word, other than `end`.
    Lane,
    /// The text of a choice: a line.
    Directive,
    /// An output of a step: a line.
    Output,
}

impl Field {
    /// The text before the field in its line.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Scope => "scope ",
            Self::OptionName | Self::OptionValue => "option ",
            Self::Invariant => "violates ",
            Self::Mark => "mark ",
            Self::Narration => "# ",
            Self::Lane | Self::Directive => "",
            Self::Output => "  > ",
        }
    }

    /// A word begins with a letter or a digit and holds no blank, so that no line can be taken for another.
    pub(super) fn word(self, word: String) -> Result<String, Unfit> {
        let word = self.text(word)?;
        if !word.starts_with(char::is_alphanumeric) || word.contains(char::is_whitespace) {
            return Err(Unfit::NotAWord { field: self, found: excerpt(&word) });
        }
        let taken = match self {
            Self::Lane => word == END,
            Self::OptionName => word.contains('='),
            Self::Scope
            | Self::OptionValue
            | Self::Invariant
            | Self::Mark
            | Self::Narration
            | Self::Directive
            | Self::Output => false,
        };
        if taken { Err(Unfit::Taken { field: self, found: excerpt(&word) }) } else { Ok(word) }
    }

    /// Refuses a text that has control characters or line ends, or blanks at its ends, which an editor may remove.
    pub(super) fn text(self, text: String) -> Result<String, Unfit> {
        let (may_be_empty, trimmed) = match self {
            Self::Narration => (true, text.trim_end()),
            Self::OptionValue => (true, text.trim()),
            Self::Scope | Self::OptionName | Self::Invariant | Self::Mark => (false, text.trim()),
            Self::Lane | Self::Directive | Self::Output => (false, text.trim()),
        };
        printable(&text)?;
        if trimmed.len() < text.len() {
            return Err(Unfit::Blank { field: self, found: excerpt(&text) });
        }
        if text.is_empty() && !may_be_empty {
            return Err(Unfit::Empty { field: self });
        }
        fit(self.prefix().len() + text.len())?;
        Ok(text)
    }

    pub(super) fn texts(
        self,
        texts: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Vec<String>, Unfit> {
        texts.into_iter().map(|text| self.text(text.into())).collect()
    }
}

/// Why a text cannot be part of a trace.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Error)]
pub enum Unfit {
    /// The text is empty, and must not be.
    #[error("{field} is empty, expected text")]
    Empty {
        /// Which part of a trace the text is.
        field: Field,
    },
    /// The text has a character that is invisible, or changes how the rest is displayed.
    #[error("found the control character U+{code:04X} in {found:?}, expected printable text")]
    Control {
        /// The code point of the character.
        code: u32,
        /// The 40 characters around the refused one.
        found: String,
    },
    /// A blank at an end, which an editor may remove.
    #[error("{field} {found:?} begins or ends with a blank, expected none there")]
    Blank {
        /// Which part of a trace the text is.
        field: Field,
        /// The text, cut to 40 characters.
        found: String,
    },
    /// The text is not a word, or begins with a sign of the format.
    #[error("{field} {found:?} is not a word, expected a letter or a digit first, and no blank")]
    NotAWord {
        /// Which part of a trace the text is.
        field: Field,
        /// The text, cut to 40 characters.
        found: String,
    },
    /// A word that the format uses.
    #[error("{field} {found:?} means something else, expected no \"end\" as a lane and no \"=\" in a name")]
    Taken {
        /// Which part of a trace the text is.
        field: Field,
        /// The word, cut to 40 characters.
        found: String,
    },
    /// The option is given twice.
    #[error("option {name:?} is there twice, expected it once")]
    RepeatedOption {
        /// The name of the option.
        name: String,
    },
    /// The line is too long.
    #[error("a line of {bytes} bytes, expected at most {LINE_BYTES_MAX}")]
    LineTooLong {
        /// The length of the line in bytes, without the line end.
        bytes: u32,
    },
    /// The trace has too many lines.
    #[error("{lines} lines, expected at most {LINES_MAX}")]
    TooManyLines {
        /// The number of lines that the trace would have.
        lines: u32,
    },
}

/// Why a text is not a trace, and in which line.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Error)]
#[error("line {line}: {problem}")]
pub struct TraceError {
    /// The number of the line, from 1.
    pub line: u32,
    /// The problem in that line.
    pub problem: Problem,
}

/// A problem in a line. The text found is cut to 40 characters.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Error)]
pub enum Problem {
    /// The first line is not the first line of a trace.
    #[error("not a trace: found {found:?}, expected \"{MAGIC} {VERSION}\"")]
    NotATrace {
        /// The first line of the text.
        found: String,
    },
    /// The trace has a later format version than this program reads.
    #[error("a trace of format version {found}, expected at most {VERSION}, the newest supported")]
    LaterVersion {
        /// The version in the first line.
        found: u32,
    },
    /// A header line is of no known kind.
    #[error("unknown header {found:?}, expected scope, option, violates, holds, mark or a blank line")]
    UnknownHeader {
        /// The line that is not known.
        found: String,
    },
    /// The header ends without a scope.
    #[error("the header ends without a scope, expected a line \"scope NAME\"")]
    MissingScope,
    /// The header ends without a verdict.
    #[error("the header ends without a verdict, expected a line \"violates ID\" or \"holds\"")]
    MissingVerdict,
    /// The header has a second scope.
    #[error("a second scope {found:?}, expected one")]
    RepeatedScope {
        /// The second scope line.
        found: String,
    },
    /// The header has a second verdict, the same or another.
    #[error("a second verdict {found:?}, expected one")]
    RepeatedVerdict {
        /// The second verdict line.
        found: String,
    },
    /// An option has no `=`.
    #[error("option {found:?}, expected \"option NAME=VALUE\"")]
    MalformedOption {
        /// The text after the word `option`.
        found: String,
    },
    /// An output line comes before the first step.
    #[error("output {found:?} before any directive, expected \"LANE DIRECTIVE\" above it")]
    OutputWithoutDirective {
        /// The output line.
        found: String,
    },
    /// A line after the header is of no known kind.
    #[error("found {found:?}, expected \"LANE DIRECTIVE\", \"  > OUTPUT\", \"# NARRATION\" or \"end N\"")]
    UnknownLine {
        /// The line that is not known.
        found: String,
    },
    /// The text ends without an `end` line.
    #[error("truncated: found {steps} steps and no end, expected a last line \"end {steps}\"")]
    NoEnd {
        /// The number of steps found.
        steps: u32,
    },
    /// The `end` line states another number of steps.
    #[error("truncated: found {found:?} after {steps} steps, expected \"end {steps}\"")]
    OtherEnd {
        /// The `end` line.
        found: String,
        /// The number of steps found.
        steps: u32,
    },
    /// A line follows the `end` line.
    #[error("found {found:?} after the end, expected nothing")]
    AfterEnd {
        /// The line after the end.
        found: String,
    },
    /// A text cannot be part of a trace.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scope => "scope",
            Self::OptionName => "option name",
            Self::OptionValue => "option value",
            Self::Invariant => "invariant",
            Self::Mark => "mark",
            Self::Narration => "narration",
            Self::Lane => "lane",
            Self::Directive => "directive",
            Self::Output => "output",
        })
    }
}

/// The first 40 characters of a text, for a message.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

pub(super) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Refuses a line longer than [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX).
pub(super) fn fit(len: usize) -> Result<(), Unfit> {
    let bytes = count(len);
    if bytes > LINE_BYTES_MAX { Err(Unfit::LineTooLong { bytes }) } else { Ok(()) }
}

/// Refuses characters that a reviewer would not see: control characters, line ends, and characters that
/// change the direction of text.
pub(super) fn printable(text: &str) -> Result<(), Unfit> {
    let unseen = |c: char| {
        let format = ['\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
        c.is_control() || c == '\u{feff}' || format.iter().any(|range| range.contains(&c))
    };
    let Some((at, character)) = text.chars().enumerate().find(|(_, c)| unseen(*c)) else { return Ok(()) };
    let around = text.chars().skip(at.saturating_sub(20)).take(40).collect();
    Err(Unfit::Control { code: character.into(), found: around })
}
