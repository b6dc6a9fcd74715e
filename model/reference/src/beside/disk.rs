//! A node's disk and outbox, and their reference.

use super::Disagreement;
use crate::disk::{Broken, Content, Disk};
use cutover::core::raft::{Batch, BatchNumber, Durable, Message, Payload};
use std::sync::Arc;

/// The reference of a disk, beside what a node writes and what leaves it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiskBeside<P>(Disk<P>);

impl<P: Payload> DiskBeside<P> {
    /// Beside a disk with this content.
    #[must_use]
    pub fn new(durable: &Durable<P>) -> Self {
        Self(Disk::new(content(durable)))
    }

    /// What the reference has.
    #[must_use]
    pub const fn disk(&self) -> &Disk<P> {
        &self.0
    }

    /// A batch is on its way to the disk.
    ///
    /// # Errors
    /// It is not one that a node may write.
    pub fn persists(&mut self, number: BatchNumber, batch: &Batch<P>) -> Result<(), Disagreement> {
        let judged = self.0.persists(number, batch);
        judged.map_err(|broken| told(&broken, (number, batch)))
    }

    /// A message was sent. `left`: at once.
    ///
    /// # Errors
    /// It should have waited, or left; or what it promises is not durable.
    pub fn sent(&mut self, message: &Message<P>, left: bool) -> Result<(), Disagreement> {
        let expected = self.0.sends(message).map_err(|broken| told(&broken, message))?;
        if left == expected {
            return Ok(());
        }
        let word = |left: bool| if left { "leaves at once" } else { "waits for the disk" };
        Err(Disagreement::new("D6, D7", (message, word(left)), word(expected)))
    }

    /// All batches through this one were reported durable, and these messages left.
    ///
    /// # Errors
    /// Others should have left; or what one of them promises is not durable.
    pub fn synced(&mut self, through: BatchNumber, left: &[Message<P>]) -> Result<(), Disagreement> {
        let expected = self.0.is_durable(through).map_err(|broken| told(&broken, through))?;
        if left == expected { Ok(()) } else { Err(Disagreement::new("D6", left, expected)) }
    }

    /// The node crashed. The batches through this one are on the disk, whatever was reported.
    ///
    /// # Errors
    /// A batch is not one that a node may write.
    pub fn crashed(&mut self, through: BatchNumber) -> Result<(), Disagreement> {
        self.0.crashes(through).map_err(|broken| told(&broken, through))
    }

    /// The oldest batch on its way was written and reported durable, and these messages left.
    ///
    /// # Errors
    /// It is another one; or other messages should have left.
    pub fn wrote(&mut self, batch: &Batch<P>, left: &[Message<P>]) -> Result<(), Disagreement> {
        match self.0.pending.front().filter(|(_, next)| next == batch) {
            Some((number, _)) => self.synced(*number, left),
            None => Err(Disagreement::new("D1", batch, &self.0.pending)),
        }
    }

    /// A message leaves.
    ///
    /// # Errors
    /// What it promises is not on the disk.
    pub fn leaves(&self, message: &Message<P>) -> Result<(), Disagreement> {
        self.0.durable.keeps(message).map_err(|broken| told(&broken, message))
    }

    /// The node starts from what its disk holds after a crash: all that was reported durable, and maybe some of the next batches.
    ///
    /// # Errors
    /// It is not that.
    pub fn starts_from(&mut self, durable: &Durable<P>) -> Result<(), Disagreement> {
        let found = content(durable);
        let pending: Vec<BatchNumber> = self.0.pending.iter().map(|(number, _)| *number).collect();
        for through in [BatchNumber::ZERO].into_iter().chain(pending) {
            let mut crashed = self.clone();
            crashed.crashed(through)?;
            if crashed.0.durable == found {
                *self = crashed;
                return Ok(());
            }
        }
        Err(Disagreement::new("D1 to D5", found, (&self.0.durable, &self.0.pending)))
    }

    /// Compares what is durable with what the disk holds.
    ///
    /// # Errors
    /// They differ.
    pub fn compare(&self, durable: &Durable<P>) -> Result<(), Disagreement> {
        let have = content(durable);
        if have == self.0.durable {
            Ok(())
        } else {
            Err(Disagreement::new("D1 to D5", have, &self.0.durable))
        }
    }
}

fn told(broken: &Broken, of: impl std::fmt::Debug) -> Disagreement {
    Disagreement::new(broken.rule, of, &broken.what)
}

fn content<P: Payload>(durable: &Durable<P>) -> Content<P> {
    let base = durable.log.base();
    let first = base.index.next();
    let entries = durable.log.entries().iter().cloned();
    Content {
        term: durable.hard_state.term,
        vote: durable.hard_state.voted_for,
        snapshot: Arc::clone(&durable.snapshot),
        base,
        entries: (first.0..).map(cutover::core::ids::Index).zip(entries).collect(),
    }
}
