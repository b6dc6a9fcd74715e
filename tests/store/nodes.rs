//! Real nodes on real stores: crashes without power, and what they come back with.

use super::ME;
use super::disk::Disk;
use super::site::{Disk as State, Engine, Random, config, founder, promised};
use cutover::core::control_plane::{
    ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneInput, ControlPlaneOutput, OwnershipTransition,
    ReplicatedControlPlane,
};
use cutover::core::ids::{Index, NodeId, PartitionId, Placement, Term};
use cutover::core::migration::{Caps, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Message, Output, Timer};
use cutover::node::store::{Store, StoreIdentity};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

struct Site {
    node: u8,
    disk: Disk,
    store: Store,
    /// What the store must give back.
    state: State,
    engine: ReplicatedControlPlane,
    waiting: VecDeque<ControlPlaneOutput>,
    timers: BTreeSet<Timer>,
}

const fn identity(node: u8) -> StoreIdentity {
    StoreIdentity { node: NodeId(node), ..ME }
}

impl Site {
    fn new(node: u8) -> Self {
        let state = founder(3, Caps::PRODUCTION).disk().unwrap();
        let disk = Disk::default();
        let store = Store::create_on(disk.clone(), &identity(node), &state).unwrap();
        Self::started(node, disk, store, state)
    }

    fn started(node: u8, disk: Disk, store: Store, state: State) -> Self {
        let mut engine = ReplicatedControlPlane::from_disk(config(node), state.clone());
        let waiting = engine.take_outputs().into();
        Self { node, disk, store, state, engine, waiting, timers: BTreeSet::new() }
    }

    /// Its power fails, and comes back.
    fn crash(&mut self, random: &mut Random) {
        let disk = self.disk.after_power_failure(&mut |bound| random.below(bound));
        let (store, found) = Store::open_on(disk.clone(), &identity(self.node)).unwrap();
        assert_eq!(found, self.state, "n{}", self.node);
        *self = Self::started(self.node, disk, store, found);
    }

    fn tell(&mut self, input: ControlPlaneInput) {
        let _noted = self.engine.handle(input);
        self.waiting.extend(self.engine.take_outputs());
    }

    /// Every batch up to the next output of another kind, in one call; or one such output.
    fn perform(&mut self, mail: &mut Vec<Message<ControlPlaneEntry>>, applied: &mut BTreeMap<Index, Term>) {
        let mut batches = Vec::new();
        let mut through = None;
        while let Some(Output::Persist { number, batch }) = self.waiting.front() {
            self.state.write(batch);
            batches.push(batch.clone());
            through = Some(*number);
            self.waiting.pop_front();
        }
        if let Some(through) = through {
            self.store.write(&batches).unwrap();
            return self.tell(ControlPlaneInput::Synced(through));
        }
        match self.waiting.pop_front() {
            Some(Output::Send(message)) => {
                promised(&self.state, &message);
                mail.push(message);
            }
            Some(Output::SetTimer(timer)) => _ = self.timers.insert(timer),
            Some(Output::CancelTimer(timer)) => _ = self.timers.remove(&timer),
            Some(Output::Applied { at, .. }) => {
                let first = *applied.entry(at.index).or_insert(at.term);
                assert_eq!(first, at.term, "n{} applied something else at {at}", self.node);
            }
            Some(Output::Halt(halt)) => panic!("n{} halted: {}: {}", self.node, halt.invariant, halt.facts),
            Some(_) | None => {}
        }
    }

    fn propose(&mut self, n: u32) {
        let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        let entry = OwnershipTransition { partition: PartitionId(n), transition };
        let _ = self.engine.propose(ControlPlaneEntry::OwnershipTransition(entry), None);
        self.waiting.extend(self.engine.take_outputs());
    }
}

/// Returns how far the log was applied, and how many times a snapshot replaced entries.
fn run(seed: u64) -> (usize, usize) {
    let mut random = Random(seed);
    let mut sites: Vec<Site> = (1..=3).map(Site::new).collect();
    let (mut mail, mut applied, mut compacted) = (Vec::new(), BTreeMap::new(), 0);
    for n in 0..3000 {
        let at = random.below(3);
        let base = sites[at].state.log.base();
        match random.below(200) {
            0 => sites[at].crash(&mut random),
            1..=3 => {
                let timers: Vec<Timer> = sites[at].timers.iter().copied().collect();
                if !timers.is_empty() {
                    let timer = timers[random.below(timers.len())];
                    sites[at].timers.remove(&timer);
                    sites[at].tell(ControlPlaneInput::TimerFired(timer));
                }
            }
            4..=12 => sites[at].propose(n),
            13..=100 if !mail.is_empty() => {
                let message: Message<ControlPlaneEntry> = mail.swap_remove(random.below(mail.len()));
                if !random.chance(5) {
                    sites[usize::from(message.to.node.0) - 1].tell(ControlPlaneInput::Received(message));
                }
            }
            _ => sites[at].perform(&mut mail, &mut applied),
        }
        compacted += usize::from(sites[at].state.log.base() != base);
    }
    (applied.len(), compacted)
}

#[test]
fn nodes_come_back_from_their_stores_with_what_they_promised() {
    let (mut applied, mut compacted) = (0, 0);
    for seed in 0..25 {
        let (more, bases) = run(seed);
        applied += more;
        compacted += bases;
    }
    assert!(applied > 100 && compacted > 20, "{applied} applied, {compacted} compacted");
}
