//! The durable store: it keeps what it has acknowledged, reports when it cannot, and never returns anything else.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by stopping"
)]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "files are what it is about")]

use cutover::core::ids::{DirectoryId, NodeId};
use cutover::node::store::StoreIdentity;

#[path = "store/backups.rs"]
mod backups;
#[path = "store/batches.rs"]
mod batches;
#[expect(dead_code, reason = "the tests of the seam use all of it")]
#[path = "support/cluster.rs"]
mod cluster;
#[path = "store/crash.rs"]
mod crash;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/directory.rs"]
mod directory;
#[path = "support/disk.rs"]
mod disk;
#[path = "store/failing.rs"]
mod failing;
#[path = "store/format.rs"]
mod format;
#[path = "store/founding.rs"]
mod founding;
#[path = "store/growth.rs"]
mod growth;
#[expect(dead_code, reason = "scripts use all of it")]
#[path = "support/hosts.rs"]
mod hosts;
#[path = "store/law.rs"]
mod law;
#[path = "store/measure.rs"]
mod measure;
#[path = "store/nodes.rs"]
mod nodes;
#[path = "support/site.rs"]
mod site;
#[path = "store/values.rs"]
mod values;

/// The owner of the stores in these tests.
const ME: StoreIdentity = StoreIdentity { node: NodeId(1), directory: DirectoryId(1) };
