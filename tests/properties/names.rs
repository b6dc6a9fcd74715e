//! Renaming nodes: the same swap twice is no change, and a renamed node does the renamed thing, with its messages
//! in another order.

use super::act::{ClusterEvent, act};
use super::cases;
use super::hosts::Observation;
use super::run::Run;
use cutover::core::control_plane::{
    ControlPlaneEntry, ControlPlaneOutput, ControlPlaneState, MembershipChange,
};
use cutover::core::ids::{Names, NodeId, Relabel};
use cutover::core::raft::{Content, Elections, Input, Output};
use cutover_model::host::Engine as _;
use proptest::prelude::*;

/// A renaming that swaps n1 and n3.
struct Swap;

impl Names for Swap {
    fn node(&self, node: NodeId) -> NodeId {
        match node.0 {
            1 => NodeId(3),
            3 => NodeId(1),
            _ => node,
        }
    }
}

fn renamed(input: &Input<ControlPlaneEntry>) -> Input<ControlPlaneEntry> {
    match input {
        Input::Received(message) => Input::Received(message.renamed::<ControlPlaneState>(&Swap)),
        Input::Propose { id, content: Content::Payload { ticket, payload } } => {
            let payload = payload.relabel(&Swap);
            Input::Propose { id: *id, content: Content::Payload { ticket: *ticket, payload } }
        }
        Input::Propose { id, content: Content::OpenSession } => {
            Input::Propose { id: *id, content: Content::OpenSession }
        }
        Input::Propose { id, content: Content::CloseSession(session) } => {
            Input::Propose { id: *id, content: Content::CloseSession(*session) }
        }
        Input::Transfer { to } => Input::Transfer { to: to.map(|to| Swap.node(to)) },
        Input::TimerFired(timer) => Input::TimerFired(*timer),
        Input::Synced(batches) => Input::Synced(*batches),
        Input::Read { id } => Input::Read { id: *id },
    }
}

/// The messages and batches of a node, swapped or not, without their order.
fn effects(said: &[ControlPlaneOutput], swapped: bool) -> Vec<String> {
    let mut lines: Vec<String> = said
        .iter()
        .map(|output| match output {
            Output::Send(message) if swapped => format!("{:?}", message.renamed::<ControlPlaneState>(&Swap)),
            Output::Send(message) => format!("{message:?}"),
            Output::Persist { batch, .. } if swapped => {
                format!("{:?}", batch.renamed::<ControlPlaneState>(&Swap))
            }
            Output::Persist { batch, .. } => format!("{batch:?}"),
            Output::Applied { at, entry, effect } => {
                let entry = if swapped { entry.relabel(&Swap) } else { entry.clone() };
                format!("{at} {entry} {effect}")
            }
            Output::SetTimer(_)
            | Output::CancelTimer(_)
            | Output::Installed(_)
            | Output::BecameLeader(_)
            | Output::Mark(_) => format!("{output:?}"),
            // These outputs name the leader and the other node.
            Output::Decided { id, .. } => format!("{id}"),
            Output::Read { id, .. } => format!("{id}"),
            Output::Transfer(outcome) => format!("{}", outcome.is_ok()),
            Output::Halt(halt) => halt.invariant.to_string(),
        })
        .collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn what_is_renamed_twice_is_itself(acts in prop::collection::vec(act(), 0..120)) {
        let mut run = Run::new(Elections::Stable, 3);
        run.elect();
        for act in &acts {
            for told in run.take(act) {
                if let Observation::Received(message) = told {
                    let once = message.renamed::<ControlPlaneState>(&Swap);
                    prop_assert_eq!(once.renamed::<ControlPlaneState>(&Swap), message);
                }
            }
            for at in run.cluster.names() {
                let host = run.cluster.host(at);
                let disk = host.disk.renamed::<ControlPlaneState>(&Swap);
                prop_assert_eq!(&disk.renamed::<ControlPlaneState>(&Swap), &host.disk);
                let node = host.engine.node();
                prop_assert_eq!(&node.relabel(&Swap).relabel(&Swap), node);
            }
        }
    }

    #[test]
    fn a_renamed_node_does_the_renamed_thing(
        stable in any::<bool>(),
        acts in prop::collection::vec(act(), 0..160),
    ) {
        let elections = if stable { Elections::Stable } else { Elections::Plain };
        let mut run = Run::new(elections, 3);
        run.elect();
        let _from_here_on = run.cluster.inputs();
        for act in acts.iter().filter(|act| !matches!(act, ClusterEvent::Join(_))) {
            let _ = run.take(act);
            for (before, input) in run.cluster.inputs() {
                let (mut plain, mut other) = (before.clone(), before.relabel(&Swap));
                let said = plain.handle(input.clone());
                let meant = other.handle(renamed(&input));
                prop_assert_eq!(effects(&said, true), effects(&meant, false), "{:?}", input);
                prop_assert_eq!(plain.relabel(&Swap), other);
            }
        }
    }
}

#[test]
fn an_entry_names_its_nodes() {
    let promote = |node| {
        let peer = super::network::first_life(NodeId(node));
        ControlPlaneEntry::MembershipChange(MembershipChange::Promote { peer, even_so: None })
    };
    assert_eq!(promote(1).relabel(&Swap), promote(3));
    assert_eq!(promote(2).relabel(&Swap), promote(2));
}
