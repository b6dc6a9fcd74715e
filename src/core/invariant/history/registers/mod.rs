//! Judges whether a history of registers, one for each key, is linearizable: whether for each key there is a sequential order of
//! its operations that explains every answer, and in which an operation that ended before another began comes first.
//!
//! ```
//! use cutover::core::invariant::history::CONFIGURATIONS;
//! use cutover::core::invariant::history::registers::{Call, Outcome, Registers, Verdict};
//!
//! let mut history = Registers::new();
//! history.invoke(1, "k", Call::Write("a".into()))?;
//! history.complete(1, Outcome::Done)?;
//! history.invoke(2, "k", Call::Read)?;
//! history.complete(2, Outcome::Read(None::<&str>.into()))?;
//! let judged = history.judge(CONFIGURATIONS);
//! assert!(matches!(judged.verdict, Verdict::NotLinearizable(_)));
//! # Ok::<(), cutover::core::invariant::history::registers::Misplaced>(())
//! ```
//!
//! A history is built event by event, in the order in which they happened. A register holds [`Value::Nothing`] at first. The operations are
//! reads, writes and compare-and-swaps; a delete writes nothing.
//!
//! **Answers.** A refused compare-and-swap is a read of something other than what it expected. One that *failed* has no effect, and says
//! nothing of the register. An operation whose outcome is *unknown*, or that is not completed, may take effect once, at any time after
//! its invocation, or never.
//!
//! **The search** is that of Wing and Gong (1993), just in time and with a cache of the visited configurations (Lowe 2017); see
//! `search.rs`. Keys are judged separately, since a history is linearizable iff its restriction to each object is. What
//! `settle.rs` and `choices.rs` leave out makes it short: where each value is written once and nothing is refused, it never chooses, and takes
//! time in proportion to the operations, as the zones of Gibbons and Korach (1997) do. Where values come again, as that of a
//! delete does, configurations that meet are searched once. At a moment at which nothing is open there is one for each value that the
//! register may hold. The search can still grow without bound, so it has a budget, and the verdict is [`Verdict::Unknown`] when the
//! budget is used up.
//!
//! **A failure** names the first answer that no order explains together with all earlier answers (`explain.rs`). What of the history
//! contradicts itself is told by [`Key::minimal`] (`minimal.rs`).

mod choices;
mod decide;
mod explain;
mod judge;
mod key;
mod minimal;
mod node;
mod op;
mod refusals;
mod search;
mod settle;
mod timeline;
mod value;
mod verdict;

pub use key::{Event, Key, Operation, What};
pub use value::{Call, Outcome, Value};
pub use verdict::{Failure, Judged, Verdict};

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use thiserror::Error;

/// The operations of clients on registers.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    keys: BTreeMap<String, usize>,
    histories: Vec<Key>,
    /// The open operation of each process: the key's place, and the operation's.
    open: BTreeMap<u64, (usize, usize)>,
    /// The time of the last event.
    time: u64,
}

/// An event that has no place in a history.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("found {found}, expected {expected}")]
pub struct Misplaced {
    /// What was said.
    pub found: String,
    /// What can be said instead.
    pub expected: String,
}

impl Registers {
    /// A history without operations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A process begins an operation.
    ///
    /// # Errors
    /// [`Misplaced`] if the process has one open.
    pub fn invoke(&mut self, process: u64, key: &str, call: Call) -> Result<(), Misplaced> {
        if let Some(open) = self.opened(process) {
            let found = format!("another operation of process {process}, whose {} is open", open.call_text());
            return Err(Misplaced { found, expected: "its completion".to_owned() });
        }
        let at = match self.keys.get(key) {
            Some(at) => *at,
            None => {
                let at = self.histories.len();
                self.keys.insert(key.to_owned(), at);
                self.histories.push(Key::new(key));
                at
            }
        };
        self.time += 1;
        if let Some(history) = self.histories.get_mut(at) {
            let operation = history.invoke(process, &call, self.time);
            self.open.insert(process, (at, operation));
        }
        Ok(())
    }

    /// The open operation of a process ends.
    ///
    /// # Errors
    /// [`Misplaced`] if the process has none open, or if its operation cannot end like this.
    pub fn complete(&mut self, process: u64, outcome: Outcome) -> Result<(), Misplaced> {
        let Some(open) = self.opened(process) else {
            let found = format!("a completion ({outcome}) of process {process}, which has no operation open");
            return Err(Misplaced { found, expected: "an invocation of it before".to_owned() });
        };
        let expected = match (open.call(), &outcome) {
            (_, Outcome::Failed | Outcome::Unknown)
            | (Call::Read, Outcome::Read(_))
            | (Call::Write(_) | Call::Cas { .. }, Outcome::Done)
            | (Call::Cas { .. }, Outcome::Refused) => None,
            (Call::Read, Outcome::Done | Outcome::Refused) => Some("the value that was read"),
            (Call::Write(_) | Call::Cas { .. }, Outcome::Read(_)) => Some("no value that was read"),
            (Call::Write(_), Outcome::Refused) => Some("a write that was not refused"),
        };
        if let Some(expected) = expected {
            let found = format!("{outcome} as the end of {} of process {process}", open.call_text());
            return Err(Misplaced { found, expected: expected.to_owned() });
        }
        self.time += 1;
        if let Some((at, operation)) = self.open.remove(&process)
            && let Some(history) = self.histories.get_mut(at)
        {
            history.complete(operation, &outcome, self.time);
        }
        Ok(())
    }

    /// The write or compare-and-swap of a process took effect.
    ///
    /// # Errors
    /// As for [`Registers::complete`].
    pub fn ok(&mut self, process: u64) -> Result<(), Misplaced> {
        self.complete(process, Outcome::Done)
    }

    /// The operation of a process has no effect.
    ///
    /// # Errors
    /// As for [`Registers::complete`].
    pub fn fail(&mut self, process: u64) -> Result<(), Misplaced> {
        self.complete(process, Outcome::Failed)
    }

    /// Nobody knows whether the operation of a process takes effect. The process can begin another one.
    ///
    /// # Errors
    /// As for [`Registers::complete`].
    pub fn info(&mut self, process: u64) -> Result<(), Misplaced> {
        self.complete(process, Outcome::Unknown)
    }

    /// The operation that a process has open.
    #[must_use]
    pub fn opened(&self, process: u64) -> Option<Operation<'_>> {
        let (at, operation) = self.open.get(&process)?;
        self.histories.get(*at)?.operation(*operation)
    }

    /// The keys, in order of their names.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values().filter_map(|at| self.histories.get(*at))
    }

    /// The number of operations.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.histories.iter().map(Key::len).sum()
    }

    /// All events, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let mut events: Vec<Event> = self.histories.iter().flat_map(Key::events).collect();
        events.sort_by_key(|event| event.time);
        events
    }

    /// Judges the history. The search for each key may visit `budget` configurations.
    #[must_use]
    pub fn judge(&self, budget: u64) -> Judged {
        self.judged(self.keys().map(|key| key.judge(budget)))
    }

    /// The verdict on the history from those on its keys, in order of their names, each with the number of configurations.
    #[must_use]
    pub fn judged(&self, verdicts: impl IntoIterator<Item = (Verdict, u64)>) -> Judged {
        let mut judged = Judged {
            verdict: Verdict::Linearizable,
            operations: self.operations(),
            answered: self.histories.iter().map(Key::answered).sum(),
            unknown: self.histories.iter().map(Key::unknown).sum(),
            keys: self.histories.len(),
            violated: 0,
            configurations: 0,
        };
        for (verdict, configurations) in verdicts {
            judged.configurations += configurations;
            judged.violated += usize::from(matches!(verdict, Verdict::NotLinearizable(_)));
            let is_worse = match (&judged.verdict, &verdict) {
                (Verdict::Linearizable, _) | (Verdict::Unknown { .. }, Verdict::NotLinearizable(_)) => true,
                (Verdict::Unknown { .. }, Verdict::Linearizable | Verdict::Unknown { .. })
                | (Verdict::NotLinearizable(_), _) => false,
            };
            if is_worse {
                judged.verdict = verdict;
            }
        }
        judged
    }
}
