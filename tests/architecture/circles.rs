//! Finds files that import one another in a circle. A folder's `mod.rs` is its facade: its imports from its own
//! parts are ignored, and an import of a name that it re-exports counts as an import of the part that defines it.

use super::files::File;
use super::rooms::{absolute, module};
use super::source;
use std::collections::{BTreeMap, BTreeSet};

type Module = Vec<String>;

/// The circles among the files of one crate, each as an ordered list of modules.
pub fn circles(files: &[File]) -> Vec<Vec<String>> {
    let files =
        files.iter().filter(|file| !file.name().ends_with("main.rs") && !file.name().contains("/tests"));
    let files: BTreeMap<Module, &File> =
        files.filter_map(|file| Some((module(&file.name())?, file))).collect();
    let named: BTreeMap<Module, Vec<Module>> = files
        .iter()
        .map(|(own, file)| {
            let child = |path: &source::Path| {
                let below = [own, &path.segments[..]].concat();
                files.contains_key(&below[..=own.len()]).then_some(below)
            };
            let paths = source::paths_outside_tests(&file.text);
            let to = paths.iter().filter_map(|path| absolute(path, Some(own)).or_else(|| child(path)));
            (own.clone(), to.collect())
        })
        .collect();
    let graph: BTreeMap<&Module, BTreeSet<&Module>> = named
        .iter()
        .map(|(from, paths)| {
            let to = paths.iter().filter_map(|path| owner(path, &named, 0));
            (from, to.filter(|to| !to.starts_with(from)).collect())
        })
        .collect();
    strongly_connected(&graph)
}

/// The file that defines what `path` names. For a name that a facade re-exports, this is the part that defines it.
fn owner<'a>(path: &[String], files: &'a BTreeMap<Module, Vec<Module>>, depth: usize) -> Option<&'a Module> {
    let at = (0..=path.len()).rev().find_map(|length| files.get_key_value(&path[..length]));
    let (file, taken) = at?;
    let Some(name) = path.get(file.len()).filter(|_| depth < 8) else { return Some(file) };
    let re_exported = taken
        .iter()
        .find(|from| from.last() == Some(name) && from.len() > file.len() + 1 && from.starts_with(file));
    Some(re_exported.and_then(|from| owner(from, files, depth + 1)).unwrap_or(file))
}

/// Tarjan's algorithm: the strongly connected components of more than one file.
fn strongly_connected(graph: &BTreeMap<&Module, BTreeSet<&Module>>) -> Vec<Vec<String>> {
    #[derive(Default)]
    struct Search<'a> {
        number: BTreeMap<&'a Module, usize>,
        low: BTreeMap<&'a Module, usize>,
        stack: Vec<&'a Module>,
        found: Vec<Vec<String>>,
    }
    fn visit<'a>(
        at: &'a Module,
        graph: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
        search: &mut Search<'a>,
    ) {
        let number = search.number.len();
        search.number.insert(at, number);
        search.low.insert(at, number);
        search.stack.push(at);
        for to in graph.get(at).into_iter().flatten() {
            let reach = if !search.number.contains_key(to) {
                visit(to, graph, search);
                search.low[to]
            } else if search.stack.contains(to) {
                search.number[to]
            } else {
                continue;
            };
            let low = search.low[at].min(reach);
            search.low.insert(at, low);
        }
        if search.low[at] == number {
            let from = search.stack.iter().position(|other| *other == at).unwrap_or(0);
            let mut circle: Vec<String> =
                search.stack.drain(from..).map(|module| module.join("::")).collect();
            circle.sort();
            if circle.len() > 1 {
                search.found.push(circle);
            }
        }
    }
    let mut search = Search::default();
    for module in graph.keys() {
        if !search.number.contains_key(module) {
            visit(module, graph, &mut search);
        }
    }
    search.found.sort();
    search.found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
        circles(&files).iter().map(|circle| circle.join(" ")).collect()
    }

    #[test]
    fn a_circle_of_files_is_found_also_through_a_facade() {
        let direct = [("sim/src/a.rs", "use crate::b::B;"), ("sim/src/b.rs", "use super::a::A;")];
        assert_eq!(found(&direct), ["cutover_sim::a cutover_sim::b"]);
        let facade = [
            ("sim/src/a/mod.rs", "mod b; mod c; pub use b::B; pub use self::c::C; use crate::a::b::B;"),
            ("sim/src/a/b.rs", "use super::c::C;"),
            ("sim/src/a/c.rs", "use super::B;"),
        ];
        assert_eq!(found(&facade), ["cutover_sim::a::b cutover_sim::a::c"]);
        let longer = [
            ("sim/src/a.rs", "use crate::b::B;"),
            ("sim/src/b.rs", "use crate::c::C;"),
            ("sim/src/c.rs", "use crate::a::A;"),
            ("sim/src/d.rs", "use crate::a::A;"),
        ];
        assert_eq!(found(&longer), ["cutover_sim::a cutover_sim::b cutover_sim::c"]);
    }

    #[test]
    fn a_folder_and_its_parts_are_no_circle() {
        let parts = [
            ("sim/src/a/mod.rs", "use b::B; struct Own;"),
            ("sim/src/a/b.rs", "use super::Own; #[cfg(test)] mod tests { use crate::c::C; }"),
            ("sim/src/c.rs", "use crate::a::b::B;"),
        ];
        assert_eq!(found(&parts), Vec::<String>::new());
    }
}
