//! What a kind of fault is, and what it may do to a cluster.

use crate::disk::Trouble;
use crate::options::{Drawn, Options, Values};
use crate::stream::Stream;

/// A kind of fault. Of the hooks a kind fills in those that it needs. A hook draws each time it is called, whether the fault
/// strikes or not: so leaving one kind out changes no draw of another.
pub trait Injector: Sync {
    /// Stable name, in `--without` and in the counts of a run. A kind that the checker has as well is named by
    /// [`Fault`](cutover::core::fault::Fault).
    fn name(&self) -> &'static str;

    /// Its options, in the order in which a seed draws them. One is a chance, and switches the kind off at 0.
    fn options(&self) -> &'static [Drawn];

    /// Called once per tick, before the other hooks: may strike several nodes at once.
    fn cluster(&self, _: &mut dyn Cluster) {}

    /// Called once per tick for each node: may crash, stop, pause or wipe it.
    fn node(&self, _: &mut dyn Cluster, _node: u8) {}

    /// Called once per tick for each directed link, after all nodes: may cut it.
    fn link(&self, _: &mut dyn Cluster, _from: u8, _to: u8) {}

    /// Called once per tick, after all links.
    fn after(&self, _: &mut dyn Cluster) {}

    /// Called for each message that a node sends. `None`: it arrives once.
    fn message(&self, _: &mut Stream, _: &Values) -> Option<Fate> {
        None
    }

    /// Called for each copy of a message: a delay in microseconds beside that of the link, if any.
    fn copy(&self, _: &mut Stream, _: &Values) -> Option<u64> {
        None
    }

    /// Called for each write of a node to its disk: how the write fails, if it does.
    fn write(&self, _: &mut Stream, _: &Values) -> Option<Trouble> {
        None
    }

    /// Called for each write: microseconds that it takes longer, if it does.
    fn latency(&self, _: &mut Stream, _: &Values) -> Option<u64> {
        None
    }
}

/// A fate of a message other than a single delivery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fate {
    /// It never arrives.
    Lost,
    /// It arrives twice.
    Twice,
}

/// What becomes of the page cache when a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It is lost with the power.
    Power,
    /// It outlives the process.
    Process,
}

/// A fault that lasts: its kind, and the node or the link that it is on.
pub type Lasting = (&'static str, u8, u8);

/// The cluster, as kinds of faults see it.
pub trait Cluster {
    /// The options of the run.
    fn options(&self) -> &Options;
    /// The random numbers of one purpose, and of one participant of it.
    fn stream(&mut self, purpose: &'static str, which: u64) -> &mut Stream;
    /// Counts a fault that struck.
    fn count(&self, kind: &'static str);
    /// All nodes that have a machine.
    fn nodes(&self) -> Vec<u8>;
    /// Whether a node runs, be it paused.
    fn is_up(&self, node: u8) -> bool;
    /// Whether a node leads, as far as it knows.
    fn leads(&self, node: u8) -> bool;
    /// Whether a node's process is stopped for a while.
    fn is_paused(&self, node: u8) -> bool;

    /// Ends a node's process.
    fn end(&mut self, node: u8, end: End);
    /// Starts a node that is down.
    fn boot(&mut self, node: u8);
    /// Stops a process for a while, or lets it go on.
    fn pause(&mut self, node: u8, pause: bool);
    /// Cuts a directed link, or mends it.
    fn cut(&mut self, from: u8, to: u8, cut: bool);
    /// Whatever is sent to a node takes so many microseconds longer from now on.
    fn slow_down(&mut self, to: u8, late_us: Option<u64>);
    /// Clients stop reading for so long, unless they do not read now; whether that was so.
    fn pause_reads(&mut self, ms: u64) -> bool;
    /// Asks the operator for something, if it is idle.
    fn ask_operator(&mut self, errand: Errand);

    /// Remembers that something lasts until then, in nanoseconds of the run, and how it is undone.
    fn lasts(&mut self, what: Lasting, until_ns: u64, undo: fn(&mut dyn Cluster, Lasting));
    /// Until when something lasts, if it does.
    fn lasts_until_ns(&self, what: Lasting) -> Option<u64>;
    /// Forgets that something lasts, without undoing it.
    fn forget(&mut self, what: Lasting);
    /// The time of the run.
    fn now_ns(&self) -> u64;
}

/// What an operator is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Errand {
    /// Hand the leadership to another voter.
    Transfer,
    /// Remove a node with its disk, and admit it again.
    Rebuild(u8),
    /// Add a node, or remove one that was added.
    Grow,
}

/// How much more often a fault is aimed at a leader.
const LEADERS: u64 = 4;

impl dyn Cluster + '_ {
    /// Draws whether something happens.
    pub fn strikes(&mut self, purpose: &'static str, which: u64, ppm: u64) -> bool {
        self.stream(purpose, which).chance(ppm)
    }

    /// A chance, higher for a leader: what happens to a leader shows more.
    pub fn aimed(&self, node: u8, ppm: u64) -> u64 {
        if self.leads(node) { ppm * LEADERS } else { ppm }
    }

    /// Remembers that something lasts for a time drawn with a tail, on this scale.
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
