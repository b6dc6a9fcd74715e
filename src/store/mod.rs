//! store
pub mod backup;
