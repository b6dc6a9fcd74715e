//! This project's three protocols under check: an environment around the production machines in each.

pub mod composed;
pub mod consensus;
pub mod migration;

pub use composed::Composed;
pub use consensus::Consensus;
pub use migration::Migration;

use crate::protocol::Notes;
use cutover::core::invariant::Violation;

/// Passes what the monitors of the core found on to the harness. Both use the core's registry of invariants, so a
/// set has the same bits in both.
fn tell(notes: &mut Notes, broken: u32, violations: &[Violation]) {
    notes.break_all(broken.into());
    for Violation { id, found, against } in violations {
        notes.demand(false, *id as usize, || (found.clone(), against.clone()));
    }
}
