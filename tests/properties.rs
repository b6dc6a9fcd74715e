//! Properties of every machine, checked on random inputs.
//!
//! The seed is fixed, so that a failure repeats; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` select other and more
//! inputs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by stopping"
)]

#[path = "properties/act.rs"]
mod act;
#[path = "properties/applied.rs"]
mod applied;
#[path = "properties/asked.rs"]
mod asked;
#[path = "properties/caps.rs"]
mod caps;
#[path = "support/cases.rs"]
mod cases;
#[path = "properties/cluster.rs"]
mod cluster;
#[path = "properties/codec.rs"]
mod codec;
#[path = "properties/copies.rs"]
mod copies;
#[path = "properties/damaged.rs"]
mod damaged;
#[path = "properties/entry.rs"]
mod entry;
#[path = "properties/fence.rs"]
mod fence;
#[path = "properties/gate.rs"]
mod gate;
#[path = "properties/happening.rs"]
mod happening;
#[path = "support/hosts.rs"]
#[expect(dead_code, reason = "scripts use all of it")]
mod hosts;
#[path = "properties/identity.rs"]
mod identity;
#[path = "properties/messages.rs"]
mod messages;
#[path = "properties/names.rs"]
mod names;
#[path = "support/network.rs"]
#[expect(dead_code, reason = "scripts use all of it")]
mod network;
#[path = "properties/orders.rs"]
mod orders;
#[path = "properties/policy.rs"]
mod policy;
#[path = "properties/promise.rs"]
mod promise;
#[path = "properties/reach.rs"]
mod reach;
#[path = "properties/recovery.rs"]
mod recovery;
#[path = "properties/relabel.rs"]
mod relabel;
#[path = "properties/rows.rs"]
mod rows;
#[path = "properties/run.rs"]
mod run;
#[path = "properties/senders.rs"]
mod senders;
#[path = "properties/some.rs"]
mod some;
#[path = "properties/statements.rs"]
mod statements;
#[path = "support/store.rs"]
mod store;
#[path = "properties/stores.rs"]
mod stores;
#[path = "properties/table.rs"]
mod table;
#[path = "properties/watch.rs"]
mod watch;
#[path = "properties/world.rs"]
mod world;

use cases::cases;
