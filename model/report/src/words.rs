//! Verdicts and kinds that have one word each, in JSON and on the screen.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$attribute:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word for this value, as printed.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

words! {
    /// The verdict on an invariant in a scope.
    InvariantVerdict {
        /// Every state within the bounds was visited, and none violates the invariant.
        Holds = "HOLDS",
        /// A run violates the invariant.
        Violated = "VIOLATED",
        /// The search ended early, without a violation.
        Unknown = "UNKNOWN",
    }
}

words! {
    /// The verdict on a mutant.
    MutantVerdict {
        /// The invariant named in the header failed, or the compiler refused the patch where it has to.
        Killed = "KILLED",
        /// The named invariant did not fail, or not within the time limit.
        Survived = "SURVIVED",
        /// The patch does not apply, or its build or check failed to run.
        Broken = "BROKEN",
    }
}

words! {
    /// The verdict on the unmutated tree.
    BaselineVerdict {
        /// All invariants hold.
        Holds = "HOLDS",
        /// An invariant fails.
        Violated = "VIOLATED",
        /// The check ended early.
        Unknown = "UNKNOWN",
        /// The build or the check failed to run.
        Broken = "BROKEN",
    }
}

words! {
    /// The verdict on a seed of the simulator, in ascending order of severity.
    SeedVerdict {
        /// All invariants hold, and the cluster recovered after the faults.
        Holds = "HOLDS",
        /// Too many faults for the cluster to be able to recover, or a checker gave up.
        Unknown = "UNKNOWN",
        /// The cluster could have recovered after the faults ended, and did not.
        Stuck = "STUCK",
        /// A run violates an invariant.
        Violated = "VIOLATED",
        /// The program under test panicked.
        Crashed = "CRASHED",
    }
}

words! {
    /// The verdict on the replay of a stored trace or of a node's flight recording.
    TraceVerdict {
        /// It runs to its end without a violation.
        Holds = "HOLDS",
        /// It violates an invariant.
        Violates = "VIOLATES",
        /// A step has another effect than recorded, or cannot be taken.
        Diverged = "DIVERGED",
        /// It runs to its end, but no longer reaches the mark that it was stored for.
        Stale = "STALE",
        /// The recording was cut off, so there is no final state to compare with.
        Unknown = "UNKNOWN",
    }
}

words! {
    /// The verdict on a history of operations.
    HistoryVerdict {
        /// Some order of the operations explains all answers.
        Linearizable = "LINEARIZABLE",
        /// No order of the operations explains all answers.
        NotLinearizable = "NOT_LINEARIZABLE",
        /// The search for an order ended early.
        Unknown = "UNKNOWN",
    }
}

words! {
    /// The verdict that a mutant must get.
    Expect {
        /// The named invariant must fail.
        Killed = "killed",
        /// No invariant may fail: the control (patching alone does not kill), or a second line of defence.
        Survives = "survives",
        /// The type system must refuse the patch.
        DoesNotCompile = "does-not-compile",
        /// Either verdict is as expected: whether something finds the mutant is an open question.
        Open = "open",
    }
}

words! {
    /// What judges a mutant.
    #[derive(clap::ValueEnum)]
    Engine {
        /// The exhaustive search over a scope.
        Check = "check",
        /// The replay of a stored trace.
        Replay = "replay",
        /// Random walks through the environments of the search.
        Walk = "walk",
        /// The simulator, seed after seed.
        Sim = "sim",
        /// The tests of the reference models.
        Reference = "reference",
        /// The package's own tests.
        Test = "test",
    }
}

words! {
    /// Why a mutant was selected.
    Chosen {
        /// It is the control, which must survive.
        Canary = "canary",
        /// It matches a pattern of the command line, or all mutants were asked for.
        Named = "named",
        /// The patch, or a file that it touches, has changed.
        Changed = "changed",
        /// It was drawn at random.
        Sampled = "sampled",
    }
}
