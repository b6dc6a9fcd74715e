//! `cutover` moves a partition of live data from one placement to another without losing a write.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`core`] | the protocol as pure state machines, and the invariants they must keep |
#![cfg_attr(feature = "server", doc = "| [`node`] | a node of the control plane: driver, store, server |")]
#![cfg_attr(feature = "server", doc = "| [`client`] | the library of gateways and tools |")]
#![cfg_attr(all(feature = "server", not(madsim)), doc = "| [`conform`] | the conformance suite of stores |")]
#![cfg_attr(all(feature = "server", not(madsim)), doc = "| [`embedded`] | a node in this process |")]
#![cfg_attr(all(feature = "server", not(madsim)), doc = "| [`cli`] | the operator's commands |")]
//!
//! [`core`] has no clock, randomness, I/O, threads or hash order: the same inputs give the same outputs. Without the
//! feature `server`, the crate consists of this part. The harness in `model/` runs this code, not a model of it, and tries every
//! order of events within stated bounds.

#![cfg_attr(not(any(feature = "server", test)), no_std)]

extern crate alloc;

pub mod core;

#[cfg(all(feature = "server", not(madsim)))]
pub mod cli;
#[cfg(feature = "server")]
pub mod client;
#[cfg(all(feature = "server", not(madsim)))]
pub mod conform;
#[cfg(all(feature = "server", not(madsim)))]
pub mod embedded;
#[cfg(feature = "server")]
pub mod node;
#[cfg(feature = "server")]
pub mod sink;
