//! The simulator: runs the production server, unchanged, on a simulated network, clock and disk, from a seed.
//!
//! With `--cfg madsim`, the runtime below the server is a simulator: one thread, virtual time, and all random
//! choices from the seed. Without it, this library is empty.
//!
//! | part | contents |
//! | --- | --- |
//! | `options.rs`, `stream.rs` | the options that a seed expands into; random streams, one per purpose |
//! | `run.rs`, `heal.rs`, `drill.rs`, `outcome.rs` | one run: a phase with faults, a phase in which the cluster must recover, a drill, the result |
//! | `host/`, `storage.rs`, `disk.rs`, `disk_time.rs`, `network.rs`, `processes.rs`, `ended.rs` | nodes, their stores, disks and network; what becomes of answers to callers (`front.rs`); what a process has heard of its peers' processes; the report of a node that ends by itself |
//! | `faults/`, `nemesis.rs` | kinds of faults, a file each; when they strike |
//! | `data/` | stores with data, gateways, and an operator who has partitions moved |
//! | `workload/` | clients of partitions by number and by name, watchers, an operator |
//! | `judge/`, `table.rs`, `past.rs`, `tape.rs` | the judge of a run, the table that follows from the log, what clients saw, flight recordings |
//! | `event_log.rs`, `read_pause.rs` | events with their hash and counters; intervals in which no client reads |
//! | `once.rs`, `campaign.rs` | one seed on its own thread; many seeds |
//! | `without.rs`, `shrink.rs` | what can be switched off; smaller variants of a failing seed, and its last lines |
//! | `cli.rs`, `report.rs`, `written.rs` | the command line; its output; recordings as files |
//!
//! May import: `cutover_report`, `core`, `node`, `sink`, `sink::storage`, `client`, `cutover_reference::beside`, `cutover_model::host`, `cutover_model::copies`.

#![allow(clippy::result_large_err, reason = "a gRPC status is as large as it is")]

#[cfg(madsim)]
pub mod campaign;
#[cfg(madsim)]
pub mod cli;
#[cfg(madsim)]
mod data;
#[cfg(madsim)]
mod disk;
#[cfg(madsim)]
mod disk_time;
#[cfg(madsim)]
mod drill;
#[cfg(madsim)]
mod ended;
#[cfg(madsim)]
mod event_log;
#[cfg(madsim)]
pub mod expand;
#[cfg(madsim)]
mod faults;
#[cfg(madsim)]
mod front;
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
mod past;
#[cfg(madsim)]
mod processes;
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
#[cfg(madsim)]
mod written;
