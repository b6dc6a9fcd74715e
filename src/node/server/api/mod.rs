//! The client services with their access control, deadlines and error statuses.

pub(super) mod access;
mod cluster;
pub(super) mod deadline;
pub(super) mod errors;
mod migrations;
mod placements;
mod response_stream;
mod sessions;
