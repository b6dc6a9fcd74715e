//! What surrounds a node: its disk, the batches on their way there, and the outbox; and the wire between nodes.
//!
//! Scopes, scripts, properties and the simulator's shadows run their machines on the same [`Host`]. It decides nothing:
//! whoever drives it says when a batch is written, when the machine hears of it, and what a crash takes away.
//!
//! May import: `core::ids`, `core::raft`, `core::outbox`, `core::control_plane`, `core::invariant`.

mod judge;
mod wire;

pub use judge::{Earlier, Hosts, Judge};
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

/// A machine that a host can run.
pub trait Engine: Sized {
    /// Starts it with what is on the disk.
    ///
    /// # Errors
    /// [`StartError`], if the snapshot cannot be read.
    fn start(config: Config, disk: Durable<ControlPlaneEntry>) -> Result<Self, StartError>;

    /// The participant in the log.
    fn node(&self) -> &Node<ControlPlaneState>;

    /// This batch is durable, and every batch before it.
    fn persisted(&mut self, through: BatchNumber);

    /// What it wants done, in this order.
    #[must_use = "what a machine wants done has to be done, in this order"]
    fn wanted(&mut self) -> Vec<ControlPlaneOutput>;
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

            fn wanted(&mut self) -> Vec<ControlPlaneOutput> {
                self.take_outputs()
            }
        })*
    };
}
engines!(ReplicatedControlPlane SingleNodeControlPlane);

/// What a disk gives back is not what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable(pub &'static str);

/// A machine, its disk, and what is between them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Host<E> {
    /// The machine.
    pub engine: E,
    /// What a crash leaves.
    pub disk: Durable<ControlPlaneEntry>,
    /// Batches that are not on the disk, oldest first.
    queue: VecDeque<(BatchNumber, Batch<ControlPlaneEntry>)>,
    outbox: Outbox<ControlPlaneEntry>,
    /// The newest batch that is on the disk, if the machine was not told yet.
    unreported: Option<BatchNumber>,
}

impl<E: Engine> Host<E> {
    /// Starts a machine from its disk. What it wants done is not taken yet.
    ///
    /// # Errors
    /// [`StartError`], if the snapshot cannot be read.
    pub fn start(config: Config, disk: Durable<ControlPlaneEntry>) -> Result<Self, StartError> {
        let engine = E::start(config, disk.clone())?;
        Ok(Self { engine, disk, queue: VecDeque::new(), outbox: Outbox::default(), unreported: None })
    }

    /// What the machine wants done and may be done now, in its order. Batches go on their way to the disk.
    #[must_use = "what a machine wants done has to be done, in this order"]
    pub fn outputs(&mut self) -> Vec<ControlPlaneOutput> {
        let wanted = self.engine.wanted();
        wanted.into_iter().filter_map(|output| self.pass(output)).collect()
    }

    /// Takes the next output: gives it back if it is to be performed now.
    #[must_use = "what is given back has to be performed now"]
    pub fn pass(&mut self, output: ControlPlaneOutput) -> Option<ControlPlaneOutput> {
        let output = self.outbox.pass(output)?;
        if let Output::Persist { number, batch } = output {
            self.queue.push_back((number, batch));
            None
        } else {
            Some(output)
        }
    }

    /// Writes the oldest batch; gives the messages that waited for it. `None`: there is no batch.
    ///
    /// # Errors
    /// [`Unreadable`], if it does not survive its codec.
    pub fn write(&mut self) -> Option<Result<Vec<Message<ControlPlaneEntry>>, Unreadable>> {
        let (number, batch) = self.queue.pop_front()?;
        let Some(read) = recoded(&batch) else { return Some(Err(Unreadable("a batch"))) };
        self.disk.write(&read);
        self.unreported = Some(number);
        Some(Ok(self.outbox.durable(number)))
    }

    /// The disk of the node that this host shadows has taken a batch; gives the messages that waited for it.
    #[must_use = "what waited for the disk may leave now"]
    pub fn written(&mut self, batch: &Batch<ControlPlaneEntry>) -> Vec<Message<ControlPlaneEntry>> {
        self.disk.write(batch);
        let at = self.queue.iter().position(|(_, queued)| queued == batch);
        let through = at.and_then(|at| self.queue.drain(..=at).next_back());
        through.map_or_else(Vec::new, |(number, _)| self.outbox.durable(number))
    }

    /// The newest batch that is on the disk, if the machine was not told of it; it is told now.
    pub fn take_unreported(&mut self) -> Option<BatchNumber> {
        self.unreported.take()
    }

    /// Tells the machine what is on the disk.
    pub fn report(&mut self) {
        if let Some(through) = self.take_unreported() {
            self.engine.persisted(through);
        }
    }

    /// What its disk holds after a crash, if so many of the oldest batches have got there.
    ///
    /// # Errors
    /// [`Unreadable`], if one of them does not survive its codec.
    pub fn crash(mut self, keep: usize) -> Result<Durable<ControlPlaneEntry>, Unreadable> {
        for _ in 0..keep {
            if let Some(written) = self.write() {
                let _lost_with_the_memory = written?;
            }
        }
        Ok(self.disk)
    }

    /// Who it is.
    pub fn me(&self) -> Peer {
        self.engine.node().config().me
    }

    /// As the invariants see it.
    pub fn now(&self) -> NodeNow<'_> {
        NodeNow { node: self.engine.node(), disk: &self.disk }
    }
}

impl<E> Host<E> {
    /// Batches that are not on the disk, oldest first.
    pub fn queued(&self) -> impl ExactSizeIterator<Item = &Batch<ControlPlaneEntry>> {
        self.queue.iter().map(|(_, batch)| batch)
    }

    /// Whether a batch is on its way to the disk.
    pub fn is_writing(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether a message waits for the disk.
    pub fn holds(&self, message: &Message<ControlPlaneEntry>) -> bool {
        self.outbox.messages().any(|waiting| waiting == message)
    }

    /// Forgets in which order messages were said that leave together: on the wire they are a set.
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

/// The value after it was written to bytes and read back; none, if it is another then.
pub fn recoded<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Option<T> {
    let bytes = postcard::to_allocvec(value).ok()?;
    postcard::from_bytes(&bytes).ok().filter(|read| read == value)
}
