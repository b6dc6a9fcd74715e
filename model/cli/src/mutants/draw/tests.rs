//! Tests of the edits, of the draw, and of the patches.

use super::candidates::candidates;
use super::rules::Rule;
use super::{diff, drawn, patch};

const SOURCE: &str = "\
//! A file.

impl Table {
    /// A number below ten.
    fn take(&mut self, at: u64, id: u64) -> Result<u64, Error> {
        if at > self.end && id != 0 {
            return Err(Error::Behind);
        }
        self.check(at)?;
        self.last = self.last.max(id);
        self.records.insert(at, id);
        enforce!(*halt, Monotone, at > 0, \"{at}\");
        Ok(at.next())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, \"{}\", self.last + 1)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn two() {
        assert_eq!(take(1, 2), 2);
    }
}
";

fn edits(rule: Rule) -> Vec<String> {
    let of_rule = candidates("src/table.rs", SOURCE).into_iter().filter(|one| one.rule == rule);
    of_rule.map(|one| format!("{} {}", one.line, one.what())).collect()
}

#[test]
fn each_rule_finds_its_places() {
    let negated = [
        "6 a condition is negated: `at > self.end && id != 0` becomes `!(at > self.end && id != 0)`",
        "6 a condition is negated: `&&` becomes `||`",
        "6 a condition is negated: `!=` becomes `==`",
    ];
    assert_eq!(edits(Rule::Negate), negated);
    let dropped = ["11 a statement is left out: `self.records.insert(at, id);`"];
    assert_eq!(edits(Rule::Drop), dropped);
    let off_by_one = [
        "6 off by one: `>` becomes `>=`",
        "6 off by one: `0` becomes `1`",
        "13 off by one: `at.next()` becomes `at`",
    ];
    assert_eq!(edits(Rule::OffByOne), off_by_one);
    assert_eq!(edits(Rule::Swap), ["11 two values are swapped: `at, id` becomes `id, at`"]);
    let older = [
        "10 the older value is kept: `self.last = self.last.max(id);`",
        "10 the older value is kept: `max` becomes `min`",
    ];
    assert_eq!(edits(Rule::Older), older);
    let skipped = edits(Rule::Skip);
    let whole = "6 a check is skipped: `if at > self.end && id != 0 { return Err(Error::Behind); }`";
    assert!(skipped.iter().any(|edit| edit == whole), "{skipped:?}");
    assert!(skipped.iter().any(|edit| edit == "9 a check is skipped: `self.check(at)?;`"), "{skipped:?}");
}

/// Tests, texts for people and checks of invariants are not edited.
#[test]
fn only_behaviour_is_edited() {
    let found = candidates("src/table.rs", SOURCE);
    let functions: Vec<_> = found.iter().map(|one| one.function.as_str()).collect();
    assert!(functions.iter().all(|function| *function == "Table::take"), "{functions:?}");
    assert!(found.iter().all(|one| one.line != 12));
}

#[test]
fn the_same_seed_draws_the_same_edits() {
    let more = SOURCE.replace("fn take", "fn give");
    let all: Vec<_> =
        candidates("src/a.rs", SOURCE).into_iter().chain(candidates("src/b.rs", &more)).collect();
    let order =
        |seed: &str| drawn(&all, seed).iter().map(|one| (one.file.clone(), one.what())).collect::<Vec<_>>();
    assert_eq!(order("7"), order("7"));
    let files: Vec<_> = drawn(&all, "7").iter().take(2).map(|one| one.file.clone()).collect();
    assert_ne!(files[0], files[1], "each function once before one is drawn again");
    let first: std::collections::BTreeSet<_> =
        (0..16).map(|seed| order(&seed.to_string())[0].clone()).collect();
    assert!(first.len() > 2, "{first:?}");
}

#[test]
fn a_patch_says_its_rule_its_function_and_its_line() {
    let found = candidates("src/table.rs", SOURCE);
    let Some(drop) = found.iter().find(|one| one.rule == Rule::Drop) else { panic!("nothing to drop") };
    let after = drop.applied(SOURCE);
    let text = patch(drop, SOURCE, &after, "7");
    let parsed = super::super::patch::Patch::parse("001-drop.patch", &text);
    assert!(parsed.is_ok_and(|patch| patch.any && patch.files == ["src/table.rs"]), "{text}");
    let expected = "\
# kind: drawn
# rule: a statement is left out
# mechanism: a statement is left out: `self.records.insert(at, id);`
# note: src/table.rs:11, in Table::take, seed 7
# invariant: any
# expect: open
diff --git a/src/table.rs b/src/table.rs
--- a/src/table.rs
+++ b/src/table.rs
@@ -8,7 +8,7 @@
         }
         self.check(at)?;
         self.last = self.last.max(id);
-        self.records.insert(at, id);
+        
         enforce!(*halt, Monotone, at > 0, \"{at}\");
         Ok(at.next())
     }
";
    assert_eq!(text, expected);
}

#[test]
fn a_difference_at_the_ends_of_a_file_has_less_context() {
    let expected = "\
diff --git a/x b/x
--- a/x
+++ b/x
@@ -1,2 +1,3 @@
+new
 a
 b
";
    assert_eq!(diff("x", "a\nb\n", "new\na\nb\n"), expected);
    let expected = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,1 @@\n a\n-b\n";
    assert_eq!(diff("x", "a\nb\n", "a\n"), expected);
}
