//! The directory of a demo.

use crate::cli::{Failed, exit};
use crate::node::store::draw_id;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory that a demo made, or was given empty.
pub(super) struct Place {
    path: PathBuf,
    is_temporary: bool,
}

impl Place {
    pub(super) fn make(given: Option<&Path>) -> Result<Self, Failed> {
        match given {
            Some(path) => Self::given(path),
            None => Self::temporary(),
        }
    }

    fn given(path: &Path) -> Result<Self, Failed> {
        let failed = |error| Failed::new(exit::USAGE, format!("--dir {}: {error}", path.display()));
        fs::create_dir_all(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            let line = format!("--dir {}: it has files, expected an empty directory", path.display());
            return Err(Failed::new(exit::USAGE, line));
        }
        let path = fs::canonicalize(path).map_err(failed)?;
        Ok(Self { path, is_temporary: false })
    }

    fn temporary() -> Result<Self, Failed> {
        let drawn = draw_id().map_err(|error| Failed::new(exit::INTERNAL, error))?;
        let path = std::env::temp_dir().join(format!("cutover-demo-{drawn:016x}"));
        fs::create_dir(&path)
            .map_err(|error| Failed::new(exit::INTERNAL, format!("{}: {error}", path.display())))?;
        Ok(Self { path, is_temporary: true })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, if it is temporary and all is well; otherwise returns where it is.
    pub(super) fn end(self, is_well: bool) -> Option<PathBuf> {
        let removed = self.is_temporary && is_well && fs::remove_dir_all(&self.path).is_ok();
        (!removed).then_some(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn what_is_removed_is_what_was_made() {
        let given = tempfile::tempdir().unwrap();
        let place = Place::make(Some(given.path())).unwrap();
        std::fs::write(place.path().join("a"), "").unwrap();
        assert!(place.end(true).is_some_and(|path| path.join("a").is_file()));
        assert!(Place::make(Some(given.path())).is_err_and(|error| error.line.contains("it has files")));
        let temporary = Place::make(None).unwrap();
        let path = temporary.path().to_owned();
        assert_eq!(temporary.end(false), Some(path.clone()));
        let again = Place { path: path.clone(), is_temporary: true };
        assert_eq!((again.end(true), path.exists()), (None, false));
    }
}
