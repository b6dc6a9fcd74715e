//! What judges a mutant: an engine, and where it looks.

use cutover_report::Engine;

/// The scope that a header names if the simulator judges the patch.
pub const SEEDS: &str = "sim";
/// The scope that a header names if random walks judge the patch.
const WALKS: &str = "walk";
/// Extension of trace files, which no scope's name has.
pub(super) const TRACE: &str = ".trace";
/// Directory of the stored traces.
const TRACES: &str = "traces";

/// What judges a mutant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judge {
    /// The compiler, which must refuse it.
    Compiler,
    /// The search of this scope, or of those whose names begin with it.
    Scope(String),
    /// The search of all scopes for pull requests.
    Scopes,
    /// The replay of this trace.
    Trace(String),
    /// The replay of all stored traces.
    Traces,
    /// Random walks.
    Walk,
    /// The simulator.
    Seeds,
    /// The tests of the reference models.
    Reference,
    /// The package's own tests.
    Tests,
}

/// The program that a judge needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// The checker.
    Checker,
    /// The simulator.
    Simulator,
    /// The tests of the reference models, which cargo runs.
    Reference,
    /// The package's own tests, which cargo runs.
    Tests,
}

impl Judge {
    /// The judge that a header's scope, or trace, stands for.
    #[must_use]
    pub fn named(scope: Option<&str>) -> Self {
        match scope {
            None => Self::Compiler,
            Some(SEEDS) => Self::Seeds,
            Some(WALKS) => Self::Walk,
            Some(trace) if trace.ends_with(TRACE) => Self::Trace(trace.to_owned()),
            Some(scope) => Self::Scope(scope.to_owned()),
        }
    }

    /// An engine that judges by whatever it finds.
    #[must_use]
    pub fn anywhere(engine: Engine) -> Self {
        match engine {
            Engine::Check => Self::Scopes,
            Engine::Replay => Self::Traces,
            Engine::Walk => Self::Walk,
            Engine::Sim => Self::Seeds,
            Engine::Reference => Self::Reference,
            Engine::Test => Self::Tests,
        }
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self {
            Self::Compiler | Self::Scope(_) | Self::Scopes => Engine::Check,
            Self::Trace(_) | Self::Traces => Engine::Replay,
            Self::Walk => Engine::Walk,
            Self::Seeds => Engine::Sim,
            Self::Reference => Engine::Reference,
            Self::Tests => Engine::Test,
        }
    }

    /// Where it looks, for a column of a table; `None` for the compiler.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::Compiler => None,
            Self::Scope(place) | Self::Trace(place) => Some(place),
            Self::Scopes => Some("pr"),
            Self::Traces => Some(TRACES),
            Self::Walk => Some(WALKS),
            Self::Seeds => Some(SEEDS),
            Self::Reference => Some("reference"),
            Self::Tests => Some("tests"),
        }
    }

    /// The program that it needs.
    #[must_use]
    pub fn program(&self) -> Program {
        match self.engine() {
            Engine::Check | Engine::Replay | Engine::Walk => Program::Checker,
            Engine::Sim => Program::Simulator,
            Engine::Reference => Program::Reference,
            Engine::Test => Program::Tests,
        }
    }
}
