//! A scope: a named search with its bounds, required marks and known violations.

use super::{GoalSet, InvariantSet};
use std::fmt::Debug;
use thiserror::Error;

/// A set of scopes that run together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub enum Set {
    /// For every pull request: each scope is complete within a minute.
    Pr,
    /// Larger bounds, for nightly runs; includes [`Set::Pr`].
    Nightly,
    /// Small scopes, each for fixed bugs that no other scope shows.
    Regress,
    /// Worlds that are walked at random, since they are too large to be searched.
    Walk,
}

impl Set {
    /// Whether a run of this set includes the scopes of another.
    #[must_use]
    pub const fn runs(self, other: Self) -> bool {
        match (self, other) {
            (Self::Pr, Self::Pr)
            | (Self::Nightly, Self::Pr | Self::Nightly)
            | (Self::Regress, Self::Regress)
            | (Self::Walk, Self::Walk) => true,
            (Self::Pr, Self::Nightly | Self::Regress | Self::Walk)
            | (Self::Nightly, Self::Regress | Self::Walk)
            | (Self::Regress, Self::Pr | Self::Nightly | Self::Walk)
            | (Self::Walk, Self::Pr | Self::Nightly | Self::Regress) => false,
        }
    }
}

/// The bounds of one search, with a stable name that traces refer to.
#[derive(Clone, Debug)]
pub struct Scope<B> {
    /// Stable name, one word; families share a prefix ending in `/`.
    pub name: &'static str,
    /// The purpose of the scope, in one sentence.
    pub about: &'static str,
    /// The set that the scope belongs to.
    pub set: Set,
    /// The bounds of the search.
    pub bounds: B,
    /// Texts of the marks that a complete search must reach. Without them a pass proves nothing: a model that can
    /// do nothing violates nothing.
    pub reaches: Vec<&'static str>,
    /// Id of the invariant that the search must find violated, in a scope with a design known to be unsafe. `None`:
    /// all invariants must hold.
    pub expect: Option<&'static str>,
    /// Name and value of each option that was set to something other than the scope's own value.
    pub options: Vec<(String, String)>,
}

impl<B: Bounds> Scope<B> {
    /// A scope of [`Set::Pr`] in which all invariants must hold and no mark is required.
    #[must_use]
    pub fn new(name: &'static str, about: &'static str, bounds: B) -> Self {
        Self { name, about, set: Set::Pr, bounds, reaches: Vec::new(), expect: None, options: Vec::new() }
    }

    /// Moves the scope to [`Set::Nightly`].
    #[must_use]
    pub fn nightly(self) -> Self {
        Self { set: Set::Nightly, ..self }
    }

    /// Moves the scope to the set of fixed bugs.
    #[must_use]
    pub fn regress(self) -> Self {
        Self { set: Set::Regress, ..self }
    }

    /// Moves the scope to the set of worlds that are walked.
    #[must_use]
    pub fn walked(self) -> Self {
        Self { set: Set::Walk, ..self }
    }

    /// Requires that a complete search reaches these marks.
    #[must_use]
    pub fn reaching<M: Into<&'static str>>(self, marks: impl IntoIterator<Item = M>) -> Self {
        Self { reaches: marks.into_iter().map(Into::into).collect(), ..self }
    }

    /// Requires that the search finds this invariant violated.
    #[must_use]
    pub fn breaking(self, invariant: &'static str) -> Self {
        Self { expect: Some(invariant), ..self }
    }

    /// The invariants that a search of this scope judges.
    #[must_use]
    pub fn judged(&self, all: InvariantSet) -> InvariantSet {
        self.bounds.judged(all)
    }

    /// The goals that a search of this scope judges: none if it holds a design known to be unsafe.
    #[must_use]
    pub fn goals(&self, all: GoalSet) -> GoalSet {
        if self.expect.is_some() { 0 } else { self.bounds.goals(all) }
    }

    /// Sets an option of the bounds by name.
    ///
    /// # Errors
    /// [`OptionError`] for an unknown option, a wrong value, or an option that these bounds do not use.
    pub fn set_option(&mut self, name: &str, value: &str) -> Result<(), OptionError> {
        match self.bounds.set_option(name, value) {
            Ok(differs) => {
                self.options.retain(|(other, _)| other != name);
                if differs {
                    self.options.push((name.to_owned(), value.to_owned()));
                    self.options.sort();
                }
                Ok(())
            }
            Err(Refused::Unknown) => {
                let expected = B::options().iter().map(|option| format!("`{}`", option.name)).collect();
                Err(OptionError::Unknown { found: name.to_owned(), expected })
            }
            Err(Refused::Value { expected }) => {
                Err(OptionError::Value { name: name.to_owned(), found: value.to_owned(), expected })
            }
            Err(Refused::NotHere { lacks, goes_with }) => {
                let (scope, name) = (self.name, name.to_owned());
                Err(OptionError::NotHere { scope, name, lacks, goes_with })
            }
        }
    }
}

/// The limits of a search, of a type that each protocol defines.
pub trait Bounds: Clone + Debug + Send + Sync + 'static {
    /// Who takes part and how often each thing may happen, on one line; by default, the `Debug` text.
    fn text(&self) -> String {
        format!("{self:?}")
    }

    /// The faults of the environment, on one line.
    fn faults(&self) -> String;

    /// The subset of `all` that a search within these bounds judges.
    fn judged(&self, all: InvariantSet) -> InvariantSet {
        all
    }

    /// The subset of `all` goals that a search within these bounds judges.
    fn goals(&self, all: GoalSet) -> GoalSet {
        all
    }

    /// The options of the bounds. Each becomes a flag of `check`, and a line `option NAME=VALUE` in traces.
    #[must_use]
    fn options() -> &'static [OptionSpec] {
        &[]
    }

    /// Sets an option. Returns whether the bounds now differ from the scope's own.
    ///
    /// # Errors
    /// [`Refused`] for an unknown option, a wrong value, or an option that these bounds do not use.
    fn set_option(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        let _ = (name, value);
        Err(Refused::Unknown)
    }

    /// Advice to print when the invariant with this id is violated within these bounds.
    fn remark(&self, broken: &str) -> Option<&'static str> {
        let _ = broken;
        None
    }
}

/// Description of an option of bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionSpec {
    /// Name of the flag, without dashes.
    pub name: &'static str,
    /// Placeholder for the value in help texts.
    pub value: &'static str,
    /// The effect of the option, for help texts.
    pub about: &'static str,
    /// The allowed values; empty if [`Bounds::set_option`] decides.
    pub values: &'static [&'static str],
}

/// Why [`Bounds::set_option`] refused an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The bounds have no such option.
    Unknown,
    /// The option does not take this value.
    Value {
        /// Description of the allowed values.
        expected: &'static str,
    },
    /// The option exists, but has no effect within these bounds.
    NotHere {
        /// What the bounds lack, such as `has no clock`.
        lacks: &'static str,
        /// The bounds that the option is for.
        goes_with: &'static str,
    },
}

/// Why a scope refused an option.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum OptionError {
    /// The scope's protocol has no such option.
    #[error("option {found:?} does not exist, expected {}", one_of(.expected))]
    Unknown {
        /// Name of the option that was given.
        found: String,
        /// Names of the options that exist.
        expected: Vec<String>,
    },
    /// The option does not take this value.
    #[error("option {name} is {found:?}, expected {expected}")]
    Value {
        /// Name of the option.
        name: String,
        /// The value that was given.
        found: String,
        /// Description of the allowed values.
        expected: &'static str,
    },
    /// The option exists, but has no effect in this scope.
    #[error("scope {scope} {lacks}, {name} goes with {goes_with}")]
    NotHere {
        /// Name of the scope.
        scope: &'static str,
        /// Name of the option.
        name: String,
        /// What the scope lacks, such as `has no clock`.
        lacks: &'static str,
        /// The scopes that the option is for.
        goes_with: &'static str,
    },
}

fn one_of(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(" or ") }
}
