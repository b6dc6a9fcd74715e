//! The stores that a gateway sends to: where the log says that they are, and one connection to each.

use crate::client::{Client, DialStore, StoreAt};
use crate::core::control_plane::{Address, StoreIdentity};
use crate::core::fence::{Refusal, Request, Value};
use crate::core::ids::{Placement, Position};
use crate::node::proto::sink::{SinkCall, refused};
use crate::node::proto::v1::sink_client::SinkClient;
use crate::node::proto::{reasons, v1};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::Channel;

/// What a store says to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// The write has taken effect, at this position.
    Applied(Position),
    /// The value of the row; `None`: there is no such row.
    Row(Option<Value>),
    /// It refuses.
    Refused(Refusal),
}

/// A connection, and how many were opened before it.
#[derive(Clone, Debug)]
struct Open {
    channel: Channel,
    number: u64,
}

/// A store that the log knows.
#[derive(Debug)]
struct Known {
    identity: StoreIdentity,
    endpoints: Vec<Address>,
    /// The endpoint of the next connection.
    next: usize,
    open: Option<Open>,
    /// Held while a connection is opened, so that there is one.
    dialing: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Directory {
    stores: BTreeMap<Placement, Known>,
    /// How many connections were opened.
    opened: u64,
    /// How often the log was asked.
    asked: u64,
    /// How often the log had been asked when a store was last found to be elsewhere.
    doubted_at: Option<u64>,
}

/// The connections of a gateway to stores.
#[derive(Debug)]
pub(super) struct Stores {
    client: Client,
    dial: Arc<dyn DialStore>,
    directory: Mutex<Directory>,
    /// Held while the log is asked.
    asking: tokio::sync::Mutex<()>,
}

/// A request on its way. If nobody waits for its answer any more, and it is late, the connection is given up.
struct Awaited<'s> {
    stores: &'s Stores,
    store: Placement,
    /// The number of the connection.
    number: u64,
    late_at: Instant,
    is_over: bool,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if !self.is_over && Instant::now() >= self.late_at {
            self.stores.directory().give_up(self.store, self.number);
        }
    }
}

impl Stores {
    pub(super) fn new(client: Client, dial: Arc<dyn DialStore>) -> Self {
        Self { client, dial, directory: Mutex::default(), asking: tokio::sync::Mutex::new(()) }
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request once. The error says why there is no answer; the request may have arrived.
    pub(super) async fn send(&self, request: Request, limit: Duration) -> Result<Said, String> {
        let store = request.store;
        let Open { channel, number } =
            self.channel(store, limit / 2).await.map_err(|why| format!("store {store}: {why}"))?;
        let mut awaited =
            Awaited { stores: self, store, number, late_at: Instant::now() + limit / 2, is_over: false };
        let answer = call(SinkClient::new(channel), request, limit).await;
        awaited.is_over = true;
        match answer {
            Ok(said) => Ok(said),
            Err(status) => match refused(&status) {
                Some(refusal) => {
                    // Another store is where the log says that this one is.
                    if matches!(refusal, Refusal::WrongStore { .. }) {
                        self.directory().give_up(store, number);
                    }
                    Ok(Said::Refused(refusal))
                }
                None => {
                    if crate::client::error::may_be_broken(&status) {
                        self.directory().give_up(store, number);
                    }
                    Err(format!("store {store}: {}", reasons(&status)))
                }
            },
        }
    }

    /// The connection to a store. If the log does not say in `patience` where it is, it is where it was.
    async fn channel(&self, store: Placement, patience: Duration) -> Result<Open, String> {
        if let Some(open) = self.open(store) {
            return Ok(open);
        }
        let asked = tokio::time::timeout(patience, self.refresh(store)).await;
        let Some(dialing) = self.directory().stores.get(&store).map(|known| Arc::clone(&known.dialing))
        else {
            return Err(match asked {
                Ok(Ok(())) => "the log does not know it".to_owned(),
                Ok(Err(why)) => why,
                Err(_) => format!("the log did not say in {patience:?} where it is"),
            });
        };
        let _turn = dialing.lock().await;
        if let Some(open) = self.open(store) {
            return Ok(open);
        }
        let at = self.directory().at(store).ok_or_else(|| "the log does not know it any more".to_owned())?;
        let dialed = self.dial.channel(at.clone()).await;
        let mut directory = self.directory();
        match dialed {
            Ok(channel) => Ok(directory.opened(store, channel)),
            Err(why) => {
                directory.turn(store);
                Err(format!("{}: {why}", at.endpoint))
            }
        }
    }

    fn open(&self, store: Placement) -> Option<Open> {
        self.directory().stores.get(&store)?.open.clone()
    }

    /// Asks the log where the stores are, if it has not been asked since there was a reason to.
    async fn refresh(&self, store: Placement) -> Result<(), String> {
        if self.directory().is_good(store) {
            return Ok(());
        }
        let _turn = self.asking.lock().await;
        if self.directory().is_good(store) {
            return Ok(());
        }
        let found = self.client.stores().await.map_err(|error| format!("the log was not read: {error}"))?;
        self.directory().learn(found);
        Ok(())
    }
}

impl Directory {
    fn is_good(&self, store: Placement) -> bool {
        self.stores.contains_key(&store) && self.doubted_at.is_none_or(|asked| asked < self.asked)
    }

    fn opened(&mut self, store: Placement, channel: Channel) -> Open {
        self.opened = self.opened.saturating_add(1);
        let open = Open { channel, number: self.opened };
        if let Some(known) = self.stores.get_mut(&store) {
            known.open = Some(open.clone());
        }
        open
    }

    /// Gives up a connection, if it is still the store's.
    fn give_up(&mut self, store: Placement, number: u64) {
        let known = self.stores.get_mut(&store);
        if known.is_some_and(|known| known.open.take_if(|open| open.number == number).is_some()) {
            self.turn(store);
        }
    }

    /// The next connection to a store is to another of its endpoints, and the log is asked before where it is.
    fn turn(&mut self, store: Placement) {
        self.doubted_at = Some(self.asked);
        if let Some(known) = self.stores.get_mut(&store) {
            known.next = known.next.wrapping_add(1);
        }
    }

    fn at(&self, store: Placement) -> Option<StoreAt> {
        let known = self.stores.get(&store)?;
        let endpoint = known.endpoints.get(known.next % known.endpoints.len().max(1))?.clone();
        Some(StoreAt { identity: known.identity.clone(), endpoint })
    }

    /// Takes over what the log says. Connections to endpoints that a store still has are kept.
    fn learn(&mut self, found: v1::ListStoresResponse) {
        self.asked = self.asked.saturating_add(1);
        let mut before = core::mem::take(&mut self.stores);
        for store in found.stores {
            let number = Placement(store.store);
            let endpoints: Result<Vec<Address>, _> =
                store.endpoints.into_iter().map(Address::try_from).collect();
            let (Ok(endpoints), Ok(identity)) = (endpoints, StoreIdentity::try_from(store.identity)) else {
                continue;
            };
            let known = match before.remove(&number) {
                Some(known) if known.endpoints == endpoints && known.identity == identity => known,
                Some(_) | None => Known { identity, endpoints, next: 0, open: None, dialing: Arc::default() },
            };
            self.stores.insert(number, known);
        }
    }
}

/// Sends a request on a connection.
async fn call(mut client: SinkClient<Channel>, request: Request, limit: Duration) -> Result<Said, Status> {
    fn limited<T>(message: T, limit: Duration) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(limit);
        request
    }
    match SinkCall::from(request) {
        SinkCall::Write(wire) => {
            let answer = client.write(limited(wire, limit)).await?.into_inner();
            Ok(Said::Applied(Position(answer.position)))
        }
        SinkCall::Read(wire) => {
            let answer = client.read(limited(wire, limit)).await?.into_inner();
            let value = answer.value.as_deref().map(Value::try_from).transpose();
            Ok(Said::Row(value.map_err(|error| Status::data_loss(error.to_string()))?))
        }
        other @ (SinkCall::Prepare(_)
        | SinkCall::Seal(_)
        | SinkCall::Watermark(_)
        | SinkCall::Evidence(_)
        | SinkCall::End(_)
        | SinkCall::Drop(_)
        | SinkCall::Export(_)
        | SinkCall::Take(_)) => Err(Status::unimplemented(format!("a gateway does not call {other:?}"))),
    }
}
