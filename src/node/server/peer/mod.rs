//! The port for other nodes: the sending and the receiving end of the streams between them, and their format.

#[cfg(not(madsim))]
pub(super) mod peer_client;
#[cfg(not(madsim))]
pub(super) mod peer_server;
pub(super) mod removal_notice;
#[cfg(not(madsim))]
mod removed_peer;
#[cfg(not(madsim))]
pub(super) mod wire;
