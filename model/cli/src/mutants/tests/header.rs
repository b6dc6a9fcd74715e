//! Tests of the contents of a patch's header.

use super::super::error::Error;
use super::super::patch::Patch;
use super::GOOD;
use cutover_report::Expect;

fn complaint(text: &str) -> Option<String> {
    let error = Patch::parse("x.patch", text).err()?;
    assert_eq!(error.exit(), 65);
    Some(error.to_string())
}

#[test]
fn a_good_header_is_read_and_stripped() -> Result<(), Error> {
    let patch = Patch::parse("x.patch", GOOD)?;
    assert_eq!(patch.bug, Some(112));
    assert_eq!(patch.source.as_deref(), Some("osproxy-control #88"));
    assert_eq!(patch.mechanism, "the watermark is read before writes stop");
    assert_eq!(patch.named(), "migration.no-lost-write");
    assert_eq!(patch.scope.as_deref(), Some("migration/moves"));
    assert_eq!(patch.expect, Expect::Killed);
    assert_eq!(patch.files, ["src/migration.rs"]);
    assert!(patch.diff.starts_with("diff --git "));
    assert_eq!(format!("{}\n{}", patch.header, patch.diff), GOOD);
    Ok(())
}

#[test]
fn a_patch_that_changes_nothing_needs_no_diff_and_no_bug() -> Result<(), Error> {
    let text = "# mechanism: none\n# invariant: none\n# scope: s\n# expect: survives\n";
    let patch = Patch::parse("x.patch", text)?;
    assert_eq!((patch.invariant, patch.files.len()), (None, 0));
    Ok(())
}

#[test]
fn a_malformed_header_is_named_with_its_line() {
    let cases = [
        (
            GOOD.replace("bug: 112", "bug: twelve"),
            "tests/mutants/x.patch:1: found `bug: twelve`, expected the number of a bug",
        ),
        (
            GOOD.replace("# bug: 112\n", ""),
            "tests/mutants/x.patch:6: found the end of the header, expected \
             `# bug: NUMBER` or `# rule: TEXT`",
        ),
        (
            GOOD.replace("# scope: migration/moves\n", ""),
            "tests/mutants/x.patch:6: found the end of the header, expected `# scope: ...`",
        ),
        (
            GOOD.replace("migration.no-lost-write", "none"),
            "tests/mutants/x.patch:5: found `invariant: none`, expected an invariant's id \
             (`none` needs `expect: survives`)",
        ),
        (
            GOOD.replace("# source", "# sauce"),
            "tests/mutants/x.patch:2: found `# sauce: osproxy-control #88`, expected \
             `# key: value` with a key among bug, rule, source, mechanism, invariant, scope, \
             expect, note",
        ),
        (
            GOOD.replace("# source: osproxy-control #88", "# bug: 7"),
            "tests/mutants/x.patch:2: found `# bug: 7`, expected no second `bug` after line 1",
        ),
        (
            GOOD.replace("# scope: migration/moves", "# scope:"),
            "tests/mutants/x.patch:6: found `scope: `, expected a value",
        ),
        (
            GOOD.replace("diff --git", "\nIndex:"),
            "tests/mutants/x.patch:8: found `Index: a/src/migration.rs b/src/migration.rs`, \
             expected `# key: value` or `diff --git a/FILE b/FILE`",
        ),
        (
            GOOD.replace("a/src", "a/../src"),
            "tests/mutants/x.patch:7: found `diff --git a/../src/migration.rs \
             b/src/migration.rs`, expected `diff --git a/FILE b/FILE`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(complaint(&text).as_deref(), Some(expected));
    }
}
