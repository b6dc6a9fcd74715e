//! What waits for the disk: the rule that whoever performs a node's outputs has to keep.
//!
//! A node says what is to be done, in order. A message that rests on its disk leaves once every batch in front of it is
//! durable; everything else may be done at once (ADR 0023). The driver, the checker, the simulator and the tests hand
//! every output to the same [`Outbox`]:
//!
//! ```text
//!   outputs ──▶ pass ──▶ perform: a batch goes to the disk under its number, a message to its peer, …
//!                │ holds back                 │
//!                ▼                            ▼
//!             durable(N) ◀── batch N is durable, and all before it ──▶ Input::Synced(N)
//!                │
//!                ▼
//!             messages that leave now
//! ```
//!
//! May import: `core::ids`, `core::raft`.

use crate::core::ids::Names;
use crate::core::raft::{BatchNumber, Machine, Message, Output, Payload};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Batches on their way to the disk, and the messages that wait for them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Outbox<P> {
    waiting: VecDeque<Waiting<P>>,
}

/// A batch that is not durable, and what waits for it and for every batch before it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Waiting<P> {
    batch: BatchNumber,
    messages: Vec<Message<P>>,
}

impl<P> Default for Outbox<P> {
    fn default() -> Self {
        Self { waiting: VecDeque::new() }
    }
}

impl<P> Outbox<P> {
    /// Takes the next output. Gives it back if it may be performed at once; keeps it otherwise.
    #[must_use = "what is given back has to be performed now"]
    pub fn pass<M: Machine<Payload = P>>(&mut self, output: Output<M>) -> Option<Output<M>> {
        match output {
            Output::Persist { number, batch } => {
                self.waiting.push_back(Waiting { batch: number, messages: Vec::new() });
                Some(Output::Persist { number, batch })
            }
            Output::Send(message) => match self.waiting.back_mut() {
                Some(last) if message.body.after_persist() => {
                    last.messages.push(message);
                    None
                }
                Some(_) | None => Some(Output::Send(message)),
            },
            // An outcome and a read rest on what a quorum has, durably; the others concern this node's memory alone.
            other @ (Output::SetTimer(_)
            | Output::CancelTimer(_)
            | Output::Applied { .. }
            | Output::Installed(_)
            | Output::Decided { .. }
            | Output::Read { .. }
            | Output::Transfer(_)
            | Output::BecameLeader(_)
            | Output::Mark(_)
            | Output::Halt(_)) => Some(other),
        }
    }

    /// This batch is durable, and every batch before it: gives the messages that waited for no other, in their order.
    #[must_use = "what waited for the disk has to be sent now"]
    pub fn durable(&mut self, through: BatchNumber) -> Vec<Message<P>> {
        let mut free = Vec::new();
        while let Some(oldest) = self.waiting.pop_front_if(|oldest| oldest.batch <= through) {
            free.extend(oldest.messages);
        }
        free
    }

    /// Batches on their way to the disk.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.waiting.len()
    }

    /// Messages that wait, in their order.
    pub fn messages(&self) -> impl Iterator<Item = &Message<P>> {
        self.waiting.iter().flat_map(|waiting| &waiting.messages)
    }

    /// Puts messages that leave together in one order, whatever order they came in: they are on the network at once. For
    /// those who compare outboxes.
    pub fn sort(&mut self)
    where
        P: Ord,
    {
        for waiting in &mut self.waiting {
            waiting.messages.sort_unstable();
        }
    }
}

impl<P: Payload> Outbox<P> {
    /// The outbox under new names, of a node whose machine is `M`; [sorted](Outbox::sort).
    #[must_use]
    pub fn renamed<M: Machine<Payload = P>>(&self, names: &dyn Names) -> Self {
        let waiting = |Waiting { batch, messages }: &Waiting<P>| Waiting {
            batch: *batch,
            messages: messages.iter().map(|message| message.renamed::<M>(names)).collect(),
        };
        let mut renamed = Self { waiting: self.waiting.iter().map(waiting).collect() };
        renamed.sort();
        renamed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneOutput};
    use crate::core::ids::{ClusterId, Incarnation, Index, NodeId, Term};
    use crate::core::raft::{Append, Batch, Body, LogPosition, Peer};

    fn message(body: Body<ControlPlaneEntry>) -> Message<ControlPlaneEntry> {
        let peer = |node| Peer { node: NodeId(node), incarnation: Incarnation(1) };
        Message { cluster: ClusterId(1), from: peer(1), to: peer(2), term: Term(1), body }
    }

    fn promise(number: u64) -> Message<ControlPlaneEntry> {
        message(Body::Appended { matched: Index(number), round: 0 })
    }

    fn persist(number: u64) -> ControlPlaneOutput {
        let batch = Batch { hard_state: None, snapshot: None, suffix: None, base: None };
        Output::Persist { number: BatchNumber(number), batch }
    }

    /// Which of these promises, numbered from 1, leave at once when they are said in this order between batches (0).
    fn leaves(outbox: &mut Outbox<ControlPlaneEntry>, said: &[u64]) -> Vec<u64> {
        let mut left = Vec::new();
        let mut batches = 0;
        for number in said {
            let output = match number {
                0 => {
                    batches += 1;
                    persist(batches)
                }
                number => Output::Send(promise(*number)),
            };
            if let Some(Output::Send(_)) = outbox.pass(output) {
                left.push(*number);
            }
        }
        left
    }

    fn promises(numbers: &[u64]) -> Vec<Message<ControlPlaneEntry>> {
        numbers.iter().copied().map(promise).collect()
    }

    #[test]
    fn no_promise_overtakes_a_batch() {
        let mut outbox = Outbox::default();
        assert_eq!(leaves(&mut outbox, &[1, 0, 2, 0, 3, 4]), [1]);
        assert_eq!(outbox.batches(), 2);
        assert_eq!(outbox.durable(BatchNumber(1)), promises(&[2]));
        assert!(leaves(&mut outbox, &[5]).is_empty(), "it stands behind the second batch, too");
        assert_eq!(outbox.durable(BatchNumber(2)), promises(&[3, 4, 5]));
        assert_eq!(leaves(&mut outbox, &[6]), [6]);
    }

    #[test]
    fn what_a_leader_says_waits_for_nothing() {
        let prev = LogPosition { term: Term(1), index: Index(1) };
        let append = Append { prev, entries: Vec::new(), commit: Index(1), round: 0 };
        let append = ControlPlaneOutput::Send(message(Body::Append(append)));
        let mut outbox = Outbox::default();
        assert!(leaves(&mut outbox, &[0, 1]).is_empty());
        assert_eq!(outbox.pass(append.clone()), Some(append));
        assert_eq!(outbox.durable(BatchNumber(1)), promises(&[1]));
    }

    #[test]
    fn batches_that_become_durable_together_free_what_stands_between_them() {
        let mut outbox = Outbox::default();
        assert!(leaves(&mut outbox, &[0, 1, 0, 2, 0, 3]).is_empty());
        assert_eq!(outbox.durable(BatchNumber(2)), promises(&[1, 2]));
        assert_eq!(
            outbox.durable(BatchNumber(2)),
            promises(&[]),
            "a report that comes again counts for nothing"
        );
        assert_eq!(outbox.durable(BatchNumber(9)), promises(&[3]));
        assert_eq!(outbox.batches(), 0);
    }

    /// Numbers only grow, so a hash that had them would tell apart what does the same.
    #[test]
    #[allow(clippy::disallowed_types, reason = "hashes of one process are compared with each other")]
    fn numbers_split_no_states() {
        use core::hash::{BuildHasher as _, BuildHasherDefault};
        let hash = |number| {
            let mut outbox = Outbox::default();
            let _to_the_disk = outbox.pass(persist(number));
            let _waits = outbox.pass(ControlPlaneOutput::Send(promise(1)));
            BuildHasherDefault::<std::hash::DefaultHasher>::default().hash_one(&outbox)
        };
        assert_eq!(hash(1), hash(7));
    }
}
