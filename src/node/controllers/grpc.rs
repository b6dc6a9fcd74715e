//! Stores that are asked by gRPC.

use super::{Call, CopySize, Look, Stores};
use crate::core::control_plane::{Address, Store, StoreIdentity};
use crate::core::fence::{Claim, Reply, Request, Stored};
use crate::core::ids::{Epoch, MigrationId, PartitionId, Placement, Position};
use crate::core::migration::Said;
use crate::node::proto::sink::{SinkCall, refused};
use crate::node::proto::v1::{self, sink_client::SinkClient};
use crate::node::proto::{Malformed, reasons};
#[cfg(not(madsim))]
use crate::node::tls::{Expected, Security, channel};
use core::future::Future;
use core::pin::Pin;
use std::collections::BTreeMap;
#[cfg(not(madsim))]
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tonic::transport::Channel;
use tonic::{Response, Status};

/// A connection being opened. The error is the message.
pub type Connecting = Pin<Box<dyn Future<Output = Result<Channel, String>> + Send>>;

/// How a connection to a store is made: to one of its endpoints, and to nobody but who the log says it is.
pub type Connect = dyn Fn(Address, StoreIdentity) -> Connecting + Send + Sync;

/// Stores with certificates, or without on ports of one machine. Of a store that has a certificate, only the identity that the log has is
/// spoken to: so its answers are its fence's statements.
pub struct GrpcStores {
    connect: Box<Connect>,
    known: Mutex<BTreeMap<Placement, Known>>,
}

/// A connection to a store, and which of its endpoints is next if it fails.
struct Known {
    store: Store,
    next: usize,
    channel: Option<Channel>,
}

impl GrpcStores {
    /// Has no connection yet.
    #[cfg(not(madsim))]
    #[must_use]
    pub fn new(security: Security) -> Self {
        Self::connecting(Box::new(move |address, named| {
            let security = security.clone();
            let expected: Expected = Arc::new(move |found| {
                if named.is_of(found) {
                    return Ok(());
                }
                Err(format!("the certificate there is of {found}, expected that of {named}"))
            });
            Box::pin(async move {
                channel(&address, &security, &expected).await.map_err(|error| error.to_string())
            })
        }))
    }

    /// Connects like this, and has no connection yet.
    #[must_use]
    pub fn connecting(connect: Box<Connect>) -> Self {
        Self { connect, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Placement, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open connection to a store, or the endpoint to open one to.
    fn reach(&self, number: Placement, store: &Store) -> (usize, Result<Channel, Option<Address>>) {
        let mut known = self.known();
        let known = known
            .entry(number)
            .and_modify(|known| {
                if known.store != *store {
                    *known = Known { store: store.clone(), next: 0, channel: None };
                }
            })
            .or_insert_with(|| Known { store: store.clone(), next: 0, channel: None });
        let endpoints: Vec<&Address> = known.store.facts.endpoints.iter().collect();
        let at = known.next % endpoints.len().max(1);
        let open = known.channel.clone();
        (known.next, open.ok_or_else(|| endpoints.get(at).map(|address| (*address).clone())))
    }

    async fn connect(&self, asking: &mut Asking<'_>, store: &Store) -> Result<Channel, String> {
        let number = asking.number;
        let (at, reached) = self.reach(number, store);
        asking.at = Some(at);
        let address = match reached {
            Ok(channel) => return Ok(channel),
            Err(address) => address.ok_or_else(|| format!("{number} has no endpoint"))?,
        };
        let channel = (self.connect)(address.clone(), store.facts.identity.clone()).await;
        let channel = channel.map_err(|error| format!("{address}: {error}"))?;
        if let Some(known) = self.known().get_mut(&number).filter(|known| known.store == *store) {
            known.channel = Some(channel.clone());
        }
        Ok(channel)
    }
}

/// A request under way. One that ends without an answer, be it that nobody waits any more, leaves the endpoint: the next goes to the next
/// one. Of several that were at one endpoint, one leaves it.
struct Asking<'s> {
    stores: &'s GrpcStores,
    number: Placement,
    at: Option<usize>,
    answered: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut known = self.stores.known();
        let known = known.get_mut(&self.number).filter(|known| !self.answered && self.at == Some(known.next));
        if let Some(known) = known {
            known.channel = None;
            known.next = known.next.wrapping_add(1);
        }
    }
}

/// The statement of an answer.
fn stated<W, T>(request: &Request, answer: Response<W>, reply: fn(T) -> Reply) -> Result<Reply, String>
where
    T: Stored,
    Claim<T>: TryFrom<Option<W>, Error = Malformed>,
{
    let claim = Claim::<T>::try_from(Some(answer.into_inner())).map_err(|error| error.to_string())?;
    let statement = claim.answering(request).ok_or("found a statement of another store or partition")?;
    Ok(reply(statement))
}

impl Stores for GrpcStores {
    async fn ask(&self, Call { request, store, source, bytes_per_second }: Call) -> Result<Reply, String> {
        let number = request.store;
        let mut asking = Asking { stores: self, number, at: None, answered: false };
        let channel = self.connect(&mut asking, &store).await?;
        let mut client = SinkClient::new(channel);
        let answer = match SinkCall::from(request.clone()) {
            SinkCall::Prepare(mut wire) => {
                wire.source_endpoints =
                    source.iter().flat_map(|all| all.iter()).map(ToString::to_string).collect();
                wire.bytes_per_second = bytes_per_second;
                client.prepare(wire).await.map(|answer| stated(&request, answer, Reply::Prepared))
            }
            SinkCall::Seal(wire) => {
                client.seal(wire).await.map(|answer| stated(&request, answer, Reply::Sealed))
            }
            SinkCall::Watermark(wire) => {
                client.watermark(wire).await.map(|answer| stated(&request, answer, Reply::Watermark))
            }
            SinkCall::Evidence(wire) => {
                client.evidence(wire).await.map(|answer| stated(&request, answer, Reply::Evidence))
            }
            SinkCall::End(wire) => {
                client.end(wire).await.map(|answer| stated(&request, answer, Reply::Ended))
            }
            SinkCall::Drop(wire) => {
                client.drop(wire).await.map(|answer| stated(&request, answer, Reply::Dropped))
            }
            SinkCall::Write(_) | SinkCall::Read(_) | SinkCall::Export(_) | SinkCall::Take(_) => {
                return Err(format!("found {request}, which no controller asks"));
            }
        };
        let answer = answer.unwrap_or_else(|status: Status| match refused(&status) {
            Some(refusal) => Ok(Reply::Refused { request, refusal }),
            None => Err(reasons(&status)),
        });
        asking.answered = answer.is_ok();
        answer
    }

    async fn look(&self, number: Placement, store: Store, partition: PartitionId) -> Result<Look, String> {
        let mut asking = Asking { stores: self, number, at: None, answered: false };
        let channel = self.connect(&mut asking, &store).await?;
        let question = v1::SinkDescribeRequest { partition: Some(partition.0) };
        let answer = SinkClient::new(channel).describe(question).await;
        asking.answered = answer.is_ok();
        let copy = answer.map_err(|status| reasons(&status))?.into_inner().copy;
        // A store that does not know the partition has nothing.
        Ok(look(copy.unwrap_or_default()))
    }
}

/// What a store has told of a partition.
fn look(copy: v1::SinkCopy) -> Look {
    let v1::SinkCopy { newest, sealed_through, position, frontier, finished, rows, bytes, .. } = copy;
    let whole = Some(v1::sink_frontier::Reach::Everything(v1::SinkEverything {}));
    let complete = frontier.is_some_and(|frontier| frontier.reach == whole);
    let (newest, sealed_through) = (MigrationId(newest), Epoch(sealed_through));
    let position = position.map(Position);
    Look {
        said: Said { newest, sealed_through, position, complete, finished },
        size: position.map(|position| CopySize { rows, bytes, position, complete }),
    }
}
