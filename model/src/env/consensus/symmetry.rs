//! The images of a state under the symmetry of its nodes.

use crate::shared::{Renaming, Symmetry};
use cutover::core::ids::NodeId;

/// Mixes the bits of a hash, so that sums of hashes do not collide more often than by chance.
pub(crate) const fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// All permutations of the first `count` nodes except the identity.
pub(super) fn permutations(count: u8) -> Symmetry {
    let mut all: Vec<Vec<u8>> = vec![Vec::new()];
    for _ in 1..=count {
        let longer = |some: Vec<u8>| {
            let next = (1..=count).filter(|node| !some.contains(node)).collect::<Vec<_>>();
            next.into_iter().map(move |node| [some.clone(), vec![node]].concat())
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    let renaming = |names: Vec<u8>| {
        let nodes: Vec<_> = (1..)
            .zip(names)
            .filter(|(old, new)| old != new)
            .map(|(old, new)| (NodeId(old), NodeId(new)))
            .collect();
        Renaming { sessions: Vec::new(), nodes }
    };
    Symmetry::new(all.into_iter().map(renaming).filter(|renaming| !renaming.nodes.is_empty()).collect())
}
