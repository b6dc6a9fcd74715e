//! `cutoverd demo`: real processes, a partition that moves under load, kills; and that a demo can fail.

use super::harness::{BINARY, Ran, cutoverd, until};
use super::made::{ProcessPermit, address, dialer, options};
use cutover::client::Client;
use cutover::client::gateway::{Gateway, GatewayOptions};
use cutover::core::fence::{Key, Value as Bytes};
use cutover::node::proto::PartitionSelector;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn arguments(directory: &Path, further: &[&str]) -> Vec<String> {
    let (files, page) = (directory.join("files"), directory.join("demo.html"));
    let fixed = ["demo", "--format", "json", "--writers", "8"].map(str::to_owned);
    let paths =
        ["--dir".to_owned(), files.display().to_string(), "--html".to_owned(), page.display().to_string()];
    let further = further.iter().map(|word| (*word).to_owned());
    fixed.into_iter().chain(paths).chain(further).collect()
}

/// The line of the result, between the first and the last line of a run.
#[track_caller]
fn found(ran: &Ran) -> Value {
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["run-started", "demo", "run-finished"], "{ran:?}");
    assert_eq!(lines[2]["exit"], ran.code);
    lines[1].clone()
}

/// Runs a demo in which all must be well.
#[track_caller]
fn well(further: &[&str]) -> Value {
    let _permit = ProcessPermit::take();
    let directory = tempfile::tempdir().unwrap();
    let ran = cutoverd(&arguments(directory.path(), further));
    assert_eq!(ran.code, 0, "{ran:?}");
    let found = found(&ran);
    assert_eq!((&found["lost"], &found["duplicates"]), (&0.into(), &0.into()), "{found}");
    assert_eq!(found["linearizable"], true, "{found}");
    assert!(found["blocked_ms_max"].as_u64().unwrap() > 0, "{found}");
    let page = fs::read_to_string(directory.path().join("demo.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("class=\"blocked\""), "{page}");
    assert!(!page.contains("http"), "it needs nothing else");
    let history = fs::read_to_string(directory.path().join("files/history.jsonl")).unwrap();
    assert!(history.starts_with("{\"type\":\"history-started\",\"schema\":\"cutover.registers/1\"}\n"));
    found
}

#[test]
fn a_demo_moves_a_partition_there_and_back_and_loses_nothing() {
    let found = well(&["--rows", "2000", "--seconds", "4"]);
    assert_eq!((&found["moves"], &found["unknown"], &found["kills"]), (&2.into(), &0.into(), &0.into()));
    assert!(found["acknowledged"].as_u64().unwrap() >= 200, "{found}");
}

#[test]
fn a_demo_loses_nothing_while_processes_are_killed() {
    let found = well(&["--rows", "2000", "--seconds", "4", "--moves", "4", "--chaos", "--seed", "3"]);
    assert_eq!(found["moves"], 4);
    assert!(found["kills"].as_u64().unwrap() >= 4, "{found}");
    assert!(found["acknowledged"].as_u64().unwrap() >= 100, "{found}");
}

/// Every round is a move that is under way when a process is killed.
#[test]
#[ignore = "a minute"]
fn twenty_rounds_of_kills() {
    let found = well(&["--rows", "2000", "--moves", "20", "--chaos", "--seed", "20"]);
    assert_eq!(found["moves"], 20);
    assert!(found["kills"].as_u64().unwrap() >= 20, "{found}");
}

/// A demo that is running, with its output in files.
fn start(directory: &Path, further: &[&str]) -> Child {
    let file = |name: &str| fs::File::create(directory.join(name)).unwrap();
    let mut command = Command::new(BINARY);
    command.args(arguments(directory, further)).stdin(Stdio::null());
    command.stdout(file("out")).stderr(file("err")).spawn().unwrap()
}

fn said(directory: &Path) -> String {
    fs::read_to_string(directory.join("err")).unwrap()
}

#[track_caller]
fn end(mut demo: Child, directory: &Path) -> Ran {
    let status = until("a demo that ends", || demo.try_wait().unwrap());
    let out = fs::read_to_string(directory.join("out")).unwrap();
    Ran { code: status.code().unwrap_or(-1), out, err: said(directory) }
}

/// Somebody else deletes a row of the table, and writes registers: a write is missing, a value is there that no writer wrote, and there are
/// more effects than writes.
#[test]
fn a_demo_tells_what_was_done_behind_its_back() {
    let _permit = ProcessPermit::take();
    let directory = tempfile::tempdir().unwrap();
    let demo = start(directory.path(), &["--rows", "500", "--seconds", "4"]);
    until("the load", || said(directory.path()).contains("writes/s").then_some(()));
    let config = fs::read_to_string(directory.path().join("files/n1.toml")).unwrap();
    let port = config.lines().find_map(|line| line.strip_prefix("client = ")).unwrap().trim_matches('"');
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::new(vec![address(port.parse().unwrap())], dialer(None), options(10)).unwrap();
        let gateway = Gateway::new(client, dialer(None), GatewayOptions::default());
        let acme = PartitionSelector::Name("acme".to_owned().try_into().unwrap());
        let acme = gateway.partition(acme).await.unwrap();
        let key = |text: &str| Key::try_from(text.as_bytes()).unwrap();
        gateway.delete(acme, key("row 000000007")).await.unwrap();
        // Often enough that a writer reads one.
        for number in 0..400 {
            let register = key(&format!("k{}", number % 8));
            gateway.put(acme, register, Bytes::try_from(&b"1"[..]).unwrap()).await.unwrap();
        }
    });
    let ran = end(demo, directory.path());
    assert_eq!(ran.code, 1, "{ran:?}");
    let found = found(&ran);
    assert_eq!((&found["lost"], &found["duplicates"]), (&1.into(), &401.into()), "{found}");
    assert_eq!(found["linearizable"], false, "{found}");
}

#[test]
fn a_demo_that_is_interrupted_ends_its_processes_and_says_so() {
    let _permit = ProcessPermit::take();
    let directory = tempfile::tempdir().unwrap();
    let demo = start(directory.path(), &["--rows", "500", "--seconds", "60"]);
    until("the load", || said(directory.path()).contains("writes/s").then_some(()));
    let files = directory.path().join("files").display().to_string();
    let processes = || {
        let all = fs::read_dir("/proc").unwrap().flatten();
        all.filter_map(|one| fs::read_to_string(one.path().join("cmdline")).ok())
            .filter(|line| line.contains("demo-part") && line.contains(&files))
            .count()
    };
    assert_eq!(processes(), 7);
    let sent = Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    assert!(sent.success());
    end(demo, directory.path()).fails(2, &["interrupted after", "acknowledged writes"]);
    assert_eq!(processes(), 0);
}

#[test]
fn a_directory_with_files_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("files")).unwrap();
    fs::write(directory.path().join("files/mine"), "").unwrap();
    cutoverd(&arguments(directory.path(), &[])).fails(64, &["it has files"]);
    assert!(directory.path().join("files/mine").is_file());
}
