//! Stores that hold the data of partitions: what a gateway writes to and reads from, and what a copy is made of.
//!
//! | part | what it does |
//! | --- | --- |
//! | `storage/` | the fences and the data of all partitions, in one file |
//! | `driver.rs` | the queue before it: what arrives during a commit is the next group |
//! | `mover.rs` | pulls the copies that this store is told to make |
//! | `server.rs`, `access.rs` | the service `Sink`, and who may make which call of it |
//! | `sources.rs` | the same service of other stores, which copies are pulled from |
//!
//! May import: `core::ids`, `core::fence`, `core::control_plane`, `node::proto`, `node::server`, `sink::storage`.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the edge: clocks and tasks")]
#![allow(clippy::result_large_err, reason = "the status of gRPC is large")]

pub mod access;
pub mod driver;
pub mod mover;
pub mod server;
pub mod sources;
pub mod storage;
