//! The gRPC service `Migrations`: transitions of a partition, and the plan of a migration.

use super::deadline::Deadline;
use super::errors::{from_outcome, from_plan, malformed};
use super::placements::partition_of;
use crate::core::control_plane::{Answer, AuditEntry, Audited, ControlPlaneEntry, OwnershipTransition};
use crate::core::ids::{Epoch, Index, PartitionId, Placement, SessionId};
use crate::core::migration::{Operator, Plan, Reason, Step, Transition};
use crate::core::raft::{Effect, Ticket};
use crate::node::proto::{PartitionSelector, v1};
use crate::node::server::Service;
use tonic::{Request, Response, Status};

/// The entry of a transition, and the partition's number if the request has it. A name goes into the log as it is: who looks it up
/// before, judges a retry by what the first attempt left (ADR 0038).
fn entry(asked: PartitionSelector, transition: Transition) -> (ControlPlaneEntry, Option<PartitionId>) {
    match asked {
        PartitionSelector::Id(partition) => {
            let command = OwnershipTransition { partition, transition };
            (ControlPlaneEntry::OwnershipTransition(command), Some(partition))
        }
        PartitionSelector::Name(name) => (ControlPlaneEntry::NamedTransition { name, transition }, None),
    }
}

/// Most entries in one response of `Audit`.
const AUDIT_PAGE: usize = 1_000;

fn audited(entry: &AuditEntry) -> v1::AuditEntry {
    let index = entry.index.0;
    let texts =
        |operator: &Operator, reason: &Reason| (operator.as_ref().to_owned(), reason.as_ref().to_owned());
    match &entry.what {
        Audited::Transition { epoch, name, command } => {
            let transition = &command.transition;
            let responsible = transition.responsible().map(|(operator, reason)| texts(operator, reason));
            let (operator, reason) = responsible.unwrap_or_default();
            v1::AuditEntry {
                index,
                partition: command.partition.0,
                name: name.as_ref().map(ToString::to_string).unwrap_or_default(),
                epoch: epoch.0,
                what: command.to_string(),
                reported: transition.is_reported(),
                operator,
                reason,
            }
        }
        Audited::Members(change) => {
            let forced = change.even_so().map(|forced| texts(&forced.operator, &forced.reason));
            let (operator, reason) = forced.unwrap_or_default();
            let what = change.to_string();
            v1::AuditEntry { index, what, operator, reason, ..v1::AuditEntry::default() }
        }
        Audited::Store { store, change } => {
            let what = format!("{change}, store {store}");
            v1::AuditEntry { index, what, ..v1::AuditEntry::default() }
        }
    }
}

const fn step(step: Step) -> &'static str {
    match step {
        Step::Begin => "begin",
        Step::Prepare => "prepare",
        Step::Copy => "copy",
        Step::StartBlock => "start_block",
        Step::Seal => "seal",
        Step::EnterCutover => "enter-cutover",
        Step::Wait => "wait",
        Step::RecordWatermark => "record-watermark",
        Step::CatchUp => "catch-up",
        Step::Complete => "complete",
    }
}

fn wire(plan: &Plan) -> v1::PlanResponse {
    v1::PlanResponse {
        partition: plan.partition.0,
        from: plan.from.0,
        to: plan.to.0,
        expected: Some(plan.expected.into()),
        migration: plan.migration.0,
        draining_epoch: plan.draining.0,
        guarantee: crate::node::proto::guarantee_of(plan.guarantee),
        blocked_budget_ms: plan.blocked_budget_ms,
        steps: plan.steps().into_iter().map(|one| step(one).to_owned()).collect(),
    }
}

#[tonic::async_trait]
impl v1::migrations_server::Migrations for Service {
    async fn apply(&self, request: Request<v1::ApplyRequest>) -> Result<Response<v1::ApplyResponse>, Status> {
        self.allow(&request, "Apply")?;
        let limit = Deadline::of(request.metadata());
        let v1::ApplyRequest { partition, ticket, transition } = request.into_inner();
        let asked = PartitionSelector::try_from(partition).map_err(|error| malformed(&error))?;
        let transition = transition.ok_or_else(|| Status::invalid_argument("transition is missing"))?;
        let transition = Transition::try_from(transition).map_err(|error| malformed(&error))?;
        if let Some(v1::Ticket { session, history, .. }) = ticket {
            self.check_history(SessionId(session), history, limit).await?;
        }
        let (entry, numbered) = entry(asked, transition);
        let outcome = self.within(limit, true, self.handle.propose(entry, ticket.map(Ticket::from))).await?;
        let (index, effect) = from_outcome(outcome, self.hint())?;
        let Effect::Answered { answer, repeated } = effect else {
            return Err(Status::internal(format!("a transition was answered with {effect:?}")));
        };
        let (Some(partition), epoch) = (match answer {
            Answer::Epoch(epoch) => (numbered, epoch),
            Answer::Named { partition, epoch } => (Some(partition), epoch),
            Answer::Noted
            | Answer::Refused(_)
            | Answer::Store { .. }
            | Answer::StoreRefused(_)
            | Answer::OrderRefused(_) => (None, Epoch::ZERO),
        }) else {
            return Err(Status::internal(format!("a transition was answered with {answer}")));
        };
        Ok(Response::new(v1::ApplyResponse {
            partition: partition.0,
            epoch: epoch.0,
            index: index.0,
            repeated,
        }))
    }

    async fn plan(&self, request: Request<v1::PlanRequest>) -> Result<Response<v1::PlanResponse>, Status> {
        self.allow(&request, "Plan")?;
        let limit = Deadline::of(request.metadata());
        let v1::PlanRequest { partition, to } = request.into_inner();
        let asked = PartitionSelector::try_from(partition).map_err(|error| malformed(&error))?;
        let to = Placement(to);
        let missing = Status::not_found(format!("there is no partition {asked}"));
        let policy = self.policy;
        let read = self.handle.read(move |view| {
            let partition = partition_of(view.state(), &asked)?;
            let known = view.state().stores().check_target(to);
            Some(known.and_then(|()| view.state().table().plan(partition, to, &policy)))
        });
        let plan = self.within(limit, false, read).await?.ok_or(missing)?;
        let plan = plan.map_err(|error| from_plan(&error))?;
        Ok(Response::new(wire(&plan)))
    }

    async fn audit(&self, request: Request<v1::AuditRequest>) -> Result<Response<v1::AuditResponse>, Status> {
        self.allow(&request, "Audit")?;
        let within = Deadline::of(request.metadata());
        let v1::AuditRequest { after_index, limit } = request.into_inner();
        let limit =
            usize::try_from(limit).ok().filter(|limit| *limit > 0).map_or(AUDIT_PAGE, |l| l.min(AUDIT_PAGE));
        let read = self.handle.read(move |view| {
            let mut entries: Vec<_> =
                view.state().audit().after(Index(after_index)).take(limit + 1).map(audited).collect();
            let more = entries.len() > limit;
            entries.truncate(limit);
            v1::AuditResponse { entries, more }
        });
        Ok(Response::new(self.within(within, false, read).await?))
    }

    async fn order(&self, request: Request<v1::OrderRequest>) -> Result<Response<v1::OrderResponse>, Status> {
        self.allow(&request, "Order")?;
        self.ordered(request).await
    }

    async fn moves(&self, request: Request<v1::MovesRequest>) -> Result<Response<v1::MovesResponse>, Status> {
        self.allow(&request, "Moves")?;
        self.moving(request).await
    }
}
