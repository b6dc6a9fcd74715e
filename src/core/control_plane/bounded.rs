//! A compile-time check that log entries are bounded: they consist of ids, numbers, statements of sinks, and
//! texts with a length limit. A byte buffer anywhere inside an entry does not compile.

use super::{
    ClusterVoterIdentity, ControlPlaneEntry, Drain, Endpoints, MembershipChange, MoveOrder, OrderChange,
    OrderOf, Override, PartitionName, StoreChange, StoreEndpoints, StoreFacts, StoreIdentity, StoreKind,
    StoreName,
};
use crate::core::fence::{CatchUpEvidence, Claim, Dropped, Ended, Prepared, SealReceipt, WatermarkReading};
use crate::core::ids::{
    Epoch, Incarnation, Index, MigrationId, NodeId, PartitionId, Placement, Revision, Term,
};
use crate::core::migration::{
    AbortReason, Command, Expected, Operator, Reason, Release, Settlement, Transition,
};
use crate::core::placement::Guarantee;
use crate::core::raft::Peer;
use alloc::vec;
use alloc::vec::Vec;

/// Implemented by the types that a log entry may consist of.
trait Fact {}

macro_rules! small {
    ($($name:ty)*) => {
        $(impl Fact for $name {})*
        // A `Copy` type holds no buffer.
        const _: () = {
            const fn is_copy<T: Copy>() {}
            $(is_copy::<$name>();)*
        };
    };
}

small! { Release Incarnation NodeId Peer Term Index PartitionId Placement Guarantee MigrationId Epoch Revision }
small! { Claim<SealReceipt> Claim<Prepared> Claim<CatchUpEvidence> Claim<WatermarkReading> Claim<Dropped> }
small! { Claim<Ended> AbortReason bool u64 Option<u32> Option<u64> }

/// At most 256 bytes, one line, with a grammar.
impl Fact for ClusterVoterIdentity {}
/// Two addresses of at most 128 bytes each, with a grammar.
impl Fact for Endpoints {}
/// At most 64 bytes of letters, digits and dashes.
impl Fact for PartitionName {}
/// At most 64 bytes of letters, digits and dashes.
impl Fact for StoreName {}
/// At most 32 bytes of letters, digits and dashes.
impl Fact for StoreKind {}
/// At most 256 bytes, one line.
impl Fact for StoreIdentity {}
/// At most four addresses of at most 128 bytes each, with a grammar.
impl Fact for StoreEndpoints {}
/// At most 64 bytes, one line.
impl Fact for Operator {}
/// At most 256 bytes, one line.
impl Fact for Reason {}

/// Lists every part of an entry, so that a new variant or field does not compile until it is added here as a `Fact`. It
/// is never called.
const _: for<'e> fn(&'e ControlPlaneEntry) -> Vec<&'e dyn Fact> = |entry| match entry {
    ControlPlaneEntry::MembershipChange(change) => member(change),
    ControlPlaneEntry::OwnershipTransition(Command { partition, transition }) => on(partition, transition),
    ControlPlaneEntry::NamedTransition { name, transition } => on(name, transition),
    ControlPlaneEntry::LeaderConfiguration { term, leader } => vec![term, leader],
    ControlPlaneEntry::StoreChange(change) => store(change),
    ControlPlaneEntry::OrderChange(change) => ordered(change),
};

fn store(change: &StoreChange) -> Vec<&dyn Fact> {
    match change {
        StoreChange::Add { number, store } => {
            let StoreFacts { name, kind, endpoints, guarantee, identity } = store;
            let mut facts: Vec<&dyn Fact> = vec![name, kind, endpoints, guarantee, identity];
            facts.extend(number.iter().map(|number| number as &dyn Fact));
            facts
        }
        StoreChange::MoveEndpoints { store, expected, endpoints } => vec![store, expected, endpoints],
        StoreChange::Remove { store, expected } => vec![store, expected],
    }
}

fn ordered(change: &OrderChange) -> Vec<&dyn Fact> {
    match change {
        OrderChange::Order { partition, of, order } => {
            let of: Vec<&dyn Fact> = match of {
                OrderOf::Next { expected, to } => with(expected, to),
                OrderOf::Move(migration) => vec![migration],
            };
            goes(order, vec![partition as &dyn Fact].into_iter().chain(of).collect())
        }
        OrderChange::Drain { from, drain: Drain { to, order } } => goes(order, vec![from, to]),
        OrderChange::EndDrain { from } => vec![from],
        OrderChange::Pause { paused } => vec![paused],
        OrderChange::RetireAt { partition, copy, at_s } => vec![partition, copy, at_s],
    }
}

fn goes<'e>(order: &'e MoveOrder, mut facts: Vec<&'e dyn Fact>) -> Vec<&'e dyn Fact> {
    let MoveOrder { hold, blocked_budget_ms, bytes_per_second, keep_source_s, reason } = order;
    facts.extend([hold as &dyn Fact, blocked_budget_ms, bytes_per_second, keep_source_s]);
    facts.extend(reason.iter().map(|reason| reason as &dyn Fact));
    facts
}

fn member(change: &MembershipChange) -> Vec<&dyn Fact> {
    match change {
        MembershipChange::Admit { peer, identity, endpoints } => vec![peer, identity, endpoints],
        MembershipChange::Promote { peer, even_so } | MembershipChange::Remove { peer, even_so } => {
            let mut facts: Vec<&dyn Fact> = vec![peer];
            if let Some(Override { operator, reason }) = even_so {
                facts.extend([operator as &dyn Fact, reason]);
            }
            facts
        }
    }
}

fn on<'e>(subject: &'e dyn Fact, transition: &'e Transition) -> Vec<&'e dyn Fact> {
    let mut facts: Vec<&dyn Fact> = match transition {
        Transition::Create { placement, guarantee } => vec![placement, guarantee],
        Transition::Open { expected, prepared } => with(expected, prepared),
        Transition::Begin { expected, to } => with(expected, to),
        Transition::StartBlock { expected, target } => with(expected, target),
        Transition::EnterCutover { expected, receipt } => with(expected, receipt),
        Transition::EnterTimedCutover { expected, prepared } => with(expected, prepared),
        Transition::RecordWatermark { expected, reading } => with(expected, reading),
        Transition::Complete { expected, evidence } => with(expected, evidence),
        Transition::Abort { expected, why } => with(expected, why),
        Transition::Delete { expected } => rests_on(expected).into(),
        Transition::Force { expected: Expected { migration, epoch }, ended, partial, operator, reason } => {
            vec![migration, epoch, ended, partial, operator, reason]
        }
        Transition::WriteOff { placement, copy, operator, reason } => vec![placement, copy, operator, reason],
        Transition::Release { expected, how, operator, reason } => {
            let [migration, epoch] = rests_on(expected);
            vec![migration, epoch, how, operator, reason]
        }
        Transition::Settle { migration, proof } => vec![migration, settled_by(proof)],
        Transition::RetireCopy { placement, copy } => vec![placement, copy],
        Transition::ForgetCopy { dropped } => vec![dropped],
    };
    facts.push(subject);
    facts
}

fn rests_on(Expected { migration, epoch }: &Expected) -> [&dyn Fact; 2] {
    [migration, epoch]
}

fn with<'e>(expected: &'e Expected, more: &'e dyn Fact) -> Vec<&'e dyn Fact> {
    let [migration, epoch] = rests_on(expected);
    vec![migration, epoch, more]
}

fn settled_by(proof: &Settlement) -> &dyn Fact {
    match proof {
        Settlement::Sealed(receipt) => receipt,
        Settlement::Closed(prepared) => prepared,
        Settlement::Dropped(dropped) => dropped,
    }
}
