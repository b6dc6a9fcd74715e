//! Verbs that another program implements, tested with an installed copy of `cutover` and a script in the place of
//! that program.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Puts a copy of the program and a script called `name` into a folder.
fn installed(dir: &Path, name: &str, script: &str) -> Command {
    let program = dir.join("cutover");
    std::fs::copy(env!("CARGO_BIN_EXE_cutover"), &program).unwrap();
    let sibling = dir.join(name);
    std::fs::write(&sibling, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&sibling, PermissionsExt::from_mode(0o755)).unwrap();
    Command::new(program)
}

#[test]
fn arguments_and_exit_codes_pass_through() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = installed(dir.path(), "cutoverd", "echo \"$@\"; exit 69");
    let ran = command.args(["serve", "--help", "-x", "a b"]).output().unwrap();
    assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(69), b"serve --help -x a b\n".as_slice()));
    let mut command = installed(dir.path(), "cutover-sim", "echo \"$@\"; exit 3");
    let ran = command.args(["sim", "--seeds", "7"]).output().unwrap();
    assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(3), b"--seeds 7\n".as_slice()));
}

/// The other program replaces the process of `cutover`, so it receives signals sent to that process.
#[test]
fn signals_reach_the_sibling() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap 'exit 2' TERM; echo ready; while :; do sleep 0.1; done";
    let mut child =
        installed(dir.path(), "cutoverd", script).arg("serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn completions_name_the_verbs_of_siblings() {
    let dir = tempfile::tempdir().unwrap();
    let script = super::ran::run(dir.path(), &["completions", "bash"]).stdout;
    for verb in ["check", "sim", "init", "serve", "sink", "ctl", "backup", "restore", "recover", "demo"] {
        assert!(script.contains(&format!("cutover,{verb})")), "{verb}");
    }
}
