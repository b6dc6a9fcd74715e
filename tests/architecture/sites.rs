//! Where machines enforce invariants: the registry says of each who judges it, and it is so.

use super::files::rust_files;
use cutover::core::registry::{Id, JudgedBy};
use std::collections::BTreeSet;

/// The invariants that a source text enforces, by name.
fn enforced(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let sites = code.split("enforce!(").skip(1);
    sites.filter_map(|site| site.split(',').nth(1)).map(|id| id.trim().to_owned()).collect()
}

#[test]
fn an_invariant_that_a_machine_judges_has_a_place_where_it_is_enforced() {
    assert_eq!(
        enforced("// enforce!(a, A, x)\nenforce!(\n    *halt,\n    B,\n    x, \"\");"),
        BTreeSet::from(["B".to_owned()])
    );
    let core = rust_files("src/core").unwrap().into_iter();
    let sites: BTreeSet<String> = core.flat_map(|file| enforced(&file.text)).collect();
    for id in Id::ALL {
        let found = sites.contains(&format!("{id:?}"));
        match id.entry().scope {
            JudgedBy::Node => assert!(found, "{id}: no machine enforces it"),
            JudgedBy::Observer | JudgedBy::Compiler => {
                assert!(!found, "{id}: a machine enforces it, so it is judged by the node");
            }
            // A machine may enforce the part that it sees.
            JudgedBy::Cluster | JudgedBy::History | JudgedBy::Ways => {}
        }
    }
}
