//! Reads the patches from their directory.

use super::error::Error;
use super::patch::{DIR, FOLDERS, Patch};
use cutover_report::Console;
use std::fs;
use std::io;
use std::path::Path;

/// Reads all patches, sorted by name. Every unreadable patch is reported on the console.
///
/// # Errors
/// [`Error::Unreadable`] for the first unreadable patch.
pub fn all(root: &Path, console: &Console) -> Result<Vec<Patch>, Error> {
    let dir = root.join(DIR);
    let mut names = names_in(&dir, "")?;
    for folder in FOLDERS {
        names.extend(names_in(&dir.join(folder), &format!("{folder}/"))?);
    }
    names.sort_unstable();
    let mut patches = Vec::new();
    let mut last = None;
    for name in &names {
        match (one(&dir, name), last.take()) {
            (Ok(patch), held) => {
                patches.push(patch);
                last = held;
            }
            (Err(error), None) => last = Some(error),
            (Err(error), Some(held)) => {
                console.note(&format!("error: {held}"));
                last = Some(error);
            }
        }
    }
    last.map_or(Ok(patches), Err)
}

fn names_in(dir: &Path, prefix: &str) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io(dir))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io(dir))?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".patch") {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(names)
}

fn one(dir: &Path, name: &str) -> Result<Patch, Error> {
    let path = dir.join(name);
    let bytes = fs::read(&path).map_err(Error::io(&path))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Patch::parse(name, text),
        Err(error) => {
            let good = error.valid_up_to();
            let before = bytes.iter().take(good);
            Err(Error::Unreadable {
                file: format!("{DIR}/{name}"),
                line: 1 + before.filter(|byte| **byte == b'\n').count(),
                found: format!("a byte that is no UTF-8 at offset {good}"),
                expected: "text in UTF-8".to_owned(),
            })
        }
    }
}
