//! Three nodes, their disks and the network between them.

use super::dice::Dice;
use super::tally::Tally;
use cutover::core::control_plane::{
    ClusterVoterIdentity, ControlPlaneEntry, ControlPlaneOutput, ControlPlaneState, Founder, Stores,
};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, Index, NodeId};
use cutover::core::migration::Caps;
use cutover::core::outbox::Outbox;
use cutover::core::raft::{
    Batch, BatchNumber, Config, Content, Durable, Elections, Input, LogPosition, Message, Node, NodeLimits,
    Output, Peer, ProposalId, RoleName, SessionLimits, Timer,
};
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::disk::DiskBeside;
use std::collections::BTreeSet;

const NODES: u8 = 3;

/// Messages on the way, at most.
const WIRE: usize = 60;

type Disk = Durable<ControlPlaneEntry>;

struct Host {
    config: Config,
    node: Node<ControlPlaneState>,
    outbox: Outbox<ControlPlaneEntry>,
    disk: Disk,
    pending: Vec<(BatchNumber, Batch<ControlPlaneEntry>)>,
    timers: BTreeSet<Timer>,
    reference: DiskBeside<ControlPlaneEntry>,
    /// How often of a hundred its disk reports.
    speed: u64,
}

pub struct World {
    dice: Dice,
    hosts: Vec<Host>,
    wire: Vec<Message<ControlPlaneEntry>>,
    proposals: u64,
}

const fn limits(compact_after_entries: u64, keep_entries: u64) -> NodeLimits {
    NodeLimits {
        elections: Elections::Plain,
        window: 4,
        append_entries_max: 4,
        entry_bytes_max: 4096,
        uncommitted_bytes_max: 1 << 20,
        reads_max: 16,
        compact_after_entries,
        keep_entries,
        term_leap_max: 1 << 20,
    }
}

impl World {
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, number);
        let peers: Vec<Peer> =
            (1..=NODES).map(|node| Peer { node: NodeId(node), directory: DirectoryId(1) }).collect();
        let identity = |peer: &Peer| {
            let subject = format!("CN=node-{},O=cutover", peer.node.0);
            ClusterVoterIdentity::from_certificate_subject(&subject).expect("it is a subject")
        };
        let founder = Founder {
            cluster: ClusterId(1),
            history: HistoryId(1),
            voters: peers.iter().map(|peer| (*peer, identity(peer).into())).collect(),
            caps: Caps::PRODUCTION,
            sessions: SessionLimits { sessions_max: 4, answers_max: 2 },
            stores: Stores::none(),
        };
        let limits = limits(1 + dice.below(5), dice.below(3));
        let mut world = Self { dice, hosts: Vec::new(), wire: Vec::new(), proposals: 0 };
        for me in peers {
            let (disk, config) = (founder.disk().expect("it is encoded"), Config { me, limits });
            let (node, outputs) = Node::start(config, disk.clone()).expect("a new disk is whole");
            let reference = DiskBeside::new(&disk);
            let speed = world.dice.one_of(&[5, 40, 90]);
            let (outbox, pending, timers) = (Outbox::default(), Vec::new(), BTreeSet::new());
            world.hosts.push(Host { config, node, outbox, disk, pending, timers, reference, speed });
            let at = world.hosts.len() - 1;
            let performed = world.perform(at, outputs, &mut Tally::default());
            performed.expect("a new node does nothing wrong");
        }
        world
    }

    pub fn step(&mut self, tally: &mut Tally) -> Result<(), String> {
        let at = usize::try_from(self.dice.below(u64::from(NODES))).expect("it is an index");
        let before = format!("{:?}", self.hosts[at].node.hard_state());
        self.act(at, tally).map_err(|disagreement| {
            format!("{} with {before}: {disagreement}", self.hosts[at].config.me.node)
        })
    }

    fn act(&mut self, at: usize, tally: &mut Tally) -> Result<(), Disagreement> {
        match self.dice.below(1_000) {
            0..4 => self.crash(at, tally),
            4..14 => self.fire(at, Timer::Election, tally),
            14..80 => self.fire(at, Timer::Heartbeat, tally),
            80..220 => self.propose(at, tally),
            220..420 => self.sync(at, tally),
            _ => self.deliver(tally),
        }
    }

    fn take(
        &mut self,
        at: usize,
        input: Input<ControlPlaneEntry>,
        tally: &mut Tally,
    ) -> Result<(), Disagreement> {
        let outputs = self.hosts[at].node.handle(input);
        self.perform(at, outputs, tally)
    }

    fn perform(
        &mut self,
        at: usize,
        outputs: Vec<ControlPlaneOutput>,
        tally: &mut Tally,
    ) -> Result<(), Disagreement> {
        let host = &mut self.hosts[at];
        for output in outputs {
            let sent = output.message().cloned();
            let passed = host.outbox.pass(output);
            if let Some(message) = sent {
                let left = passed.is_some();
                tally.notes(match (left, host.pending.is_empty()) {
                    (false, _) => "message: waits",
                    (true, true) => "message: has to wait for nothing",
                    (true, false) => "message: leaves before the disk",
                });
                host.reference.sent(&message, left)?;
            }
            match passed {
                Some(Output::Persist { number, batch }) => {
                    note(tally, &host.reference, &batch);
                    host.reference.persists(number, &batch)?;
                    host.pending.push((number, batch));
                }
                Some(Output::Send(message)) => self.wire.push(message),
                Some(Output::SetTimer(timer)) => {
                    host.timers.insert(timer);
                }
                Some(Output::CancelTimer(timer)) => {
                    host.timers.remove(&timer);
                }
                Some(Output::BecameLeader(_)) => tally.notes("elected"),
                Some(Output::Applied { .. }) => tally.notes("committed"),
                Some(Output::Installed(_)) => tally.notes("installed"),
                Some(Output::Halt(halt)) => return Err(Disagreement::new("D8", halt, "no halt")),
                Some(
                    Output::Decided { .. } | Output::Read { .. } | Output::Transfer(_) | Output::Mark(_),
                )
                | None => {}
            }
        }
        Ok(())
    }

    fn fire(&mut self, at: usize, timer: Timer, tally: &mut Tally) -> Result<(), Disagreement> {
        if !self.hosts[at].timers.remove(&timer) {
            return Ok(());
        }
        self.take(at, Input::TimerFired(timer), tally)
    }

    fn propose(&mut self, at: usize, tally: &mut Tally) -> Result<(), Disagreement> {
        if self.hosts[at].node.role() != RoleName::Leader {
            return Ok(());
        }
        self.proposals += 1;
        let term = self.hosts[at].node.hard_state().term;
        let id = ProposalId(LogPosition { term, index: Index(self.proposals) });
        self.take(at, Input::Propose { id, content: Content::OpenSession }, tally)
    }

    fn deliver(&mut self, tally: &mut Tally) -> Result<(), Disagreement> {
        let surplus = self.wire.len().saturating_sub(WIRE);
        self.wire.drain(..surplus);
        if self.wire.is_empty() {
            return Ok(());
        }
        let next = usize::try_from(self.dice.below(self.wire.len().min(12) as u64)).expect("it is an index");
        let message = if self.dice.percent(3) { self.wire[next].clone() } else { self.wire.remove(next) };
        let to = usize::from(message.to.node.0) - 1;
        if self.dice.percent(4) { Ok(()) } else { self.take(to, Input::Received(message), tally) }
    }

    /// Some batches of a node are on the disk, and are reported together.
    fn sync(&mut self, at: usize, tally: &mut Tally) -> Result<(), Disagreement> {
        let host = &mut self.hosts[at];
        if host.pending.is_empty() || !self.dice.percent(host.speed) {
            return Ok(());
        }
        let count = 1 + self.dice.below(host.pending.len() as u64);
        let through = write(host, usize::try_from(count).expect("it is small"), Some(tally));
        let left = host.outbox.durable(through);
        host.reference.synced(through, &left)?;
        host.reference.compare(&host.disk)?;
        self.wire.extend(left);
        self.take(at, Input::Synced(through), tally)
    }

    fn crash(&mut self, at: usize, tally: &mut Tally) -> Result<(), Disagreement> {
        let host = &mut self.hosts[at];
        let count = usize::try_from(self.dice.below(host.pending.len() as u64 + 1)).expect("it is small");
        if count > 0 {
            tally.notes("crash: an unreported batch stays");
        }
        tally.notes(if count == host.pending.len() {
            "crash: all is on the disk"
        } else {
            "crash: a batch is lost"
        });
        let through = write(host, count, None);
        host.reference.crashed(through)?;
        host.reference.compare(&host.disk)?;
        host.pending.clear();
        (host.outbox, host.timers) = (Outbox::default(), BTreeSet::new());
        let started = Node::start(host.config, host.disk.clone());
        let (node, outputs) = started.map_err(|error| Disagreement::new("D1", error, "the disk is whole"))?;
        host.node = node;
        self.perform(at, outputs, tally)
    }
}

/// Writes the first batches that are pending. The last one of them.
fn write(host: &mut Host, count: usize, tally: Option<&mut Tally>) -> BatchNumber {
    let mut through = BatchNumber::ZERO;
    let mut snapshots = 0;
    for (number, batch) in host.pending.drain(..count) {
        host.disk.write(&batch);
        through = number;
        snapshots += u64::from(batch.snapshot.is_some());
    }
    if let Some(tally) = tally {
        tally.notes(if count == 1 { "synced: one" } else { "synced: several" });
        if snapshots > 1 {
            tally.notes("synced: two snapshots at once");
        }
    }
    through
}

fn note(tally: &mut Tally, reference: &DiskBeside<ControlPlaneEntry>, batch: &Batch<ControlPlaneEntry>) {
    if let Some(state) = batch.hard_state {
        tally.notes(if state.voted_for.is_some() { "batch: a vote" } else { "batch: a term without a vote" });
    }
    if batch.snapshot.is_some() {
        tally.notes("batch: a snapshot");
    }
    if let Some((from, _)) = &batch.suffix {
        let replaced = *from <= reference.disk().written.last().index;
        tally.notes(if replaced { "batch: entries are replaced" } else { "batch: entries" });
    }
}
