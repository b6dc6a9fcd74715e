//! Tests of the contents of a patch's header.

use super::super::error::Error;
use super::super::judge::Judge;
use super::super::patch::Patch;
use super::{GOOD, by_trace};
use cutover_report::{Engine, Expect};

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
fn a_trace_takes_the_place_of_an_invariant_and_its_scope() -> Result<(), Error> {
    let patch = Patch::parse("x.patch", &by_trace())?;
    let found =
        (Judge::named(patch.scope.as_deref()).engine(), patch.scope.as_deref(), patch.step, patch.named());
    let file = Some("traces/regress/x.trace");
    assert_eq!(found, (Engine::Replay, file, Some(5), "divergence at step 5".to_owned()));
    assert_eq!(patch.invariant, None);
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
             trace, step, expect, note, kind, harm, equivalent",
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

#[test]
fn a_malformed_header_with_a_trace_is_named_with_its_line() {
    let cases = [
        (
            by_trace().replace("# step: 5\n", ""),
            "tests/mutants/x.patch:6: found the end of the header, expected `# step: ...`",
        ),
        (
            by_trace().replace("step: 5", "step: 0"),
            "tests/mutants/x.patch:6: found `step: 0`, expected the number of a step, from 1",
        ),
        (
            by_trace().replace("traces/regress", "../regress"),
            "tests/mutants/x.patch:5: found `trace: ../regress/x.trace`, expected the file of a \
             trace, such as traces/regress/NAME.trace",
        ),
        (
            by_trace().replace("# step: 5", "# step: 5\n# scope: migration/moves"),
            "tests/mutants/x.patch:7: found `scope: migration/moves`, expected a trace, or an \
             invariant with its scope",
        ),
        (
            by_trace().replace("# step: 5", "# step: 5\n# expect: survives"),
            "tests/mutants/x.patch:7: found `expect: survives`, expected killed: a trace must diverge",
        ),
        (
            GOOD.replace("# scope", "# step: 5\n# scope"),
            "tests/mutants/x.patch:6: found `step: 5`, expected no step without a trace",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(complaint(&text).as_deref(), Some(expected));
    }
}
