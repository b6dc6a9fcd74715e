//! The data of a store on disk: what it has answered survives, it reports when it cannot, and it never returns anything else.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by stopping"
)]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "files are what it is about")]

/// The store and the partition that drawn inputs name.
mod fence {
    pub use super::twin::{PARTITION, STORE};
}

#[path = "properties/asked.rs"]
mod asked;
#[path = "support/cases.rs"]
mod cases;
#[path = "sink_storage/damage.rs"]
mod damage;
#[path = "sink_storage/denials.rs"]
mod denials;
#[path = "sink_storage/directory.rs"]
mod directory;
#[path = "support/disk.rs"]
mod disk;
#[path = "sink_storage/law.rs"]
mod law;
#[path = "sink_storage/pull.rs"]
mod pull;
#[path = "sink_storage/refusals.rs"]
mod refusals;
#[path = "sink_storage/served.rs"]
mod served;
#[expect(dead_code, reason = "the tests of the machines use all of it")]
#[path = "properties/some.rs"]
mod some;
#[expect(dead_code, reason = "the tests of the machines use all of it")]
#[path = "support/store.rs"]
mod store;
#[path = "sink_storage/twin.rs"]
mod twin;
