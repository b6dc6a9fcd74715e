//! What walks ask of changes of the members: who is a member is known, a forced change is audited, and a refusal's reason is so.

use super::host::HostEffect;
use super::{Consensus, State};
use cutover::core::control_plane::{
    Audited, ControlPlaneConsensus as _, ControlPlaneEntry, ControlPlaneState, MembershipChange,
};
use cutover::core::invariant::{Findings, Id};
use cutover::core::raft::{ChangeRefusal, Content, Node, Peer};

impl Consensus {
    /// A node knows the certificate and the addresses of every member of every configuration that it has.
    pub(super) fn members_known(&self, next: &State, node: u8, effect: &HostEffect, findings: &mut Findings) {
        let asked = effect.changed && self.cluster.world.is_some();
        let Some(host) = next.host(node).filter(|_| asked) else { return };
        let machine = host.engine.node();
        let later = machine.uncommitted_configurations().iter().map(|(_, configuration)| configuration);
        let all = core::iter::once(machine.applied().configuration()).chain(later);
        let known = host.engine.members();
        let unknown = all
            .flat_map(|configuration| configuration.members())
            .find(|member| !known.iter().any(|(peer, _)| *peer == member.peer));
        findings.demand(unknown.is_none(), Id::MembersKnown, || {
            let peers: Vec<String> = known.iter().map(|(peer, _)| peer.to_string()).collect();
            (
                format!(
                    "n{node} has a configuration with {}",
                    unknown.map_or(String::new(), |it| it.peer.to_string())
                ),
                format!("it knows certificates and addresses of {}", peers.join(", ")),
            )
        });
    }

    /// The audit of a node has each change that an operator forced, from the moment at which it is applied.
    pub(super) fn forced_audited(&self, before: &State, next: &State, node: u8, findings: &mut Findings) {
        let (Some(old), Some(new)) = (before.host(node), next.host(node)) else { return };
        let (old, machine) = (old.engine.node(), new.engine.node());
        let (from, to) = (old.applied().last().index, machine.applied().last().index);
        if self.cluster.world.is_none() || from >= to {
            return;
        }
        let (base, audit) = (machine.log().base().index, new.engine.state().audit());
        for (entry, offset) in machine.log().entries().iter().zip(1_u64..) {
            let at = base.plus(offset);
            let Content::Payload { payload: ControlPlaneEntry::MembershipChange(change), .. } =
                &entry.content
            else {
                continue;
            };
            let (MembershipChange::Promote { even_so, .. } | MembershipChange::Remove { even_so, .. }) =
                change
            else {
                continue;
            };
            if at <= from || at > to || even_so.is_none() {
                continue;
            }
            let what = Audited::Members(change.clone());
            let noted = audit.after(from).any(|entry| entry.index == at && entry.what == what);
            findings.demand(noted, Id::ForcedAudited, || {
                (format!("n{node} applies at {at}: {change}"), "its audit does not have it".to_owned())
            });
        }
    }
}

/// Whether the reason for which a leader refuses a change of the members is so, and what contradicts it. `forced`: the operator overrides
/// the check that a quorum is live.
pub(super) fn change_refused(
    machine: &Node<ControlPlaneState>,
    refusal: &ChangeRefusal,
    forced: bool,
) -> (bool, String) {
    let (configuration, term) = (machine.configuration(), machine.hard_state().term);
    let member = |peer: Peer| configuration.member(peer.node).map(|member| member.peer);
    match refusal {
        ChangeRefusal::NotYetInTerm => {
            let committed = machine.log().term_at(machine.commit());
            (committed != Some(term), format!("an entry of its {term} is committed"))
        }
        ChangeRefusal::InProgress => {
            let waits = !machine.uncommitted_configurations().is_empty();
            (waits, "no change is uncommitted".to_owned())
        }
        ChangeRefusal::AlreadyMember { found } => {
            (member(*found) == Some(*found), format!("{found} is no member"))
        }
        ChangeRefusal::NotMember { wanted } => {
            (member(*wanted) != Some(*wanted), format!("{wanted} is a member"))
        }
        ChangeRefusal::AlreadyVoter { found } => {
            (configuration.is_voter(*found), format!("{found} is no voter"))
        }
        ChangeRefusal::NotCaughtUp { learner } => {
            let matched =
                machine.progress().iter().find(|other| other.peer == *learner).map(|other| other.matched);
            let commit = machine.commit();
            (
                matched.is_none_or(|matched| matched < commit),
                format!("{learner} has what is committed through {commit}"),
            )
        }
        ChangeRefusal::Silent { .. } | ChangeRefusal::NoLiveQuorum { .. } => {
            (!forced, "the operator overrides it".to_owned())
        }
        ChangeRefusal::LastVoter { voter } => {
            let others = configuration.voters().filter(|other| other != voter).count();
            (others == 0, format!("{others} others vote"))
        }
        ChangeRefusal::WasRemoved { .. } => (true, String::new()),
    }
}
