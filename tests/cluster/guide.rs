//! Runs the commands of docs/operating.md and docs/moving-data.md as they stand there, in their order, in an empty folder.

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

/// Runs the commands of a page, and looks for what the page says of them in what they print.
fn runs(page: &str, least: usize, all_of: &[&str]) {
    let _turn = ProcessPermit::take();
    let folder = tempfile::TempDir::new().unwrap();
    symlink(BINARY, folder.path().join("cutover")).unwrap();
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = blocks(&page);
    assert!(blocks.len() >= least, "{} blocks", blocks.len());
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
    for words in all_of {
        assert!(ran.out.contains(words), "{words:?} is missing:\n{}\n{}", ran.out, ran.err);
    }
}

#[test]
fn the_guides_commands_do_what_it_says() {
    let all_of = [
        "founded cluster ",
        "user:ann = ann was here at 1",
        "\nann was here\n",
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
    ];
    runs("docs/operating.md", 10, &all_of);
}

#[test]
fn the_first_move_goes_as_the_page_says() {
    let all_of = [
        "created store eu-1 (A/",
        "acme (p1)  Active(A)@e",
        "ann was here",
        "writes blocked for at most 1000 ms",
        "back   all rows again",
        "acme is at B@e",
        "user:ann = ann is still here at ",
        "old copy m1 at A",
        "it waits (`cutover ctl cutover acme` blocks writes and completes it)",
        "held: ctl cutover acme",
        "acme is at A@e",
        "eve writes while it is held",
        "A owns no partition",
        "HOLDS  restart: a store that is killed has what it acknowledged",
        "16 demands hold, 0 are not offered, 0 were left out",
        "all moves are paused",
        "moves go on",
    ];
    runs("docs/moving-data.md", 8, &all_of);
}
