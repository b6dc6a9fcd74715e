//! The outbox: holds a node's messages back until the batches that they depend on are durable.
//!
//! A node emits its outputs in order. A message for which
//! [`Body::after_persist`](crate::core::raft::Body::after_persist) holds may be sent only after every batch
//! emitted before it is durable; every other output is performed at once (ADR 0023). The driver, the checker,
//! the simulator and the tests pass every output through the same [`Outbox`]:
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

/// The batches that are not durable yet, each with the messages that wait for it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Outbox<P> {
    waiting: VecDeque<Waiting<P>>,
}

/// A batch that is not durable yet, and the messages emitted after it and before the next batch.
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
    /// Takes the next output. Returns it if it may be performed now; otherwise keeps it until
    /// [`Outbox::durable`] frees it.
    #[must_use = "a returned output must be performed now"]
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
            // An outcome or a read depends on what is durable on a quorum. The others concern this node's
            // memory only.
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

    /// Records that this batch and all before it are durable. Returns the messages that may be sent now, in
    /// order.
    #[must_use = "the returned messages must be sent now"]
    pub fn durable(&mut self, through: BatchNumber) -> Vec<Message<P>> {
        let mut free = Vec::new();
        while let Some(oldest) = self.waiting.pop_front_if(|oldest| oldest.batch <= through) {
            free.extend(oldest.messages);
        }
        free
    }

    /// The number of batches that are not durable yet.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.waiting.len()
    }

    /// The messages that wait, in order.
    pub fn messages(&self) -> impl Iterator<Item = &Message<P>> {
        self.waiting.iter().flat_map(|waiting| &waiting.messages)
    }

    /// Sorts the messages that wait for the same batch, so that outboxes can be compared: such messages are
    /// sent together, and the network may reorder them anyway.
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
    /// The outbox with sessions and nodes renamed, for symmetry reduction, and [sorted](Outbox::sort). `M` is
    /// the node's state machine.
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
    use crate::core::ids::{DirectoryId, HistoryId, Index, NodeId, Term};
    use crate::core::raft::{Append, Batch, Body, LogPosition, Peer};

    fn message(body: Body<ControlPlaneEntry>) -> Message<ControlPlaneEntry> {
        let peer = |node| Peer { node: NodeId(node), directory: DirectoryId(1) };
        Message {
            history: HistoryId(1),
            from: peer(1),
            to: peer(2),
            admitted: Index::ZERO,
            term: Term(1),
            body,
        }
    }

    fn promise(number: u64) -> Message<ControlPlaneEntry> {
        message(Body::Appended { matched: Index(number), round: 0 })
    }

    fn persist(number: u64) -> ControlPlaneOutput {
        let batch = Batch { hard_state: None, snapshot: None, suffix: None, base: None };
        Output::Persist { number: BatchNumber(number), batch }
    }

    /// Which of these promises, numbered from 1, are sent at once if they are emitted in this order, with
    /// batches (0) between.
    fn leaves(outbox: &mut Outbox<ControlPlaneEntry>, emitted: &[u64]) -> Vec<u64> {
        let mut left = Vec::new();
        let mut batches = 0;
        for number in emitted {
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
        assert!(leaves(&mut outbox, &[5]).is_empty(), "it waits for the second batch, too");
        assert_eq!(outbox.durable(BatchNumber(2)), promises(&[3, 4, 5]));
        assert_eq!(leaves(&mut outbox, &[6]), [6]);
    }

    #[test]
    fn a_leaders_append_waits_for_no_batch() {
        let prev = LogPosition { term: Term(1), index: Index(1) };
        let append = Append { prev, entries: Vec::new(), commit: Index(1), round: 0 };
        let append = ControlPlaneOutput::Send(message(Body::Append(append)));
        let mut outbox = Outbox::default();
        assert!(leaves(&mut outbox, &[0, 1]).is_empty());
        assert_eq!(outbox.pass(append.clone()), Some(append));
        assert_eq!(outbox.durable(BatchNumber(1)), promises(&[1]));
    }

    #[test]
    fn batches_that_become_durable_together_free_the_messages_between_them() {
        let mut outbox = Outbox::default();
        assert!(leaves(&mut outbox, &[0, 1, 0, 2, 0, 3]).is_empty());
        assert_eq!(outbox.durable(BatchNumber(2)), promises(&[1, 2]));
        assert_eq!(outbox.durable(BatchNumber(2)), promises(&[]), "a repeated report has no effect");
        assert_eq!(outbox.durable(BatchNumber(9)), promises(&[3]));
        assert_eq!(outbox.batches(), 0);
    }

    /// Batch numbers only grow. If `Hash` included them, a search would distinguish states that behave the
    /// same.
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
