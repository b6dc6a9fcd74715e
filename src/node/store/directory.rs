//! A data directory: one file, created atomically. It is written under another name, synced and renamed, so a directory has
//! the whole file or none.

use super::error::{Place, StoreError};
use redb::backends::FileBackend;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The name of the whole file.
const FILE: &str = "log.redb";
/// The name of the file until it is whole.
const UNFINISHED: &str = "log.redb.unfinished";

pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

pub(super) fn place(directory: &Path) -> Place {
    Place(directory.display().to_string())
}

/// Opens and locks the file of a directory.
pub(super) fn open(directory: &Path) -> Result<FileBackend, StoreError> {
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
            at.missing("what a creation left that did not end", FILE)
        } else if kind == ErrorKind::NotFound {
            at.missing(format_args!("no {FILE} in it"), FILE)
        } else if kind == ErrorKind::IsADirectory {
            at.missing(format_args!("a directory named {FILE}"), "a file")
        } else {
            Place(path.display().to_string()).io("open", "leave to read and write it", &error)
        }
    })?;
    lock(&at, &file)?;
    let length = file.metadata().map_err(|error| at.io("look at", "no error", &error))?.len();
    if length == 0 {
        return Err(at.corrupt(FILE, "0 bytes", "a log: it is not put there empty"));
    }
    FileBackend::new(file).map_err(at.redb("open"))
}

/// A directory whose creation has begun: the file under its temporary name, empty and locked.
pub(super) struct Unfounded {
    directory: PathBuf,
    /// The nearest parent that existed before.
    above: PathBuf,
    file: File,
}

/// Creates the directory, if there is none, and the file under its temporary name.
pub(super) fn begin(directory: &Path) -> Result<Unfounded, StoreError> {
    let at = place(directory);
    let parents = directory.ancestors().skip(1).map(|above| {
        // The parent of a relative name with one part.
        if above.as_os_str().is_empty() { Path::new(".") } else { above }
    });
    let above = parents.into_iter().find(|above| above.exists()).unwrap_or(directory).to_path_buf();
    fs::create_dir_all(directory).map_err(|error| {
        if let ErrorKind::AlreadyExists | ErrorKind::NotADirectory = error.kind() {
            return at.missing("a file", "a directory, or a name for one");
        }
        at.io("make", "a directory, or leave to make one", &error)
    })?;
    let path = directory.join(UNFINISHED);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let file = opened
        .map_err(|error| Place(path.display().to_string()).io("create", "leave to write there", &error))?;
    lock(&at, &file)?;
    // Only once it is locked: another process may have renamed the opened file meanwhile, and use it as its store.
    refuse_if_founded(directory)?;
    file.set_len(0).map_err(|error| at.io("write to", "an empty file", &error))?;
    Ok(Unfounded { directory: directory.to_path_buf(), above, file })
}

impl Unfounded {
    /// The file for redb. Both handles share the lock.
    pub(super) fn backend(&self) -> Result<FileBackend, StoreError> {
        let at = place(&self.directory);
        let file = self.file.try_clone().map_err(|error| at.io("open", "no error", &error))?;
        FileBackend::new(file).map_err(at.redb("create"))
    }

    /// Renames the file to its final name, and makes the name and all new directories durable.
    pub(super) fn publish(self) -> Result<(), StoreError> {
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

/// Whether there is a file of the final name.
pub(super) fn is_founded(directory: &Path) -> bool {
    // A file that cannot be examined must not be overwritten either.
    let none = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    fs::symlink_metadata(file(directory)).map_or_else(|error| !none.contains(&error.kind()), |_| true)
}

fn refuse_if_founded(directory: &Path) -> Result<(), StoreError> {
    if is_founded(directory) { Err(place(directory).exists(FILE)) } else { Ok(()) }
}

/// Locks the file before its header is read. redb takes its own lock only later.
fn lock(place: &Place, file: &File) -> Result<(), StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(place.in_use()),
        // A file system without locks; redb says what it makes of that.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(place.io("lock", "no error", &error)),
    }
}
