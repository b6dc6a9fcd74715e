//! The hello: the first frame of a stream, with the sender's identity and protocol version.

use crate::core::control_plane::Address;
use crate::core::raft::Config;
use crate::node::proto::v1;

/// The version of the format of a stream. It goes up with every change of the encoding that an older node would misread;
/// `tests.rs` fails on such a change.
///
/// Both ends must have the same one. Version 0 is a hello without the field, from builds before version 1: their encoding
/// changed without a number, so 0 names no particular one and is refused as well.
pub const PROTOCOL: u32 = 1;

/// The hello of this node. `own` is the address of its peer port, to which the receiver sends its answers.
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

/// Checks that the sender's protocol version is this node's. Must be called before any other field of the
/// hello is used.
///
/// # Errors
/// The message for a refusal, with the version found and the version expected.
pub fn check_protocol(hello: &v1::PeerHello) -> Result<(), String> {
    let v1::PeerHello { node, protocol, .. } = hello;
    if *protocol == PROTOCOL {
        return Ok(());
    }
    Err(format!("n{node} uses version {protocol} of the peer protocol, expected version {PROTOCOL}"))
}
