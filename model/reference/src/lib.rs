//! Executable specifications of the machines of `cutover`, in plain maps and lists: the numbered rules of `docs/protocol.md`,
//! each cited where it is kept.
//!
//! They are written from that page and the decisions that the page cites, not from the code of the machines, and share with the
//! code the ids, and requests, events and refusals, which say nothing of what is done. They choose nothing that the page leaves open: a refusal is right if it is one of those that the rules
//! allow, in whatever order the machine looks at them, and new numbers only have to be new. `docs/reference-models.md` says why they
//! exist, and when they are changed.
//!
//! [`beside`] runs them beside the machines: it translates, and judges each step.
//!
//! May import: `core::ids`, `core::raft`, `core::fence`, `core::placement`, `core::gate`, `core::retry`.

pub mod call;
pub mod controller;
pub mod disk;
pub mod gateway;
pub mod session;
pub mod statement;
pub mod store;
pub mod stores;
pub mod table;
pub mod watch;

pub mod beside;
