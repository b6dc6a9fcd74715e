//! A step of a trace: a choice and its outputs.

use super::error::{Field, Unfit, count, fit};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use thiserror::Error;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Kind {
    Choice,
    Fault,
    Refused,
}

/// A step: a choice of the environment with its outputs, or a choice that must have no effect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Step {
    narration: Vec<String>,
    kind: Kind,
    lane: String,
    directive: String,
    outputs: Vec<String>,
}

impl Step {
    /// A step whose choice is not a fault.
    ///
    /// # Errors
    /// [`Unfit`] if the lane is not a word, or the directive not a line.
    pub fn new(lane: impl Into<String>, directive: impl Into<String>) -> Result<Self, Unfit> {
        Self::checked(Kind::Choice, lane.into(), directive.into())
    }

    /// A step whose choice is a fault.
    ///
    /// # Errors
    /// [`Unfit`] if the lane is not a word, or the directive not a line.
    pub fn fault(lane: impl Into<String>, directive: impl Into<String>) -> Result<Self, Unfit> {
        Self::checked(Kind::Fault, lane.into(), directive.into())
    }

    /// A choice that must have no effect: it is not offered, or changes nothing. It led to a violation before
    /// a bug was fixed.
    ///
    /// # Errors
    /// [`Unfit`] if the lane is not a word, or the directive not a line.
    pub fn refused(lane: impl Into<String>, directive: impl Into<String>) -> Result<Self, Unfit> {
        Self::checked(Kind::Refused, lane.into(), directive.into())
    }

    fn checked(kind: Kind, lane: String, directive: String) -> Result<Self, Unfit> {
        let (lane, directive) = (Field::Lane.word(lane)?, Field::Directive.text(directive)?);
        let step = Self { narration: Vec::new(), kind, lane, directive, outputs: Vec::new() };
        fit(step.prefix().len() + step.choice().len())?;
        Ok(step)
    }

    /// Adds narration before the step.
    ///
    /// # Errors
    /// [`Unfit`] if one of the texts is not a line.
    pub fn with_narration(
        mut self,
        lines: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, Unfit> {
        self.narration = Field::Narration.texts(lines)?;
        Ok(self)
    }

    /// Adds outputs of the step.
    ///
    /// # Errors
    /// [`Unfit`] if one of the texts is not a line.
    pub fn with_outputs(
        mut self,
        outputs: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, Unfit> {
        self.outputs = Field::Output.texts(outputs)?;
        Ok(self)
    }

    /// The narration before the step.
    #[must_use]
    pub fn narration(&self) -> &[String] {
        &self.narration
    }

    /// Whether the choice is a fault.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        matches!(self.kind, Kind::Fault)
    }

    /// Whether the choice must have no effect.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.kind, Kind::Refused)
    }

    /// The name of the participant that acts.
    #[must_use]
    pub fn lane(&self) -> &str {
        &self.lane
    }

    /// The text of the choice, without the lane.
    #[must_use]
    pub fn directive(&self) -> &str {
        &self.directive
    }

    /// Lane and directive, which together identify the choice.
    #[must_use]
    pub fn choice(&self) -> String {
        format!("{} {}", self.lane, self.directive)
    }

    /// The outputs of the step, in order.
    #[must_use]
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// The first difference between the recorded outputs and those given; `None` if they are equal.
    #[must_use]
    pub fn divergence(&self, found: &[impl AsRef<str>]) -> Option<Divergence> {
        let found: Vec<&str> = found.iter().map(AsRef::as_ref).collect();
        let at = self.outputs.iter().zip(&found).take_while(|(expected, found)| expected == *found).count();
        let output = count(at).saturating_add(1);
        let expected = self.outputs.get(at).cloned();
        let found = found.get(at).map(|found| (*found).to_owned());
        match (expected, found) {
            (None, None) => None,
            (Some(expected), Some(found)) => Some(Divergence::Other { output, expected, found }),
            (Some(expected), None) => Some(Divergence::Missing { output, expected }),
            (None, Some(found)) => Some(Divergence::Surplus { output, found }),
        }
    }

    pub(super) fn lines(&self) -> u32 {
        count(self.narration.len() + self.outputs.len()).saturating_add(1)
    }

    const fn prefix(&self) -> &'static str {
        match self.kind {
            Kind::Choice => "",
            Kind::Fault => "! ",
            Kind::Refused => "- ",
        }
    }

    /// Adds an output; used by the parser.
    pub(super) fn push_output(&mut self, output: &str) -> Result<(), Unfit> {
        self.outputs.push(Field::Output.text(output.to_owned())?);
        Ok(())
    }
}

/// The lines of a trace: narration, directive, outputs.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        narrate(f, &self.narration)?;
        writeln!(f, "{}{}", self.prefix(), self.choice())?;
        self.outputs.iter().try_for_each(|output| writeln!(f, "  > {output}"))
    }
}

pub(super) fn narrate(f: &mut fmt::Formatter<'_>, lines: &[String]) -> fmt::Result {
    lines.iter().try_for_each(|line| writeln!(f, "{}", format!("# {line}").trim_end()))
}

/// The first output of a step that differs from the recorded one.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Error)]
pub enum Divergence {
    /// An output differs from the recorded one.
    #[error("output {output}: found {found:?}, expected {expected:?}")]
    Other {
        /// The number of the output, from 1.
        output: u32,
        /// The output in the trace.
        expected: String,
        /// The output of the replay.
        found: String,
    },
    /// A recorded output is missing.
    #[error("output {output}: found nothing, expected {expected:?}")]
    Missing {
        /// The number of the output, from 1.
        output: u32,
        /// The output in the trace.
        expected: String,
    },
    /// An output follows the recorded ones.
    #[error("output {output}: found {found:?}, expected nothing")]
    Surplus {
        /// The number of the output, from 1.
        output: u32,
        /// The output of the replay.
        found: String,
    },
}
