//! What the environment may do to a run. A fault is never a bug; what follows from it may be.
//!
//! A scope prints the faults that it allows and how often each may happen, and a trace marks the steps that are faults.
//!
//! ```
//! use cutover::core::fault::Fault;
//! let faults: Vec<_> = [Fault::Crash, Fault::ClockGain].iter().map(Fault::to_string).collect();
//! assert_eq!(faults.join(", "), "crash, clock-gain");
//! ```
//!
//! May import: `core::marks`.

use core::fmt;

crate::core::marks! {
    /// A kind of fault: what it does, and what it does not do.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
    pub enum Fault {
        /// A sink loses what was not durable and goes on as the same incarnation; a statement that left it survives.
        Crash "crash",
        /// A sink comes back empty, as another incarnation; never the owner, nor a target whose evidence was given.
        Wipe "wipe",
        /// A gateway or a controller forgets what it had in memory; what is committed or acknowledged stays.
        Restart "restart",
        /// A request arrives at a sink that it was not meant for; it still names the right one.
        Misroute "misroute",
        /// A message never arrives; its sender is not told.
        Lose "lose",
        /// A message arrives again, any number of times; always as it was sent.
        Duplicate "duplicate",
        /// A message arrives late, and after later ones; as it was sent, and under `timed` before its time is up.
        Delay "delay",
        /// A participant stands still and goes on with what it knew before; the clocks go on without it.
        Pause "pause",
        /// A controller's clock runs ahead of the time that passed; no further than the scope allows.
        ClockGain "clock-gain",
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case() {
        for fault in Fault::ALL {
            let name = fault.text();
            assert!(
                name.split('-').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase()))
            );
            assert_eq!(format!("{fault:>12}"), format!("{name:>12}"));
        }
        assert!(Fault::ALL.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
    }
}
