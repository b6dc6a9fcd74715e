//! The first frame of a stream.

use crate::core::control_plane::Address;
use crate::core::raft::Config;
use crate::node::proto::v1;

/// The version of the format of a stream. It goes up with every change of the encoding that an older node would misread;
/// `tests.rs` fails on such a change.
///
/// Both ends must have the same one. Version 0 is a hello without the field, from builds before version 1: their encoding
/// changed without a number, so 0 names no particular one and is refused as well.
pub const PROTOCOL: u32 = 1;

/// The frame that a node opens each stream with; `own` is where it listens.
#[must_use]
pub fn hello(config: &Config, own: Option<&Address>) -> v1::PeerFrame {
    let hello = v1::PeerHello {
        cluster: config.cluster.0,
        node: config.me.node.0.into(),
        incarnation: config.me.incarnation.0,
        address: own.map(ToString::to_string).unwrap_or_default(),
        protocol: PROTOCOL,
    };
    v1::PeerFrame { data: Vec::new(), last: false, hello: Some(hello) }
}

/// Whether the sender of a hello encodes its messages as this node does. To be asked before any other field is read.
///
/// # Errors
/// Which version was found and expected.
pub fn check_protocol(hello: &v1::PeerHello) -> Result<(), String> {
    let v1::PeerHello { node, protocol, .. } = hello;
    if *protocol == PROTOCOL {
        return Ok(());
    }
    Err(format!("n{node} speaks version {protocol} of the peer protocol, expected version {PROTOCOL}"))
}
