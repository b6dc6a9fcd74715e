//! What the environment may do to a run. A fault is never a bug; what follows from it may be.
//!
//! A scope prints the faults that it allows, and a trace marks the lines on which one was done. How often each may
//! happen is the scope's business.
//!
//! ```
//! use cutover::fault::Fault;
//! let faults: Vec<_> = [Fault::Crash, Fault::ClockGain].iter().map(Fault::to_string).collect();
//! assert_eq!(faults.join(", "), "crash, clock-gain");
//! assert_eq!("clock-gain".parse(), Ok(Fault::ClockGain));
//! ```
//!
//! May import: nothing.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use thiserror::Error;

macro_rules! faults {
    ($($kind:ident $name:literal $claim:literal)*) => {
        /// A kind of damage. Each kind says what the damage is and what lies outside of it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Fault { $(#[doc = $claim] $kind,)* }

        impl Fault {
            /// All kinds, in the order in which they are printed.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// What it means, in one line.
            #[must_use]
            pub const fn claim(self) -> &'static str {
                match self { $(Self::$kind => $claim,)* }
            }
        }
    };
}

faults! {
    Crash "crash"
        "A sink loses what was not durable and goes on as the same incarnation; a statement that left it survives."
    Wipe "wipe"
        "A sink comes back empty, as another incarnation; never the owner, nor a target whose evidence was given."
    Restart "restart"
        "A gateway or a controller forgets what it had in memory; what is committed or acknowledged stays."
    Misroute "misroute"
        "A request arrives at a sink that it was not meant for; it still names the right one."
    Lose "lose"
        "A message never arrives; its sender is not told."
    Duplicate "duplicate"
        "A message arrives again, any number of times; always as it was sent."
    Delay "delay"
        "A message arrives late, and after later ones; as it was sent, and under `timed` before its time is up."
    Pause "pause"
        "A participant stands still and goes on with what it knew before; the clocks go on without it."
    ClockGain "clock-gain"
        "A controller's clock runs ahead of the time that passed; no further than the scope allows."
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No kind of damage has this name.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Error)]
#[error("unknown fault {found:?}, expected one of {}", names())]
pub struct UnknownFault {
    /// The name, cut to 40 characters.
    pub found: String,
}

fn names() -> String {
    let names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    names.join(", ")
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let named = Self::ALL.iter().copied().find(|fault| fault.name() == name);
        named.ok_or_else(|| UnknownFault { found: name.chars().take(40).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kebab_case_and_finds_its_fault() {
        for fault in Fault::ALL {
            let name = fault.name();
            assert!(
                name.split('-').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase()))
            );
            assert_eq!(name.parse(), Ok(*fault));
            assert_eq!(fault.to_string(), name);
        }
        assert!(Fault::ALL.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
    }

    #[test]
    fn a_claim_is_one_sentence_on_one_line() {
        for claim in Fault::ALL.iter().map(|fault| fault.claim()) {
            assert!(claim.ends_with('.') && !claim.contains('\n') && claim.len() <= 110, "{claim}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let said = "torn".parse::<Fault>().unwrap_err().to_string();
        let known = "crash, wipe, restart, misroute, lose, duplicate, delay, pause, clock-gain";
        assert_eq!(said, format!("unknown fault \"torn\", expected one of {known}"));
        assert_eq!("é".repeat(99).parse::<Fault>().unwrap_err().found.chars().count(), 40);
    }
}
