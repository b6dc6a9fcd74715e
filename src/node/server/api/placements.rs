//! The gRPC service `Placements`: resolve, list, watch.

use super::access::{Caller, SharedAccess};
use super::deadline::Deadline;
use super::errors::{malformed, too_many_watches, without_history, without_leader};
use super::response_stream::{Disconnected, ResponseStream, Room};
use crate::core::control_plane::ControlPlaneState;
use crate::core::ids::{HistoryId, PartitionId, Revision};
use crate::core::migration::PartitionRecord;
use crate::node::driver::{FeedItem, Handle, NamedRecord, View};
use crate::node::proto::v1::watch_response::What;
use crate::node::proto::{PartitionSelector, v1};
use crate::node::server::Service;
use crate::node::server::quota::Place;
use core::time::Duration;
use metrics::counter;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Most records in one response of `List`.
const PAGE: usize = 1_000;
/// Records in one message of a resync. With [`AHEAD`], what a watcher that does not read holds in memory.
const RESYNC: usize = 250;
/// Pages of resyncs that are under way at the same time, for all watchers: many new watchers take turns, and leave the
/// processors to other calls.
pub(super) const PAGES: usize = 4;
/// How long a page keeps its turn until gRPC takes it. A watcher that reads slowly holds the others up no longer.
const TURN: Duration = Duration::from_millis(20);
/// Messages of a watch that are buffered until the caller reads them.
const AHEAD: usize = 2;
/// How often a watcher without changes gets a progress message.
const PROGRESS: Duration = Duration::from_secs(5);

pub(super) fn partition_of(state: &ControlPlaneState, partition: &PartitionSelector) -> Option<PartitionId> {
    match partition {
        PartitionSelector::Id(id) => Some(*id),
        PartitionSelector::Name(name) => state.directory().partition(name),
    }
}

fn wire(state: &ControlPlaneState, record: &PartitionRecord) -> v1::Record {
    v1::Record::of(record, state.directory().name(record.partition))
}

fn named(named: &NamedRecord) -> v1::Record {
    v1::Record::of(&named.record, named.name.as_ref())
}

fn resolve(view: &View, partition: &PartitionSelector) -> Option<v1::ResolveResponse> {
    let state = view.state();
    let record = state.table().record(partition_of(state, partition)?)?;
    let name = state.directory().name(record.partition);
    let revision = state.revision();
    let resolution = record.resolution(revision).map(|found| v1::Resolution::of(&found, name));
    let record = Some(wire(state, record));
    Some(v1::ResolveResponse { resolution, record, history: history(view), revision: revision.0 })
}

fn history(view: &View) -> u64 {
    view.status().history.0
}

/// The records after a partition, at most `limit`, and whether there are more.
fn page(state: &ControlPlaneState, after: Option<PartitionId>, limit: usize) -> (Vec<v1::Record>, bool) {
    let found = state.table().records_after(after).take(limit + 1);
    let mut records: Vec<_> = found.map(|record| wire(state, record)).collect();
    let more = records.len() > limit;
    records.truncate(limit);
    (records, more)
}

fn list(view: &View, after: Option<PartitionId>, limit: usize) -> v1::ListResponse {
    let (records, more) = page(view.state(), after, limit);
    v1::ListResponse { records, revision: view.state().revision().0, more, history: history(view) }
}

#[tonic::async_trait]
impl v1::placements_server::Placements for Service {
    async fn resolve(
        &self,
        request: Request<v1::ResolveRequest>,
    ) -> Result<Response<v1::ResolveResponse>, Status> {
        self.allow(&request, "Resolve")?;
        let limit = Deadline::of(request.metadata());
        let partition =
            PartitionSelector::try_from(request.into_inner().partition).map_err(|error| malformed(&error))?;
        let missing = Status::not_found(format!("partition {partition} has no placement"));
        let read = self.handle.read(|view| resolve(view, &partition));
        self.within(limit, false, read).await?.map(Response::new).ok_or(missing)
    }

    async fn floor(&self, request: Request<v1::FloorRequest>) -> Result<Response<v1::FloorResponse>, Status> {
        self.allow(&request, "Floor")?;
        let limit = Deadline::of(request.metadata());
        let partition = PartitionId(request.into_inner().partition);
        let read = self.handle.read(move |view| {
            let (epoch, migration) = view.state().table().returned(partition);
            v1::FloorResponse { epoch: epoch.0, migration: migration.0, history: history(view) }
        });
        Ok(Response::new(self.within(limit, false, read).await?))
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Result<Response<v1::ListResponse>, Status> {
        self.allow(&request, "List")?;
        let within = Deadline::of(request.metadata());
        let v1::ListRequest { after, limit } = request.into_inner();
        let limit =
            usize::try_from(limit).ok().filter(|limit| *limit > 0).map_or(PAGE, |limit| limit.min(PAGE));
        let read = self.handle.read(|view| list(view, after.map(PartitionId), limit));
        Ok(Response::new(self.within(within, false, read).await?))
    }

    type WatchStream = ReceiverStream<Result<v1::WatchResponse, Status>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let caller = self.allow(&request, "Watch")?;
        let limit = Deadline::of(request.metadata()).at_most(Duration::from_secs(5));
        let subject = match &caller {
            Caller::Holder(subject) => Some(subject.clone()),
            Caller::Anybody => None,
        };
        let place = self.watches.take(subject).map_err(|full| too_many_watches(&full))?;
        let v1::WatchRequest { after_revision, history } = request.into_inner();
        let status = self.handle.status();
        if status.leader.is_none() {
            return Err(without_leader());
        }
        let after = status.watch_begins(HistoryId(history), Revision(after_revision));
        let after = after.ok_or_else(without_history)?;
        let feed = self.within(limit, false, self.handle.watch(after)).await?;
        let (stream, answers) = ResponseStream::new(AHEAD);
        let (handle, pages, access) = (self.handle.clone(), Arc::clone(&self.pages), self.access.clone());
        let idle = self.timeouts.watch_idle;
        tokio::spawn(forward(Watcher { handle, pages, stream, idle, access, caller, _place: place }, feed));
        Ok(Response::new(answers))
    }
}

/// Why a watch ended.
enum Over {
    /// The caller closed the stream.
    Disconnected,
    /// The caller did not read the next message in time.
    Idle,
    /// The driver ended the feed: the watcher was too slow, or the node is stopping.
    Ended,
    /// This node lost contact with the leader.
    Cut,
    /// The caller's role no longer permits it.
    Denied(Status),
}

/// The end of a watch at this node.
struct Watcher {
    handle: Handle,
    /// The turns of the pages of resyncs.
    pages: Arc<Semaphore>,
    stream: ResponseStream<v1::WatchResponse>,
    idle: Duration,
    access: SharedAccess,
    caller: Caller,
    _place: Place,
}

/// Forwards the feed to one watcher until the feed or the stream ends.
async fn forward(watcher: Watcher, mut feed: mpsc::Receiver<FeedItem>) {
    let over = loop {
        if let Err(over) = watcher.next(&mut feed).await {
            break over;
        }
    };
    let Watcher { handle, stream, idle, .. } = watcher;
    match over {
        Over::Disconnected => {}
        Over::Ended => stream.end(ended(&handle)),
        Over::Cut => stream.end(without_leader()),
        Over::Denied(status) => stream.end(status),
        Over::Idle => {
            counter!("cutover_watchers_cut_off_total").increment(1);
            let what = format!(
                "the watcher read nothing for {} s and was disconnected, resume by revision",
                idle.as_secs()
            );
            stream.end(Status::resource_exhausted(what));
        }
    }
}

impl Watcher {
    async fn room(&self) -> Result<Room<'_, v1::WatchResponse>, Over> {
        match tokio::time::timeout(self.idle, self.stream.room()).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(Disconnected)) => Err(Over::Disconnected),
            Err(_) => Err(Over::Idle),
        }
    }

    fn message(&self, what: What) -> v1::WatchResponse {
        v1::WatchResponse { history: self.handle.status().history.0, what: Some(what) }
    }

    async fn send(&self, what: What) -> Result<(), Over> {
        self.room().await?.send(self.message(what));
        Ok(())
    }

    /// Sends all records, in pages. Each is made when there is room for it, and keeps its turn until it is taken: that
    /// bounds not only what is made at once, but what is encoded, encrypted and waits to be.
    async fn resync(&self, state: &ControlPlaneState, revision: Revision) -> Result<(), Over> {
        let mut after = None;
        loop {
            let room = self.room().await?;
            let _turn = self.pages.acquire().await.map_err(|_| Over::Ended)?;
            let (records, more) = page(state, after, RESYNC);
            after = records.last().map(|record| PartitionId(record.partition));
            let resync = v1::Resync { records, revision: revision.0, last: !more };
            room.send(self.message(What::Resync(resync)));
            if let Ok(Err(Disconnected)) = tokio::time::timeout(TURN, self.stream.taken()).await {
                return Err(Over::Disconnected);
            }
            if !more {
                return Ok(());
            }
        }
    }

    async fn next(&self, feed: &mut mpsc::Receiver<FeedItem>) -> Result<(), Over> {
        let item = tokio::select! {
            biased;
            // Not at the next message only: until then it takes a place.
            () = self.stream.disconnected() => return Err(Over::Disconnected),
            item = tokio::time::timeout(PROGRESS, feed.recv()) => item,
        };
        self.access.allow(&self.caller, "Watch").map_err(Over::Denied)?;
        match item {
            Ok(Some(FeedItem::Changed(change))) => {
                let record = change.record.as_deref().map(named);
                let (revision, partition) = (change.revision.0, change.partition.0);
                let after_revision = change.after.0;
                self.send(What::Change(v1::Change { revision, partition, record, after_revision })).await
            }
            Ok(Some(FeedItem::Resync { state, revision })) => self.resync(&state, revision).await,
            Ok(None) => Err(Over::Ended),
            Err(_) => {
                let status = self.handle.status();
                if status.leader.is_none() {
                    return Err(Over::Cut);
                }
                // Read before the feed is found empty, so the watcher has everything up to it. The node's own revision may be
                // one that the feed has not told yet.
                let revision = self.handle.fed().0;
                if feed.is_empty() {
                    self.send(What::Progress(v1::Progress { revision })).await
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// The status for the end of a feed: the watcher was too slow, or the node is stopping.
fn ended(handle: &Handle) -> Status {
    match handle.latest() {
        Ok(_) => {
            Status::resource_exhausted("the watcher is too slow and was disconnected, resume by revision")
        }
        Err(failure) => Status::unavailable(failure.to_string()),
    }
}
