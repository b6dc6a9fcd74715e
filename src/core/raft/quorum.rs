//! Majorities of a configuration's voters. Stateless.

use super::configuration::{Configuration, Peer};
use alloc::vec::Vec;

/// The result of an election so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tally {
    /// Neither a majority of grants nor a majority of refusals.
    Pending,
    /// A majority of grants cannot be reached any more.
    Lost,
    /// A majority has granted its vote.
    Won(VoteWon),
}

/// Permission to lead, or to campaign after a pre-vote. Only [`tally`] creates it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoteWon {
    _counted: (),
}

/// The size of a majority of this many voters.
const fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// Counts votes of the configuration's voters, each once. Votes of other nodes do not count.
#[must_use]
pub fn tally(configuration: &Configuration, granted: &[Peer], refused: &[Peer]) -> Tally {
    let voters = configuration.voters().count();
    let count = |votes: &[Peer]| configuration.voters().filter(|voter| votes.contains(voter)).count();
    if voters > 0 && count(granted) >= majority(voters) {
        Tally::Won(VoteWon { _counted: () })
    } else if voters == 0 || count(refused) > voters - majority(voters) {
        Tally::Lost
    } else {
        Tally::Pending
    }
}

/// The greatest number that a majority of the voters has reached; 0 without voters.
#[must_use]
pub fn reached(configuration: &Configuration, by: impl Fn(Peer) -> u64) -> u64 {
    let mut numbers: Vec<u64> = configuration.voters().map(by).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.get(majority(numbers.len()) - 1).copied().unwrap_or(0)
}

/// Whether the peers for which `among` holds include a majority of the voters.
#[must_use]
pub fn is_quorum(configuration: &Configuration, among: impl Fn(Peer) -> bool) -> bool {
    reached(configuration, |peer| u64::from(among(peer))) == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{DirectoryId, NodeId};

    fn peer(node: u8) -> Peer {
        Peer { node: NodeId(node), directory: DirectoryId(1) }
    }

    fn voters(count: u8) -> Configuration {
        Configuration::of_voters((1..=count).map(peer))
    }

    #[test]
    fn a_majority_wins_a_lost_majority_loses_anything_else_is_open() {
        let cases: [(u8, &[u8], &[u8], &str); 9] = [
            (0, &[], &[], "lost"),
            (1, &[], &[], "pending"),
            (1, &[1], &[], "won"),
            (3, &[1], &[2], "pending"),
            (3, &[1, 3], &[2], "won"),
            (3, &[1], &[2, 3], "lost"),
            (4, &[1, 2], &[3], "pending"),
            (4, &[1, 2], &[3, 4], "lost"),
            (5, &[1, 2, 9, 10], &[], "pending"),
        ];
        for (count, granted, refused, expected) in cases {
            let peers = |nodes: &[u8]| nodes.iter().copied().map(peer).collect::<Vec<_>>();
            let found = match tally(&voters(count), &peers(granted), &peers(refused)) {
                Tally::Pending => "pending",
                Tally::Lost => "lost",
                Tally::Won(_) => "won",
            };
            assert_eq!(found, expected, "{count} voters, granted {granted:?}, refused {refused:?}");
        }
    }

    #[test]
    fn another_life_of_a_voter_does_not_count() {
        let other = Peer { directory: DirectoryId(2), ..peer(2) };
        assert_eq!(tally(&voters(3), &[peer(1), other], &[]), Tally::Pending);
    }

    #[test]
    fn what_a_majority_has_reached() {
        for (numbers, expected) in
            [(&[][..], 0), (&[7], 7), (&[7, 3], 3), (&[1, 9, 5], 5), (&[1, 9, 5, 4], 4)]
        {
            let count = u8::try_from(numbers.len()).unwrap();
            let by = |peer: Peer| numbers[usize::from(peer.node.0) - 1];
            assert_eq!(reached(&voters(count), by), expected, "{numbers:?}");
        }
    }
}
