//! Finds two copies of one data directory: two processes that are the same member.
//!
//! Each process draws a number when it starts, and every hello carries it. A restart brings a new number, and an old one never
//! returns. If one does, its process was alive all the time: the directory was copied. Both may have voted and acknowledged
//! since, each without the other's memory, so neither is taken any more.

use crate::core::raft::Peer;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Earlier processes of one peer that are remembered.
const EARLIER: usize = 16;
/// Peers whose processes are remembered. A cluster has fewer; further ones are not watched.
const PEERS: usize = 256;

#[derive(Debug, Default)]
struct Seen {
    now: u64,
    earlier: VecDeque<u64>,
    twins: bool,
}

/// The processes that have spoken as each peer. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Runs(Arc<Mutex<BTreeMap<Peer, Seen>>>);

impl Runs {
    /// Notes that the process with this number speaks as the peer. Returns whether two processes do.
    #[must_use]
    pub fn are_twins(&self, peer: Peer, run: u64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= PEERS && !all.contains_key(&peer) {
            return false;
        }
        let seen = all.entry(peer).or_insert_with(|| Seen { now: run, ..Seen::default() });
        if seen.now != run {
            seen.twins |= seen.earlier.contains(&run);
            seen.earlier.push_back(std::mem::replace(&mut seen.now, run));
            if seen.earlier.len() > EARLIER {
                seen.earlier.pop_front();
            }
        }
        seen.twins
    }

    /// Whether two processes were found to speak as the peer. For a stream that is open already: what it brings may be older
    /// than a hello that came since.
    #[must_use]
    pub fn have_met(&self, peer: Peer) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&peer).is_some_and(|seen| seen.twins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{DirectoryId, NodeId};

    fn peer(directory: u64) -> Peer {
        Peer { node: NodeId(2), directory: DirectoryId(directory) }
    }

    #[test]
    fn a_node_may_start_as_often_as_it_likes() {
        let runs = Runs::default();
        assert!((1..100).all(|run| !runs.are_twins(peer(7), run) && !runs.are_twins(peer(7), run)));
    }

    #[test]
    fn a_process_that_returns_after_a_later_one_has_a_twin_and_both_are_refused() {
        let runs = Runs::default();
        assert!(!runs.are_twins(peer(7), 1));
        assert!(!runs.are_twins(peer(7), 2), "it may have started again");
        assert!(runs.are_twins(peer(7), 1));
        assert!(runs.have_met(peer(7)) && runs.are_twins(peer(7), 2));
        assert!(runs.are_twins(peer(7), 3), "a restart makes neither better");
        assert!(!runs.are_twins(peer(8), 1), "another directory is another node");
    }
}
