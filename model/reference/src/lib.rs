//! An executable specification of the placement table, in plain maps and lists: the rules `T1` to `T36` of
//! `docs/protocol.md`, each cited where it is kept.
//!
//! It is written from that page and the decisions that the page cites, not from the table's code, and shares the ids with the
//! code and nothing else. It chooses nothing that the page leaves open: a refusal is right if it is one of those that the rules
//! allow, in whatever order the table looks at them, and new numbers only have to be new. `docs/reference-models.md` says why it
//! exists, and when it is changed.
//!
//! May import: `core::ids`.

pub mod command;
pub mod judge;
pub mod numbers;
pub mod record;
pub mod refusal;
pub mod rules;
pub mod table;
pub mod transition;
