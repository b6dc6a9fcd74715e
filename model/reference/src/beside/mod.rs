//! The references beside their machines: the machines' values are translated, and each step is judged.
//!
//! May import: `core`, `cutover_reference`.

pub mod call;
pub mod controller;
mod disagreement;
pub mod disk;
pub mod gateway;
pub mod session;
mod statements;
pub mod store;
pub mod stores;
pub mod table;
pub mod watch;

pub use disagreement::Disagreement;
