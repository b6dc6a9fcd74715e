//! A search by its name: bounds, what must be reached, what is known to break.

use super::InvariantSet;
use std::fmt::Debug;
use thiserror::Error;

/// Which scopes run by default.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub enum Set {
    /// For every pull request: complete within a minute.
    Pr,
    /// Larger bounds, for the night.
    Nightly,
}

/// Bounds of one search, with a stable name. Traces name their scope.
#[derive(Clone, Debug)]
pub struct Scope<B> {
    /// Stable name, one word.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The smallest set that runs it.
    pub set: Set,
    /// Its bounds.
    pub bounds: B,
    /// The marks that a complete search must have reached, in words. Without them a pass proves nothing.
    pub reaches: Vec<&'static str>,
    /// The id of the invariant that is known to break, and must be found broken; `None`: all hold.
    pub expect: Option<&'static str>,
    /// The options that differ from the scope as it is listed.
    pub options: Vec<(String, String)>,
}

impl<B: Bounds> Scope<B> {
    /// A scope for every pull request, in which all holds and nothing has to be reached.
    #[must_use]
    pub fn new(name: &'static str, about: &'static str, bounds: B) -> Self {
        Self { name, about, set: Set::Pr, bounds, reaches: Vec::new(), expect: None, options: Vec::new() }
    }

    /// The same for the night.
    #[must_use]
    pub fn nightly(self) -> Self {
        Self { set: Set::Nightly, ..self }
    }

    /// The same, where a complete search must have reached these marks.
    #[must_use]
    pub fn reaching<M: Into<&'static str>>(self, marks: impl IntoIterator<Item = M>) -> Self {
        Self { reaches: marks.into_iter().map(Into::into).collect(), ..self }
    }

    /// The same, where this invariant is known to break.
    #[must_use]
    pub fn breaking(self, invariant: &'static str) -> Self {
        Self { expect: Some(invariant), ..self }
    }

    /// The invariants that a search of it judges.
    #[must_use]
    pub fn judged(&self, all: InvariantSet) -> InvariantSet {
        self.bounds.judged(all)
    }

    /// Sets an option by its name.
    ///
    /// # Errors
    /// [`OptionError`]
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

/// What a scope bounds.
pub trait Bounds: Clone + Debug + Send + Sync + 'static {
    /// Who takes part and how often, on one line; by default, the `Debug` text.
    fn text(&self) -> String {
        format!("{self:?}")
    }

    /// What the environment does, on one line.
    fn faults(&self) -> String;

    /// The invariants that a search judges, of all there are.
    fn judged(&self, all: InvariantSet) -> InvariantSet {
        all
    }

    /// The options that the bounds take. Each is a flag of `check`, and a line `option NAME=VALUE` of a trace.
    #[must_use]
    fn options() -> &'static [OptionSpec] {
        &[]
    }

    /// Sets an option; says whether the bounds now differ from those listed.
    ///
    /// # Errors
    /// [`Refused`]
    fn set_option(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        let _ = (name, value);
        Err(Refused::Unknown)
    }

    /// What a reader should know when this invariant breaks within these bounds.
    fn remark(&self, broken: &str) -> Option<&'static str> {
        let _ = broken;
        None
    }
}

/// An option of bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// What stands for its value in the help.
    pub value: &'static str,
    /// What it does.
    pub about: &'static str,
    /// The values that it may have; none listed: the bounds decide.
    pub values: &'static [&'static str],
}

/// Why bounds did not take an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// No such option.
    Unknown,
    /// Not a value of it.
    Value {
        /// What it may be.
        expected: &'static str,
    },
    /// Not within these bounds.
    NotHere {
        /// What they lack, such as `has no clock`.
        lacks: &'static str,
        /// The bounds that it is for.
        goes_with: &'static str,
    },
}

/// An option that a scope does not take.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum OptionError {
    /// No such option.
    #[error("option {found:?} does not exist, expected {}", one_of(.expected))]
    Unknown {
        /// Its name.
        found: String,
        /// Those that it takes.
        expected: Vec<String>,
    },
    /// Not a value of it.
    #[error("option {name} is {found:?}, expected {expected}")]
    Value {
        /// Its name.
        name: String,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The scope has no use for it.
    #[error("scope {scope} {lacks}, {name} goes with {goes_with}")]
    NotHere {
        /// The scope.
        scope: &'static str,
        /// The option.
        name: String,
        /// What the scope lacks.
        lacks: &'static str,
        /// The scopes that it is for.
        goes_with: &'static str,
    },
}

fn one_of(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(" or ") }
}
