//! Random events in a cluster.

use cutover::core::raft::Timer;
use proptest::prelude::*;
use proptest::sample::Index;

/// A choice of the environment. An `Index` selects among the nodes, messages or sessions that exist.
#[derive(Clone, Debug)]
pub enum Act {
    /// Delivers the oldest message, and so many more.
    Flow(u8),
    Deliver {
        which: Index,
        again: bool,
    },
    Drop(Index),
    Timer(Index, Timer),
    Propose(Index, Wish),
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
    Strand(Index, Vec<Wish>),
    Heal,
}

/// A proposal, made at the leader if there is one.
#[derive(Clone, Debug)]
pub enum Wish {
    Create,
    Open,
    Close(u64),
    Retried { session: Index, serial: u64, acknowledged: u64 },
    Admit(Index),
    Promote(Index),
    Remove(Index),
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        6 => Just(Wish::Create),
        2 => Just(Wish::Open),
        1 => (2_u64..12).prop_map(Wish::Close),
        5 => (any::<Index>(), 1_u64..5, 0_u64..3)
            .prop_map(|(session, serial, acknowledged)| Wish::Retried { session, serial, acknowledged }),
        2 => any::<Index>().prop_map(Wish::Admit),
        2 => any::<Index>().prop_map(Wish::Promote),
        2 => any::<Index>().prop_map(Wish::Remove),
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

pub fn act() -> impl Strategy<Value = Act> {
    let some = any::<Index>;
    prop_oneof![
        14 => (1_u8..20).prop_map(Act::Flow),
        8 => (some(), any::<bool>()).prop_map(|(which, again)| Act::Deliver { which, again }),
        3 => some().prop_map(Act::Drop),
        6 => (some(), timer()).prop_map(|(at, timer)| Act::Timer(at, timer)),
        10 => (some(), wish()).prop_map(|(at, wish)| Act::Propose(at, wish)),
        3 => some().prop_map(Act::Read),
        1 => (some(), some()).prop_map(|(at, to)| Act::Transfer(at, to)),
        2 => some().prop_map(Act::Slow),
        2 => some().prop_map(Act::Fast),
        3 => some().prop_map(Act::Write),
        2 => some().prop_map(Act::Report),
        2 => (some(), 0_usize..3).prop_map(|(at, keep)| Act::Crash(at, keep)),
        4 => some().prop_map(Act::Restart),
        1 => some().prop_map(Act::Join),
        3 => (some(), some()).prop_map(|(a, b)| Act::Cut(a, b)),
        1 => (some(), prop::collection::vec(wish(), 0..8)).prop_map(|(at, wishes)| Act::Strand(at, wishes)),
        2 => Just(Act::Heal),
    ]
}
