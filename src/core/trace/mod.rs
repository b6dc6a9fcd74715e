//! A trace: a run as text, with each choice and its outputs, short enough to review in a diff, and replayable
//! on any later commit.
//!
//! ```text
//! cutover-trace 1
//! scope migration/moves
//! option barrier=4
//! violates migration.cas
//! mark a migration completed
//!
//! # Any cache will do: the sink is the authority.
//! gw1 send w1.1 view r0
//!   > sends write w1.1 token e1
//! ! A crash lose=unsynced
//!   > crashes and loses what was not durable (1 writes)
//! end 2
//! ```
//!
//! | line | meaning |
//! | --- | --- |
//! | `cutover-trace 1` | marks the file as a trace, with the format version |
//! | `scope NAME` | the scope, which gives bounds and participants; once |
//! | `option NAME=VALUE` | an option of the scope, as expanded; each name once |
//! | `violates ID`, or `holds` | the expected verdict; exactly one |
//! | `mark TEXT` | a situation that the run must reach |
//! | a blank line | ends the header; further ones are skipped |
//! | `LANE DIRECTIVE` | a step: the participant that acts, and the choice |
//! | `! LANE DIRECTIVE` | a step whose choice is a fault |
//! | `- LANE DIRECTIVE` | a choice that must have no effect: it led to a violation before a bug was fixed |
//! | `  > TEXT` | an output of the step above |
//! | `# TEXT` | narration of the step below, or of the end |
//! | `end N` | the end, after N steps; a text without it is truncated |
//!
//! A [`Trace`] prints to a text that parses to the same trace. A part that cannot be printed (a control
//! character, a line of more than [`LINE_BYTES_MAX`] bytes, more than [`LINES_MAX`] lines) is refused when it
//! is added.
//!
//! ```
//! use cutover::core::trace::{Step, Trace, Verdict};
//!
//! let mut trace = Trace::new("migration/moves", Verdict::Violates("migration.cas".to_owned()))?
//!     .with_options([("barrier", "4")])?
//!     .with_marks(["a migration completed"])?;
//! trace.push(Step::new("gw1", "send w1.1 view r0")?.with_outputs(["sends write w1.1 token e1"])?)?;
//! trace.push(Step::fault("A", "crash lose=unsynced")?)?;
//!
//! let text = trace.to_string();
//! assert!(text.ends_with("! A crash lose=unsynced\nend 2\n"));
//! assert_eq!(Trace::parse(&text), Ok(trace));
//!
//! let error = Trace::parse("cutover-trace 1\nscope migration/moves\nholds\n\nend 3\n").unwrap_err();
//! assert_eq!(error.to_string(), "line 5: truncated: found \"end 3\" after 0 steps, expected \"end 0\"");
//! # Ok::<(), cutover::core::trace::Unfit>(())
//! ```
//!
//! May import: `core::ids`, `core::fence`, `core::control_plane`, `core::invariant`.

mod error;
mod format;
mod framing;
mod parse;
pub mod partition;
pub mod recording;
mod step;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
pub use error::{Field, Problem, TraceError, Unfit};
pub use format::{LINE_BYTES_MAX, LINES_MAX, VERSION};
pub use step::{Divergence, Step};

use core::fmt;
use error::{count, fit};
use format::{END, MAGIC};

/// The verdict that a trace records.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// The run violates no invariant.
    Holds,
    /// The invariant with this id is violated.
    Violates(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds => f.write_str("holds"),
            Self::Violates(id) => write!(f, "violates {id}"),
        }
    }
}

/// A recorded run: its scope, the expected verdict, and its steps.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Trace {
    scope: String,
    options: Vec<(String, String)>,
    verdict: Verdict,
    marks: Vec<String>,
    steps: Vec<Step>,
    closing: Vec<String>,
}

/// Creating a trace.
impl Trace {
    /// A trace without steps.
    ///
    /// # Errors
    /// [`Unfit`] if the scope, or the id of the invariant, is not a word.
    pub fn new(scope: impl Into<String>, verdict: Verdict) -> Result<Self, Unfit> {
        let scope = Field::Scope.word(scope.into())?;
        let verdict = match verdict {
            Verdict::Holds => Verdict::Holds,
            Verdict::Violates(id) => Verdict::Violates(Field::Invariant.word(id)?),
        };
        Ok(Self {
            scope,
            options: Vec::new(),
            verdict,
            marks: Vec::new(),
            steps: Vec::new(),
            closing: Vec::new(),
        })
    }

    /// Adds options to the trace.
    ///
    /// # Errors
    /// [`Unfit`] if a name is not a word or is repeated, a value is not a line, or the trace becomes too
    /// long.
    pub fn with_options<N, V>(mut self, options: impl IntoIterator<Item = (N, V)>) -> Result<Self, Unfit>
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.options.clear();
        for (name, value) in options {
            let added = option(&self.options, name.into(), value.into())?;
            self.options.push(added);
        }
        self.with_room()
    }

    /// Adds situations that the run must reach.
    ///
    /// # Errors
    /// [`Unfit`] if one is not a line, or the trace becomes too long.
    pub fn with_marks(mut self, marks: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, Unfit> {
        self.marks = Field::Mark.texts(marks)?;
        self.with_room()
    }

    /// Adds narration after the last step.
    ///
    /// # Errors
    /// [`Unfit`] if one is not a line, or the trace becomes too long.
    pub fn with_closing(
        mut self,
        narration: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, Unfit> {
        self.closing = Field::Narration.texts(narration)?;
        self.with_room()
    }

    /// Adds a step.
    ///
    /// # Errors
    /// [`Unfit`] if the trace becomes too long. The trace is then unchanged.
    pub fn push(&mut self, step: Step) -> Result<(), Unfit> {
        room(self.lines().saturating_add(step.lines()))?;
        self.steps.push(step);
        Ok(())
    }

    /// Replaces the steps.
    ///
    /// # Errors
    /// [`Unfit`] if the trace becomes too long.
    pub fn with_steps(mut self, steps: Vec<Step>) -> Result<Self, Unfit> {
        self.steps = steps;
        self.with_room()
    }

    fn with_room(self) -> Result<Self, Unfit> {
        room(self.lines())?;
        Ok(self)
    }

    /// The number of lines the trace prints to. Five are always there: version, scope, verdict, blank line
    /// and end.
    fn lines(&self) -> u32 {
        let steps = self.steps.iter().map(Step::lines).fold(5, u32::saturating_add);
        [self.options.len(), self.marks.len(), self.closing.len()]
            .map(count)
            .into_iter()
            .fold(steps, u32::saturating_add)
    }
}

/// The content of a trace.
impl Trace {
    /// The scope, which gives the bounds and participants.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The options: names and values.
    #[must_use]
    pub fn options(&self) -> &[(String, String)] {
        &self.options
    }

    /// The verdict that a replay must give.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The situations that the run must reach.
    #[must_use]
    pub fn marks(&self) -> &[String] {
        &self.marks
    }

    /// The steps of the run, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The narration after the last step.
    #[must_use]
    pub fn closing(&self) -> &[String] {
        &self.closing
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MAGIC} {VERSION}")?;
        writeln!(f, "scope {}", self.scope)?;
        self.options.iter().try_for_each(|(name, value)| writeln!(f, "option {name}={value}"))?;
        writeln!(f, "{}", self.verdict)?;
        self.marks.iter().try_for_each(|mark| writeln!(f, "mark {mark}"))?;
        writeln!(f)?;
        self.steps.iter().try_for_each(|step| step.fmt(f))?;
        step::narrate(f, &self.closing)?;
        writeln!(f, "{END} {}", self.steps.len())
    }
}

/// Checks an option against those before it.
fn option(before: &[(String, String)], name: String, value: String) -> Result<(String, String), Unfit> {
    let name = Field::OptionName.word(name)?;
    let value = Field::OptionValue.text(value)?;
    fit(format!("option {name}={value}").len())?;
    if before.iter().any(|(earlier, _)| *earlier == name) {
        return Err(Unfit::RepeatedOption { name });
    }
    Ok((name, value))
}

fn room(lines: u32) -> Result<(), Unfit> {
    if lines > LINES_MAX { Err(Unfit::TooManyLines { lines }) } else { Ok(()) }
}
