//! The references beside their machines: the machines' values are translated, and each step is judged.
//!
//! May import: `core`, `cutover_reference`.

mod disagreement;
mod statements;
pub mod store;
pub mod table;

pub use disagreement::Disagreement;
