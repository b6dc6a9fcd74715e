//! What waits for the disk: the one rule of whoever drives a node.

use crate::core::control_plane::ControlPlaneEntry;
use crate::core::raft::Message;
use std::collections::VecDeque;

type Letter = Message<ControlPlaneEntry>;

/// Messages that rest on the disk, each behind the batches that it has to wait for.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    held: VecDeque<Held>,
    batches: usize,
}

#[derive(Debug)]
enum Held {
    Batch,
    Letter(Box<Letter>),
}

impl Outbox {
    /// A batch is on its way to the disk.
    pub(super) fn batch(&mut self) {
        self.held.push_back(Held::Batch);
        self.batches += 1;
    }

    /// Gives back what may leave at once, or keeps it.
    pub(super) fn pass(&mut self, letter: Letter) -> Option<Letter> {
        if self.batches == 0 || !letter.body.after_persist() {
            return Some(letter);
        }
        self.held.push_back(Held::Letter(Box::new(letter)));
        None
    }

    /// So many of the oldest batches are durable: what stood behind them, and behind no other, may leave.
    pub(super) fn durable(&mut self, batches: usize) -> Vec<Letter> {
        let mut left = batches.min(self.batches);
        self.batches -= left;
        let mut free = Vec::new();
        while let Some(held) = self.held.pop_front() {
            match held {
                Held::Letter(letter) => free.push(*letter),
                Held::Batch if left > 0 => left -= 1,
                Held::Batch => {
                    self.held.push_front(Held::Batch);
                    break;
                }
            }
        }
        free
    }

    /// Batches on their way to the disk.
    pub(super) const fn batches(&self) -> usize {
        self.batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{ClusterId, Incarnation, Index, NodeId, Term};
    use crate::core::raft::{Append, Body, LogPosition, Peer};

    fn letter(body: Body<ControlPlaneEntry>) -> Letter {
        let peer = |node| Peer { node: NodeId(node), incarnation: Incarnation(1) };
        Message { cluster: ClusterId(1), from: peer(1), to: peer(2), term: Term(1), body }
    }

    fn promise(number: u64) -> Letter {
        letter(Body::Appended { matched: Index(number), round: 0 })
    }

    #[test]
    fn no_promise_overtakes_a_batch() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.pass(promise(1)), Some(promise(1)));
        outbox.batch();
        assert_eq!(outbox.pass(promise(2)), None);
        outbox.batch();
        assert_eq!(outbox.pass(promise(3)), None);
        assert_eq!(outbox.pass(promise(4)), None);
        assert_eq!(outbox.batches(), 2);
        assert_eq!(outbox.durable(1), [promise(2)]);
        assert_eq!(outbox.pass(promise(5)), None, "it stands behind the second batch, too");
        assert_eq!(outbox.durable(1), [promise(3), promise(4), promise(5)]);
        assert_eq!(outbox.pass(promise(6)), Some(promise(6)));
    }

    #[test]
    fn what_a_leader_says_waits_for_nothing() {
        let append = Append {
            prev: LogPosition { term: Term(1), index: Index(1) },
            entries: Vec::new(),
            commit: Index(1),
            round: 0,
        };
        let mut outbox = Outbox::default();
        outbox.batch();
        assert_eq!(outbox.pass(promise(1)), None);
        assert_eq!(outbox.pass(letter(Body::Append(append.clone()))), Some(letter(Body::Append(append))));
        assert_eq!(outbox.durable(1), [promise(1)]);
    }

    #[test]
    fn batches_that_become_durable_together_free_what_stands_between_them() {
        let mut outbox = Outbox::default();
        for number in 1..=3 {
            outbox.batch();
            assert_eq!(outbox.pass(promise(number)), None);
        }
        assert_eq!(outbox.durable(2), [promise(1), promise(2)]);
        assert_eq!(outbox.durable(9), [promise(3)]);
        assert_eq!(outbox.batches(), 0);
    }
}
