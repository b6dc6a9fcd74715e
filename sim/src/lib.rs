//! Runs the production server, unchanged, on a simulated network, clock and disk, from a seed.
//!
//! Built with `--cfg madsim`, the runtime under the server is a simulator: one thread, virtual time, and every choice from
//! the seed. Built without, this library is empty.
//!
//! | part | what it is |
//! | --- | --- |
//! | `expand.rs`, `options.rs`, `stream.rs` | a seed becomes options; randomness, one stream for each purpose |
//! | `run.rs`, `heal.rs`, `outcome.rs` | one run: faults for a while, then none, and the cluster must work again |
//! | `host/`, `storage.rs`, `disk.rs`, `network.rs` | nodes, and what they stand on; `ended.rs`: what they report |
//! | `faults/`, `nemesis.rs` | kinds of faults, a file each; when they happen |
//! | `workload/` | clients of partitions by number and by name, watchers and an operator |
//! | `judge/`, `table.rs`, `tape.rs` | who watches; what the log makes; a recording, replayed |
//! | `event_log.rs`, `read_pause.rs` | what happened: the hash, the counters; times in which nobody reads |
//! | `once.rs`, `campaign.rs` | one seed on a thread of its own; many seeds |
//! | `without.rs`, `shrink.rs` | what can be left out of a run; what a failing seed can do without, and its last lines |
//! | `cli.rs`, `report.rs` | the command line; what is printed |
//!
//! May import: `cutover_report`, `core`, `node`, `client`, `cutover_model::host`.

#![allow(clippy::result_large_err, reason = "a gRPC status is as large as it is")]

#[cfg(madsim)]
pub mod campaign;
#[cfg(madsim)]
pub mod cli;
#[cfg(madsim)]
mod disk;
#[cfg(madsim)]
mod ended;
#[cfg(madsim)]
mod event_log;
#[cfg(madsim)]
pub mod expand;
#[cfg(madsim)]
mod faults;
#[cfg(madsim)]
mod heal;
#[cfg(madsim)]
mod host;
#[cfg(madsim)]
mod judge;
#[cfg(madsim)]
mod nemesis;
#[cfg(madsim)]
mod network;
#[cfg(madsim)]
mod once;
#[cfg(madsim)]
pub mod options;
#[cfg(madsim)]
mod outcome;
#[cfg(madsim)]
mod read_pause;
#[cfg(madsim)]
mod report;
#[cfg(madsim)]
pub mod run;
#[cfg(madsim)]
pub mod shrink;
#[cfg(madsim)]
mod storage;
#[cfg(madsim)]
mod stream;
#[cfg(madsim)]
mod table;
#[cfg(madsim)]
mod tape;
#[cfg(madsim)]
mod without;
#[cfg(madsim)]
mod workload;
