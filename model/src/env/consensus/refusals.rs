//! What a node refuses: a refusal changes nothing, and its reason is so.

use super::action::{NodeAction, RareRequest};
use super::host::{ClientAnswer, HostEffect};
use super::membership::change_refused;
use super::{Consensus, MembershipRequest, State, identity};
use cutover::core::control_plane::{ControlPlaneConsensus as _, ControlPlaneError};
use cutover::core::ids::NodeId;
use cutover::core::invariant::{Findings, Id};
use cutover::core::raft::{ReadRefusal, Rejection, RoleName};

impl Consensus {
    /// Judges what a node refuses, and that it refuses what it has to.
    pub(super) fn refused_rightly(
        &self,
        before: &State,
        (node, action): (u8, Option<NodeAction>),
        effect: &HostEffect,
        findings: &mut Findings,
    ) {
        let wrong = self.wrong_refusal(before, (node, action), effect);
        findings.demand(wrong.is_none(), Id::RefusalsTrue, || wrong.unwrap_or_default());
    }

    /// What is wrong with the answer to a request: what was found, and against what.
    pub(super) fn wrong_refusal(
        &self,
        before: &State,
        (node, action): (u8, Option<NodeAction>),
        effect: &HostEffect,
    ) -> Option<(String, String)> {
        let error = match (&effect.proposed, &effect.read) {
            (Some(Err(error)), _) | (_, Some(Err(error))) => error,
            (Some(Ok(_)), _) => {
                let why = must_refuse(before, node, action?)?;
                return Some((format!("n{node} takes the request"), why.to_owned()));
            }
            (_, _) => return None,
        };
        let found = || format!("n{node} refuses a request: {error}");
        if !effect.idle {
            return Some((found(), "and something has changed, was sent or was answered".to_owned()));
        }
        let untrue = self.untrue(before, (node, action), error)?;
        Some((found(), untrue))
    }

    /// What contradicts the reason of a refusal.
    fn untrue(
        &self,
        before: &State,
        (node, action): (u8, Option<NodeAction>),
        error: &ControlPlaneError,
    ) -> Option<String> {
        let machine = before.host(node)?.engine.node();
        let limits = machine.config().limits;
        let leads = machine.role() == RoleName::Leader;
        let waiting = before.given.reads_at(node);
        let (so, against) = match error {
            ControlPlaneError::NotLeader { .. }
            | ControlPlaneError::Rejected(Rejection::NotLeader { .. })
            | ControlPlaneError::ReadRefused(ReadRefusal::NotLeader { .. }) => {
                (!leads, "it leads".to_owned())
            }
            ControlPlaneError::ReadRefused(ReadRefusal::NotYetInTerm) => {
                let term = machine.hard_state().term;
                let committed = machine.log().term_at(machine.commit());
                (committed != Some(term), format!("an entry of its {term} is committed"))
            }
            ControlPlaneError::ReadRefused(ReadRefusal::Busy { max }) => {
                // Walks only: a search does not count the reads that wait.
                let full = *max == limits.reads_max && waiting >= *max;
                (
                    full || self.cluster.world.is_none(),
                    format!("{waiting} reads wait of {}", limits.reads_max),
                )
            }
            ControlPlaneError::Rejected(Rejection::Busy { .. }) => {
                (machine.commit() < machine.log().last().index, "everything is committed".to_owned())
            }
            ControlPlaneError::Rejected(Rejection::TooLong { have, .. }) => {
                (*have > limits.entry_bytes_max, format!("{have} of {} bytes", limits.entry_bytes_max))
            }
            ControlPlaneError::Rejected(Rejection::Halted)
            | ControlPlaneError::ReadRefused(ReadRefusal::Halted) => {
                (machine.is_halted(), "it has not halted".to_owned())
            }
            ControlPlaneError::Rejected(Rejection::Change { refusal, .. }) => {
                let forced = matches!(
                    action,
                    Some(NodeAction::Change(
                        MembershipRequest::PromoteEvenSo(_) | MembershipRequest::RemoveEvenSo(_)
                    ))
                );
                change_refused(machine, refusal, forced)
            }
            ControlPlaneError::Rejected(
                Rejection::Transferring { .. } | Rejection::ChangeInSession { .. } | Rejection::OpensTerm,
            )
            | ControlPlaneError::RunsAlone => (true, String::new()),
            ControlPlaneError::IdentityTaken { by, .. } => {
                let own = matches!(action, Some(NodeAction::Change(MembershipRequest::Admit(other))) if other == by.0);
                (!own, "it is the identity of the node that is to be admitted".to_owned())
            }
        };
        (!so).then_some(against)
    }

    /// Counts the reads that wait at a node, of which there are never more than its limit. Walks only.
    pub(super) fn reads_wait(
        &self,
        next: &mut State,
        node: u8,
        died: bool,
        effect: &HostEffect,
        findings: &mut Findings,
    ) {
        let answered =
            effect.answers.iter().filter(|answer| matches!(answer, ClientAnswer::Read(..))).count();
        let taken = u32::from(matches!(effect.read, Some(Ok(_))));
        let before = if died { 0 } else { next.given.reads_at(node) };
        let waiting = (before + taken).saturating_sub(u32::try_from(answered).unwrap_or(u32::MAX));
        next.given.set_reads(node, waiting);
        let max = effect.host.engine.node().config().limits.reads_max;
        findings.demand(waiting <= max, Id::RefusalsTrue, || {
            (format!("{waiting} reads wait at n{node}"), format!("its limit is {max}"))
        });
    }
}

/// Why a node has to refuse a request; `None` if it need not.
fn must_refuse(before: &State, node: u8, action: NodeAction) -> Option<&'static str> {
    let NodeAction::Rare(request) = action else { return None };
    match request {
        RareRequest::OpensTerm => Some("only the leader itself opens a term"),
        RareRequest::ChangeInSession => Some("a change of the members goes without a session"),
        RareRequest::TakenIdentity => {
            let state = before.host(node)?.engine.state();
            let taken = state.node_of(&identity(NodeId(node))?).is_some();
            taken.then_some("the identity is that of another member")
        }
        RareRequest::HandOver | RareRequest::CloseSession | RareRequest::Long => None,
    }
}
