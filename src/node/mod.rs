//! A node: the pure machines with a disk, a clock, a network and callers.
//!
//! May import: `core`.

pub mod driver;
pub mod proto;
pub mod server;
pub mod store;
#[cfg(not(madsim))]
pub mod tls;
