//! Each numbered rule in `docs/protocol.md` is cited by a reference, and no reference cites another.

#![expect(clippy::expect_used, reason = "a test says what it expects by stopping")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The first letters of the tags: one for each table of rules.
const FAMILIES: [char; 9] = ['T', 'K', 'F', 'M', 'G', 'C', 'S', 'W', 'D'];

/// The tags of the rows `| T1 | …` of the page.
fn rules(page: &str) -> BTreeSet<String> {
    page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()).filter_map(tag).collect()
}

/// The tags in the comments of a source.
fn cited(source: &str) -> BTreeSet<String> {
    let comments = source.lines().filter_map(|line| line.trim_start().strip_prefix("// "));
    comments.flat_map(|comment| comment.split([' ', ',', '.', ':'])).filter_map(tag).collect()
}

fn tag(word: &str) -> Option<String> {
    let number = word.strip_prefix(FAMILIES)?;
    let digits = !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit());
    digits.then(|| word.to_owned())
}

/// The texts of a folder's sources, those that run a reference beside its machine left out.
fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it is listed").path();
        if path.is_file() {
            texts.push(fs::read_to_string(path).expect("a source is a text"));
        } else if !path.ends_with("beside") {
            texts.extend(sources(&path));
        }
    }
    texts
}

#[test]
fn each_rule_is_cited_and_nothing_else_is() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("../../docs/protocol.md")).expect("the page is there");
    let cited: BTreeSet<String> = sources(&here.join("src")).iter().flat_map(|text| cited(text)).collect();
    let rules = rules(&page);
    for family in FAMILIES {
        let of_family = rules.iter().filter(|tag| tag.starts_with(family)).count();
        assert!(of_family >= 8, "the page has the rules {family}: {rules:?}");
    }
    let without: Vec<_> = rules.difference(&cited).collect();
    assert!(without.is_empty(), "rules of docs/protocol.md that the reference does not keep: {without:?}");
    let unknown: Vec<_> = cited.difference(&rules).collect();
    assert!(unknown.is_empty(), "rules that docs/protocol.md does not have: {unknown:?}");
}
