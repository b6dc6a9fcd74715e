//! Reads the files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file: its path relative to the root of the repository, and its text.
pub struct File {
    pub path: PathBuf,
    pub text: String,
}

impl File {
    /// A file that does not exist on disk, for tests of the checks.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: PathBuf::from(path), text: text.to_string() }
    }

    /// The path with `/` between the folders.
    pub fn name(&self) -> String {
        slashes(&self.path)
    }

    /// A position in the file, in the format of compiler messages.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

fn slashes(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Folders that builds and runs create.
const NOT_SOURCE: &[&str] = &[".git", "target", "runs"];

/// The paths of all files of the repository, relative to its root, with `/` between the folders, sorted.
pub fn all_files() -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut open = vec![root().to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).map_err(|error| format!("cannot list {}: {error}", at.display()))? {
            let path = entry.map_err(|error| format!("cannot list {}: {error}", at.display()))?.path();
            let name = slashes(path.strip_prefix(root()).unwrap_or(&path));
            if NOT_SOURCE.contains(&name.as_str()) || name.ends_with(".snap.new") || name.ends_with("~") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(name);
            }
        }
    }
    found.sort();
    if found.is_empty() { Err("no file in the repository".to_owned()) } else { Ok(found) }
}

/// Reads a text file of the repository.
pub fn read(name: &str) -> Result<String, String> {
    fs::read_to_string(root().join(name)).map_err(|error| format!("cannot read {name}: {error}"))
}

/// All Rust files below `directory`. Fails if there are none, because a check over nothing passes.
pub fn rust_files(directory: &str) -> Result<Vec<File>, String> {
    let below = format!("{directory}/");
    let names = all_files()?;
    let names = names.iter().filter(|name| name.starts_with(&below) && name.ends_with(".rs"));
    let files: Vec<File> =
        names.map(|name| Ok(File::new(name, &read(name)?))).collect::<Result<_, String>>()?;
    if files.is_empty() { Err(format!("no Rust file in {directory}")) } else { Ok(files) }
}

#[test]
fn a_directory_with_nothing_in_it_is_an_error() {
    assert!(rust_files("src").is_ok());
    assert!(rust_files("docs").is_err());
    assert!(rust_files("no-such-directory").is_err());
}
