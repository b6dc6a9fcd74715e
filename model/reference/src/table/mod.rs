//! The placement table: rules `T1` to `T37` of `docs/protocol.md`.

pub mod command;
pub mod judge;
pub mod numbers;
pub mod record;
pub mod refusal;
pub mod rules;
pub mod state;
pub mod transition;
