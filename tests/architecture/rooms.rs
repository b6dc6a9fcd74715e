//! The table of rooms in ARCHITECTURE.md: which room a file belongs to, and which rooms a room may import.

use super::files::File;
use super::source;
use std::collections::BTreeSet;

/// A row of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Room {
    /// The room's path in Rust code (`core::raft`), or a plain name if nothing imports it.
    pub name: String,
    /// Whether the name is a path in Rust code; the page puts it in backticks then.
    pub is_module: bool,
    /// Its folders (ending with `/`) and files.
    pub places: Vec<String>,
    /// The rows above it that it may import. A name without a row of its own stands for all rows in it: `core` for
    /// every `core::…`.
    pub may: Vec<String>,
}

/// The rows, in the order of the page.
pub struct Rooms(pub Vec<Room>);

/// The workspace's crates: name in Rust code, folder of the sources, and prefix of the names of its rooms.
const CRATES: &[(&str, &str, &[&str])] = &[
    ("cutover", "src/", &[]),
    ("cutover_report", "model/report/src/", &["cutover_report"]),
    ("cutover_model", "model/src/", &["cutover_model"]),
    ("cutover_cli", "model/cli/src/", &["cutover_cli"]),
    ("cutover_reference", "model/reference/src/", &["cutover_reference"]),
    ("cutover_sim", "sim/src/", &["cutover_sim"]),
];

/// Exported macros are at the root of the crate, whichever module defines them.
const ROOT_MACROS: &[&str] = &["enforce"];

/// The texts in backticks.
pub fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Rooms {
    /// Reads the table of the page whose header begins with `| room |`.
    pub fn parse(page: &str) -> Result<Self, String> {
        let rows = page.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
        let mut rooms: Vec<Room> = Vec::new();
        for row in rows.take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [name, places, _, may] = cells[..] else { return Err(format!("not four cells: {row}")) };
            let is_module = name.starts_with('`');
            let name = name.trim_matches('`').to_owned();
            let places: Vec<String> =
                quoted(places).iter().map(|place| place.trim_end_matches("**").to_owned()).collect();
            let may = quoted(may);
            if places.is_empty() {
                return Err(format!("`{name}` has no place"));
            }
            for import in &may {
                let above = rooms.iter().any(|room| room.name == *import || is_within(&room.name, import));
                if !above {
                    return Err(format!(
                        "`{name}` may import `{import}`, which is no row above it: two rooms may import one another in \
                         one direction only"
                    ));
                }
            }
            rooms.push(Room { name, is_module, places, may });
        }
        if rooms.is_empty() { Err("the page has no table of rooms".to_owned()) } else { Ok(Self(rooms)) }
    }

    /// The room of a file: the one with the longest place that contains it.
    pub fn of_file(&self, file: &str) -> Option<&Room> {
        let places = self.0.iter().flat_map(|room| room.places.iter().map(move |place| (room, place)));
        let at = |place: &str| file == place || (place.ends_with('/') && file.starts_with(place));
        places.filter(|(_, place)| at(place)).max_by_key(|(_, place)| place.len()).map(|(room, _)| room)
    }

    /// The room that a path in Rust code belongs to: the row with the longest name that is a prefix. A macro counts
    /// as the module of its name.
    fn of_path(&self, path: &[String]) -> Option<&Room> {
        let path = path.join("::").replace('!', "");
        let named = self.0.iter().filter(|room| is_within(&path, &room.name));
        named.max_by_key(|room| room.name.len())
    }

    /// Whether there are rooms below this file's folder, so that the file only connects them.
    fn is_facade(&self, file: &str) -> bool {
        let Some((folder, name)) = file.rsplit_once('/') else { return false };
        let folder = format!("{folder}/");
        let below = |place: &String| place.starts_with(&folder) && *place != folder;
        ["lib.rs", "mod.rs", "main.rs"].contains(&name)
            && self.0.iter().any(|room| room.places.iter().any(below))
            && !self.0.iter().any(|room| room.places.contains(&folder))
    }

    /// The imports of a file that its room does not allow, and the paths in it that belong to no room.
    pub fn violations(&self, file: &File) -> Vec<String> {
        let name = file.name();
        if self.is_facade(&name) {
            return Vec::new();
        }
        let Some(room) = self.of_file(&name) else {
            return vec![format!(
                "{name}: it is in no room. Give its folder a row in the table of ARCHITECTURE.md, below every room that \
                 it may import."
            )];
        };
        let mut found = Vec::new();
        for Import { line, path, in_use } in imports(file) {
            match self.of_path(&path) {
                Some(other) if other == room || room.may.iter().any(|may| self.covers(may, &other.name)) => {}
                Some(other) => found.push(format!(
                    "{}: `{}` may not import `{}` (only: {}). Move what is shared to a room that both may import, or \
                     let the caller pass it in. If the direction itself is wrong, change the table of ARCHITECTURE.md \
                     and say why in an ADR.",
                    file.at(line),
                    room.name,
                    other.name,
                    room.may.join(", ")
                )),
                // A visibility such as `pub(in crate::core)` is not an import.
                None if !in_use && self.0.iter().any(|room| is_within(&room.name, &path.join("::"))) => {}
                None => found.push(format!(
                    "{}: `{}` is in no room. Import the name from the module that owns it.",
                    file.at(line),
                    path.join("::")
                )),
            }
        }
        found
    }

    /// Whether the entry `may` of a row's last column allows importing `room`.
    pub fn covers(&self, may: &str, room: &str) -> bool {
        may == room || (is_within(room, may) && !self.0.iter().any(|other| other.name == may))
    }

    /// The rooms that a file imports.
    pub fn used(&self, file: &File) -> BTreeSet<&str> {
        let paths = imports(file);
        paths.iter().filter_map(|import| self.of_path(&import.path)).map(|room| room.name.as_str()).collect()
    }
}

impl Room {
    /// The line "May import" that must be at the head of the room's folder or file.
    pub fn head(&self) -> String {
        let list: Vec<String> = self.may.iter().map(|may| format!("`{may}`")).collect();
        let list = if list.is_empty() { "nothing".to_owned() } else { list.join(", ") };
        format!("//! May import: {list}.")
    }
}

/// Whether a path is that of the room `outer`, or of something in it.
fn is_within(room: &str, outer: &str) -> bool {
    room.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The module path of a file, with the crate's name in the table as its root. `None` for tests and benchmarks,
/// whose modules cannot be imported.
pub fn module(file: &str) -> Option<Vec<String>> {
    let (_, folder, root) = CRATES.iter().find(|(_, folder, _)| file.starts_with(folder))?;
    let below = file.strip_prefix(folder)?.strip_suffix(".rs")?;
    let mut path: Vec<String> = root.iter().map(|part| (*part).to_owned()).collect();
    path.extend(below.split('/').map(str::to_owned));
    if path.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        path.pop();
    }
    Some(path)
}

/// A path into a crate of the workspace, with the crate's name in the table as its root.
pub struct Import {
    /// Line number, from 1.
    pub line: usize,
    pub path: Vec<String>,
    /// Whether the path is in a `use`.
    pub in_use: bool,
}

/// The paths that a file names outside of its tests.
pub fn imports(file: &File) -> Vec<Import> {
    let own = module(&file.name());
    let paths = source::paths_outside_tests(&file.text);
    let import = |path: &source::Path| {
        let absolute = absolute(path, own.as_deref())?;
        Some(Import { line: path.line, path: absolute, in_use: path.import })
    };
    paths.iter().filter_map(import).collect()
}

/// A path with the name of its crate as the root, if that crate is in the workspace. `own`: the module in which the
/// path is written.
pub fn absolute(path: &source::Path, own: Option<&[String]>) -> Option<Vec<String>> {
    let first = path.segments.first()?.as_str();
    let rest = &path.segments[1..];
    let is_macro = |name: &String| ROOT_MACROS.contains(&name.trim_end_matches('!'));
    if rest.first().is_some_and(is_macro) || (rest.is_empty() && !path.import) {
        return None;
    }
    let join = |root: &[&str], rest: &[String]| {
        root.iter().map(|part| (*part).to_owned()).chain(rest.iter().cloned()).collect::<Vec<_>>()
    };
    if let Some((_, _, root)) = CRATES.iter().find(|(name, _, _)| *name == first) {
        return Some(join(root, rest));
    }
    let own = own?;
    let crate_root = usize::from(own.first().is_some_and(|first| first.starts_with("cutover_")));
    match first {
        "crate" => Some([&own[..crate_root], rest].concat()),
        "self" => Some([own, rest].concat()),
        "super" => {
            let climbed = path.segments.iter().take_while(|segment| *segment == "super").count();
            let kept = own.len().checked_sub(climbed).filter(|kept| *kept >= crate_root)?;
            Some([&own[..kept], &path.segments[climbed..]].concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
text
| room | folder | what | may import |
| --- | --- | --- | --- |
| `core::ids` | `src/core/ids.rs` | numbers | – |
| `core::raft` | `src/core/raft/` | the log | `core::ids` |
| `node::store` | `src/node/store/` | disk | `core` |
| `node::server` | `src/node/server/` | server | `core::raft`, `node::store` |
| `cutover_model` | `model/src/` | checker | `core` |
| tests | `tests/` | tests | `core`, `node` |

| room | another table |
";

    fn refused(path: &str, text: &str) -> Vec<String> {
        Rooms::parse(PAGE).map_or_else(|error| vec![error], |rooms| rooms.violations(&File::new(path, text)))
    }

    #[test]
    fn a_row_names_rows_above_it_only() {
        assert_eq!(Rooms::parse(PAGE).map(|rooms| rooms.0.len()), Ok(6));
        let circle = PAGE.replace("| numbers | – |", "| numbers | `core::raft` |");
        assert!(Rooms::parse(&circle).is_err_and(|error| error.contains("no row above it")));
        assert!(Rooms::parse("no table").is_err());
        assert!(Rooms::parse(&PAGE.replace("`src/core/raft/`", "raft")).is_err());
    }

    #[test]
    fn a_forbidden_import_is_refused() {
        for (path, text) in [
            ("src/core/ids.rs", "use crate::core::raft::Node;"),
            ("src/core/ids.rs", "use super::raft::Node;"),
            ("src/core/ids.rs", "($($x:tt)*) => { $crate::core::raft::Node }"),
            ("src/core/raft/log.rs", "use crate::{core::ids::A, node::store::B};"),
            ("src/core/raft/log.rs", "fn f(x: crate::node::store::B) {}"),
            ("src/core/raft/log.rs", "use super::super::super::node::store::B;"),
            ("src/core/raft/log.rs", "use crate::*;"),
            ("src/core/raft/log.rs", "use crate::A;"),
            ("src/core/raft/log.rs", "use crate as root;"),
            ("src/core/raft/log.rs", "#[cfg(test)] use crate::core::ids::A;\nuse crate::node::store::B;"),
            ("src/node/server/api/mod.rs", "use crate::core::ids::A;"),
            ("model/src/env/mod.rs", "use cutover::node::store::B;"),
            ("model/src/env/mod.rs", "cutover::node::store::open()"),
            ("model/src/env/mod.rs", "use cutover::*;"),
            ("tests/seam.rs", "use cutover_model::search;"),
            ("src/lease/mod.rs", ""),
        ] {
            assert_eq!(refused(path, text).len(), 1, "{path}: {text}: {:?}", refused(path, text));
        }
    }

    #[test]
    fn what_the_table_allows_is_let_through() {
        for (path, text) in [
            ("src/core/raft/log.rs", "use crate::core::ids::A; use super::Node; use crate::enforce;"),
            ("src/core/raft/log.rs", "crate::enforce!(slot, Monotone, \"x\"); pub(in crate::core) fn f() {}"),
            ("src/core/raft/log.rs", "// use crate::node::store::B;"),
            ("src/core/raft/log.rs", "#[cfg(test)]\nmod tests { use crate::node::store::B; }"),
            ("src/core/mod.rs", "pub mod ids; pub use raft::Node;"),
            ("src/lib.rs", "pub use crate::core::raft::Node;"),
            ("src/node/server/api/mod.rs", "use crate::node::store::B; use super::node::C;"),
            ("model/src/env/mod.rs", "use cutover::core::ids::A; use crate::search::B; let cutover = 1;"),
            ("tests/seam.rs", "use cutover::{core::ids::A, node::store::B};"),
        ] {
            assert_eq!(refused(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn a_row_gives_the_line_at_the_head_of_its_folder() {
        let head = |n: usize| Rooms::parse(PAGE).map(|rooms| rooms.0[n].head());
        assert_eq!(head(0).as_deref(), Ok("//! May import: nothing."));
        assert_eq!(head(3).as_deref(), Ok("//! May import: `core::raft`, `node::store`."));
    }
}
