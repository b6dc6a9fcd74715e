//! A store's side of a migration, for one partition: rules `F1` to `F31` of `docs/protocol.md`.
//!
//! A copy is its rows, the changes that it logs, and the write ids that it has heard of, from which follows what it remembers.
//! Requests, refusals and statements are those of the code: they say nothing of what is done.

pub mod chunk;
pub mod made;
pub mod memory;
pub mod rules;
pub mod size;
pub mod state;
