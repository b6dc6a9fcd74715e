//! The faults that an environment may inject into a run.
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
        /// A sink loses what was not durable and restarts as the same incarnation. Statements that it has sent stay true.
        Crash "crash",
        /// A sink comes back empty, as another incarnation. Never the owner, nor a target that has given evidence.
        Wipe "wipe",
        /// The log goes on from an earlier state, as after a restore from a backup; what came after that is lost.
        Restore "restore",
        /// A gateway or a controller loses its memory. What is committed or acknowledged stays.
        Restart "restart",
        /// A request arrives at another sink than the one that it names.
        Misroute "misroute",
        /// A chunk loses a row, a change or its write ids on the way, and nobody notices.
        DamagedChunk "damaged-chunk",
        /// A message never arrives; its sender gets no notice.
        Lose "lose",
        /// A message arrives again, any number of times, unchanged.
        Duplicate "duplicate",
        /// A message arrives late or after later ones, unchanged; under `timed` within its time limit.
        Delay "delay",
        /// A participant stops and resumes later with its old state; the clocks continue.
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
