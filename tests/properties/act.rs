//! Random events in a cluster.

use cutover::core::raft::Timer;
use proptest::prelude::*;
use proptest::sample::Index;

/// A choice of the environment. An `Index` selects among the nodes, messages or sessions that exist.
#[derive(Clone, Debug)]
pub enum ClusterEvent {
    /// Delivers the oldest message, and so many more.
    Flow(u8),
    Deliver {
        which: Index,
        again: bool,
    },
    Drop(Index),
    Timer(Index, Timer),
    Propose(Index, Proposed),
    Read(Index),
    Transfer(Index, Index),
    Slow(Index),
    Fast(Index),
    /// Writes one batch and sends the messages that waited for it; the node is not told.
    Write(Index),
    Report(Index),
    Crash(Index, usize),
    Restart(Index),
    Join(Index),
    /// Cuts the link between two nodes.
    Cut(Index, Index),
    /// Cuts a leader off from all others; it receives these proposals.
    Strand(Index, Vec<Proposed>),
    Heal,
}

/// A proposal, made at the leader if there is one.
#[derive(Clone, Debug)]
pub enum Proposed {
    Create,
    Open,
    Close(u64),
    Retried { session: Index, serial: u64, acknowledged: u64 },
    Admit(Index),
    Promote(Index),
    Remove(Index),
}

fn proposed() -> impl Strategy<Value = Proposed> {
    prop_oneof![
        6 => Just(Proposed::Create),
        2 => Just(Proposed::Open),
        1 => (2_u64..12).prop_map(Proposed::Close),
        5 => (any::<Index>(), 1_u64..5, 0_u64..3)
            .prop_map(|(session, serial, acknowledged)| Proposed::Retried { session, serial, acknowledged }),
        2 => any::<Index>().prop_map(Proposed::Admit),
        2 => any::<Index>().prop_map(Proposed::Promote),
        2 => any::<Index>().prop_map(Proposed::Remove),
    ]
}

fn timer() -> impl Strategy<Value = Timer> {
    prop_oneof![
        4 => Just(Timer::Election),
        2 => Just(Timer::MinElectionTimeout),
        4 => Just(Timer::Heartbeat),
        1 => Just(Timer::Transfer)
    ]
}

pub fn act() -> impl Strategy<Value = ClusterEvent> {
    let some = any::<Index>;
    prop_oneof![
        14 => (1_u8..20).prop_map(ClusterEvent::Flow),
        8 => (some(), any::<bool>()).prop_map(|(which, again)| ClusterEvent::Deliver { which, again }),
        3 => some().prop_map(ClusterEvent::Drop),
        6 => (some(), timer()).prop_map(|(at, timer)| ClusterEvent::Timer(at, timer)),
        10 => (some(), proposed()).prop_map(|(at, proposed)| ClusterEvent::Propose(at, proposed)),
        3 => some().prop_map(ClusterEvent::Read),
        1 => (some(), some()).prop_map(|(at, to)| ClusterEvent::Transfer(at, to)),
        2 => some().prop_map(ClusterEvent::Slow),
        2 => some().prop_map(ClusterEvent::Fast),
        3 => some().prop_map(ClusterEvent::Write),
        2 => some().prop_map(ClusterEvent::Report),
        2 => (some(), 0_usize..3).prop_map(|(at, keep)| ClusterEvent::Crash(at, keep)),
        4 => some().prop_map(ClusterEvent::Restart),
        1 => some().prop_map(ClusterEvent::Join),
        3 => (some(), some()).prop_map(|(a, b)| ClusterEvent::Cut(a, b)),
        1 => (some(), prop::collection::vec(proposed(), 0..8)).prop_map(|(at, proposals)| ClusterEvent::Strand(at, proposals)),
        2 => Just(ClusterEvent::Heal),
    ]
}
