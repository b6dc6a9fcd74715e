//! The interface of a kind of fault, and its access to the cluster.

use crate::disk::Trouble;
use crate::options::{Drawn, Options, Values};
use crate::stream::Stream;
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use cutover::core::raft::{Message, Node};

/// The state machine of a node.
pub type ControlNode = Node<ControlPlaneState>;

/// A kind of fault, which implements the hooks that it needs. A hook makes the same random draws whether the fault
/// strikes or not, so switching one kind off changes no draw of another.
pub trait Injector: Sync {
    /// Stable name for `--without` and the counters of a run. A kind that the search has as well takes its name
    /// from [`Fault`](cutover::core::fault::Fault).
    fn name(&self) -> &'static str;

    /// The options of this kind, in the order in which a seed draws them. One is a probability; if it is 0, the
    /// fault is off.
    fn options(&self) -> &'static [Drawn];

    /// Called once per tick, before the other hooks.
    fn cluster(&self, _: &mut dyn Cluster) {}

    /// Called once per tick for each node.
    fn node(&self, _: &mut dyn Cluster, _node: u8) {}

    /// Whether [`Injector::node`] is called for stores, too.
    fn is_of_stores(&self) -> bool {
        false
    }

    /// Called once per tick for each directed link, after [`Injector::node`] for all nodes.
    fn link(&self, _: &mut dyn Cluster, _from: u8, _to: u8) {}

    /// Called once per tick for each caller and each store that it may call, after [`Injector::link`] for all links.
    fn call(&self, _: &mut dyn Cluster, _caller: u8, _store: u8) {}

    /// Called once per tick, after [`Injector::call`] for all of them.
    fn after(&self, _: &mut dyn Cluster) {}

    /// Called for each message that a node sends. Returns its fate, if the fault strikes.
    fn message(&self, _: &mut Stream, _: &Values) -> Option<Fate> {
        None
    }

    /// Called for each copy of a message. Returns an additional delay in microseconds.
    fn copy(&self, _: &mut Stream, _: &Values) -> Option<u64> {
        None
    }

    /// Called for each write of a node. Returns a disk failure, if the fault strikes.
    fn write(&self, _: &mut Stream, _: &Values) -> Option<Trouble> {
        None
    }

    /// Called for each write of a node. Returns an additional duration in microseconds.
    fn latency(&self, _: &mut Stream, _: &Values) -> Option<u64> {
        None
    }
}

/// The fate of a message that does not arrive exactly once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fate {
    /// It never arrives.
    Lost,
    /// It arrives twice.
    Twice,
}

/// How a node's process ends, which decides about its unsynced writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// By a power failure: unsynced writes may be lost.
    Power,
    /// By a kill: unsynced writes are kept in the page cache.
    Process,
}

/// A fault in effect for some time: its kind, and a node or the two nodes of a link.
pub type Lasting = (&'static str, u8, u8);

/// The cluster as a kind of fault sees it; implemented by the nemesis.
pub trait Cluster {
    /// The options of the run.
    fn options(&self) -> &Options;
    /// The random stream for a purpose, and one participant or link.
    fn stream(&mut self, purpose: &'static str, which: u64) -> &mut Stream;
    /// Increments the counter of a fault that struck.
    fn count(&self, kind: &'static str);
    /// The nodes that have a machine, running or not.
    fn nodes(&self) -> Vec<u8>;
    /// The machines of stores.
    fn stores(&self) -> Vec<u8>;
    /// Cuts a caller of stores off from one, or ends that. Callers are numbered.
    fn cut_off(&mut self, caller: u8, store: u8, cut: bool);
    /// The callers of stores: nodes, other stores, gateways.
    fn callers(&self) -> Vec<u8>;
    /// Whether a node runs; also true for a paused node.
    fn is_up(&self, node: u8) -> bool;
    /// Whether a node believes to be the leader.
    fn leads(&self, node: u8) -> bool;
    /// Whether a node's process is paused.
    fn is_paused(&self, node: u8) -> bool;

    /// Ends a node's process.
    fn end(&mut self, node: u8, end: End);
    /// Stops a node's process in order. It starts again after a while.
    fn stop(&mut self, node: u8);
    /// Starts a node that is down.
    fn boot(&mut self, node: u8);
    /// Pauses a node's process, or lets it continue.
    fn pause(&mut self, node: u8, pause: bool);
    /// Lets a node's disk stand still for so many milliseconds from now on.
    fn stand_still(&mut self, node: u8, for_ms: u64);
    /// The simulated time until which a node's disk stands still; 0 if it does not.
    fn stands_until_ns(&self, node: u8) -> u64;
    /// Lets a node's disk be full after so many more operations that write, or makes room.
    fn fill_disk(&mut self, node: u8, after: Option<u64>);
    /// Cuts or restores a directed link.
    fn cut(&mut self, from: u8, to: u8, cut: bool);
    /// Delays all messages to a node by so many microseconds, or ends the delay.
    fn slow_down(&mut self, to: u8, late_us: Option<u64>);
    /// Keeps clients from reading for so many milliseconds. Returns false if they are kept from reading already.
    fn pause_reads(&mut self, ms: u64) -> bool;
    /// Shows a node's state to a function, if the node has run.
    fn look_at(&self, node: u8, look: &mut dyn FnMut(&ControlNode));
    /// Sends a message from a machine that runs no node.
    fn forge(&mut self, message: Message<ControlPlaneEntry>);
    /// Gives an task to the operator, if it is idle.
    fn ask_operator(&mut self, task: OperatorTask);

    /// Registers a fault in effect until a simulated time in nanoseconds, and the function that ends it.
    fn lasts(&mut self, what: Lasting, until_ns: u64, undo: fn(&mut dyn Cluster, Lasting));
    /// The simulated time at which a fault in effect ends, if it is in effect.
    fn lasts_until_ns(&self, what: Lasting) -> Option<u64>;
    /// Removes a fault in effect from the register without ending it.
    fn forget(&mut self, what: Lasting);
    /// Simulated time in nanoseconds.
    fn now_ns(&self) -> u64;
}

/// An task of the operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OperatorTask {
    /// Transfer leadership to another voter.
    Transfer,
    /// Remove a node that has lost its disk, and admit it again.
    Rebuild(u8),
    /// Add the additional node, or remove it.
    Grow,
    /// Start a copy of a member by mistake; later stop both, and replace the member.
    Copy(u8),
    /// Take a backup; later lose all nodes, restore this one, and let the others join it.
    Restore(u8),
    /// Lose all nodes but this one, recover it, and let the others join it.
    Recover(u8),
}

/// Factor by which faults strike leaders more often.
const LEADERS: u64 = 4;

impl dyn Cluster + '_ {
    /// Draws whether a fault strikes, with a probability in parts per million.
    pub fn strikes(&mut self, purpose: &'static str, which: u64, ppm: u64) -> bool {
        self.stream(purpose, which).chance(ppm)
    }

    /// A probability for a node, increased for leaders, where faults have more effect.
    pub fn aimed(&self, node: u8, ppm: u64) -> u64 {
        if self.leads(node) { ppm * LEADERS } else { ppm }
    }

    /// Registers a fault in effect for a random time with a heavy tail, on this scale.
    pub fn lasts_for(
        &mut self,
        what: Lasting,
        purpose: &'static str,
        scale_ms: u64,
        undo: fn(&mut dyn Cluster, Lasting),
    ) {
        let tail_ms = self.stream(purpose, 0).tail(scale_ms) + 1;
        let until_ns = self.now_ns() + tail_ms * 1_000_000;
        self.lasts(what, until_ns, undo);
    }
}
