//! A watch at a node that sends a page which cannot be decoded.

use super::made::address;
use cutover::client::{Client, ClientError, Dialer, Update};
use cutover::core::ids::PartitionId;
use cutover::node::proto::v1::watch_response::What;
use cutover::node::proto::v1::{
    FloorRequest, FloorResponse, ListRequest, ListResponse, Placed, Record, ResolveRequest, ResolveResponse,
    Resync, WatchRequest, WatchResponse,
    placements_server::{Placements, PlacementsServer},
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tonic::{Request, Response, Status};

/// The first watch gets a page that cannot be decoded, and the rest of its pages; later ones get all.
#[derive(Default)]
struct Damaged {
    watches: Arc<AtomicUsize>,
}

/// A partition that was deleted, with no copy left: the shortest record.
fn record(partition: u64) -> Record {
    Record { partition, ..Record::default() }
}

#[tonic::async_trait]
impl Placements for Damaged {
    async fn resolve(&self, _: Request<ResolveRequest>) -> Result<Response<ResolveResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn floor(&self, _: Request<FloorRequest>) -> Result<Response<FloorResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    type WatchStream = tokio_stream::Iter<std::vec::IntoIter<Result<WatchResponse, Status>>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let damaged = self.watches.fetch_add(1, Ordering::Relaxed) == 0;
        let mut first = record(1);
        if damaged {
            // Without a phase.
            first.placed = Some(Placed::default());
        }
        let page = |record, last| {
            let what = What::Resync(Resync { records: vec![record], revision: 7, last });
            Ok(WatchResponse { history: 1, what: Some(what) })
        };
        Ok(Response::new(tokio_stream::iter(vec![page(first, false), page(record(2), true)])))
    }
}

/// The rest of its stream is given up with it: the page that is missing would never be noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_cannot_be_decoded_is_not_left_out() {
    let at = super::harness::free();
    let server = tonic::transport::Server::builder().add_service(PlacementsServer::new(Damaged::default()));
    tokio::spawn(server.serve(at));
    let client = Client::new(vec![address(at)], Arc::new(Dialer::Plain), super::made::options(10)).unwrap();
    let mut watch = client.watch();
    let error = watch.next().await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected(_)), "{error:?}");
    let Update::Everything { records, .. } = watch.next().await.unwrap() else { panic!("all records") };
    let found: Vec<_> = records.iter().map(|record| record.partition).collect();
    assert_eq!(found, [1, 2].map(PartitionId));
}
