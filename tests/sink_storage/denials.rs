//! Who may make which call of a store, over sockets. The caller's subject is in the metadata, where a certificate's would be.

use super::pull::{SOURCE, storage};
use super::served::{prepare, put, serve_with, target};
use cutover::core::control_plane::{ClusterVoterIdentity, Subjects};
use cutover::node::proto::DESCRIPTORS;
use cutover::node::proto::v1::{self, sink_client::SinkClient};
use cutover::node::server::{Caller, Identify};
use cutover::sink::access::{SinkAccess, SinkRole};
use prost::Message as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Extensions, Request, Status};

struct Named;

impl Identify for Named {
    fn caller(&self, _: &Extensions, metadata: &MetadataMap) -> Result<Caller, Status> {
        let subject = metadata.get("subject").and_then(|subject| subject.to_str().ok());
        let subject = subject.ok_or_else(|| Status::unauthenticated("no subject"))?;
        Ok(Caller::Holder(ClusterVoterIdentity::from_certificate_subject(subject).unwrap()))
    }
}

/// Each call with the units that may make it, as the page on operating has it.
const MAY: [(&str, &str); 11] = [
    ("Write", "gateway"),
    ("Read", "gateway"),
    ("Prepare", "node"),
    ("Seal", "node"),
    ("Watermark", "node"),
    ("Evidence", "node"),
    ("End", "node"),
    ("Drop", "node"),
    ("Export", "store"),
    ("Take", "store"),
    ("Describe", "gateway node store"),
];

/// Calls a store as the holder of a certificate. `None`: it was let in, whatever the store said.
async fn denied(client: &mut SinkClient<Channel>, call: &str, subject: &str) -> Option<Status> {
    fn from<T>(subject: &str, wire: T) -> Request<T> {
        let mut request = Request::new(wire);
        request.metadata_mut().insert("subject", subject.parse().unwrap());
        request
    }
    let at = target(SOURCE);
    let answer = match call {
        "Write" => client.write(from(subject, put(SOURCE, (1, 1), 2, "k", "v"))).await.err(),
        "Read" => {
            let read = v1::SinkReadRequest { target: at, token: 2, key: b"k".to_vec() };
            client.read(from(subject, read)).await.err()
        }
        "Prepare" => client.prepare(from(subject, prepare(SOURCE, 1, None))).await.err(),
        "Seal" => {
            client.seal(from(subject, v1::SinkSealRequest { target: at, ..Default::default() })).await.err()
        }
        "Watermark" => {
            let asked = v1::SinkWatermarkRequest { target: at, ..Default::default() };
            client.watermark(from(subject, asked)).await.err()
        }
        "Evidence" => {
            let asked = v1::SinkEvidenceRequest { target: at, ..Default::default() };
            client.evidence(from(subject, asked)).await.err()
        }
        "End" => {
            client.end(from(subject, v1::SinkEndRequest { target: at, ..Default::default() })).await.err()
        }
        "Drop" => {
            client.drop(from(subject, v1::SinkDropRequest { target: at, ..Default::default() })).await.err()
        }
        "Export" => {
            let asked = v1::SinkExportRequest { target: at, ..Default::default() };
            client.export(from(subject, asked)).await.err()
        }
        "Take" => client.take(from(subject, v1::SinkTakeRequest { target: at, chunk: None })).await.err(),
        "Describe" => client.describe(from(subject, v1::SinkDescribeRequest { partition: None })).await.err(),
        other => panic!("{other}"),
    };
    answer.filter(|status| status.code() == Code::PermissionDenied)
}

fn roles() -> Vec<(Subjects, SinkRole)> {
    let of = |unit: &str, role| (Subjects::parse(&format!("OU={unit},O=example")).unwrap(), role);
    vec![of("gateway", SinkRole::Gateway), of("node", SinkRole::Node), of("store", SinkRole::Store)]
}

#[tokio::test]
async fn each_role_may_make_its_calls_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let access = SinkAccess::new(Arc::new(Named), roles());
    let storage = storage(&directory.path().join("a"), SOURCE);
    let (_, mut client) = serve_with(storage, access.clone(), Duration::from_secs(10)).await;
    for (call, may) in MAY {
        for unit in ["gateway", "node", "store", "stranger"] {
            let subject = format!("CN=x,OU={unit},O=example");
            let denied = denied(&mut client, call, &subject).await;
            let allowed = may.split(' ').any(|one| one == unit);
            assert_eq!(denied.is_none(), allowed, "{call} by {unit}: {denied:?}");
            let has = if unit == "stranger" { "no role" } else { unit };
            let told = format!("{subject} has {has}, {call} needs {}", may.replace(' ', " or "));
            assert!(denied.is_none_or(|status| status.message() == told), "{told}");
        }
    }
    // The roles may change while it runs.
    let writer = "CN=x,OU=gateway,O=example";
    assert!(!access.replace(roles()));
    assert!(access.replace(roles().split_off(1)));
    assert!(denied(&mut client, "Write", writer).await.is_some());
    assert!(access.replace(roles()));
    assert!(denied(&mut client, "Write", writer).await.is_none());
}

/// A call that somebody adds is denied until it is decided who may make it.
#[test]
fn no_call_is_open_that_is_not_listed() {
    let files = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let services = files.file.iter().flat_map(|file| &file.service);
    let sink = services.filter(|service| service.name() == "Sink").flat_map(|service| &service.method);
    let calls: BTreeSet<&str> = sink.map(|method| method.name()).collect();
    assert_eq!(calls, MAY.map(|(call, _)| call).into());
    let mut metadata = MetadataMap::new();
    metadata.insert("subject", "CN=x,OU=node,O=example".parse().unwrap());
    let every = [SinkRole::Gateway, SinkRole::Node, SinkRole::Store];
    let roles = every.map(|role| (Subjects::parse("O=example").unwrap(), role)).to_vec();
    for access in [SinkAccess::new(Arc::new(Named), roles), SinkAccess::plain()] {
        let may = |call: &str| access.allow(call, &Extensions::new(), &metadata).is_ok();
        assert!(calls.iter().all(|call| may(call)));
        assert!(!may("Wipe") && !may("write") && !may(""));
    }
}
