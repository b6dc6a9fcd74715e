//! A data directory: one file, created atomically. The file is written under a temporary name, synced and
//! renamed, so a directory has either the complete file or none.

use super::error::{Place, StoreError};
use redb::backends::FileBackend;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Name of the complete file.
const FILE: &str = "log.redb";
/// Name of the file during its creation.
const UNFINISHED: &str = "log.redb.unfinished";

pub(crate) fn file(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

pub(crate) fn place(directory: &Path) -> Place {
    Place(directory.display().to_string())
}

/// Opens and locks the file of a data directory.
pub(crate) fn open(directory: &Path) -> Result<FileBackend, StoreError> {
    let at = place(directory);
    match fs::metadata(directory) {
        Ok(found) if !found.is_dir() => return Err(at.missing("a file", "a directory")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(at.missing("nothing", "a directory")),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(at.missing("a file above it", "a directory"));
        }
        Err(error) => return Err(at.io("look at", "a directory that can be read", &error)),
    }
    let path = file(directory);
    let opened = OpenOptions::new().read(true).write(true).open(&path);
    let file = opened.map_err(|error| {
        let kind = error.kind();
        if kind == ErrorKind::NotFound && directory.join(UNFINISHED).exists() {
            at.missing("an unfinished creation", FILE)
        } else if kind == ErrorKind::NotFound {
            at.missing(format_args!("no {FILE} in it"), FILE)
        } else if kind == ErrorKind::IsADirectory {
            at.missing(format_args!("a directory named {FILE}"), "a file")
        } else {
            Place(path.display().to_string()).io("open", "permission to read and write it", &error)
        }
    })?;
    lock(&at, &file)?;
    let length = file.metadata().map_err(|error| at.io("look at", "no error", &error))?.len();
    if length == 0 {
        return Err(at.corrupt(FILE, "0 bytes", "a redb file: it is never created empty"));
    }
    FileBackend::new(file).map_err(at.redb("open"))
}

/// A directory under creation: its file has the temporary name, is empty and locked.
pub(crate) struct Unfounded {
    directory: PathBuf,
    /// The nearest parent directory that existed before.
    above: PathBuf,
    file: File,
}

/// Creates the directory if it does not exist, and the file under its temporary name.
pub(crate) fn begin(directory: &Path) -> Result<Unfounded, StoreError> {
    let at = place(directory);
    let parents = directory.ancestors().skip(1).map(|above| {
        // A relative path of one component has the empty path as its parent.
        if above.as_os_str().is_empty() { Path::new(".") } else { above }
    });
    let above = parents.into_iter().find(|above| above.exists()).unwrap_or(directory).to_path_buf();
    fs::create_dir_all(directory).map_err(|error| {
        if let ErrorKind::AlreadyExists | ErrorKind::NotADirectory = error.kind() {
            return at.missing("a file", "a directory, or an unused name");
        }
        at.io("make", "a directory, or permission to make one", &error)
    })?;
    let path = directory.join(UNFINISHED);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(|error| {
        Place(path.display().to_string()).io("create", "permission to write there", &error)
    })?;
    lock(&at, &file)?;
    // Only after locking: another process may have renamed the opened file in between, and use it as its
    // store.
    refuse_if_founded(directory)?;
    file.set_len(0).map_err(|error| at.io("write to", "an empty file", &error))?;
    Ok(Unfounded { directory: directory.to_path_buf(), above, file })
}

impl Unfounded {
    /// A backend for redb on the file. Its handle shares the lock.
    pub(crate) fn backend(&self) -> Result<FileBackend, StoreError> {
        let at = place(&self.directory);
        let file = self.file.try_clone().map_err(|error| at.io("open", "no error", &error))?;
        FileBackend::new(file).map_err(at.redb("create"))
    }

    /// Renames the file to its final name, and syncs it and every new directory.
    pub(crate) fn publish(self) -> Result<(), StoreError> {
        let at = place(&self.directory);
        let publish = || -> io::Result<()> {
            self.file.sync_all()?;
            fs::rename(self.directory.join(UNFINISHED), file(&self.directory))?;
            for directory in self.directory.ancestors() {
                let named = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
                File::open(named)?.sync_all()?;
                if named == self.above {
                    break;
                }
            }
            Ok(())
        };
        publish().map_err(|error| at.io("found", "a durable directory", &error))
    }
}

/// Whether the directory has a file with the final name.
pub(crate) fn is_founded(directory: &Path) -> bool {
    // If the file cannot be examined, it counts as present: it must not be overwritten.
    let none = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    fs::symlink_metadata(file(directory)).map_or_else(|error| !none.contains(&error.kind()), |_| true)
}

fn refuse_if_founded(directory: &Path) -> Result<(), StoreError> {
    if is_founded(directory) { Err(place(directory).exists(FILE)) } else { Ok(()) }
}

/// Locks the file before its header is read; redb takes its own lock later.
fn lock(place: &Place, file: &File) -> Result<(), StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(place.in_use()),
        // The file system has no locks; redb decides whether it accepts that.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(place.io("lock", "no error", &error)),
    }
}
