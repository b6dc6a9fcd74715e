//! Whose messages count: any message of any sender, at any node of any run.

use super::act::act;
use super::cases;
use super::hosts::NodeMessage;
use super::run::Run;
use cutover::core::control_plane::ControlPlaneState;
use cutover::core::ids::{DirectoryId, HistoryId, Index as LogIndex, NodeId, Term};
use cutover::core::invariant::is_outsider;
use cutover::core::raft::{
    Append, Body, Elections, Input, LogPosition, Mark, Message, Node, Output, Peer, RoleName,
};
use proptest::prelude::*;
use proptest::sample::select;

type Machine = Node<ControlPlaneState>;

/// A sender, as numbers that fit any run: node, directory, and how far behind the receiver's commit it was admitted.
type Sender = (u8, u64, u64);

fn body() -> impl Strategy<Value = Body<cutover::core::control_plane::ControlPlaneEntry>> {
    let at = |index| LogPosition { term: Term(1), index: LogIndex(index) };
    (0_u64..8, any::<bool>(), any::<bool>(), 0_u64..4).prop_flat_map(move |(index, yes, transfer, round)| {
        let append = Append { prev: at(index), entries: Vec::new(), commit: LogIndex(index), round };
        select(vec![
            Body::PreVote { campaign_term: Term(index), last: at(index) },
            Body::PreVoted { campaign_term: Term(index), granted: yes },
            Body::RequestVote { last: at(index), transfer },
            Body::VoteReply { granted: yes },
            Body::Append(append),
            Body::Appended { matched: LogIndex(index), round },
            Body::AppendRejected { at: LogIndex(index), hint: at(index), round },
            Body::TimeoutNow,
            Body::StaleTerm,
        ])
    })
}

/// Terms around the receiver's and around the furthest one that it takes.
fn term(node: &Machine, which: usize) -> Term {
    let (own, leap) = (node.hard_state().term.0, node.config().limits.term_leap_max);
    let all = [own.saturating_sub(1), own, own + 1, own + leap, own + leap + 1, u64::MAX];
    Term(all[which % all.len()])
}

fn message(
    node: &Machine,
    (from, directory, behind): Sender,
    which: usize,
    body: Body<cutover::core::control_plane::ControlPlaneEntry>,
) -> NodeMessage {
    Message {
        history: node.history(),
        from: Peer { node: NodeId(from), directory: DirectoryId(directory) },
        to: node.config().me,
        admitted: LogIndex((node.commit().0 + 1).saturating_sub(behind)),
        term: term(node, which),
        body,
    }
}

/// The marks that a message reaches, or `None` if it does more than that.
fn ignored(node: &Machine, message: &NodeMessage) -> Option<Vec<Mark>> {
    let mut other = node.clone();
    let outputs = other.handle(Input::Received(message.clone()));
    let marks = outputs.iter().map(|output| if let Output::Mark(mark) = output { Some(*mark) } else { None });
    let marks: Option<Vec<Mark>> = marks.collect();
    marks.filter(|_| other == *node)
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn a_message_counts_only_as_far_as_the_log_and_the_role_allow(
        elections in select(vec![Elections::Plain, Elections::Stable]),
        acts in prop::collection::vec(act(), 20..120),
        senders in prop::collection::vec((1_u8..7, 1_u64..4, 0_u64..6), 12),
        bodies in prop::collection::vec(body(), 12),
    ) {
        let mut run = Run::new(elections, 3);
        run.elect();
        for act in &acts {
            let _ = run.take(act);
        }
        for at in run.cluster.names() {
            let Some(node) = run.cluster.node(at).filter(|node| !node.is_halted()) else { continue };
            for ((sender, body), which) in senders.iter().zip(&bodies).zip(0..) {
                let message = message(node, *sender, which, body.clone());
                if message.from == message.to {
                    continue;
                }
                let found = ignored(node, &message);
                let elsewhere = NodeMessage { history: HistoryId(99), ..message.clone() };
                if node.history() == HistoryId::NONE {
                    let leads = matches!(message.body, Body::Append(_) | Body::Install(_));
                    prop_assert!(leads || found.is_some(), "a node without a log acts on {message}");
                    continue;
                }
                prop_assert!(ignored(node, &elsewhere).is_some(), "it acts on another history's {elsewhere}");
                prop_assert!(!is_outsider(node, &message) || found.is_some(), "it acts on an outsider's {message}");
                let (own, leap) = (node.hard_state().term.0, node.config().limits.term_leap_max);
                if message.term.0 > own + leap {
                    prop_assert_eq!(&found, &Some(vec![Mark::TermLeap]), "{}", message);
                }
                let late = message.body.is_reply() && message.term.0 > own;
                let grants = matches!(
                    message.body,
                    Body::VoteReply { granted: true } | Body::PreVoted { granted: true, .. } | Body::Appended { .. }
                        | Body::AppendRejected { .. }
                );
                if late && (grants || node.role() == RoleName::Follower) {
                    prop_assert!(found.is_some(), "it acts on a reply to nothing: {message}");
                }
            }
        }
    }
}
