//! The conformance suite of stores: the reference store passes, and each sabotaged one fails the check that is about it.

#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test of the edge says what it expects by stopping"
)]

#[path = "conform/sabotaged.rs"]
mod sabotaged;

use cutover::conform::{Checked, Link, Restart, Verdict, conform};
use cutover::core::fence::{Enforcement, FenceLimits};
use cutover::core::ids::{Incarnation, Placement};
use cutover::node::proto::v1::sink_server::{Sink, SinkServer};
use cutover::sink::access::SinkAccess;
use cutover::sink::driver::{QueueLimits, start};
use cutover::sink::mover::{Mover, PullOptions};
use cutover::sink::server::{Description, SinkService};
use cutover::sink::sources::GrpcSources;
use cutover::sink::storage::{Beginning, Setup, SinkIdentity, Storage};
use sabotaged::{How, Sabotaged};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint, Server};

/// What takes thousands of writes, and finds one kind of sabotage only.
const LONG: &[&str] = &["bounded-memory"];
const DEADLINE: Duration = Duration::from_secs(20);

/// A store in an empty directory.
fn created(path: &Path, enforcement: Enforcement) -> Storage {
    let identity = SinkIdentity { store: Placement(3), incarnation: Incarnation(7) };
    let setup = Setup { enforcement, limits: FenceLimits::PRODUCTION };
    Storage::create(path, identity, setup, &Beginning::EMPTY).unwrap()
}

/// The service around it, and what it runs on.
fn service(storage: Storage) -> SinkService {
    let description = Description {
        identity: storage.identity(),
        enforcement: storage.enforcement(),
        kind: "reference".parse().unwrap(),
        known_as: "eu-1".parse().unwrap(),
    };
    let (sink, _running) = start(storage, QueueLimits::default());
    let sources = Arc::new(GrpcSources::plain(DEADLINE));
    let mover = Arc::new(Mover::new(sink.clone(), Arc::clone(&sources), PullOptions::default()));
    SinkService::new(sink, description, (mover, sources), SinkAccess::plain(), DEADLINE)
}

/// Serves a store on loopback, and returns a connection to it.
async fn served<S: Sink>(service: SinkServer<S>) -> Channel {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(async move { Server::builder().add_service(service).serve_with_incoming(incoming).await });
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

/// The checks that do not hold, with their verdicts.
async fn failed(channel: Channel, restart: Option<Restart>, without: &[&str]) -> Vec<Checked> {
    let link = Link::new(channel).await.unwrap();
    let mut told = 0;
    let without: Vec<String> = without.iter().map(ToString::to_string).collect();
    let all = conform(link, restart, &without, |_| told += 1).await;
    assert_eq!((all.len(), told), (16 - without.len(), 16 - without.len()));
    all.into_iter().filter(|checked| checked.verdict != Verdict::Holds).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_store_conforms() {
    let directory = TempDir::new().unwrap();
    let channel =
        served(service(created(&directory.path().join("s"), Enforcement::Tokens)).into_server()).await;
    let failed = failed(channel, None, &[]).await;
    let [Checked { check: "restart", verdict: Verdict::NotOffered(_), .. }] = failed.as_slice() else {
        panic!("{failed:#?}")
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_checks_no_tokens_conforms_as_that() {
    let directory = TempDir::new().unwrap();
    let channel =
        served(service(created(&directory.path().join("s"), Enforcement::Nothing)).into_server()).await;
    let failed = failed(channel, None, &[]).await;
    let checks: Vec<_> = failed.iter().map(|checked| (checked.check, &checked.verdict)).collect();
    let [("tokens", Verdict::NotOffered(_)), ("restart", Verdict::NotOffered(_))] = checks.as_slice() else {
        panic!("{failed:#?}")
    };
}

/// A sabotaged store, and the checks that must find it.
async fn finds(how: How, checks: &[&str]) {
    let directory = TempDir::new().unwrap();
    let inner =
        served(service(created(&directory.path().join("s"), Enforcement::Tokens)).into_server()).await;
    let channel = served(Sabotaged::server(inner, how)).await;
    let without = if how == How::KnowsNoWriteAgain { &[] } else { LONG };
    let failed = failed(channel, None, without).await;
    let broken = failed.iter().filter(|checked| matches!(checked.verdict, Verdict::Broken(_)));
    let broken: Vec<_> = broken.map(|checked| checked.check).collect();
    assert_eq!(broken, checks, "{how:?}: {failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_in_words_only_is_found() {
    finds(How::SealsInWordsOnly, &["atomic-seal", "drop"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_knows_no_write_again_is_found() {
    finds(How::KnowsNoWriteAgain, &["duplicates", "conditions", "bounded-memory", "ids-move"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_lacks_a_row_is_found() {
    finds(How::LeavesRowsOut, &["export"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_parts_in_any_order_is_found() {
    finds(How::SaysThatItTookIt, &["take", "end"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_remembers_nothing_is_found() {
    finds(How::CopiesNoIds, &["take", "ids-move"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_serves_stale_readers_is_found() {
    finds(How::ServesAnyToken, &["tokens"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_applied_in_parts_is_found() {
    finds(How::SplitsBatches, &["batches"]).await;
}

/// The store is another one after its restart: what it acknowledged is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_forgets_is_found_by_a_restart() {
    let directory = Arc::new(TempDir::new().unwrap());
    let inner =
        served(service(created(&directory.path().join("s"), Enforcement::Tokens)).into_server()).await;
    let store = Sabotaged::new(inner, How::Not);
    let channel = served(store.clone().into_server()).await;
    let restart: Restart = Box::new(move || {
        let (store, directory) = (store.clone(), Arc::clone(&directory));
        Box::pin(async move {
            let other = created(&directory.path().join("other"), Enforcement::Tokens);
            store.becomes(served(service(other).into_server()).await);
            Ok(())
        })
    });
    let failed = failed(channel, Some(restart), LONG).await;
    let [Checked { check: "restart", verdict: Verdict::Broken(_), .. }] = failed.as_slice() else {
        panic!("{failed:#?}")
    };
}
