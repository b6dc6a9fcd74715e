//! This project's five protocols under check: an environment around the production machines in each.

mod agrees;
pub mod composed;
pub mod consensus;
mod draw;
pub mod histories;
pub mod migration;
pub mod system;

pub use composed::Composed;
pub use consensus::Consensus;
pub use histories::Histories;
pub use migration::Migration;
pub use system::System;

use crate::protocol::{MarkSet, Notes};
use cutover::core::invariant::Violation;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Passes what the monitors of the core found on to the harness. Both use the core's registry of invariants, so a
/// set has the same bits in both.
fn tell(notes: &mut Notes, broken: u64, violations: &[Violation], marks: MarkSet, lines: Vec<String>) {
    notes.break_all(broken);
    for Violation { id, found, against } in violations {
        notes.demand(false, id.entry(), || (found.as_str(), against.as_str()));
    }
    notes.mark_all(marks);
    notes.say_all(lines);
}

/// The marks reached so far, by steps and while actions were listed. Search threads share it.
#[derive(Debug, Default)]
struct Reached(AtomicU64);

impl Reached {
    fn add(&self, marks: u64) {
        if marks & !self.0.load(Ordering::Relaxed) != 0 {
            self.0.fetch_or(marks, Ordering::Relaxed);
        }
    }

    fn all(&self) -> MarkSet {
        self.0.load(Ordering::Relaxed).into()
    }
}

/// Prints a state's facts, a line each.
fn write_facts(f: &mut fmt::Formatter<'_>, facts: Vec<(String, String)>) -> fmt::Result {
    facts.into_iter().try_for_each(|(name, value)| writeln!(f, "{name:<5} {value}"))
}

/// The values of an abstract state in words. The last field is the last digit of the code.
fn fields_text(fields: &[(&str, &[&str])], mut code: u64) -> String {
    let mut words = Vec::new();
    for (name, values) in fields.iter().rev() {
        let many = u64::try_from(values.len()).unwrap_or(1);
        let value = usize::try_from(code % many).ok().and_then(|at| values.get(at)).copied().unwrap_or("?");
        code /= many;
        words.push(format!("{name} {value}"));
    }
    words.reverse();
    words.join(", ")
}
