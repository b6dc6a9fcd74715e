//! Checks the promises of ARCHITECTURE.md against the source: which room may import which, no circles of imports, a
//! pure core, the crates that its build depends on, paths on the page that exist, files that lie in a folder named
//! on the page, and files small enough to review.
//!
//! Each check is a function over text, and is tested on a text that it must refuse. The tests at the end of this
//! file apply the checks to the repository. Reasons: ADR 0001 (purity), ADR 0024 (rooms).

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test that reads files, runs cargo and rustc"
)]

use files::{File, all_files, read, root, rust_files};
use rooms::Rooms;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/files.rs"]
mod files;
#[path = "architecture/page.rs"]
mod page;
#[path = "architecture/rooms.rs"]
mod rooms;
#[path = "architecture/sites.rs"]
mod sites;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/words.rs"]
mod words;

/// Words that the compiler accepts in a `no_std` crate, but that the pure core must not use.
const IMPURE: &[(&str, &str)] = &[
    ("std", "it is built without std: import from `core` and `alloc`"),
    ("async", "a machine takes one input at a time"),
    ("atomic", "a machine's whole state is in its value: sharing is the driver's business"),
    ("f32", "floats differ between machines and have no total order: use an integer"),
    ("f64", "floats differ between machines and have no total order: use an integer"),
];

/// The crates in `cargo tree` of the pure build: this library, its codec, its derives, persistent maps (ADR 0031), and the
/// hash of rows (ADR 0041).
const PURE_BUILD: &[&str] = &[
    "archery",
    "cutover",
    "cobs",
    "once_cell",
    "postcard",
    "proc-macro2",
    "quote",
    "rpds",
    "serde",
    "serde_core",
    "serde_derive",
    "smallvec",
    "syn",
    "thiserror",
    "thiserror-impl",
    "triomphe",
    "unicode-ident",
    "xxhash-rust",
];

/// Maximum number of lines of a file, tests not counted; the median should be near 200.
const LINES_MAX: usize = 400;

/// The folders with Rust code.
const CODE: &[&str] = &["src", "model", "sim", "tests", "benches"];

/// The folders whose files may not import one another in a circle.
const WITHOUT_CIRCLES: &[&str] =
    &["src", "model/src", "model/cli/src", "model/reference/src", "model/report/src", "sim/src"];

fn purity_violations(file: &File) -> Vec<String> {
    if !file.path.starts_with("src/core") {
        return Vec::new();
    }
    let mut found = BTreeSet::new();
    for path in source::paths_outside_tests(&file.text) {
        for (word, reason) in IMPURE.iter().filter(|(word, _)| path.contains(word)) {
            found.insert((path.line, *word, *reason));
        }
    }
    let say = |(line, word, reason): (usize, &str, &str)| {
        format!("{}: `{word}` in pure code: {reason}", file.at(line))
    };
    found.into_iter().map(say).collect()
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

fn cargo(arguments: &[&str]) -> Result<String, String> {
    let run = |offline: bool| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(arguments).args(offline.then_some("--offline"));
        let output = cargo.output().map_err(|error| format!("cannot run {}: {error}", env!("CARGO")))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!("{cargo:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
        }
    };
    run(true).or_else(|_| run(false))
}

/// Whether `item` compiles in a crate with the attributes of `lib`, with these arguments of the compiler.
fn compiles(lib: &str, item: &str, arguments: &[&str]) -> Result<bool, String> {
    // An attribute of several lines ends at the line that closes it.
    let mut open = false;
    let is_attribute = |line: &&str| {
        let within = open || line.starts_with("#![");
        open = within && !line.ends_with(']');
        within
    };
    let attributes = lib.lines().filter(is_attribute).collect::<Vec<_>>().join("\n");
    let mut rustc = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()));
    rustc.args(["--edition=2024", "--crate-type=lib", "--crate-name=pure", "--emit=metadata=-"]);
    rustc.args(arguments).arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = rustc.spawn().map_err(|error| format!("cannot run rustc: {error}"))?;
    let mut stdin = child.stdin.take().ok_or("rustc has no stdin")?;
    write!(stdin, "{attributes}\n{item}\n").map_err(|error| format!("rustc: {error}"))?;
    drop(stdin);
    Ok(child.wait().map_err(|error| format!("rustc: {error}"))?.success())
}

fn rooms() -> Result<Rooms, String> {
    Rooms::parse(&read("ARCHITECTURE.md")?)
}

/// All Rust files of the repository.
fn code() -> Result<Vec<File>, String> {
    CODE.iter().try_fold(Vec::new(), |mut files, folder| {
        files.extend(rust_files(folder)?);
        Ok(files)
    })
}

/// Fails with all the lines in `found`, unless it is empty.
fn none(found: &[String]) -> Result<(), String> {
    if found.is_empty() { Ok(()) } else { Err(format!("\n{}\n", found.join("\n"))) }
}

// Texts that the checks must refuse, and texts that they must accept.

#[test]
fn the_purity_check_refuses_every_word_and_names_the_line() {
    for (word, _) in IMPURE {
        let found =
            purity_violations(&File::new("src/core/raft/log.rs", &format!("\n fn f() {{ {word} }}\n")));
        assert!(found.iter().any(|line| line.starts_with("src/core/raft/log.rs:2: ")), "{word}: {found:?}");
    }
    let refused = |path, text| purity_violations(&File::new(path, text)).len();
    assert_eq!(refused("src/core/raft.rs", "extern crate std;"), 1);
    assert_eq!(refused("src/core/raft.rs", "use core::sync::atomic::AtomicU64;"), 1);
    assert_eq!(refused("src/core/raft.rs", "/// An `std` in a comment.\nfn f() {} // std::fs\n"), 0);
    assert_eq!(refused("src/core/raft.rs", "#[cfg(test)] mod tests { use std::fs; }"), 0);
    assert_eq!(refused("src/node/store/mod.rs", "use std::fs;"), 0);
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

// The checks applied to the repository.

#[test]
fn rooms_import_only_what_the_table_allows() -> Result<(), String> {
    let rooms = rooms()?;
    none(&code()?.iter().flat_map(|file| rooms.violations(file)).collect::<Vec<_>>())
}

#[test]
fn the_table_allows_nothing_that_no_room_uses() -> Result<(), String> {
    let (rooms, files) = (rooms()?, code()?);
    let mut found = Vec::new();
    for room in &rooms.0 {
        let of = files.iter().filter(|file| rooms.of_file(&file.name()) == Some(room));
        let used: BTreeSet<&str> = of.flat_map(|file| rooms.used(file)).collect();
        let unused = room.may.iter().filter(|may| !used.iter().any(|used| rooms.covers(may, used)));
        found.extend(unused.map(|may| {
            format!(
                "`{}` may import `{may}` and does not: take it out of the table, and of its head",
                room.name
            )
        }));
    }
    none(&found)
}

#[test]
fn every_room_says_at_its_head_what_it_may_import() -> Result<(), String> {
    let mut found = Vec::new();
    for room in &rooms()?.0 {
        let Some(place) = room.places.first().filter(|_| room.is_module) else { continue };
        let heads =
            [place.clone(), format!("{place}mod.rs"), format!("{place}lib.rs"), format!("{place}main.rs")];
        let head = heads.iter().find(|head| head.ends_with(".rs") && root().join(head).is_file());
        let head = head.ok_or_else(|| format!("`{}` has no file at its head", room.name))?;
        if !read(head)?.lines().any(|line| line == room.head()) {
            found.push(format!("{head}: its doc comment lacks the line of the table: {}", room.head()));
        }
    }
    none(&found)
}

#[test]
fn no_files_import_one_another_in_a_circle() -> Result<(), String> {
    let mut found = Vec::new();
    for folder in WITHOUT_CIRCLES {
        let circles = circles::circles(&rust_files(folder)?);
        found.extend(circles.iter().map(|circle| circle.join(", ")));
    }
    none(&found)
}

#[test]
fn the_pure_part_is_pure() -> Result<(), String> {
    none(&rust_files("src/core")?.iter().flat_map(purity_violations).collect::<Vec<_>>())
}

/// What the list of words does not cover, the compiler does: without the feature `server` there is no std.
#[test]
fn the_pure_part_is_built_without_std() -> Result<(), String> {
    let lib = read("src/lib.rs")?;
    let clock = "pub use std::time::Instant;";
    assert!(
        !compiles(&lib, clock, &[])?,
        "the attributes of src/lib.rs let std in without the feature `server`"
    );
    assert!(compiles(&lib, clock, &["--cfg=feature=\"server\""])?, "with `server` there is a clock");
    cargo(&["check", "--quiet", "-p", "cutover", "--lib", "--no-default-features"]).map(drop)
}

#[test]
fn the_pure_build_depends_on_the_allowed_crates_only() -> Result<(), String> {
    let arguments =
        ["tree", "--edges", "normal", "--no-default-features", "-p", "cutover", "--prefix", "none"];
    none(&dependency_violations(&cargo(&arguments)?))
}

#[test]
fn the_page_names_what_is_there_and_all_of_it() -> Result<(), String> {
    let files = all_files()?;
    let top: BTreeSet<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    none(&page::violations(&page::named_paths(&read("ARCHITECTURE.md")?, &top), &files))
}

/// ARCHITECTURE.md states how many bits of the set of invariants are used.
#[test]
fn the_page_counts_the_invariants() -> Result<(), String> {
    let registry = read("src/core/registry.rs")?;
    let is_row = |line: &&str| {
        ["Node", "Observer", "Compiler", "Cluster", "History"]
            .contains(&line.split_whitespace().nth(1).unwrap_or_default())
            && line.trim_end().ends_with('"')
    };
    let used = format!("{} of 64 are used", registry.lines().filter(is_row).count());
    if read("ARCHITECTURE.md")?.contains(&used) {
        Ok(())
    } else {
        Err(format!("ARCHITECTURE.md: not {used:?}"))
    }
}

#[test]
fn other_pages_name_paths_that_exist() -> Result<(), String> {
    let files = all_files()?;
    let top: BTreeSet<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    let mut found = Vec::new();
    // The changelog is about the past, so it may name paths that are gone.
    for page in files.iter().filter(|file| file.ends_with(".md") && *file != "CHANGELOG.md") {
        let named = page::named_paths(&read(page)?, &top);
        found.extend(page::stale(&named, &files).iter().map(|line| format!("{page}: {line}")));
    }
    none(&found)
}

#[test]
fn links_between_pages_lead_somewhere() -> Result<(), String> {
    let mut found = Vec::new();
    for file in all_files()?.iter().filter(|file| file.ends_with(".md")) {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let broken = page::links(&read(file)?, folder).into_iter().filter(|to| !root().join(to).exists());
        found.extend(broken.map(|to| format!("{file}: a link leads to {to}, which is not there")));
    }
    none(&found)
}

#[test]
fn the_list_of_decisions_has_each_with_its_title() -> Result<(), String> {
    let list = read("docs/adr/README.md")?;
    let mut found = Vec::new();
    for file in all_files()?.iter().filter(|file| file.starts_with("docs/adr/0")) {
        let (text, name) = (read(file)?, file.trim_start_matches("docs/adr/"));
        let title = text.lines().next().unwrap_or_default().trim_start_matches("# ");
        let row = title.split_once(". ").map(|(number, title)| format!("| [{number}]({name}) | {title} |"));
        if !row.as_ref().is_some_and(|row| list.contains(row)) {
            found.push(format!("docs/adr/README.md has no row for {file}: {row:?}"));
        }
    }
    none(&found)
}

/// Each `# bug: N` in a patch's header is a row of docs/bugs.md that names the patch.
#[test]
fn published_bugs_of_mutants_are_listed() -> Result<(), String> {
    let list = read("docs/bugs.md")?;
    let mut found = Vec::new();
    for file in all_files()?.iter().filter(|file| file.ends_with(".patch")) {
        let text = read(file)?;
        let Some(bug) = text.lines().find_map(|line| line.strip_prefix("# bug: ")) else { continue };
        let mutant = file.trim_start_matches("tests/mutants/").trim_end_matches(".patch");
        let is_row =
            |line: &&str| line.starts_with(&format!("| {bug} |")) && line.contains(&format!("`{mutant}`"));
        if list.lines().find(is_row).is_none() {
            found.push(format!("{file}: docs/bugs.md has no row for bug {bug} with `{mutant}`"));
        }
    }
    none(&found)
}

#[test]
fn files_are_short_enough_to_review() -> Result<(), String> {
    none(&code()?.iter().flat_map(size_violations).collect::<Vec<_>>())
}
