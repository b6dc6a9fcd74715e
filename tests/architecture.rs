//! What the layers promise, held against the source: who may import whom, that pure modules stay pure, what the
//! pure build depends on, and that files stay small enough to review.
//!
//! Each check is a function over text, tried below on a text that it must refuse; the tests at the end apply them to
//! the repository. Why pure: ADR 0001.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test that reads files and runs cargo"
)]

use files::{File, root, rust_files};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[path = "architecture/files.rs"]
mod files;
#[path = "architecture/source.rs"]
mod source;

/// A module of `src/` and the modules that it may import. A row names only rows above it, so there are no circles.
/// Text cannot tell a type from a function; review does, where less than the whole module is meant: `invariant`
/// takes types, `store` takes entry types, `driver`, `server` and `client` take the recorder of `trace`.
#[rustfmt::skip]
const IMPORTS: &[(&str, &[&str])] = &[
    // Pure.
    ("ids",           &[]),
    ("raft",          &["ids"]),
    ("outbox",        &["ids", "raft"]),
    ("fence",         &["ids"]),
    ("placement",     &["ids"]),
    ("migration",     &["ids", "fence", "placement"]),
    ("gate",          &["ids", "fence", "placement"]),
    ("control_plane", &["ids", "raft", "fence", "placement", "migration", "gate"]),
    ("invariant",     &["ids", "raft", "fence", "placement", "migration", "gate", "control_plane"]),
    ("fault",         &["ids", "raft", "fence", "placement", "migration", "gate", "control_plane", "invariant"]),
    ("trace",         &["ids", "raft", "fence", "placement", "migration", "gate", "control_plane", "invariant",
                        "fault"]),
    // Edge.
    ("api",           &["ids", "raft", "fence", "placement", "migration", "gate", "control_plane"]),
    ("store",         &["ids", "raft", "fence", "placement", "migration", "gate", "control_plane"]),
    ("tls",           &["ids", "control_plane"]),
    ("driver",        &["ids", "raft", "outbox", "fence", "placement", "migration", "gate", "control_plane", "invariant",
                        "trace", "store"]),
    ("server",        &["ids", "raft", "fence", "placement", "migration", "gate", "control_plane", "invariant",
                        "trace", "api", "tls", "driver", "store"]),
    ("client",        &["ids", "raft", "fence", "placement", "migration", "gate", "control_plane", "invariant",
                        "trace", "api", "tls", "driver", "store"]),
    ("cli",           &["ids", "raft", "fence", "placement", "migration", "gate", "control_plane", "invariant",
                        "trace", "api", "tls", "driver", "store", "server", "client"]),
];

/// The rows of `IMPORTS` that are pure.
const PURE: &[&str] = &[
    "ids",
    "raft",
    "outbox",
    "fence",
    "placement",
    "migration",
    "gate",
    "control_plane",
    "invariant",
    "fault",
    "trace",
];

/// Exported macros live at the root of the crate whatever module they are written in.
const ROOT_MACROS: &[&str] = &["enforce"];

/// A word that no pure module uses, and why.
const IMPURE: &[(&str, &str)] = &[
    ("Instant", "time is not even a parameter: say SetTimer"),
    ("SystemTime", "time is not even a parameter: say SetTimer"),
    ("rand", "randomness is the driver's: take what was drawn as an input"),
    ("rand_chacha", "randomness is the driver's: take what was drawn as an input"),
    ("RandomState", "the same inputs must give the same state"),
    ("HashMap", "its order differs from run to run: use BTreeMap or a sorted Vec"),
    ("HashSet", "its order differs from run to run: use BTreeSet or a sorted Vec"),
    ("std::fs", "pure code does no I/O: say Persist"),
    ("std::io", "pure code does no I/O: return an output"),
    ("std::net", "pure code does no I/O: say Send"),
    ("std::env", "what steers a machine is an input, so that a replay has it too"),
    ("std::process", "a broken invariant is Output::Halt, not the end of the process"),
    ("std::thread", "a machine takes one input at a time"),
    ("tokio", "a machine takes one input at a time"),
    ("async", "a machine takes one input at a time"),
    ("Mutex", "a machine takes one input at a time: sharing is the driver's business"),
    ("RwLock", "a machine takes one input at a time: sharing is the driver's business"),
    ("f32", "floats differ between machines and have no total order: use an integer"),
    ("f64", "floats differ between machines and have no total order: use an integer"),
    ("print!", "pure code does not speak: return an output or a Mark"),
    ("println!", "pure code does not speak: return an output or a Mark"),
    ("eprint!", "pure code does not speak: return an output or a Mark"),
    ("eprintln!", "pure code does not speak: return an output or a Mark"),
];

/// The crates of `cargo tree` for the pure build: this library, its codec, and its derives.
const PURE_BUILD: &[&str] = &[
    "cutover",
    "cobs",
    "postcard",
    "proc-macro2",
    "quote",
    "serde",
    "serde_core",
    "serde_derive",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
];

/// A reviewer holds a file of this size in their head; the median is to be near 200.
const LINES_MAX: usize = 450;

fn is_pure(file: &File) -> bool {
    file.path == Path::new("src/lib.rs")
        || file.module().is_some_and(|module| PURE.contains(&module[0].as_str()))
}

fn is_model_library(file: &File) -> bool {
    let below = file.path.strip_prefix("model/src");
    below.is_ok_and(|below| !["main.rs", "cli.rs", "cli"].iter().any(|edge| below.starts_with(edge)))
}

fn row(module: &str) -> Option<&'static [&'static str]> {
    IMPORTS.iter().find(|(name, _)| *name == module).map(|(_, may)| *may)
}

fn is_root_macro(name: &str) -> bool {
    ROOT_MACROS.contains(&name.trim_end_matches('!'))
}

/// The module of this crate that `path` reaches from a file `depth` modules below the root. A `super` that climbs to
/// the root counts only with a module's name behind it: within a nested `mod { … }` it climbs less far.
fn reached(path: &source::Path, depth: usize) -> Option<&str> {
    let segment = |i: usize| path.segments.get(i).map(String::as_str);
    let climbed = path.segments.iter().take_while(|s| *s == "super").count();
    match segment(0)? {
        "crate" | "cutover" if path.import => Some(segment(1).unwrap_or("*")),
        "crate" | "cutover" => segment(1),
        "super" if climbed >= depth => segment(climbed).filter(|name| row(name).is_some()),
        _ => None,
    }
}

fn import_violations(file: &File) -> Vec<String> {
    let Some(module) = file.module() else { return Vec::new() };
    let Some(may) = row(&module[0]) else {
        return vec![format!(
            "{}: module `{}` has no row in IMPORTS. Add one to tests/architecture.rs, below every module that it \
             may import, and to PURE if it has no clock, randomness, I/O, threads or async.",
            file.path.display(),
            module[0]
        )];
    };
    let mut found = Vec::new();
    for path in source::paths_outside_tests(&file.text) {
        let Some(name) = reached(&path, module.len()) else { continue };
        if name == module[0] || may.contains(&name) || is_root_macro(name) {
            continue;
        }
        let at = file.at(path.line);
        found.push(if row(name).is_some() {
            format!(
                "{at}: `{}` may not import `{name}` (only: {}). Move what is shared to a module that both may import, \
                 or let the caller pass it in. If the direction itself is wrong, change IMPORTS and say why in an ADR.",
                module[0],
                may.join(", ")
            )
        } else {
            format!("{at}: `crate::{name}` is no module. Import the name from the module that owns it.")
        });
    }
    found
}

fn purity_violations(file: &File) -> Vec<String> {
    if !is_pure(file) {
        return Vec::new();
    }
    let mut found = BTreeSet::new();
    for path in source::paths(&file.text) {
        for (word, reason) in IMPURE.iter().filter(|(word, _)| path.contains(word)) {
            found.insert((path.line, *word, *reason));
        }
    }
    let say = |(line, word, reason): (usize, &str, &str)| {
        format!(
            "{}: `{word}` in a pure module: {reason}. If it has to be, it belongs in an edge module.",
            file.at(line)
        )
    };
    found.into_iter().map(say).collect()
}

fn model_violations(file: &File) -> Vec<String> {
    if !is_model_library(file) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for path in source::paths(&file.text) {
        if path.segments[0] != "cutover" || (path.segments.len() == 1 && !path.import) {
            continue;
        }
        let name = path.segments.get(1).map_or("*", String::as_str);
        if !PURE.contains(&name) && !is_root_macro(name) {
            found.push(format!(
                "{}: the model's library imports `cutover::{name}`, which is not a pure module. Name the pure module \
                 that owns it; what needs an edge module goes to model/src/cli.",
                file.at(path.line)
            ));
        }
    }
    found
}

fn size_violations(file: &File) -> Vec<String> {
    let lines = source::lines_outside_tests(&file.text);
    let too_long = lines > LINES_MAX;
    let say = || {
        format!(
            "{}: {lines} lines before its tests, {LINES_MAX} are allowed. Split it by what changes together: a file \
             for each role or each step.",
            file.path.display()
        )
    };
    too_long.then(say).into_iter().collect()
}

/// The names in the output of `cargo tree --prefix none`.
fn crates_of(tree: &str) -> BTreeSet<&str> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

fn dependency_violations(tree: &str) -> Vec<String> {
    let found = crates_of(tree);
    let allowed: BTreeSet<&str> = PURE_BUILD.iter().copied().collect();
    let new = found.difference(&allowed).map(|name| {
        format!(
            "`{name}` is in the pure build and not on its allow-list. Make it optional, behind the feature that needs \
             it; if pure code needs it, and it does no I/O, add it to PURE_BUILD and say why in an ADR."
        )
    });
    let gone = allowed
        .difference(&found)
        .map(|name| format!("`{name}` left the pure build: take it off PURE_BUILD."));
    new.chain(gone).collect()
}

/// Fails with every violation, one a line.
fn hold(directories: &[&str], check: fn(&File) -> Vec<String>) {
    let mut found = Vec::new();
    for directory in directories {
        match rust_files(directory) {
            Ok(files) => found.extend(files.iter().flat_map(check)),
            Err(error) => found.push(error),
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

fn cargo_tree(offline: bool) -> Result<String, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["tree", "--edges", "normal", "--no-default-features"]);
    cargo.args(["-p", "cutover", "--prefix", "none"]).args(offline.then_some("--offline"));
    let output = cargo.output().map_err(|error| format!("cannot run {}: {error}", env!("CARGO")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("cargo tree: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

// What the checks must refuse, and what they must let through.

#[test]
fn the_import_check_refuses_a_forbidden_import() {
    let refused = |path, text| import_violations(&File::new(path, text)).len();
    assert_eq!(refused("src/placement.rs", "use crate::migration::Table;"), 1);
    assert_eq!(refused("src/placement.rs", "use crate::{ids::Epoch, raft::Term};"), 1);
    assert_eq!(refused("src/fence/mod.rs", "fn f(x: crate::gate::View) {}"), 1);
    assert_eq!(refused("src/fence/mod.rs", "use super::migration::Table;"), 1);
    assert_eq!(refused("src/fence/seal.rs", "use super::super::migration::Table;"), 1);
    assert_eq!(refused("src/ids.rs", "($($x:tt)*) => { $crate::raft::Term }"), 1);
    assert_eq!(refused("src/gate/mod.rs", "use crate::*;"), 1);
    assert_eq!(refused("src/gate/mod.rs", "use crate as root;"), 1);
    assert_eq!(refused("src/gate/mod.rs", "use crate::Epoch;"), 1);
    assert_eq!(refused("src/fence/mod.rs", "#[cfg(test)] use crate::ids::A;\nuse crate::gate::View;"), 1);

    assert_eq!(refused("src/migration/mod.rs", "use crate::{fence::SealReceipt, placement::Phase};"), 0);
    assert_eq!(refused("src/migration/mod.rs", "crate::enforce!(slot, \"migration.cas\", \"x\");"), 0);
    assert_eq!(refused("src/migration/mod.rs", "use crate::enforce;"), 0);
    assert_eq!(refused("src/fence/seal.rs", "use super::Fence; pub(in crate::fence) fn f() {}"), 0);
    assert_eq!(refused("src/fence/seal.rs", "// use crate::migration::Table;"), 0);
    assert_eq!(refused("src/fence/seal.rs", "#[cfg(test)]\nmod tests { use crate::migration::Table; }"), 0);
    assert_eq!(refused("src/lib.rs", "pub use crate::migration::Table;"), 0);
}

#[test]
fn the_import_check_refuses_a_module_without_a_row_and_says_what_to_do() {
    let found = import_violations(&File::new("src/lease/mod.rs", ""));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("`lease` has no row in IMPORTS") && found[0].contains("Add one"),
        "{}",
        found[0]
    );
}

#[test]
fn the_purity_check_refuses_every_word_and_names_the_line() {
    for (word, _) in IMPURE {
        let found = purity_violations(&File::new("src/raft/log.rs", &format!("\n fn f() {{ {word} }}\n")));
        assert!(found.iter().any(|line| line.starts_with("src/raft/log.rs:2: ")), "{word}: {found:?}");
    }
    let refused = |path, text| purity_violations(&File::new(path, text)).len();
    assert_eq!(refused("src/raft.rs", "use std::{fmt, fs::File};"), 1);
    assert_eq!(refused("src/raft.rs", "async fn f() {}"), 1);
    assert_eq!(refused("src/raft.rs", "let x = rand::random();"), 1);
    assert_eq!(refused("src/raft.rs", "#[cfg(test)] mod tests { use std::collections::HashMap; }"), 1);

    assert_eq!(refused("src/raft.rs", "/// An `Instant` in the state.\nfn f() {} // std::fs\n"), 0);
    assert_eq!(refused("src/raft.rs", "let x = \"std::fs\"; struct Instantly;"), 0);
    assert_eq!(refused("src/store/mod.rs", "use std::fs;"), 0);
}

#[test]
fn the_model_check_refuses_what_is_not_pure() {
    let refused = |path, text| model_violations(&File::new(path, text)).len();
    assert_eq!(refused("model/src/world/mod.rs", "use cutover::{ids::Epoch, store::Redb};"), 1);
    assert_eq!(refused("model/src/world/mod.rs", "cutover::node::server::serve()"), 1);
    assert_eq!(refused("model/src/world/mod.rs", "use cutover::*;"), 1);
    assert_eq!(refused("model/src/world/mod.rs", "use cutover as production;"), 1);

    assert_eq!(refused("model/src/world/mod.rs", "use cutover::core::ids::Epoch; let cutover = 1;"), 0);
    assert_eq!(refused("model/src/cli/serve.rs", "use cutover::node::server;"), 0);
    assert_eq!(refused("model/src/main.rs", "use cutover::node::server;"), 0);
}

#[test]
fn the_size_check_counts_up_to_the_limit_and_leaves_tests_out() {
    let refused = |text: &str| size_violations(&File::new("src/raft.rs", text)).len();
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(LINES_MAX));
    assert_eq!(refused(&format!("{}{tests}", "x\n".repeat(LINES_MAX))), 0);
    assert_eq!(refused(&format!("{}{tests}", "x\n".repeat(LINES_MAX + 1))), 1);
    assert_eq!(refused(&format!("#[cfg(test)]\nuse a;\n{}", "x\n".repeat(LINES_MAX + 1))), 1);
}

#[test]
fn the_dependency_check_refuses_a_crate_that_came_and_one_that_left() {
    let exact: String = PURE_BUILD.iter().map(|name| format!("{name} v1.0.0 (proc-macro)\n")).collect();
    assert_eq!(dependency_violations(&exact), Vec::<String>::new());
    assert_eq!(dependency_violations(&format!("{exact}\ntokio v1.54.0\n")).len(), 1);
    assert_eq!(dependency_violations(&exact.replace("syn v1.0.0", "")).len(), 2);
    assert_eq!(dependency_violations("").len(), PURE_BUILD.len());
}

#[test]
fn the_table_has_no_circle_and_knows_every_pure_module() {
    for (i, (module, may)) in IMPORTS.iter().enumerate() {
        for name in *may {
            assert!(
                IMPORTS[..i].iter().any(|(above, _)| above == name),
                "`{module}` imports `{name}`, which is no row above it: two modules may import one another in one \
                 direction only"
            );
            assert!(
                !PURE.contains(module) || PURE.contains(name),
                "`{module}` is pure and imports `{name}`, which is not"
            );
        }
    }
    for module in PURE {
        assert!(row(module).is_some(), "`{module}` is in PURE and has no row in IMPORTS");
    }
}

// The repository.

#[test]
fn modules_import_only_what_the_table_allows() {
    hold(&["src"], import_violations);
}

#[test]
fn pure_modules_are_pure() {
    hold(&["src"], purity_violations);
}

#[test]
fn the_library_of_the_model_uses_pure_modules_only() {
    hold(&["model/src"], model_violations);
}

#[test]
fn files_are_short_enough_to_review() {
    hold(&["src", "model/src"], size_violations);
}

#[test]
fn the_pure_build_depends_on_the_allowed_crates_only() -> Result<(), String> {
    let tree = cargo_tree(true).or_else(|_| cargo_tree(false))?;
    let found = dependency_violations(&tree);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    Ok(())
}
