//! A client in another language: runs `tests/python`.

use super::harness::{run, skipped, until};
use super::made::Cluster;
use super::sink_process::Store;
use super::sinks::callers;
use std::fs::File;
use std::process::{Command, Stdio};

/// A Python with the packages that the client needs: named by `CUTOVER_PYTHON`, or found on the path.
fn python() -> Option<String> {
    let python = std::env::var("CUTOVER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let needs = "import grpc_health.v1, grpc_reflection.v1alpha, grpc_status, grpc_tools";
    match Command::new(&python).args(["-c", needs]).output() {
        Ok(ran) if ran.status.success() => Some(python),
        Ok(_) => {
            skipped(&format!("{python} lacks the packages of tests/python/requirements.txt"));
            None
        }
        Err(error) => {
            skipped(&format!("{python}: {error}"));
            None
        }
    }
}

/// The interface definitions that Python reads. A wrong path fails to compile, even without Python.
const PROTO: &str = include_str!("../../src/node/proto/cutover.proto");
const SINK: &str = include_str!("../../src/node/proto/sink.proto");

fn drives(cluster: &Cluster, python: &str) {
    let proto = cluster.directory.path().join("cutover.proto");
    std::fs::write(&proto, PROTO).unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let mut command = Command::new(python);
    let endpoints: Vec<String> = cluster.addresses().iter().map(ToString::to_string).collect();
    command.arg(format!("{root}/tests/python/client.py")).arg(&proto);
    command.arg(endpoints.join(",")).env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(ann) = &cluster.ann {
        command.args([&ann.ca, &ann.cert, &ann.key]);
    }
    // The client follows the hints to the leader.
    let said = run(&mut command).ok();
    assert!(said.starts_with("done"), "{said}");
    eprint!("{said}");
}

#[test]
fn a_client_in_python_drives_a_migration() {
    let Some(python) = python() else { return };
    drives(&Cluster::plain(3), &python);
}

#[test]
fn a_client_in_python_drives_a_migration_over_tls() {
    let Some(python) = python() else { return };
    drives(&Cluster::secure(3), &python);
}

/// Rows are written, compared, deleted and read in Python while their partition moves by an operator's word, over TLS.
#[test]
fn a_gateway_in_python_goes_along_with_a_move() {
    let Some(python) = python() else { return };
    let mut cluster = Cluster::of(3, true);
    for node in &mut cluster.nodes {
        "[controllers]\nrun = true\n".clone_into(&mut node.sections);
    }
    let cluster = cluster.found();
    let (files, _) = callers(&cluster);
    let _source = Store::serving(&cluster, "eu-1", "");
    let _target = Store::serving(&cluster, "us-1", "");
    cluster.ctl(&["create", "acme", "--at", "eu-1"]).ok();
    let folder = cluster.directory.path();
    let (proto, sink) = (folder.join("cutover.proto"), folder.join("sink.proto"));
    std::fs::write(&proto, PROTO).unwrap();
    std::fs::write(&sink, SINK).unwrap();
    let endpoints: Vec<String> = cluster.addresses().iter().map(ToString::to_string).collect();
    let said = || std::fs::read_to_string(folder.join("python.out")).unwrap();
    let mut gateway = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/gateway.py"))
        .args([&proto, &sink])
        .args(["acme", "us-1", &endpoints.join(",")])
        .args([&files.ca, &files.cert, &files.key])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(File::create(folder.join("python.out")).unwrap())
        .spawn()
        .unwrap();
    until("a gateway that writes", || {
        let ended = gateway.try_wait().unwrap();
        assert!(ended.is_none(), "the gateway ended with {ended:?}");
        said().contains("begun").then_some(())
    });
    cluster.ctl(&["migrate", "acme", "--to", "us-1"]).ok();
    let ended = until("a gateway that ends", || gateway.try_wait().unwrap());
    assert!(ended.success() && said().contains("done"), "{ended:?} {}", said());
    eprint!("{}", said());
}
