//! What waits for the disk: the one rule of whoever drives a node.

use crate::control_plane::Said;
use std::collections::VecDeque;

/// Outputs in the order in which they must take effect. What stands behind a batch waits until it is durable.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    held: VecDeque<Held>,
    batches: usize,
}

#[derive(Debug)]
enum Held {
    Batch,
    Said(Box<Said>),
}

impl Outbox {
    /// A batch is on its way to the disk.
    pub(super) fn batch(&mut self) {
        self.held.push_back(Held::Batch);
        self.batches += 1;
    }

    /// Gives back what may leave at once, or keeps it.
    pub(super) fn pass(&mut self, said: Said) -> Option<Said> {
        if self.batches == 0 {
            return Some(said);
        }
        self.held.push_back(Held::Said(Box::new(said)));
        None
    }

    /// So many of the oldest batches are durable: what stood behind them, and behind no other, may leave.
    pub(super) fn durable(&mut self, batches: usize) -> Vec<Said> {
        let mut left = batches.min(self.batches);
        self.batches -= left;
        let mut free = Vec::new();
        while let Some(held) = self.held.pop_front() {
            match held {
                Held::Said(said) => free.push(*said),
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
    use crate::ids::Term;
    use crate::raft::Output;

    fn said(number: u64) -> Said {
        Output::Leads(Term(number))
    }

    #[test]
    fn nothing_overtakes_a_batch() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.pass(said(1)), Some(said(1)));
        outbox.batch();
        assert_eq!(outbox.pass(said(2)), None);
        outbox.batch();
        assert_eq!(outbox.pass(said(3)), None);
        assert_eq!(outbox.pass(said(4)), None);
        assert_eq!(outbox.batches(), 2);
        assert_eq!(outbox.durable(1), [said(2)]);
        assert_eq!(outbox.pass(said(5)), None, "it stands behind the second batch, too");
        assert_eq!(outbox.durable(1), [said(3), said(4), said(5)]);
        assert_eq!(outbox.pass(said(6)), Some(said(6)));
    }

    #[test]
    fn batches_that_become_durable_together_free_what_stands_between_them() {
        let mut outbox = Outbox::default();
        for number in 1..=3 {
            outbox.batch();
            assert_eq!(outbox.pass(said(number)), None);
        }
        assert_eq!(outbox.durable(2), [said(1), said(2)]);
        assert_eq!(outbox.durable(9), [said(3)]);
        assert_eq!(outbox.batches(), 0);
    }
}
