//! Runs the production server, unchanged, on a simulated network, clock and disk, from a seed.
//!
//! Built with `--cfg madsim`, the runtime under the server is a simulator: one thread, virtual time, and every choice from
//! the seed. Built without, this library is empty.
//!
//! | part | what it is |
//! | --- | --- |
//! | `options.rs`, `stream.rs` | what a seed expands into; randomness, one stream for each purpose |
//! | `run.rs`, `heal.rs` | one run: faults for a while, then none, and the cluster must work again |
//! | `host.rs`, `storage.rs`, `disk.rs`, `network.rs` | nodes, and what they stand on |
//! | `nemesis.rs` | what happens to them |
//! | `work/` | clients of partitions by number and by name, watchers and an operator |
//! | `judge.rs`, `table.rs`, `tape.rs` | who watches; what the log makes; a recording, replayed |
//! | `event_log.rs`, `lull.rs` | what happened: the hash, the counters; times in which nobody reads |
//! | `campaign.rs`, `cli.rs`, `report.rs` | many seeds; the command line; what is printed |
//! | `shrink.rs` | what a failing seed can do without, and its last lines |
//!
//! May import: `cutover_report`, `core`, `node`, `client`.

#![allow(clippy::result_large_err, reason = "a gRPC status is as large as it is")]

#[cfg(madsim)]
pub mod campaign;
#[cfg(madsim)]
pub mod cli;
#[cfg(madsim)]
mod disk;
#[cfg(madsim)]
mod event_log;
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
pub mod options;
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
mod workload;
