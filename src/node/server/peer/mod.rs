//! Streams between nodes: the receiving end, the sending end, and nodes that are no longer members.

#[cfg(not(madsim))]
pub(super) mod peer_client;
#[cfg(not(madsim))]
pub(super) mod peer_server;
#[cfg(not(madsim))]
pub(super) mod reassembly;
pub(super) mod removal_notice;
#[cfg(not(madsim))]
mod removed_peer;
