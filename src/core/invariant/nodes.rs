//! Consensus checks of nodes at one moment, and of one node before and after an input.

use super::cluster_fact::{Before, ControlNode, NodeNow};
use super::{Findings, Id};
use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::ids::{HistoryId, Index, Term};
use crate::core::raft::{
    Applied, Body, Configuration, Durable, Entry, HardState, Message, Peer, Progress, RoleName, quorum,
};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Whether the receiver's log shows that the sender is no member: its committed configuration lists it as removed, which is for
/// ever; or no configuration has it, although its admission is among the entries that the receiver has applied.
#[must_use]
pub fn is_outsider(node: &ControlNode, message: &Message<ControlPlaneEntry>) -> bool {
    let committed = node.applied().configuration();
    let later = node.uncommitted_configurations().iter().map(|(_, configuration)| configuration);
    let member = core::iter::once(committed).chain(later).any(|known| known.is_member(message.from));
    let removed = committed.removed().contains(&message.from);
    let unknown = !member && message.admitted <= node.commit();
    (removed || unknown) && node.history() != HistoryId::NONE
}

/// A message of an outsider does nothing.
pub(super) fn heard(
    node: &ControlNode,
    message: &Message<ControlPlaneEntry>,
    idle: bool,
    findings: &mut Findings,
) {
    findings.demand(idle || !is_outsider(node, message), Id::OutsiderHarmless, || {
        let me = node.config().me;
        (
            format!("{me} acts on {} {} of {}", message.term, message.body, message.from),
            format!("it has applied through {}, and {} is no member", node.commit(), message.from),
        )
    });
}

/// Whether the node has this entry, in its log or in the compacted prefix.
pub(super) fn has(node: &ControlNode, at: Index, entry: &Entry<ControlPlaneEntry>) -> bool {
    match node.log().entry(at) {
        Some(found) => found == entry,
        None => at <= node.commit() && at <= node.log().base().index,
    }
}

/// An entry that a node treats as committed must survive a restart of all nodes: it must be durable on a
/// quorum. A voter with a new directory lost its disk since, which is a fault and not the leader's error.
pub(super) fn check_survives_restart(
    by: &ControlNode,
    at: Index,
    entry: &Entry<ControlPlaneEntry>,
    nodes: &[NodeNow<'_>],
    findings: &mut Findings,
) {
    let on_disk = |peer: Peer| match nodes.iter().find(|now| now.node.config().me == peer) {
        None => true,
        Some(NodeNow { disk, .. }) => {
            at <= disk.snapshot.last.index || disk.log.entry(at).is_some_and(|found| found == entry)
        }
    };
    let configuration = by.configuration();
    findings.demand(quorum::is_quorum(configuration, on_disk), Id::StateMachineSafety, || {
        let without: Vec<_> =
            configuration.voters().filter(|peer| !on_disk(*peer)).map(|peer| peer.to_string()).collect();
        (
            format!("{} commits {entry} at {at}", by.config().me),
            format!("it is not on the disks of {}, of {configuration}", without.join(" and ")),
        )
    });
}

/// A message must not reveal what is not durable: the sender's term and vote, and a follower's acknowledged
/// entries.
pub(super) fn check_durable_claims(
    disk: &Durable<ControlPlaneEntry>,
    message: &Message<ControlPlaneEntry>,
    findings: &mut Findings,
) {
    let (claim, kept) = (message.vote_claim(), disk.hard_state);
    let covered = kept.term > claim.term
        || (kept.term == claim.term && (claim.voted_for.is_none() || claim.voted_for == kept.voted_for));
    findings.demand(covered, Id::VoteDurable, || {
        (
            format!("{} says {} in {}", message.from, message.body, claim.term),
            format!("its disk has {kept:?}"),
        )
    });
    if let Body::Appended { matched, .. } = message.body
        && kept.term == message.term
    {
        let through = disk.log.last().index.max(disk.snapshot.last.index);
        findings.demand(through >= matched, Id::StateMachineSafety, || {
            (
                format!("{} acknowledges what it has through {matched}", message.from),
                format!("its disk has it through {through}"),
            )
        });
    }
}

/// The votes by which a node leads are on the disks of a quorum. A disk that is in a later term had the vote before; a voter with
/// a new directory has lost its disk since.
pub(super) fn check_votes(by: &ControlNode, nodes: &[NodeNow<'_>], findings: &mut Findings) {
    let (me, term) = (by.config().me, by.hard_state().term);
    let on_disk = |peer: Peer| match nodes.iter().find(|now| now.node.config().me == peer) {
        None => true,
        Some(NodeNow { disk, .. }) => {
            let vote = disk.hard_state;
            vote.term > term || (vote.term == term && vote.voted_for == Some(me))
        }
    };
    let configuration = by.configuration();
    findings.demand(quorum::is_quorum(configuration, on_disk), Id::VotersOnly, || {
        let without: Vec<_> =
            configuration.voters().filter(|peer| !on_disk(*peer)).map(|peer| peer.to_string()).collect();
        (
            format!("{me} leads {term}"),
            format!("no vote for it is on the disks of {}, of {configuration}", without.join(" and ")),
        )
    });
}

/// The voters that would vote for a node in a new, higher term if all of them received its request.
pub(super) fn would_vote_for<'a>(
    candidate: &'a ControlNode,
    nodes: &'a [NodeNow<'_>],
) -> impl Iterator<Item = Peer> + 'a {
    let last = candidate.log().last();
    let grants = move |peer: &Peer| {
        let voter = nodes.iter().find(|now| now.node.config().me == *peer);
        voter.is_some_and(|voter| voter.node.log().last() <= last)
    };
    candidate.configuration().voters().filter(grants)
}

/// Whether a node would win such an election.
pub(super) fn is_electable(candidate: &ControlNode, nodes: &[NodeNow<'_>]) -> bool {
    let me = candidate.config().me;
    let mut voters = candidate.configuration().voters();
    let votes: Vec<_> = would_vote_for(candidate, nodes).collect();
    voters.any(|peer| peer == me)
        && quorum::is_quorum(candidate.configuration(), |peer| votes.contains(&peer))
}

/// Whether a revealed term and vote must be remembered, because the node's disk does not hold them or later
/// ones.
pub(super) fn matters((peer, claim): &(Peer, HardState), nodes: &[NodeNow<'_>]) -> bool {
    let Some(now) = nodes.iter().find(|now| now.node.config().me == *peer) else { return false };
    let disk = now.disk.hard_state;
    let covered = disk.term == claim.term && (claim.voted_for.is_none() || claim.voted_for == disk.voted_for);
    !(disk.term > claim.term || covered)
}

/// Whether some node can still become the leader of this term: its disk is in an earlier one, or it is a candidate in
/// it.
pub(super) fn is_open(term: Term, nodes: &[NodeNow<'_>]) -> bool {
    nodes.iter().any(|NodeNow { node, disk }| {
        disk.hard_state.term < term || (node.role() == RoleName::Candidate && node.hard_state().term == term)
    })
}

pub(super) fn states_match(
    mine: &Applied<ControlPlaneState>,
    theirs: Option<&Applied<ControlPlaneState>>,
    me: Peer,
    findings: &mut Findings,
) {
    let Some(theirs) = theirs else { return };
    findings.demand(mine == theirs, Id::StateMachineSafety, || {
        let through = mine.last().index;
        (
            format!("{me} has applied everything through {through} and is in a state of its own"),
            format!("{mine:?}, not {theirs:?}"),
        )
    });
}

pub(super) fn stepped(
    before: &Before<&[Progress]>,
    after: NodeNow<'_>,
    restarted: bool,
    findings: &mut Findings,
) {
    let me = after.node.config().me;
    let (was, is) = (before.disk, after.disk.hard_state);
    findings.demand(is.term >= was.term, Id::Monotone, || {
        (format!("the disk of {me} is in {}", is.term), format!("it was in {}", was.term))
    });
    let kept = is.term != was.term || was.voted_for.is_none() || is.voted_for == was.voted_for;
    findings.demand(kept, Id::VoteDurable, || {
        let name =
            |vote: HardState| vote.voted_for.map_or_else(|| "nobody".to_owned(), |peer| peer.to_string());
        (
            format!("the disk of {me} has a vote for {} in {}", name(is), is.term),
            format!("it was for {}", name(was)),
        )
    });
    check_stable(after, findings);
    if restarted {
        return;
    }
    let after = after.node;
    let (was, is) = (before.term, after.hard_state().term);
    findings.demand(is >= was, Id::Monotone, || (format!("{me} is in {is}"), format!("it was in {was}")));
    // A node without a log takes the term of its first leader.
    let max = after.config().limits.term_leap_max;
    let bounded = is.0.saturating_sub(was.0) <= max || before.commit == Index::ZERO;
    findings.demand(bounded, Id::TermBounded, || {
        (format!("{me} is in {is}"), format!("it was in {was}, and takes messages up to {max} terms ahead"))
    });
    let (had, has) = (before.commit, after.commit());
    findings.demand(has >= had, Id::Monotone, || {
        (format!("{me} has committed through {has}"), format!("it had through {had}"))
    });
    if was != is {
        return;
    }
    for now in after.progress() {
        let Some(then) = before.progress.iter().find(|then| then.peer == now.peer) else { continue };
        findings.demand(now.matched >= then.matched, Id::Monotone, || {
            (
                format!("{me} takes {} to have everything through {}", now.peer, now.matched),
                format!("it had through {}", then.matched),
            )
        });
    }
}

/// What a node takes to be durable of its log is on its disk.
fn check_stable(now: NodeNow<'_>, findings: &mut Findings) {
    let (log, disk, stable) = (now.node.log(), &now.disk.log, now.node.stable());
    let (mine, durable) = (log.term_at(stable), disk.term_at(stable));
    let through = disk.last().index.max(now.disk.snapshot.last.index);
    let same = durable.is_none() || mine.is_none() || mine == durable;
    findings.demand(same && through >= stable, Id::StateMachineSafety, || {
        let text = |term: Option<Term>| term.map_or_else(|| "nothing".to_owned(), |term| term.to_string());
        (
            format!("{} takes {} at {stable} to be durable", now.node.config().me, text(mine)),
            format!("its disk has {} there, and ends at {through}", text(durable)),
        )
    });
}

pub(super) fn logs_match(one: &ControlNode, other: &ControlNode, findings: &mut Findings) {
    let base = one.log().base().index.max(other.log().base().index);
    let mut at = one.log().last().index.min(other.log().last().index);
    // From the end backwards: below the last index where the terms agree, all entries must agree.
    while at > base && one.log().term_at(at) != other.log().term_at(at) {
        at = at.previous();
    }
    while at > base {
        let (mine, theirs) = (one.log().entry(at), other.log().entry(at));
        findings.demand(mine == theirs, Id::LogMatching, || {
            let text = |entry: Option<&Entry<_>>| entry.map_or_else(String::new, ToString::to_string);
            (
                format!("{} has {} at {at}", one.config().me, text(mine)),
                format!("{} has {}, and they agree above", other.config().me, text(theirs)),
            )
        });
        at = at.previous();
    }
}

/// Whether every quorum of one configuration meets every quorum of the other.
pub(super) fn quorums_meet(one: &Configuration, other: &Configuration) -> bool {
    let majority = |configuration: &Configuration| configuration.voters().count() / 2 + 1;
    let mut all: Vec<Peer> = one.voters().chain(other.voters()).collect();
    all.sort_unstable();
    all.dedup();
    one == other || majority(one) + majority(other) > all.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{DirectoryId, NodeId};

    #[test]
    fn quorums_meet_if_their_majorities_cannot_be_apart() {
        let of = |nodes: &[u8]| {
            let peer = |node: &u8| Peer { node: NodeId(*node), directory: DirectoryId(1) };
            Configuration::of_voters(nodes.iter().map(peer))
        };
        for (one, other, meet) in [
            (&[1, 2, 3][..], &[1, 2, 3][..], true),
            (&[1, 2, 3], &[1, 2], true),
            (&[1, 2, 3], &[1, 2, 3, 4], true),
            (&[1], &[2], false),
            (&[1, 2, 3], &[1, 2, 3, 4, 5], false),
            (&[1, 2, 3], &[1, 4, 5], false),
            (&[1, 2, 3, 4, 5], &[3, 4, 5, 6, 7], false),
        ] {
            assert_eq!(quorums_meet(&of(one), &of(other)), meet, "{one:?} {other:?}");
            assert_eq!(quorums_meet(&of(other), &of(one)), meet, "{other:?} {one:?}");
        }
    }
}
