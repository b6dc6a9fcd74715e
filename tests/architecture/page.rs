//! Compares ARCHITECTURE.md with the tree: every path that it names exists, and every file lies in a folder that it
//! names.

use super::rooms::quoted;
use std::collections::BTreeSet;

/// The paths that a page names in backticks: `src/core/raft/`, `tests/mutants/**`, `Cargo.toml`, or just the name
/// of a source file, `election.rs`. Other texts in backticks are paths only if they begin with a name in `top`:
/// `migration/moves` is a scope, not a path.
pub fn named_paths(page: &str, top: &BTreeSet<&str>) -> BTreeSet<String> {
    let is_path = |text: &String| {
        let first = text.split('/').next().unwrap_or_default();
        (top.contains(first) || text.ends_with(".rs"))
            && text.chars().all(|c| c.is_alphanumeric() || "./_-*".contains(c))
    };
    prose(page).lines().flat_map(quoted).filter(is_path).collect()
}

/// A page without its fenced code blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// The targets of the page's links into the repository, as paths from its root.
pub fn links(page: &str, folder: &str) -> Vec<String> {
    let targets = prose(page);
    let targets = targets.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(to, _)| to));
    let inside = targets.filter(|to| !to.contains("://") && !to.starts_with('#'));
    let from_root = |to: &str| {
        let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in to.split('#').next().unwrap_or_default().split('/') {
            match part {
                ".." => drop(path.pop()),
                "." | "" => {}
                part => path.push(part),
            }
        }
        path.join("/")
    };
    inside.map(from_root).collect()
}

/// The named paths that do not exist.
pub fn stale(named: &BTreeSet<String>, files: &[String]) -> Vec<String> {
    let exists = |path: &str| {
        let path = path.trim_end_matches("**").trim_end_matches('/');
        files.iter().any(|file| {
            let is_name = path.ends_with(".rs") && file.ends_with(&format!("/{path}"));
            let is_mutant = file.strip_prefix("tests/mutants/").and_then(|file| file.strip_suffix(".patch"));
            file == path || is_name || is_mutant == Some(path) || file.starts_with(&format!("{path}/"))
        })
    };
    let gone = named.iter().filter(|path| !exists(path));
    gone.map(|path| format!("`{path}` is named and is not there: correct the page")).collect()
}

/// The differences between the paths on ARCHITECTURE.md and the files of the tree.
pub fn violations(named: &BTreeSet<String>, files: &[String]) -> Vec<String> {
    let is_under = |file: &str| {
        let folder = file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        named.iter().any(|path| {
            *path == file
                || (path.ends_with('/') && *path == folder)
                || path.strip_suffix("**").is_some_and(|above| file.starts_with(above))
        })
    };
    let nowhere = files.iter().filter(|file| !is_under(file)).map(|file| {
        format!("{file}: ARCHITECTURE.md names neither it nor its folder. Give the folder a row, or put the file elsewhere.")
    });
    stale(named, files).into_iter().chain(nowhere).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_path_and_a_file_without_a_folder_are_found() {
        let page = "`src/core/` and `tests/mutants/**`, `Cargo.toml`, not `migration/moves` nor `a b`\n```\n`src/x/`\n```\n";
        let named = named_paths(page, &BTreeSet::from(["src", "tests", "Cargo.toml"]));
        assert_eq!(named.len(), 3, "{named:?}");
        let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let whole = files(&["Cargo.toml", "src/core/ids.rs", "tests/mutants/sim/a.patch"]);
        assert_eq!(violations(&named, &whole), Vec::<String>::new());
        assert_eq!(violations(&named, &whole[..2]).len(), 1);
        let more = [whole, files(&["src/core/raft/log.rs", "README.md"])].concat();
        assert_eq!(violations(&named, &more).len(), 2);
    }

    #[test]
    fn links_lead_from_the_folder_of_their_page() {
        let page = "[a](../traces/README.md#format) [b](adr/0001.md) [c](https://x.y) [d](#here)";
        assert_eq!(links(page, "docs"), ["traces/README.md", "docs/adr/0001.md"]);
    }
}
