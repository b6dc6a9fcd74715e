//! Tests with real processes, sockets and disks.
//!
//! No test depends on how long something takes: every wait has a generous limit, and ends as soon as its condition
//! holds. What this machine cannot do is printed as `skipped: ...`, and fails if `CUTOVER_CI` is set.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by stopping"
)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "it runs processes, and waits for them"
)]

#[path = "cluster/alone.rs"]
mod alone;
#[path = "cluster/certificates.rs"]
mod certificates;
#[path = "cluster/certs.rs"]
mod certs;
#[path = "cluster/clocks.rs"]
mod clocks;
#[path = "cluster/dials.rs"]
mod dials;
#[path = "cluster/disks.rs"]
mod disks;
#[path = "cluster/drain.rs"]
mod drain;
#[path = "cluster/driven.rs"]
mod driven;
#[path = "cluster/garbage.rs"]
mod garbage;
#[path = "cluster/guide.rs"]
mod guide;
#[path = "cluster/harness.rs"]
mod harness;
#[path = "cluster/held.rs"]
mod held;
#[path = "cluster/hung.rs"]
mod hung;
#[path = "cluster/identity.rs"]
mod identity;
#[path = "cluster/kills.rs"]
mod kills;
#[path = "cluster/limits.rs"]
mod limits;
#[path = "cluster/load.rs"]
mod load;
#[path = "cluster/lost.rs"]
mod lost;
#[path = "cluster/made.rs"]
mod made;
#[path = "cluster/operations.rs"]
mod operations;
#[path = "cluster/pages.rs"]
mod pages;
#[path = "cluster/peers.rs"]
mod peers;
#[path = "cluster/python.rs"]
mod python;
#[path = "cluster/quorum.rs"]
mod quorum;
#[path = "cluster/recordings.rs"]
mod recordings;
#[path = "cluster/returned.rs"]
mod returned;
#[path = "cluster/scale.rs"]
mod scale;
#[path = "cluster/sink_moves.rs"]
mod sink_moves;
#[path = "cluster/sink_process.rs"]
mod sink_process;
#[path = "cluster/sinks.rs"]
mod sinks;
#[path = "cluster/starts.rs"]
mod starts;
#[path = "cluster/stores.rs"]
mod stores;
#[path = "cluster/strangers.rs"]
mod strangers;
#[path = "cluster/tickets.rs"]
mod tickets;
#[path = "cluster/watching.rs"]
mod watching;
