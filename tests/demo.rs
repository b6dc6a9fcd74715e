//! `cutoverd demo`: real processes, a partition that moves under load, kills; and that a demo can fail.

#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "a test says what it expects by stopping")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "it runs processes, and waits for them"
)]

use cutover::client::gateway::{Gateway, GatewayOptions};
use cutover::client::{Client, Dialer, Options};
use cutover::core::fence::{Key, Value as Bytes};
use cutover::node::proto::PartitionSelector;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_cutoverd");

/// Limit for every wait. No test depends on durations; a longer wait would never end.
const PATIENCE: Duration = Duration::from_secs(300);

/// A demo takes the whole machine: one at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Polls until there is a result.
#[track_caller]
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The exit code and output of a demo.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Asserts a failure with this exit code, and one line on stderr that contains all of these words.
    #[track_caller]
    fn fails(&self, code: i32, words: &[&str]) {
        let lines: Vec<&str> = self.err.lines().filter(|line| line.starts_with("cutover: ")).collect();
        assert!(lines.len() == 1 && words.iter().all(|word| lines[0].contains(word)), "{self:?}");
        assert_eq!(self.code, code, "{self:?}");
    }
}

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
    let _turn = turn();
    let directory = tempfile::tempdir().unwrap();
    let ran = end(start(directory.path(), further), directory.path());
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

/// Twenty rounds: each is a move that is under way when a process is killed.
#[test]
fn a_demo_loses_nothing_while_processes_are_killed() {
    let found = well(&["--rows", "2000", "--seconds", "4", "--moves", "20", "--chaos", "--seed", "3"]);
    assert_eq!(found["moves"], 20);
    assert!(found["kills"].as_u64().unwrap() >= 20, "{found}");
    assert!(found["acknowledged"].as_u64().unwrap() >= 500, "{found}");
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
    let _turn = turn();
    let directory = tempfile::tempdir().unwrap();
    let demo = start(directory.path(), &["--rows", "500", "--seconds", "8"]);
    until("the load", || said(directory.path()).contains("writes/s").then_some(()));
    let config = fs::read_to_string(directory.path().join("files/n1.toml")).unwrap();
    let port = config.lines().find_map(|line| line.strip_prefix("client = ")).unwrap().trim_matches('"');
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dialer = || Arc::new(Dialer::Plain);
        let client = Client::new(vec![port.to_owned().try_into().unwrap()], dialer(), Options::default());
        let gateway = Gateway::new(client.unwrap(), dialer(), GatewayOptions::default());
        let acme = PartitionSelector::Name("acme".to_owned().try_into().unwrap());
        let acme = gateway.partition(acme).await.unwrap();
        let key = |text: &str| Key::try_from(text.as_bytes()).unwrap();
        gateway.delete(acme, key("row 000000007")).await.unwrap();
        // Often enough that a client reads one; until the demo ends, at most.
        let gateway = gateway.with_deadline(Duration::from_secs(2));
        for number in 0..200 {
            let register = key(&format!("k{}", number % 8));
            if gateway.put(acme, register, Bytes::try_from(&b"1"[..]).unwrap()).await.is_err() {
                break;
            }
        }
    });
    let ran = end(demo, directory.path());
    assert_eq!(ran.code, 1, "{ran:?}");
    let found = found(&ran);
    assert_eq!((&found["lost"], &found["linearizable"]), (&1.into(), &false.into()), "{found}");
    // What came after the end of the load does not count.
    let duplicates = found["duplicates"].as_u64().unwrap();
    assert!((1..=202).contains(&duplicates), "{found}");
}

#[test]
fn a_demo_that_is_interrupted_ends_its_processes_and_says_so() {
    let _turn = turn();
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
    end(start(directory.path(), &[]), directory.path()).fails(64, &["it has files"]);
    assert!(directory.path().join("files/mine").is_file());
}
