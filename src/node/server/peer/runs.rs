//! Finds two copies of one data directory: two processes that are the same member.
//!
//! Each process draws a number when it starts, and every hello carries it. A restart brings a new number, and an old one never
//! returns. If one does, its process was alive all the time: the directory was copied. Both may have voted and acknowledged
//! since, each without the other's memory, so neither is taken any more.
//!
//! A hello may be read long after it was sent, when its process has ended and a later one has spoken. So it shows that its process
//! was alive when the connection began, and no more: the handshake of TLS needs an answer of the process. Only a hello on a
//! connection that began after the latest process was heard counts. For any other one the sender has to dial again, which a
//! process that has ended does not do.

use crate::core::raft::Peer;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Earlier processes of one peer that are remembered.
const EARLIER: usize = 16;
/// Peers whose processes are remembered. A cluster has fewer; further ones are not watched.
const PEERS: usize = 256;

#[derive(Debug)]
struct Seen<T> {
    now: u64,
    /// When the first hello of the latest process was read.
    since: T,
    earlier: VecDeque<u64>,
    twins: bool,
}

/// What a hello says of the process that sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spoken {
    /// It is the latest process of its peer.
    Latest,
    /// It may have ended before the latest process started, or not. It shows when it dials again.
    Unclear,
    /// Two processes speak as the peer.
    Twins,
}

/// The processes that have spoken as each peer. `T` is a time. Clones share it.
#[derive(Clone, Debug)]
pub struct Runs<T>(Arc<Mutex<BTreeMap<Peer, Seen<T>>>>);

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Copy + Ord> Runs<T> {
    /// Notes that the process with this number speaks as the peer. `began`: when its connection began, before the handshake;
    /// `read`: when its hello was read.
    #[must_use]
    pub fn hello(&self, peer: Peer, run: u64, began: T, read: T) -> Spoken {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= PEERS && !all.contains_key(&peer) {
            return Spoken::Latest;
        }
        let first = || Seen { now: run, since: read, earlier: VecDeque::new(), twins: false };
        let seen = all.entry(peer).or_insert_with(first);
        if seen.now != run {
            if began <= seen.since && !seen.twins {
                return Spoken::Unclear;
            }
            seen.twins |= seen.earlier.contains(&run);
            seen.earlier.push_back(std::mem::replace(&mut seen.now, run));
            seen.since = read;
            if seen.earlier.len() > EARLIER {
                seen.earlier.pop_front();
            }
        }
        if seen.twins { Spoken::Twins } else { Spoken::Latest }
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
        for run in 1..100 {
            assert_eq!(runs.hello(peer(7), run, 10 * run, 10 * run + 1), Spoken::Latest);
            assert_eq!(runs.hello(peer(7), run, 10 * run + 2, 10 * run + 3), Spoken::Latest);
        }
    }

    #[test]
    fn a_process_that_returns_after_a_later_one_has_a_twin_and_both_are_refused() {
        let runs = Runs::default();
        assert_eq!(runs.hello(peer(7), 1, 10, 11), Spoken::Latest);
        assert_eq!(runs.hello(peer(7), 2, 20, 21), Spoken::Latest, "it may have started again");
        assert_eq!(runs.hello(peer(7), 1, 30, 31), Spoken::Twins);
        assert!(runs.have_met(peer(7)));
        assert_eq!(runs.hello(peer(7), 2, 40, 41), Spoken::Twins);
        assert_eq!(runs.hello(peer(7), 3, 15, 42), Spoken::Twins, "a restart makes neither better");
        assert_eq!(runs.hello(peer(8), 1, 50, 51), Spoken::Latest, "another directory is another node");
    }

    /// The process was killed, and its successor was heard before its last hello was read.
    #[test]
    fn a_late_hello_of_a_process_that_has_ended_is_no_twin() {
        for heard_before in [false, true] {
            let runs = Runs::default();
            if heard_before {
                assert_eq!(runs.hello(peer(7), 1, 10, 11), Spoken::Latest);
            }
            assert_eq!(runs.hello(peer(7), 2, 20, 21), Spoken::Latest);
            for began in [18, 19, 21] {
                assert_eq!(runs.hello(peer(7), 1, began, 22), Spoken::Unclear);
            }
            assert_eq!(runs.hello(peer(7), 2, 30, 31), Spoken::Latest, "the successor dials again");
            assert!(!runs.have_met(peer(7)));
        }
    }

    /// The hello of the process before it came late, so that its own connection began earlier.
    #[test]
    fn a_later_process_whose_hello_is_unclear_is_taken_when_it_dials_again() {
        let runs = Runs::default();
        assert_eq!(runs.hello(peer(7), 1, 10, 21), Spoken::Latest);
        assert_eq!(runs.hello(peer(7), 2, 20, 22), Spoken::Unclear);
        assert_eq!(runs.hello(peer(7), 2, 23, 24), Spoken::Latest);
        assert_eq!(runs.hello(peer(7), 1, 25, 26), Spoken::Twins, "it was alive all the time");
    }

    /// Which of the two directories has the member's memory is not known, and no start of either tells.
    #[test]
    fn twins_are_never_taken_again_whoever_speaks_next() {
        let runs = Runs::default();
        for (run, at, spoken) in [(1, 10, Spoken::Latest), (2, 20, Spoken::Latest), (1, 30, Spoken::Twins)] {
            assert_eq!(runs.hello(peer(7), run, at, at + 1), spoken);
        }
        let mut at = 40;
        // Runs that start anew, more of them than are remembered, in between the known ones.
        for run in 3..100 {
            for speaks in [run, 1, 2, run, run - 1] {
                assert_eq!(runs.hello(peer(7), speaks, at, at + 1), Spoken::Twins, "run {speaks} at {at}");
                assert_eq!(
                    runs.hello(peer(7), speaks, 15, at + 2),
                    Spoken::Twins,
                    "run {speaks} late at {at}"
                );
                assert!(runs.have_met(peer(7)), "an open stream brings nothing either");
                at += 10;
            }
        }
        let mut at = 40;
        for run in 3..100 {
            assert_eq!(runs.hello(peer(8), run, at, at + 1), Spoken::Latest, "another directory");
            at += 10;
        }
        assert!(!runs.have_met(peer(8)));
        assert_eq!(runs.hello(peer(7), 100, at, at + 1), Spoken::Twins, "a lone process is taken no more");
        assert_eq!(runs.hello(peer(7), 100, at + 2, at + 3), Spoken::Twins);
    }
}
