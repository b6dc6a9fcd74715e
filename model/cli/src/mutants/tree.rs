//! The checkout, and the copy of it in which the mutants are built: whoever runs the scoreboard may
//! go on editing.

use super::error::Error;
use super::git::Git;
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The repository, and where the scoreboard keeps its own files in it.
#[derive(Debug)]
pub struct Checkout {
    /// Root of the working tree.
    pub root: PathBuf,
    /// The copy.
    pub tree: PathBuf,
    /// Cargo's target directory for the copy.
    pub build: PathBuf,
    /// What builds and checks printed, a directory for each mutant.
    pub out: PathBuf,
}

impl Checkout {
    /// Finds the repository around `cwd`.
    ///
    /// # Errors
    /// [`Error::Usage`] when `cwd` does not lie in the git repository of a cargo package.
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

    /// Takes the copy for this process, until the file is dropped.
    ///
    /// # Errors
    /// [`Error::Usage`] when another process has it.
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

    /// Makes the copy equal to the working tree: tracked files and those not ignored. A file that is
    /// already equal is left alone, for cargo decides by its time whether to compile it again.
    ///
    /// # Errors
    /// When git cannot list the files, or one cannot be copied.
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

    /// Deletes what is not wanted in a directory of the copy; says whether the directory is empty.
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

/// The files that a patch touches, as they were before it. They are put back from here rather than
/// from the working tree, which may have been edited since: every mutant starts from one tree.
#[derive(Debug)]
#[must_use = "the patch stays applied until `restore`"]
pub struct Saved {
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Saved {
    /// Remembers `files` of the directory `tree`.
    ///
    /// # Errors
    /// When a file is there but cannot be read.
    pub fn new(tree: &Path, files: &[String]) -> Result<Self, Error> {
        let read = |file: &String| {
            let path = tree.join(file);
            let bytes = read_if_there(&path)?;
            Ok((path, bytes))
        };
        let files = files.iter().map(read).collect::<Result<_, Error>>()?;
        Ok(Self { files })
    }

    /// Puts the files back.
    ///
    /// # Errors
    /// When a file cannot be written or deleted.
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
