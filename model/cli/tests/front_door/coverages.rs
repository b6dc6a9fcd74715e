//! What `coverage` refuses before it builds anything. The compiler and the LLVM tools are scripts.

use super::ran::{Ran, command};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const USAGE: i32 = 64;
const DATA: i32 = 65;
const NOTHING: i32 = 4;

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// A checkout whose compiler has LLVM 99, and LLVM tools of the given version, if any.
fn checkout(dir: &Path, tools: Option<&str>) {
    write(&dir.join("src/core/mod.rs"), "");
    write(&dir.join("model/cli/Cargo.toml"), "");
    write(&dir.join("tests/coverage/unexecuted.txt"), "src/core/mod.rs - no reason\n");
    write(
        &dir.join("rustc"),
        "#!/bin/sh\ncase $1 in\n-vV) printf 'host: here\\nrelease: 9.95.0\\nLLVM version: 99.1.2\\n' ;;\n\
         *) echo /nowhere ;;\nesac\n",
    );
    for name in ["llvm-profdata", "llvm-cov"] {
        if let Some(version) = tools {
            write(&dir.join("bin").join(name), &format!("#!/bin/sh\necho 'Debian LLVM version {version}'\n"));
        }
    }
}

fn coverage(dir: &Path, args: &[&str]) -> Ran {
    let mut command = command(dir, &[&["coverage"], args].concat());
    command.env("RUSTC", dir.join("rustc")).env("PATH", dir.join("bin"));
    command.output().unwrap().into()
}

/// Asserts one line on stderr with all of these words.
fn refused(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
    let [line] = ran.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{:?}", ran.stderr) };
    for word in words {
        assert!(line.starts_with("cutover: ") && line.contains(word), "no {word:?} in {line:?}");
    }
}

#[test]
fn without_a_checkout_nothing_can_be_built() {
    let dir = tempfile::tempdir().unwrap();
    refused(&coverage(dir.path(), &[]), USAGE, &["found no checkout around", "expected one"]);
    let ran = coverage(dir.path(), &["--set", "weekly"]);
    refused(&ran, USAGE, &["weekly", "--set", "pr"]);
}

#[test]
fn no_llvm_tool_and_one_of_another_version_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    checkout(dir.path(), None);
    let expected = "expected llvm-profdata and llvm-cov of LLVM 99";
    refused(&coverage(dir.path(), &[]), NOTHING, &["rustc 9.95.0", "LLVM 99.1.2", "found none", expected]);
    checkout(dir.path(), Some("14.0.6"));
    let ran = coverage(dir.path(), &[]);
    refused(
        &ran,
        NOTHING,
        &["llvm-cov 14.0.6", expected, "apt-get install llvm-99", "component add llvm-tools"],
    );
    assert!(!dir.path().join("target").exists(), "nothing is built");
}

#[test]
fn a_list_that_cannot_be_read_is_refused_before_the_build() {
    let dir = tempfile::tempdir().unwrap();
    checkout(dir.path(), Some("99.0.1"));
    let list = "tests/coverage/unexecuted.txt:1";
    let ran = coverage(dir.path(), &[]);
    refused(&ran, DATA, &[list, "found \"src/core/mod.rs - no reason\"", "expected PATH FUNCTION"]);
    let ran = coverage(dir.path(), &["--unexecuted", "gone.txt"]);
    refused(&ran, DATA, &["gone.txt:1", "expected the list of lines"]);
    assert!(!dir.path().join("target").exists(), "nothing is built");
}
