//! The hello: the first frame of a stream, with the sender's identity and protocol version.

use crate::core::control_plane::Address;
use crate::core::ids::{ClusterId, DirectoryId, HistoryId, NodeId};
use crate::core::raft::Peer;
use crate::node::proto::v1;

/// The version of the format of a stream. It goes up with every change of the encoding that an older node would misread;
/// `tests.rs` fails on such a change.
///
/// Both ends must have the same one. Version 0 is a hello without the field, from builds before version 1: their encoding
/// changed without a number, so 0 names no particular one and is refused as well.
pub const PROTOCOL: u32 = 6;

/// The sender and the receiver of a stream, as its hello names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The node that sends, with its data directory.
    pub from: Peer,
    /// The node that the stream is for, with the data directory that the sender's log has for it.
    pub to: Peer,
    /// The cluster of the sender.
    pub cluster: ClusterId,
    /// The history of the sender's log.
    pub history: HistoryId,
    /// The number that the sender's process drew when it started.
    pub run: u64,
}

/// The first frame of a stream. `own` is the address of this node's peer port, to which the receiver sends its answers.
#[must_use]
pub fn hello(hello: &Hello, own: Option<&Address>) -> v1::PeerFrame {
    let Hello { from, to, cluster, history, run } = *hello;
    let hello = v1::PeerHello {
        node: from.node.0.into(),
        directory: from.directory.0,
        cluster: cluster.0,
        history: history.0,
        to_node: to.node.0.into(),
        to_directory: to.directory.0,
        address: own.map(ToString::to_string).unwrap_or_default(),
        protocol: PROTOCOL,
        run,
    };
    v1::PeerFrame { data: Vec::new(), last: false, hello: Some(hello) }
}

/// Reads a hello, if the sender's protocol version is this node's.
///
/// # Errors
/// The message for a refusal, with what was found and what was expected.
pub fn read_hello(hello: &v1::PeerHello) -> Result<Hello, String> {
    let v1::PeerHello { node, protocol, .. } = hello;
    if *protocol != PROTOCOL {
        return Err(format!(
            "n{node} uses version {protocol} of the peer protocol, expected version {PROTOCOL}"
        ));
    }
    let peer = |node: u32, directory: u64| {
        let number = u8::try_from(node).ok().filter(|node| *node > 0);
        let number = number.ok_or_else(|| format!("node {node}, expected 1 to {}", u8::MAX))?;
        Ok::<Peer, String>(Peer { node: NodeId(number), directory: DirectoryId(directory) })
    };
    Ok(Hello {
        from: peer(*node, hello.directory)?,
        to: peer(hello.to_node, hello.to_directory)?,
        cluster: ClusterId(hello.cluster),
        history: HistoryId(hello.history),
        run: hello.run,
    })
}
