//! Streams between nodes: the client and the server end, and the wire format.

#[cfg(not(madsim))]
pub(super) mod introduce;
#[cfg(not(madsim))]
pub(super) mod peer_client;
#[cfg(not(madsim))]
pub(super) mod peer_rule;
#[cfg(not(madsim))]
pub(super) mod peer_server;
pub(super) mod removal_notice;
#[cfg(not(madsim))]
mod removed_peer;
pub(super) mod runs;
#[cfg(not(madsim))]
pub(super) mod wire;
