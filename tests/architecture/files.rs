//! The Rust files of the repository, and which module each one is.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file: its path from the root of the repository, and its text.
pub struct File {
    pub path: PathBuf,
    pub text: String,
}

impl File {
    /// For a text that is not on the disk.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: PathBuf::from(path), text: text.to_string() }
    }

    /// The path below `src/`, without `.rs` and `mod`: `["raft", "log"]`. None for a file of another crate and for
    /// one that only ties modules together (`lib.rs`, a binary).
    pub fn module(&self) -> Option<Vec<String>> {
        let below = self.path.strip_prefix("src").ok()?.with_extension("");
        let mut parts: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if parts.last().is_some_and(|last| last == "mod") {
            parts.pop();
        }
        (!["lib", "main", "bin"].contains(&parts.first()?.as_str())).then_some(parts)
    }

    /// A place in it, as compilers write it.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `directory`, in the order of their names. Fails if there is none, because a check over
/// nothing passes.
pub fn rust_files(directory: &str) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(at) = open.pop() {
        let entries = fs::read_dir(&at).map_err(|error| format!("cannot list {}: {error}", at.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| format!("cannot list {}: {error}", at.display()))?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text =
                    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                files.push(File { path: path.strip_prefix(root()).unwrap_or(&path).to_path_buf(), text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if files.is_empty() { Err(format!("no Rust file in {directory}")) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gives_its_module() {
        let module = |path| File::new(path, "").module().map(|parts| parts.join("::"));
        assert_eq!(module("src/raft.rs").as_deref(), Some("raft"));
        assert_eq!(module("src/raft/mod.rs").as_deref(), Some("raft"));
        assert_eq!(module("src/raft/log.rs").as_deref(), Some("raft::log"));
        assert_eq!(module("src/lib.rs"), None);
        assert_eq!(module("src/bin/cutoverd.rs"), None);
        assert_eq!(module("model/src/world.rs"), None);
    }

    #[test]
    fn a_directory_with_nothing_in_it_is_an_error() {
        assert!(rust_files("src").is_ok());
        assert!(rust_files("docs").is_err());
        assert!(rust_files("no-such-directory").is_err());
    }
}
