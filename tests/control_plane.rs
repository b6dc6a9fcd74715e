//! The seam and the engines behind it: what holds for a single process holds for a cluster, and the other way
//! round.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by stopping"
)]

use cutover::core::control_plane::{
    Answer, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError, ControlPlaneTerm, DurableVoteState,
    Endpoints, MembershipChange, OwnershipTransition, ReplicatedControlPlane, SingleNodeControlPlane,
};
use cutover::core::ids::{Epoch, Index, NodeId, PartitionId, Placement, Serial, SessionId};
use cutover::core::migration::{Caps, MigrationError, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Effect, Outcome, ProposalId, Ticket, Timer};

#[path = "control_plane/audit.rs"]
mod audit;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "control_plane/engines.rs"]
mod engines;
#[expect(dead_code, reason = "scripts use all of it")]
#[path = "support/hosts.rs"]
mod hosts;
#[path = "control_plane/members.rs"]
mod members;
#[path = "control_plane/names.rs"]
mod names;
#[path = "control_plane/orders.rs"]
mod orders;
#[path = "control_plane/outcomes.rs"]
mod outcomes;
#[path = "control_plane/recording.rs"]
mod recording;
#[path = "control_plane/sessions.rs"]
mod sessions;
#[path = "support/site.rs"]
mod site;
#[path = "control_plane/starts.rs"]
mod starts;
#[path = "control_plane/stores.rs"]
mod stores;

use cluster::Cluster;
use site::{Engine, identity};

/// A cluster without faults that has a leader and no outstanding work.
fn led<C: Engine>(count: u8) -> (Cluster<C>, u8) {
    let mut cluster = Cluster::new(count, Caps::PRODUCTION, 5);
    let leader = lead(&mut cluster);
    (cluster, leader)
}

/// Runs until a leader has committed the entry of its term.
fn lead<C: Engine>(cluster: &mut Cluster<C>) -> u8 {
    assert!(cluster.run_until(10_000, |cluster| cluster.leader().is_some()), "nobody comes to lead");
    cluster.settle();
    cluster.leader().unwrap()
}

/// Cuts off a leader, which continues to believe that it leads, and returns its successor.
fn depose<C: Engine>(cluster: &mut Cluster<C>, leader: u8) -> u8 {
    cluster.cut(leader);
    let others: Vec<u8> = cluster.nodes().filter(|node| *node != leader).collect();
    for node in &others {
        cluster.fire(*node, Timer::MinElectionTimeout);
    }
    cluster.fire(others[0], Timer::Election);
    cluster.settle();
    assert_eq!(cluster.leader(), Some(others[0]));
    others[0]
}

fn create(partition: u64) -> ControlPlaneEntry {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    ControlPlaneEntry::OwnershipTransition(OwnershipTransition {
        partition: PartitionId(partition),
        transition,
    })
}

fn admit(node: u8, by: u8) -> ControlPlaneEntry {
    let (peer, identity) = (site::peer(node), identity(by));
    ControlPlaneEntry::MembershipChange(MembershipChange::Admit {
        peer,
        identity,
        endpoints: Endpoints::NONE,
    })
}

fn propose<C: Engine>(
    cluster: &mut Cluster<C>,
    node: u8,
    entry: ControlPlaneEntry,
    ticket: Option<Ticket>,
) -> ProposalId {
    cluster.call(node, |engine| engine.propose(entry, ticket)).expect("it is the leader")
}

/// Proposes and runs until the outcome is known.
fn commit<C: Engine>(
    cluster: &mut Cluster<C>,
    node: u8,
    entry: ControlPlaneEntry,
    ticket: Option<Ticket>,
) -> (Index, Effect<Answer>) {
    let id = propose(cluster, node, entry, ticket);
    committed(cluster, node, id)
}

fn committed<C: Engine>(cluster: &mut Cluster<C>, node: u8, id: ProposalId) -> (Index, Effect<Answer>) {
    cluster.settle();
    match cluster.decided(node, id) {
        Some(Outcome::Committed { index, effect }) => (*index, effect.clone()),
        other => panic!("{id:?}: {other:?}"),
    }
}

fn has<C: Engine>(cluster: &Cluster<C>, node: u8, partition: u64) -> bool {
    cluster.engine(node).state().table().record(PartitionId(partition)).is_some()
}

fn fresh(epoch: u64) -> Effect<Answer> {
    Effect::Answered { answer: Answer::Epoch(Epoch(epoch)), repeated: false }
}

/// Runs a test on each of these engines.
macro_rules! on_engines {
    ($test:ident: $($name:ident: $engine:ident of $count:literal)+) => {
        mod $test {
            use super::*;

            $(#[test]
            fn $name() {
                super::$test::<$engine>($count);
            })+
        }
    };
}
pub(crate) use on_engines;

/// Runs each test on a single process, on a cluster of one, and on a cluster of three.
macro_rules! on_every_engine {
    ($($test:ident)*) => {
        $($crate::on_engines! {
            $test:
            in_one_process: SingleNodeControlPlane of 1
            in_a_cluster_of_one: ReplicatedControlPlane of 1
            in_a_cluster_of_three: ReplicatedControlPlane of 3
        })*
    };
}
pub(crate) use on_every_engine;

/// Runs each test on a cluster of one and on a cluster of three: tests that need other nodes.
macro_rules! on_every_cluster {
    ($($test:ident)*) => {
        $($crate::on_engines! {
            $test:
            in_a_cluster_of_one: ReplicatedControlPlane of 1
            in_a_cluster_of_three: ReplicatedControlPlane of 3
        })*
    };
}
pub(crate) use on_every_cluster;
