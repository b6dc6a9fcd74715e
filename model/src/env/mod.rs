//! Our three protocols: what surrounds the production machines in a search.

pub mod composed;
pub mod consensus;
pub mod migration;

pub use composed::Composed;
pub use consensus::Consensus;
pub use migration::Migration;

use crate::protocol::Notes;
use cutover::core::invariant::Violation;

/// Hands on what the monitors of the core have found; the table of our protocols is the core's registry.
fn tell(notes: &mut Notes, broken: u32, violations: &[Violation]) {
    notes.break_all(broken.into());
    for Violation { id, found, against } in violations {
        notes.demand(false, *id as usize, || (found.clone(), against.clone()));
    }
}
