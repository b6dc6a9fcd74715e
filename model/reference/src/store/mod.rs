//! A store's side of a migration, for one partition: rules `F1` to `F20` of `docs/protocol.md`.
//!
//! A copy is the sequence of its writes, and what it remembers follows from that. Requests, refusals and statements are those of
//! the code: they say nothing of what is done.

pub mod made;
pub mod memory;
pub mod rules;
pub mod state;
