//! Stores that hold the data of partitions: what a gateway writes to and reads from, and what a copy is made of.
//!
//! | part | what it does |
//! | --- | --- |
//! | `storage/` | the fences and the data of all partitions, in one file |
//! | `driver.rs` | the queue before it: what arrives during a commit is the next group |
//! | `mover.rs` | pulls the copies that this store is told to make |
//!
//! May import: `core::ids`, `core::fence`, `sink::storage`.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the edge: clocks and tasks")]

pub mod driver;
pub mod mover;
pub mod storage;
