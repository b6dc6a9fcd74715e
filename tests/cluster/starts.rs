//! Reasons for which a node refuses to start: each gives one clear line and an exit code, and nothing on the disk
//! is lost.

use super::harness::{BINARY, Node, free, run};
use super::made::ProcessPermit;
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::net::TcpListener;
use std::process::Command;
use tempfile::TempDir;

/// A node that was founded and is not running.
fn founded() -> (TempDir, Node) {
    let directory = TempDir::new().unwrap();
    let node = Node::new(directory.path(), 7, 1, None);
    node.verb(&["init"]).ok();
    (directory, node)
}

/// Starts the node again and checks that nothing was lost.
fn still_starts(mut node: Node) {
    node.start();
    node.hears("serves");
    node.terminate();
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    let (_directory, mut node) = founded();
    node.number = 2;
    node.start_to_end().fails(65, &["belongs to another node", "found n1/", "expected n2"]);
    node.verb(&["serve", "--check-config"]).fails(65, &["a data directory of n1/", "expected one of n2"]);
    node.number = 1;
    node.verb(&["init"]).fails(65, &["is a data directory already", "expected none"]);
    still_starts(node);
}

#[test]
fn a_second_process_and_a_taken_port_are_refused() {
    let (_directory, mut node) = founded();
    node.start();
    let second = run(Command::new(BINARY).args(["serve", "--config"]).arg(node.configure()));
    second.fails(65, &["is in use", "found a lock of another process, expected none"]);
    assert_eq!(node.terminate().code, 0);
    for port in [node.peer, node.client, node.metrics] {
        let _taken = TcpListener::bind(port).unwrap();
        node.start_to_end().fails(69, &[&format!("cannot listen on {port}"), "in use"]);
    }
    still_starts(node);
}

#[test]
fn a_damaged_file_is_refused_with_what_to_do() {
    let (_directory, mut node) = founded();
    node.start();
    node.terminate();
    let path = node.data.join("log.redb");
    let whole = fs::read(&path).unwrap();
    let (mut refused, places) = (0, 24);
    for place in 1..=places {
        let at = whole.len() * place / (places + 1);
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(u64::try_from(at).unwrap())).unwrap();
        let flipped: Vec<u8> = whole[at..].iter().take(512).map(|byte| !byte).collect();
        file.write_all(&flipped).unwrap();
        drop(file);
        // A page that is not in use may have any contents. Elsewhere the damage is detected.
        let ran = node.verb(&["serve", "--check-config"]);
        let opened = if ran.code == 0 { opens(&node) } else { ran };
        if opened.code != 0 {
            opened.fails(65, &["is damaged", "expected", "wipe the directory, and add the node again"]);
            refused += 1;
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(refused > 0, "no damage was noticed");
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    opens(&node).fails(65, &["is damaged"]);
    fs::write(&path, b"").unwrap();
    opens(&node).fails(65, &["is damaged", "0 bytes"]);
    fs::write(&path, &whole).unwrap();
    still_starts(node);
}

/// Opens the directory without running the node: `recover` reads everything and, without `--yes`, changes nothing.
fn opens(node: &Node) -> super::harness::Ran {
    let text = node.configuration();
    let config = node.directory.join("later.toml");
    fs::write(&config, text.replace("/data\"", "/later\"")).unwrap();
    let ran = run(Command::new(BINARY)
        .args(["recover", "--operator", "ann", "--reason", "a look", "--from"])
        .arg(&node.data)
        .arg("--config")
        .arg(config));
    let looked = ran.code == 64 && ran.err.contains("nothing was done");
    if looked { super::harness::Ran { code: 0, ..ran } } else { ran }
}

#[test]
fn a_bad_configuration_is_refused() {
    let (_directory, node) = founded();
    let config = node.configure();
    let good = fs::read_to_string(&config).unwrap();
    let missing = node.directory.join("none.pem").display().to_string();
    let tls = format!("[tls]\nca = {missing:?}\ncert = {missing:?}\nkey = {missing:?}\n");
    let cases: [(String, &[&str]); 10] = [
        (good.replace("[timing]", "[timing]\nhart_beat = 1"), &["node.toml", "hart_beat"]),
        (good.replace("node = 1", "node = \"one\""), &["node.toml", "line 1", "one"]),
        (format!("cluster = 7\n{good}"), &["cluster: remove this key", "drawn"]),
        (good.replace("node = 1", "node = 0"), &["node is 0", "expected 1 to 255"]),
        (good.replace("node = 1", "node = 256"), &["node.toml", "256"]),
        (good.replace("heartbeat_ms = 50", "heartbeat_ms = 400"), &["[timing]", "heartbeat_ms is 400"]),
        (good.replace("127.0.0.1", "0.0.0.0"), &["listens on 0.0.0.0", "without certificates", "[tls]"]),
        (good.replace("identity = \"CN=n1", "identity = \"n1"), &["identity"]),
        (format!("{good}{tls}"), &["[tls]", "none.pem", "No such file", "in PEM"]),
        (good.replace("[listen]", "[listen"), &["node.toml", "line 4"]),
    ];
    for (text, words) in cases {
        assert_ne!(text, good);
        fs::write(&config, text).unwrap();
        for verb in [&["serve"][..], &["serve", "--check-config"], &["init"]] {
            let ran = run(Command::new(BINARY).args(verb).arg("--config").arg(&config));
            ran.fails(64, words);
        }
    }
    let none = node.directory.join("none.toml");
    run(Command::new(BINARY).args(["serve", "--config"]).arg(&none)).fails(64, &["none.toml"]);
    fs::write(&config, &good).unwrap();
    let checked = node.verb(&["serve", "--check-config"]).ok();
    assert!(checked.contains("the configuration is valid"), "{checked}");
    still_starts(node);
}

#[test]
fn a_port_is_free_until_it_is_taken() {
    let _turn = ProcessPermit::take();
    let (one, two) = (free(), free());
    assert_ne!(one, two);
}
