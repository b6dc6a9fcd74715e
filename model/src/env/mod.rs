//! The environments: what surrounds the production machines in a search.

pub mod composed;
pub mod consensus;
pub mod migration;
