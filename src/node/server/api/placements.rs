//! The gRPC service `Placements`: resolve, list, watch.

use super::deadline;
use super::errors::{malformed, without_leader};
use super::response_stream::{Disconnected, ResponseStream};
use crate::core::control_plane::ControlPlaneState;
use crate::core::ids::{PartitionId, Revision};
use crate::core::migration::PartitionRecord;
use crate::node::driver::{FeedItem, Handle, NamedRecord, View};
use crate::node::proto::{PartitionSelector, v1};
use crate::node::server::Service;
use core::time::Duration;
use metrics::counter;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Most records in one response of `List`, and in one message of a resync.
const PAGE: usize = 1_000;
/// Messages of a watch that are buffered until the caller reads them.
const AHEAD: usize = 16;
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

fn resolve(view: View<'_>, partition: &PartitionSelector) -> Option<v1::ResolveResponse> {
    let state = view.state();
    let record = state.table().record(partition_of(state, partition)?)?;
    let name = state.directory().name(record.partition);
    let resolution = record.resolution(state.revision()).map(|found| v1::Resolution::of(&found, name));
    Some(v1::ResolveResponse { resolution, record: Some(wire(state, record)), history: history(view) })
}

fn history(view: View<'_>) -> u64 {
    view.engine().status().history.0
}

fn list(view: View<'_>, after: Option<u32>, limit: usize) -> v1::ListResponse {
    let state = view.state();
    let after = |record: &&PartitionRecord| after.is_none_or(|after| record.partition.0 > after);
    let mut records: Vec<_> =
        state.table().records().filter(after).take(limit + 1).map(|record| wire(state, record)).collect();
    let more = records.len() > limit;
    records.truncate(limit);
    v1::ListResponse { records, revision: state.revision().0, more, history: history(view) }
}

#[tonic::async_trait]
impl v1::placements_server::Placements for Service {
    async fn resolve(
        &self,
        request: Request<v1::ResolveRequest>,
    ) -> Result<Response<v1::ResolveResponse>, Status> {
        self.allow(&request, "Resolve")?;
        let limit = deadline::of(request.metadata());
        let partition =
            PartitionSelector::try_from(request.into_inner().partition).map_err(|error| malformed(&error))?;
        let missing = Status::not_found(format!("partition {partition} has no placement"));
        let read = self.handle.read(move |view| resolve(view, &partition));
        self.within(limit, false, read).await?.map(Response::new).ok_or(missing)
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Result<Response<v1::ListResponse>, Status> {
        self.allow(&request, "List")?;
        let within = deadline::of(request.metadata());
        let v1::ListRequest { after, limit } = request.into_inner();
        let limit =
            usize::try_from(limit).ok().filter(|limit| *limit > 0).map_or(PAGE, |limit| limit.min(PAGE));
        let read = self.handle.read(move |view| list(view, after, limit));
        Ok(Response::new(self.within(within, false, read).await?))
    }

    type WatchStream = ReceiverStream<Result<v1::WatchResponse, Status>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.allow(&request, "Watch")?;
        let limit = deadline::of(request.metadata()).min(Duration::from_secs(5));
        let v1::WatchRequest { after_revision, history } = request.into_inner();
        let status = self.handle.status();
        if status.leader.is_none() {
            return Err(without_leader());
        }
        // A revision of another history says nothing here, and one that the leader's log does not reach is of none.
        let is_known = history == status.history.0 && !(status.leads() && after_revision > status.last.0);
        let after = if is_known { Revision(after_revision) } else { Revision::ZERO };
        let feed = self.within(limit, false, self.handle.watch(after)).await?;
        let (stream, answers) = ResponseStream::new(AHEAD);
        tokio::spawn(forward(self.handle.clone(), feed, stream, self.timeouts.watch_idle));
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
}

/// Forwards the feed to one watcher until the feed or the stream ends.
async fn forward(
    handle: Handle,
    mut feed: mpsc::Receiver<FeedItem>,
    stream: ResponseStream<v1::WatchResponse>,
    idle: Duration,
) {
    let over = loop {
        if let Err(over) = send_next(&handle, &mut feed, &stream, idle).await {
            break over;
        }
    };
    match over {
        Over::Disconnected => {}
        Over::Ended => stream.end(ended(&handle).await),
        Over::Cut => stream.end(without_leader()),
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

async fn send_next(
    handle: &Handle,
    feed: &mut mpsc::Receiver<FeedItem>,
    stream: &ResponseStream<v1::WatchResponse>,
    idle: Duration,
) -> Result<(), Over> {
    use v1::watch_response::What;
    let history = handle.status().history.0;
    let send = async |what| match tokio::time::timeout(
        idle,
        stream.send(v1::WatchResponse { history, what: Some(what) }),
    )
    .await
    {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Disconnected)) => Err(Over::Disconnected),
        Err(_) => Err(Over::Idle),
    };
    match tokio::time::timeout(PROGRESS, feed.recv()).await {
        Ok(Some(FeedItem::Changed(change))) => {
            let record = change.record.as_deref().map(named);
            let (revision, partition) = (change.revision.0, change.partition.0);
            let after_revision = change.after.0;
            send(What::Change(v1::Change { revision, partition, record, after_revision })).await
        }
        Ok(Some(FeedItem::Resync { records, revision })) => {
            let mut pages = records.chunks(PAGE).peekable();
            let mut page = pages.next().unwrap_or_default();
            loop {
                let records = page.iter().map(named).collect();
                let next = pages.next();
                send(What::Resync(v1::Resync { records, revision: revision.0, last: next.is_none() }))
                    .await?;
                match next {
                    Some(next) => page = next,
                    None => return Ok(()),
                }
            }
        }
        Ok(None) => Err(Over::Ended),
        Err(_) => {
            let status = handle.status();
            if status.leader.is_none() {
                return Err(Over::Cut);
            }
            // The feed is empty, so the watcher has everything up to this revision.
            let revision = status.revision.0;
            if feed.is_empty() { send(What::Progress(v1::Progress { revision })).await } else { Ok(()) }
        }
    }
}

/// The status for the end of a feed: the watcher was too slow, or the node is stopping.
async fn ended(handle: &Handle) -> Status {
    match handle.inspect(|_| ()).await {
        Ok(()) => {
            Status::resource_exhausted("the watcher is too slow and was disconnected, resume by revision")
        }
        Err(failure) => Status::unavailable(failure.to_string()),
    }
}
