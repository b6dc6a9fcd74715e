//! A gateway's side: one operation of a client, and the gate. Rules `G1` to `G12` of `docs/protocol.md`.
//!
//! Events, outputs and resolutions are those of the code: they say nothing of what is done.

pub mod gate;
pub mod operation;
