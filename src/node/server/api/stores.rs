//! The gRPC service `Stores`: the stores that the log knows, and changes of them.

use super::deadline::Deadline;
use super::errors::{from_outcome, from_stores, malformed};
use crate::core::control_plane::{
    Answer, ControlPlaneEntry, ControlPlaneState, Store, StoreChange, StoreRefusal, stores_of,
};
use crate::core::ids::{PartitionId, Placement};
use crate::core::raft::{Effect, Outcome};
use crate::node::proto::{guarantee_of, v1};
use crate::node::server::Service;
use std::collections::BTreeMap;
use tonic::{Request, Response, Status};

/// How many partitions' records name each store, those included that the log does not know.
fn uses(state: &ControlPlaneState) -> BTreeMap<Placement, u32> {
    let mut uses: BTreeMap<Placement, u32> = BTreeMap::new();
    for record in state.table().records() {
        for store in stores_of(record) {
            *uses.entry(store).or_default() += 1;
        }
    }
    uses
}

fn listed(number: Placement, store: &Store, partitions: u32) -> v1::Store {
    let facts = &store.facts;
    v1::Store {
        store: number.0,
        name: facts.name.to_string(),
        kind: facts.kind.to_string(),
        endpoints: facts.endpoints.iter().map(ToString::to_string).collect(),
        guarantee: guarantee_of(facts.guarantee),
        identity: facts.identity.to_string(),
        revision: store.revision.0,
        partitions,
    }
}

fn list(state: &ControlPlaneState) -> v1::ListStoresResponse {
    let mut uses = uses(state);
    let listed = |(number, store): (Placement, &Store)| {
        listed(number, store, uses.remove(&number).unwrap_or_default())
    };
    let stores = state.stores().iter().map(listed).collect();
    v1::ListStoresResponse { stores, unknown: uses.keys().map(|store| store.0).collect() }
}

/// What a refused change asked for that is in the way, in front of the refusal's own text.
fn subject(refusal: &StoreRefusal, change: &StoreChange) -> Option<String> {
    let of_add = if let StoreChange::Add { store, .. } = change { Some(store) } else { None };
    match refusal {
        StoreRefusal::NameTaken { .. } => of_add.map(|store| store.name.to_string()),
        StoreRefusal::IdentityTaken { .. } => of_add.map(|store| store.identity.to_string()),
        StoreRefusal::EndpointTaken { endpoint, .. } => {
            let endpoints = match change {
                StoreChange::Add { store, .. } => &store.endpoints,
                StoreChange::MoveEndpoints { endpoints, .. } => endpoints,
                StoreChange::Remove { .. } => return None,
            };
            let at = usize::from(endpoint.saturating_sub(1));
            endpoints.iter().nth(at).map(ToString::to_string)
        }
        StoreRefusal::UnknownStore { .. }
        | StoreRefusal::InUse { .. }
        | StoreRefusal::OtherRevision { .. }
        | StoreRefusal::TooMany { .. }
        | StoreRefusal::NumberTaken { .. }
        | StoreRefusal::NumberNotUsed { .. } => None,
    }
}

impl Service {
    /// The text of a refusal, with names where this node knows them.
    fn told(&self, refusal: &StoreRefusal, change: &StoreChange) -> String {
        let name = |partition: PartitionId| {
            let view = self.handle.latest().ok()?;
            view.state().directory().name(partition).map(|name| format!(" ({name})"))
        };
        if let Some(subject) = subject(refusal, change) {
            return format!("{subject}: {refusal}");
        }
        match refusal {
            StoreRefusal::InUse { partition, .. } => {
                format!("{refusal}{}", name(*partition).unwrap_or_default())
            }
            StoreRefusal::NameTaken { .. }
            | StoreRefusal::IdentityTaken { .. }
            | StoreRefusal::EndpointTaken { .. }
            | StoreRefusal::UnknownStore { .. }
            | StoreRefusal::OtherRevision { .. }
            | StoreRefusal::TooMany { .. }
            | StoreRefusal::NumberTaken { .. }
            | StoreRefusal::NumberNotUsed { .. } => refusal.to_string(),
        }
    }
}

#[tonic::async_trait]
impl v1::stores_server::Stores for Service {
    async fn list_stores(
        &self,
        request: Request<v1::ListStoresRequest>,
    ) -> Result<Response<v1::ListStoresResponse>, Status> {
        self.allow(&request, "ListStores")?;
        let limit = Deadline::of(request.metadata());
        let read = self.handle.read(|view| list(view.state()));
        Ok(Response::new(self.within(limit, false, read).await?))
    }

    async fn change_stores(
        &self,
        request: Request<v1::ChangeStoresRequest>,
    ) -> Result<Response<v1::ChangeStoresResponse>, Status> {
        self.allow(&request, "ChangeStores")?;
        let limit = Deadline::of(request.metadata());
        let change = request.into_inner().change;
        let change = change.ok_or_else(|| Status::invalid_argument("change is missing"))?;
        let change = StoreChange::try_from(change).map_err(|error| malformed(&error))?;
        let entry = ControlPlaneEntry::StoreChange(change.clone());
        let outcome = self.within(limit, true, self.handle.propose(entry, None)).await?;
        if let Outcome::Committed { effect: Effect::Answered { answer, .. }, .. } = &outcome
            && let Answer::StoreRefused(refusal) = answer
        {
            return Err(from_stores(refusal, self.told(refusal, &change)));
        }
        let (index, effect) = from_outcome(outcome, self.hint())?;
        if let Effect::Answered { answer: Answer::Store { store, revision }, .. } = effect {
            let (store, revision) = (store.0, revision.0);
            return Ok(Response::new(v1::ChangeStoresResponse { index: index.0, store, revision }));
        }
        Err(Status::internal(format!("a change of the stores was answered with {effect:?}")))
    }
}
