//! Runs the commands of docs/operating.md as they stand there, in their order, in an empty folder.

use super::harness::{BINARY, run};
use super::made::ProcessPermit;
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::process::Command;

/// The blocks of the guide, each with the line at which it begins.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(page.lines()) {
        match (&mut open, line) {
            (None, "```sh") => open = Some((number, String::new())),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, text)), line) => writeln!(text, "{line}").unwrap(),
            (None, _) => {}
        }
    }
    blocks
}

#[test]
fn the_guides_commands_do_what_it_says() {
    let _turn = ProcessPermit::take();
    let folder = tempfile::TempDir::new().unwrap();
    symlink(BINARY, folder.path().join("cutover")).unwrap();
    let page = std::fs::read_to_string("docs/operating.md").unwrap();
    let blocks = blocks(&page);
    assert!(blocks.len() > 10, "{} blocks", blocks.len());
    // `wait` gives the exit code of a node that was killed, which is no failure of the guide.
    let mut script = String::from(
        "set -e\nwait() { builtin wait \"$@\" || true; }\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n",
    );
    for (line, text) in &blocks {
        writeln!(script, "echo '--- line {line}'\n{text}").unwrap();
    }
    script.push_str("echo '--- the end'\n");
    let file = folder.path().join("guide.sh");
    std::fs::write(&file, script).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let ran = run(Command::new("bash")
        .arg(&file)
        .current_dir(folder.path())
        .env("PATH", path)
        .env("NO_COLOR", "1"));
    assert!(ran.code == 0 && ran.out.contains("--- the end"), "exit {}\n{}\n{}", ran.code, ran.out, ran.err);
    // What the page says of the steps.
    for words in [
        "founded cluster ",
        "created store af-1 (D/",
        "serves store=D",
        "a store runs in data/af-1",
        "Active(A)",
        "loaded new certificates subject=CN=n2,",
        "gw1 is refused",
        "UNSEALED",
        "write off m3 at A by ann",
        "not opened yet; if its store has lost its state since, `ctl delete` it and create it again",
        "retiring m",
        "saved history ",
        "began     history ",
        "Held(A>B)",
        "may be lost",
    ] {
        assert!(ran.out.contains(words), "{words:?} is missing:\n{}", ran.out);
    }
}
