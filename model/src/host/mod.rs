//! A node's machine with its disk, queue of batches and outbox; and the wire between nodes.
//!
//! Scopes, scripts, property tests and the simulator's shadows all run their machines on [`Host`]. It decides
//! nothing: its caller says when a batch is written, when the machine is told, and what a crash destroys.
//!
//! May import: `core::ids`, `core::raft`, `core::outbox`, `core::placement`, `core::control_plane`, `core::invariant`.

mod judge;
mod stores;
mod wire;

pub use judge::{Earlier, Hosts, Judge};
pub use stores::{known_stores, store_facts};
pub use wire::{Wire, carried};

use cutover::core::control_plane::{
    ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneOutput, ControlPlaneState, ReplicatedControlPlane,
    SingleNodeControlPlane,
};
use cutover::core::ids::{Names, Relabel};
use cutover::core::invariant::NodeNow;
use cutover::core::outbox::Outbox;
use cutover::core::raft::{Batch, BatchNumber, Config, Durable, Message, Node, Output, Peer, StartError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;

/// A pure machine that a [`Host`] can run: a whole control plane, or a Raft node alone.
pub trait Engine: Sized {
    /// Starts the machine from a disk's contents.
    ///
    /// # Errors
    /// [`StartError`] if the snapshot cannot be decoded.
    fn start(config: Config, disk: Durable<ControlPlaneEntry>) -> Result<Self, StartError>;

    /// The machine's Raft node.
    fn node(&self) -> &Node<ControlPlaneState>;

    /// Tells the machine that this batch and all earlier ones are durable.
    fn persisted(&mut self, through: BatchNumber);

    /// Takes the outputs that the machine has queued, in the order in which they must be performed.
    #[must_use = "outputs have to be performed, in this order"]
    fn drain_outputs(&mut self) -> Vec<ControlPlaneOutput>;
}

macro_rules! engines {
    ($($engine:ident)*) => {
        $(impl Engine for $engine {
            fn start(config: Config, disk: Durable<ControlPlaneEntry>) -> Result<Self, StartError> {
                Self::start(config, disk)
            }

            fn node(&self) -> &Node<ControlPlaneState> {
                self.node()
            }

            fn persisted(&mut self, through: BatchNumber) {
                ControlPlaneConsensus::synced(self, through);
            }

            fn drain_outputs(&mut self) -> Vec<ControlPlaneOutput> {
                ControlPlaneConsensus::take_outputs(self)
            }
        })*
    };
}
engines!(ReplicatedControlPlane SingleNodeControlPlane);

/// A value changed when it was encoded and decoded again; the field names the kind of value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable(pub &'static str);

/// A node: its machine, its disk, and the batches and messages between them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Host<E> {
    /// The pure machine under test.
    pub engine: E,
    /// What is durable, and so survives a crash.
    pub disk: Durable<ControlPlaneEntry>,
    /// Batches not yet written to the disk, oldest first.
    queue: VecDeque<(BatchNumber, Batch<ControlPlaneEntry>)>,
    outbox: Outbox<ControlPlaneEntry>,
    /// The newest batch on the disk, if the machine has not been told of it.
    unreported: Option<BatchNumber>,
}

impl<E: Engine> Host<E> {
    /// Starts a machine from its disk. Its outputs are left to be taken.
    ///
    /// # Errors
    /// [`StartError`] if the snapshot cannot be decoded.
    pub fn start(config: Config, disk: Durable<ControlPlaneEntry>) -> Result<Self, StartError> {
        let engine = E::start(config, disk.clone())?;
        Ok(Self { engine, disk, queue: VecDeque::new(), outbox: Outbox::default(), unreported: None })
    }

    /// The machine's outputs that may be performed now, in order. Batches are queued for the disk, and messages
    /// that must wait for them are held back.
    #[must_use = "outputs have to be performed, in this order"]
    pub fn outputs(&mut self) -> Vec<ControlPlaneOutput> {
        let outputs = self.engine.drain_outputs();
        outputs.into_iter().filter_map(|output| self.pass(output)).collect()
    }

    /// Handles one output: queues a batch for the disk, holds a message that must wait for it, and returns any
    /// other output for the caller to perform now.
    #[must_use = "the returned output has to be performed now"]
    pub fn pass(&mut self, output: ControlPlaneOutput) -> Option<ControlPlaneOutput> {
        let output = self.outbox.pass(output)?;
        if let Output::Persist { number, batch } = output {
            self.queue.push_back((number, batch));
            None
        } else {
            Some(output)
        }
    }

    /// Writes the oldest batch to the disk and returns the messages that waited for it; `None` if no batch is
    /// queued.
    ///
    /// # Errors
    /// [`Unreadable`] if the batch changes when it is encoded and decoded.
    pub fn write(&mut self) -> Option<Result<Vec<Message<ControlPlaneEntry>>, Unreadable>> {
        let (number, batch) = self.queue.pop_front()?;
        let Some(read) = recoded(&batch) else { return Some(Err(Unreadable("a batch"))) };
        self.disk.write(&read);
        self.unreported = Some(number);
        Some(Ok(self.outbox.durable(number)))
    }

    /// Writes all batches to the disk as one group, of which the machine is told the last number only. Returns the messages that
    /// waited for them; `None` if no batch is queued.
    ///
    /// # Errors
    /// [`Unreadable`] if a batch changes when it is encoded and decoded.
    pub fn write_group(&mut self) -> Option<Result<Vec<Message<ControlPlaneEntry>>, Unreadable>> {
        let mut through = None;
        while let Some((number, batch)) = self.queue.pop_front() {
            let Some(read) = recoded(&batch) else { return Some(Err(Unreadable("a batch"))) };
            self.disk.write(&read);
            through = Some(number);
        }
        let through = through?;
        self.unreported = Some(through);
        Some(Ok(self.outbox.durable(through)))
    }

    /// Records that the simulated node which this host shadows has written a batch. Returns the messages that
    /// waited for it.
    #[must_use = "the messages that waited for the disk have to be sent now"]
    pub fn written(&mut self, batch: &Batch<ControlPlaneEntry>) -> Vec<Message<ControlPlaneEntry>> {
        self.disk.write(batch);
        let at = self.queue.iter().position(|(_, queued)| queued == batch);
        let through = at.and_then(|at| self.queue.drain(..=at).next_back());
        through.map_or_else(Vec::new, |(number, _)| self.outbox.durable(number))
    }

    /// Takes the number of the newest batch on the disk, if the machine has not been told of it.
    pub fn take_unreported(&mut self) -> Option<BatchNumber> {
        self.unreported.take()
    }

    /// Tells the machine which batches are on the disk.
    pub fn report(&mut self) {
        if let Some(through) = self.take_unreported() {
            self.engine.persisted(through);
        }
    }

    /// The disk's contents after a crash at which the `keep` oldest batches had been written.
    ///
    /// # Errors
    /// [`Unreadable`] if a batch changes when it is encoded and decoded.
    pub fn crash(mut self, keep: usize) -> Result<Durable<ControlPlaneEntry>, Unreadable> {
        for _ in 0..keep {
            if let Some(written) = self.write() {
                let _lost_with_the_memory = written?;
            }
        }
        Ok(self.disk)
    }

    /// The node's id and directory.
    pub fn me(&self) -> Peer {
        self.engine.node().config().me
    }

    /// The node's state as the invariants' monitors read it.
    pub fn now(&self) -> NodeNow<'_> {
        NodeNow { node: self.engine.node(), disk: &self.disk }
    }
}

impl<E> Host<E> {
    /// Batches not yet written to the disk, oldest first.
    pub fn queued(&self) -> impl ExactSizeIterator<Item = &Batch<ControlPlaneEntry>> {
        self.queue.iter().map(|(_, batch)| batch)
    }

    /// The batches not yet written to the disk, oldest first, each with its number.
    pub fn pending(&self) -> impl Iterator<Item = (BatchNumber, &Batch<ControlPlaneEntry>)> {
        self.queue.iter().map(|(number, batch)| (*number, batch))
    }

    /// Whether a batch is not yet written to the disk.
    pub fn is_writing(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether this message is held back until a batch is durable.
    pub fn holds(&self, message: &Message<ControlPlaneEntry>) -> bool {
        self.outbox.messages().any(|waiting| waiting == message)
    }

    /// Sorts the messages that wait for the same batch, so that states which differ only in that order are equal.
    /// The wire is a set, so their order has no effect.
    pub fn sort_waiting(&mut self) {
        self.outbox.sort();
    }
}

impl<E: Relabel> Relabel for Host<E> {
    fn relabel(&self, names: &dyn Names) -> Self {
        let renamed =
            |(number, batch): &(BatchNumber, Batch<_>)| (*number, batch.renamed::<ControlPlaneState>(names));
        Self {
            engine: self.engine.relabel(names),
            disk: self.disk.renamed::<ControlPlaneState>(names),
            queue: self.queue.iter().map(renamed).collect(),
            outbox: self.outbox.renamed::<ControlPlaneState>(names),
            unreported: self.unreported,
        }
    }
}

/// The value after encoding and decoding; `None` if it differs from the original.
pub fn recoded<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Option<T> {
    let bytes = postcard::to_allocvec(value).ok()?;
    postcard::from_bytes(&bytes).ok().filter(|read| read == value)
}
