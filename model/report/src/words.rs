//! Verdicts and kinds, each a word in JSON and on the screen.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$attribute:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Its word.
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
    /// The verdict on an invariant over a scope.
    InvariantVerdict {
        /// Every state within the bounds was visited.
        Holds = "HOLDS",
        /// A run violates it.
        Violated = "VIOLATED",
        /// The search ended early.
        Unknown = "UNKNOWN",
    }
}

words! {
    /// The verdict on a mutant.
    MutantVerdict {
        /// The named invariant failed, or the compiler refused.
        Killed = "KILLED",
        /// It did not, or not in time.
        Survived = "SURVIVED",
        /// The patch, the build or the check did not work.
        Broken = "BROKEN",
    }
}

words! {
    /// The verdict on the unmutated tree.
    BaselineVerdict {
        /// All invariants hold.
        Holds = "HOLDS",
        /// One fails.
        Violated = "VIOLATED",
        /// The check ended early.
        Unknown = "UNKNOWN",
        /// The build or the check did not work.
        Broken = "BROKEN",
    }
}

words! {
    /// The verdict on a seed of the simulator; a later one counts more than those before it.
    SeedVerdict {
        /// All invariants hold, and the cluster recovered.
        Holds = "HOLDS",
        /// The cluster could not recover, or a judge gave up.
        Unknown = "UNKNOWN",
        /// The cluster did not recover once the faults had ended, and could have.
        Stuck = "STUCK",
        /// An invariant is violated.
        Violated = "VIOLATED",
        /// The program under test panicked.
        Crashed = "CRASHED",
    }
}

words! {
    /// The verdict on a stored trace, or on a node's recording.
    TraceVerdict {
        /// It ends without a violation.
        Holds = "HOLDS",
        /// It violates an invariant.
        Violates = "VIOLATES",
        /// A step does something else than recorded, or cannot be done.
        Diverged = "DIVERGED",
        /// It no longer reaches what it was stored for.
        Stale = "STALE",
        /// The recording has no end, so there is no state to compare with.
        Unknown = "UNKNOWN",
    }
}

words! {
    /// The verdict on a history of operations.
    HistoryVerdict {
        /// An order explains it.
        Linearizable = "LINEARIZABLE",
        /// No order does.
        NotLinearizable = "NOT_LINEARIZABLE",
        /// The search for one ended early.
        Unknown = "UNKNOWN",
    }
}

words! {
    /// The verdict that a mutant must get.
    Expect {
        /// The named invariant fails.
        Killed = "killed",
        /// Nothing fails: the control, which shows that patching alone does not kill.
        Survives = "survives",
        /// The types forbid it.
        DoesNotCompile = "does-not-compile",
    }
}

words! {
    /// What judges a mutant.
    #[derive(clap::ValueEnum)]
    Engine {
        /// The search over a scope.
        Check = "check",
        /// A stored trace, run again.
        Replay = "replay",
        /// The simulator, seed after seed.
        Sim = "sim",
    }
}

words! {
    /// Why a mutant was chosen.
    Chosen {
        /// It must survive: the control.
        Canary = "canary",
        /// By a pattern, or since all were asked for.
        Named = "named",
        /// It, or a file that it touches, changed.
        Changed = "changed",
        /// By lot.
        Sampled = "sampled",
    }
}
