//! A client in another language: runs `tests/python`.

use super::harness::{run, skipped};
use super::made::Cluster;
use std::process::Command;

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

/// The interface definition that the Python client reads. A wrong path fails to compile, even without Python.
const PROTO: &str = include_str!("../../src/node/proto/cutover.proto");

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
