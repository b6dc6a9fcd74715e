//! The repository and the copy in which mutants are built, so that the user can go on editing during a run.

use super::error::Error;
use super::git::Git;
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The repository, and the scoreboard's directories in it.
#[derive(Debug)]
pub struct Checkout {
    /// Root of the working tree.
    pub root: PathBuf,
    /// The copy of the working tree.
    pub tree: PathBuf,
    /// Cargo's target directory for the copy.
    pub build: PathBuf,
    /// Directory for the output of builds and checks, with a subdirectory for each mutant.
    pub out: PathBuf,
}

impl Checkout {
    /// Finds the repository around `cwd`.
    ///
    /// # Errors
    /// [`Error::Usage`] if `cwd` is not in the git repository of a cargo package.
    pub fn find(cwd: &Path, git: &Git) -> Result<Self, Error> {
        let not_here = |why: &str| {
            Error::Usage(format!("mutants needs a checkout of what it is to break: {} {why}", cwd.display()))
        };
        let found = match git.output(cwd, &["rev-parse", "--show-toplevel"]) {
            Ok(found) => found,
            Err(Error::Git { .. }) => return Err(not_here("is in no git repository")),
            Err(other) => return Err(other),
        };
        let root = PathBuf::from(String::from_utf8_lossy(&found).trim_end_matches(['\r', '\n']));
        if !root.join("Cargo.toml").is_file() {
            return Err(not_here("is in a repository without a Cargo.toml at its root"));
        }
        let own = root.join("target").join("mutants");
        Ok(Self { tree: own.join("tree"), build: own.join("build"), out: own.join("out"), root })
    }

    /// Locks the copy for this process until the returned file is dropped.
    ///
    /// # Errors
    /// [`Error::Usage`] if another process has locked it.
    pub fn lock(&self) -> Result<File, Error> {
        fs::create_dir_all(&self.tree).map_err(Error::io(&self.tree))?;
        let path = self.tree.with_file_name("lock");
        let file = File::create(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Usage(format!(
                "another `cutover mutants` is running in {}: wait for it to end",
                self.root.display()
            ))),
            Err(TryLockError::Error(source)) => Err(Error::io(&path)(source)),
        }
    }

    /// Makes the copy equal to the working tree, with all files that git does not ignore. Equal files are not
    /// written again, because cargo recompiles a file when its modification time changes.
    ///
    /// # Errors
    /// [`Error`] if git cannot list the files, or a file cannot be copied.
    pub fn sync(&self, git: &Git) -> Result<(), Error> {
        let listed =
            git.paths(&self.root, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        let wanted: BTreeSet<PathBuf> = listed
            .into_iter()
            .filter(|path| !path.starts_with("target/"))
            .map(PathBuf::from)
            .filter(|path| self.root.join(path).is_file())
            .collect();
        self.prune(&self.tree, &wanted)?;
        for path in &wanted {
            let (from, to) = (self.root.join(path), self.tree.join(path));
            let bytes = fs::read(&from).map_err(Error::io(&from))?;
            write_if_different(&to, &bytes)?;
            let mode = fs::metadata(&from).map_err(Error::io(&from))?.permissions();
            fs::set_permissions(&to, mode).map_err(Error::io(&to))?;
        }
        Ok(())
    }

    /// Deletes the files of a directory of the copy that are not wanted. Returns whether the directory is empty.
    fn prune(&self, dir: &Path, wanted: &BTreeSet<PathBuf>) -> Result<bool, Error> {
        let mut empty = true;
        for entry in fs::read_dir(dir).map_err(Error::io(dir))? {
            let entry = entry.map_err(Error::io(dir))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(Error::io(&path))?;
            let relative = path.strip_prefix(&self.tree).unwrap_or(&path);
            if kind.is_dir() {
                if self.prune(&path, wanted)? {
                    fs::remove_dir(&path).map_err(Error::io(&path))?;
                } else {
                    empty = false;
                }
            } else if kind.is_file() && wanted.contains(relative) {
                empty = false;
            } else {
                fs::remove_file(&path).map_err(Error::io(&path))?;
            }
        }
        Ok(empty)
    }
}

/// The original contents of the files that a patch touches. They are restored from here, not from the working tree,
/// which may have been edited in between: all mutants start from the same tree.
#[derive(Debug)]
#[must_use = "the patch stays applied until `restore`"]
pub struct Saved {
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Saved {
    /// Saves `files` of the directory `tree`.
    ///
    /// # Errors
    /// [`Error`] if a file exists but cannot be read.
    pub fn new(tree: &Path, files: &[String]) -> Result<Self, Error> {
        let read = |file: &String| {
            let path = tree.join(file);
            let bytes = read_if_there(&path)?;
            Ok((path, bytes))
        };
        let files = files.iter().map(read).collect::<Result<_, Error>>()?;
        Ok(Self { files })
    }

    /// Restores the files.
    ///
    /// # Errors
    /// [`Error`] if a file cannot be written or deleted.
    pub fn restore(self) -> Result<(), Error> {
        for (path, bytes) in self.files {
            match bytes {
                Some(bytes) => write_if_different(&path, &bytes)?,
                None if path.exists() => fs::remove_file(&path).map_err(Error::io(&path))?,
                None => {}
            }
        }
        Ok(())
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path)(error)),
    }
}

fn write_if_different(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if read_if_there(path)?.as_deref() == Some(bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    fs::write(path, bytes).map_err(Error::io(path))
}
