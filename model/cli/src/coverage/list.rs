//! The list of lines that no judged run executes, each with the reason.
//!
//! ```text
//! src/core/raft/text.rs * -- why no judged run executes any line of the file
//! src/core/raft/leader.rs Leader::status -- why none executes any line of the function
//! src/core/raft/leader.rs Leader::tick 2 lines `return Err(halt);` -- why none executes these, from the one quoted on
//! ```
//!
//! An entry names a function and a text, not a line number, so that it stays true when lines above it change.

use super::error::Error;
use std::collections::BTreeSet;
use std::fmt;

/// Place of an entry for a whole file.
pub(super) const WHOLE_FILE: &str = "*";

/// The lines that an entry is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    /// Path of the file, from the root of the repository.
    pub(super) path: String,
    /// Name of the function, [`WHOLE_FILE`], or `-` for code outside of functions.
    pub(super) function: String,
    /// Number of lines in a row and the text of the first one; `None` for all lines of the function.
    pub(super) lines: Option<(u64, String)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, function, lines } = self;
        write!(f, "{path} {function}")?;
        match lines {
            None => Ok(()),
            Some((1, text)) => write!(f, " 1 line `{text}`"),
            Some((count, text)) => write!(f, " {count} lines `{text}`"),
        }
    }
}

/// An entry of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) reason: String,
}

/// Reads the list. Empty lines and lines that begin with `#` are skipped.
///
/// # Errors
/// [`Error::Unreadable`] for a line that is no entry, and for a second entry of the same place.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Entry>, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let unreadable = |expected: &str| Error::Unreadable {
            file: file.to_owned(),
            line: number,
            found: format!("{line:?}"),
            expected: expected.to_owned(),
        };
        let entry = entry(line).ok_or_else(|| unreadable("PATH FUNCTION [N lines `CODE`] -- REASON"))?;
        if !seen.insert(entry.place.clone()) {
            return Err(unreadable("one entry for a place"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The text of a list without the entries for which `is` holds.
pub(super) fn without(text: &str, is: &dyn Fn(&Place) -> bool) -> String {
    let stays = |line: &&str| line.starts_with('#') || entry(line).is_none_or(|entry| !is(&entry.place));
    text.lines().filter(stays).fold(String::new(), |text, line| text + line + "\n")
}

fn entry(line: &str) -> Option<Entry> {
    // The code may hold anything, so its end is looked for together with what follows it.
    let (head, reason) = line.split_once("` -- ").or_else(|| line.split_once(" -- "))?;
    let (head, code) = match head.split_once('`') {
        Some((head, code)) => (head, Some(code)),
        None => (head, None),
    };
    let words: Vec<&str> = head.split_whitespace().collect();
    let (path, function, lines) = match (words.as_slice(), code) {
        ([path, function], None) => (path, function, None),
        ([path, function, count, "line" | "lines"], Some(code)) => {
            (path, function, Some((count.parse().ok()?, code.to_owned())))
        }
        (_, _) => return None,
    };
    let reason = reason.trim();
    if reason.is_empty() {
        return None;
    }
    let place = Place { path: (*path).to_owned(), function: (*function).to_owned(), lines };
    Some(Entry { place, reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::parse;

    const LIST: &str = "# a remark\n\nsrc/core/a.rs * -- r1\nsrc/core/b.rs Log::base -- r2 -- more\n\
                        src/core/b.rs Log::fit 2 lines `a || b -- c` -- r3\nsrc/core/b.rs - 1 line `x;` -- r4\n";

    #[test]
    fn an_entry_is_written_as_it_was_read() {
        let entries = parse("list", LIST).unwrap();
        let written: String =
            entries.iter().map(|entry| format!("{} -- {}\n", entry.place, entry.reason)).collect();
        assert_eq!(format!("# a remark\n\n{written}"), LIST);
        assert_eq!(entries[2].place.lines, Some((2, "a || b -- c".to_owned())));
        let without_b = super::without(LIST, &|place| place.path == "src/core/b.rs");
        assert_eq!(without_b, "# a remark\n\nsrc/core/a.rs * -- r1\n");
    }

    #[test]
    fn what_is_no_entry_is_refused_with_its_line() {
        for wrong in
            ["src/core/a.rs *", "src/core/a.rs * -- ", "a b c -- r", "a b two lines `c` -- r", "a -- r"]
        {
            let error = parse("list", &format!("{LIST}{wrong}\n")).unwrap_err().to_string();
            assert!(
                error.starts_with("list:7: found ") && error.contains("expected PATH FUNCTION"),
                "{error}"
            );
        }
        let twice = parse("list", &format!("{LIST}src/core/a.rs * -- again\n")).unwrap_err().to_string();
        assert!(
            twice.starts_with("list:7: ") && twice.ends_with("expected one entry for a place"),
            "{twice}"
        );
    }
}
