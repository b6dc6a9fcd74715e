//! The calls of clients, as the consensus monitor remembers them.

use super::Id;
use super::findings::Findings;
use super::past::insert;
use crate::core::control_plane::ControlPlaneEntry;
use crate::core::ids::{Index, Names, Relabel};
use crate::core::raft::{Content, Ticket};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;

/// The requests of calls, each with what its client was told: done, not done, or nothing yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Calls(Vec<(Content<ControlPlaneEntry>, Option<bool>)>);

/// The ticket of a request; `None` for one that may be committed at one index only.
pub(super) const fn ticket_of(request: &Content<ControlPlaneEntry>) -> Option<Ticket> {
    match request {
        Content::Payload { ticket, .. } => *ticket,
        Content::OpenSession | Content::CloseSession(_) => None,
    }
}

impl Calls {
    pub(super) const NONE: Self = Self(Vec::new());

    pub(super) fn began(&mut self, request: &Content<ControlPlaneEntry>) {
        insert(&mut self.0, (request.clone(), None));
    }

    pub(super) fn ended(&mut self, request: &Content<ControlPlaneEntry>, done: bool) {
        for (_, told) in self.0.iter_mut().filter(|(known, _)| known == request) {
            *told = Some(done);
        }
    }

    /// Judges that a request without a ticket is committed, `again` if it was before.
    pub(super) fn committed(
        &self,
        at: Index,
        request: &Content<ControlPlaneEntry>,
        again: bool,
        findings: &mut Findings,
    ) {
        if ticket_of(request).is_some() {
            return;
        }
        let Some((_, told)) = self.0.iter().find(|(known, _)| known == request) else { return };
        findings.demand(!again, Id::CallTruthful, || {
            (
                format!("{request} is committed at {at}"),
                "it was committed before, and has no ticket".to_owned(),
            )
        });
        self.not_denied(*told, at, request, findings);
    }

    /// Judges that a request with a ticket is applied for the first time.
    pub(super) fn applied(&self, ticket: Ticket, at: Index, findings: &mut Findings) {
        let same = |request: &Content<ControlPlaneEntry>| {
            ticket_of(request)
                .is_some_and(|known| (known.session, known.serial) == (ticket.session, ticket.serial))
        };
        for (request, told) in self.0.iter().filter(|(known, _)| same(known)) {
            self.not_denied(*told, at, request, findings);
        }
    }

    fn not_denied(
        &self,
        told: Option<bool>,
        at: Index,
        request: &Content<ControlPlaneEntry>,
        findings: &mut Findings,
    ) {
        findings.demand(told != Some(false), Id::CallTruthful, || {
            (format!("{request} is applied at {at}"), "its client was told that it was not done".to_owned())
        });
    }
}

impl Relabel for Calls {
    fn relabel(&self, _: &dyn Names) -> Self {
        // Requests name no node, and sessions of the control plane are not interchangeable.
        self.clone()
    }
}
