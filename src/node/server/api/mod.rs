//! The client services: who may call what, how long a call may take, and the calls themselves.

pub(super) mod access;
mod cluster;
pub(super) mod deadline;
pub(super) mod errors;
mod migrations;
mod placements;
mod response_stream;
mod sessions;
