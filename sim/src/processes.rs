//! What a process has heard of the processes that speak to it: whether its peers' data directories run twice.
//!
//! The production rule decides, [`Runs`], as at the opening of a stream between nodes. Here a stream is opened by the
//! first message of a process, and again by a message after another process's stream has replaced it. The rule is also
//! written down a second time, over all that was ever heard, to judge it.

use cutover::core::raft::Peer;
use cutover::node::server::{Runs, Spoken};
use std::collections::BTreeMap;

/// Distance between the number of a node and that of the machine on which a copy of its data directory runs.
pub const COPY: u8 = 100;

/// The number of the node that runs on a machine.
#[must_use]
pub const fn member_of(machine: u8) -> u8 {
    if machine > COPY && machine < 2 * COPY { machine - COPY } else { machine }
}

/// A start of a process: the machine that it runs on, and the number of the start there.
pub type Process = (u8, u64);

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Welcome {
    /// It is taken.
    Taken,
    /// It is refused: two processes speak as its sender.
    Refused,
    /// It is taken although two processes speak as its sender.
    TakenOfTwins,
    /// It is refused although only one process speaks as its sender.
    RefusedAlone,
}

/// What one process has heard.
#[derive(Default)]
pub struct Heard {
    runs: Runs<u64>,
    /// Hellos that were heard. Here each is read as its connection begins.
    hellos: u64,
    streams: BTreeMap<Peer, Process>,
    newest: BTreeMap<u8, u64>,
    /// All processes that have spoken as a peer, and whether one of them did so again after another.
    spoken: BTreeMap<Peer, (Vec<Process>, bool)>,
}

impl Heard {
    /// Call when a message of a process arrives, in the name of a peer.
    pub fn hear(&mut self, peer: Peer, process: Process) -> Welcome {
        let taken = self.takes(peer, process);
        let twins = self.spoken.get(&peer).is_some_and(|(_, twins)| *twins);
        match (taken, twins) {
            (true, false) => Welcome::Taken,
            (false, true) => Welcome::Refused,
            (true, true) => Welcome::TakenOfTwins,
            (false, false) => Welcome::RefusedAlone,
        }
    }

    fn takes(&mut self, peer: Peer, process: Process) -> bool {
        let newest = self.newest.entry(process.0).or_default();
        if process.1 < *newest {
            // A late message of a process that has ended. Its stream was opened while it ran.
            return !self.runs.have_met(peer);
        }
        *newest = process.1;
        self.note(peer, process);
        if self.streams.get(&peer) != Some(&process) {
            let run = u64::from(process.0) << 32 | process.1;
            self.hellos += 1;
            if self.runs.hello(peer, run, self.hellos, self.hellos) != Spoken::Latest {
                return false;
            }
            self.streams.insert(peer, process);
        }
        !self.runs.have_met(peer)
    }

    fn note(&mut self, peer: Peer, process: Process) {
        let (spoken, twins) = self.spoken.entry(peer).or_default();
        if spoken.last() != Some(&process) {
            *twins |= spoken.contains(&process);
            spoken.push(process);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover::core::ids::{DirectoryId, NodeId};

    #[test]
    fn a_copy_is_found_when_the_original_speaks_again() {
        let (mut heard, peer) = (Heard::default(), Peer { node: NodeId(2), directory: DirectoryId(7) });
        let told =
            [(2, 1), (2, 2), (2, 1), (102, 1), (2, 2), (102, 1), (2, 3)].map(|from| heard.hear(peer, from));
        let expected = [Welcome::Taken; 4].into_iter().chain([Welcome::Refused; 3]);
        assert!(expected.eq(told), "{told:?}");
    }
}
