//! A node: a control-plane engine with its driver, disk, network and API.
//!
//! May import: `core`.

pub mod controllers;
pub mod driver;
pub mod proto;
pub mod server;
pub mod store;
#[cfg(not(madsim))]
pub mod tls;
