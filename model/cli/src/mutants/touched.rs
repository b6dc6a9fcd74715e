//! What a change touches: the functions in which it changes lines, with the rules that mutants of them leave out.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the syntax of Rust has many kinds that no function is in"
)]

use super::error::Error;
use super::git::Git;
use super::load;
use super::patch::Patch;
use super::tree::Checkout;
use cutover_report::{Console, Touched};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{ImplItemFn, ItemFn, ItemImpl, TraitItemFn, Type};

/// Where production code lies.
const SOURCES: &str = "src/";

/// The functions that were changed since the commit `base`, in the working tree around `cwd`.
///
/// # Errors
/// [`Error`] if there is no such commit or no repository, or a file cannot be read.
pub fn touched(cwd: &Path, base: &str, console: &Console) -> Result<Vec<Touched>, Error> {
    let git = Git { program: "git".into() };
    let root = Checkout::find(cwd, &git)?.root;
    git.changed_since(&root, base)?;
    let diff = git.output(&root, &["diff", "--no-renames", "--no-color", "-U0", base, "--", SOURCES])?;
    let patches = load::all(&root, console)?;
    let mut files: BTreeMap<String, Source> = BTreeMap::new();
    let mut found: BTreeMap<(String, String), Touched> = BTreeMap::new();
    for (file, lines) in changed(&String::from_utf8_lossy(&diff)) {
        let source = files.entry(file.clone()).or_insert_with(|| Source::read(&root, &file));
        for function in source.functions(&lines) {
            let new = || Touched {
                file: file.clone(),
                function: function.clone(),
                rules: Vec::new(),
                mutants: Vec::new(),
            };
            found.entry((file.clone(), function.clone())).or_insert_with(new);
        }
    }
    for patch in patches.iter().filter(|patch| patch.files.iter().any(|file| files.contains_key(file))) {
        for (file, function) in edited(patch, &files) {
            let Some(touched) = found.get_mut(&(file, function)) else { continue };
            touched.mutants.push(patch.stem().to_owned());
            touched.rules.extend(patch.rule.clone().filter(|rule| !touched.rules.contains(rule)));
        }
    }
    Ok(found.into_values().collect())
}

/// A file, and its functions by name with the lines, from 1, that they take.
struct Source {
    text: String,
    functions: Vec<(String, Range<usize>)>,
}

impl Source {
    /// Without functions if it is gone, or cannot be parsed.
    fn read(root: &Path, file: &str) -> Self {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        Self::of(text)
    }

    fn of(text: String) -> Self {
        let mut finder = Finder::default();
        if let Ok(file) = syn::parse_file(&text) {
            finder.visit_file(&file);
        }
        Self { text, functions: finder.found }
    }

    fn functions(&self, lines: &Range<usize>) -> Vec<String> {
        let meets = |of: &Range<usize>| of.start < lines.end && lines.start < of.end;
        self.functions.iter().filter(|(_, of)| meets(of)).map(|(name, _)| name.clone()).collect()
    }

    /// The line of a text that occurs here, the one nearest to `near`.
    fn line_of(&self, text: &str, near: usize) -> Option<usize> {
        let at = self.text.match_indices(text).map(|(at, _)| self.text.get(..at).map_or(1, count));
        at.min_by_key(|line| line.abs_diff(near))
    }
}

fn count(text: &str) -> usize {
    1 + text.matches('\n').count()
}

#[derive(Default)]
struct Finder {
    of: Option<String>,
    found: Vec<(String, Range<usize>)>,
}

impl Finder {
    fn add(&mut self, name: &syn::Ident, item: proc_macro2::Span) {
        let name = self.of.as_ref().map_or_else(|| name.to_string(), |of| format!("{of}::{name}"));
        self.found.push((name, item.start().line..item.end().line + 1));
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let name = match &*item.self_ty {
            Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let before = std::mem::replace(&mut self.of, name);
        visit::visit_item_impl(self, item);
        self.of = before;
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.add(&item.sig.ident, item.span());
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.add(&item.sig.ident, item.span());
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.add(&item.sig.ident, item.span());
    }
}

/// The lines of each file after a change, from a diff without context. Where lines were only left out, those around.
fn changed(diff: &str) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    let mut file = None;
    for line in diff.lines() {
        if let Some(name) = line.strip_prefix("+++ b/") {
            file = Some(name.to_owned());
        } else if let (Some((_, after)), Some(file)) = (hunk(line), &file) {
            let lines = if after.is_empty() { after.start..after.start + 2 } else { after };
            found.push((file.clone(), lines));
        }
    }
    found
}

/// The lines before and after, of a line such as `@@ -3,2 +4 @@`.
fn hunk(line: &str) -> Option<(Range<usize>, Range<usize>)> {
    let mut words = line.strip_prefix("@@ -")?.split([' ', '@']);
    let range = |word: &str| {
        let (first, many) = word.split_once(',').unwrap_or((word, "1"));
        let first: usize = first.parse().ok()?;
        Some(first..first + many.parse::<usize>().ok()?)
    };
    Some((range(words.next()?)?, range(words.next()?.strip_prefix('+')?)?))
}

/// The functions that a patch edits. Its hunks are looked for by their text, since their line numbers may be out of date.
fn edited(patch: &Patch, files: &BTreeMap<String, Source>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut file, mut at): (Option<&String>, Option<usize>) = (None, None);
    let mut old = String::new();
    let mut hunks: Vec<(&String, usize, String)> = Vec::new();
    for line in patch.diff.lines().chain(["@@"]) {
        if line.starts_with("@@") || line.starts_with("diff ") {
            if let (Some(file), Some(at)) = (file, at.take()) {
                hunks.push((file, at, std::mem::take(&mut old)));
            }
            at = hunk(line).map(|(before, _)| before.start);
        } else if let Some(name) = line.strip_prefix("+++ b/") {
            file = files.keys().find(|file| *file == name);
        } else if let (Some(_), Some(text)) = (at, line.strip_prefix([' ', '-'])) {
            old.push_str(text);
            old.push('\n');
        }
    }
    for (file, near, old) in hunks {
        let Some(source) = files.get(file) else { continue };
        let Some(first) = source.line_of(&old, near) else { continue };
        // Three lines of context come first and last.
        let lines = first + 3..(first + old.matches('\n').count()).saturating_sub(3).max(first + 4);
        for function in source.functions(&lines) {
            if !found.contains(&(file.clone(), function.clone())) {
                found.push((file.clone(), function));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Source, changed, edited};
    use crate::mutants::error::Error;
    use crate::mutants::patch::Patch;
    use std::collections::BTreeMap;

    const FILE: &str = "\
fn one() {
    a();
    b();
    c();
    d();
}

impl A {
    fn two(&self) {
        e();
        f();
        g();
        h();
    }
}
";

    #[test]
    fn the_lines_of_a_change_are_in_functions() {
        let diff = "--- a/src/x.rs\n+++ b/src/x.rs\n@@ -3 +3 @@ fn one\n-    b();\n+    c();\n@@ -12,2 +11,0 @@\n-    x();\n";
        let lines = changed(diff);
        assert_eq!(lines, [("src/x.rs".to_owned(), 3..4), ("src/x.rs".to_owned(), 11..13)]);
        let source = Source::of(FILE.to_owned());
        let names: Vec<_> = lines.iter().map(|(_, lines)| source.functions(lines)).collect();
        assert_eq!(names, [["one"], ["A::two"]]);
    }

    #[test]
    fn a_patch_is_found_by_its_text() -> Result<(), Error> {
        let text = "# rule: f is called\n# mechanism: it is not\n# invariant: any\ndiff --git a/src/x.rs b/src/x.rs\n\
                    --- a/src/x.rs\n+++ b/src/x.rs\n@@ -8,7 +8,6 @@\n impl A {\n     fn two(&self) {\n         e();\n-        f();\n         g();\n         h();\n     }\n";
        let patch = Patch::parse("x.patch", text)?;
        let files = BTreeMap::from([("src/x.rs".to_owned(), Source::of(format!("// moved\n{FILE}")))]);
        assert_eq!(edited(&patch, &files), [("src/x.rs".to_owned(), "A::two".to_owned())]);
        Ok(())
    }
}
