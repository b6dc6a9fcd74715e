//! The dashboard and the alert rules name metrics that the programs have, and reasons that aborts have.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads the pages and sources it compares, and says what it expects by stopping"
)]

use cutover::core::migration::AbortReason;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("cutover_").map(|(at, _)| &text[at..]);
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
    starts.map(name).collect()
}

/// The metrics that the sources name as a literal.
fn measured(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            measured(&path, into);
        } else {
            let source = fs::read_to_string(&path).unwrap();
            let quoted = source.match_indices("\"cutover_").map(|(at, _)| &source[at + 1..]);
            into.extend(quoted.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()));
        }
    }
}

#[test]
fn what_is_watched_is_measured() {
    let mut known = BTreeSet::new();
    measured(Path::new("src"), &mut known);
    assert!(known.len() > 20, "{known:?}");
    for page in ["docs/monitoring/alerts.yml", "docs/monitoring/dashboard.json", "docs/operating.md"] {
        let watched = names(&fs::read_to_string(page).unwrap());
        assert!(watched.len() > 10, "{page}: {watched:?}");
        let unknown: Vec<_> = watched.difference(&known).collect();
        assert!(unknown.is_empty(), "{page} names what nothing measures: {unknown:?}");
    }
}

#[test]
fn the_dashboard_is_json_and_a_reason_is_one() {
    let page = fs::read_to_string("docs/monitoring/dashboard.json").unwrap();
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["panels"].as_array().unwrap().len(), 12);
    let rules = fs::read_to_string("docs/monitoring/alerts.yml").unwrap();
    assert!(
        rules.contains(&format!("reason=\"{}\"", AbortReason::Digest)),
        "the text of a reason is its label"
    );
}
