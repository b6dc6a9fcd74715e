//! What `llvm-cov export` writes, and how often each line was executed.

use super::error::Error;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

const KIND: &str = "llvm.coverage.json.export";

/// The part of the export that is needed, of version 2 or 3.
#[derive(Deserialize)]
struct Export {
    data: Vec<Data>,
    r#type: String,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    segments: Vec<Segment>,
}

/// Line, column, count, whether it has a count, whether a region begins, whether the region is a gap. A segment reaches
/// to the next one.
#[derive(Clone, Copy, Deserialize)]
struct Segment(u32, IgnoredAny, u64, bool, bool, bool);

impl Segment {
    /// Whether a region of code begins here, and not only the rest of an outer one.
    const fn enters(&self) -> bool {
        let Self(_, _, _, counted, entry, gap) = *self;
        counted && entry && !gap
    }

    const fn count(&self) -> u64 {
        let Self(_, _, count, ..) = *self;
        count
    }
}

/// How often each line with code was executed, by its number.
pub(super) type Lines = BTreeMap<u32, u64>;

/// The lines of each file of an export, by the path that the compiler saw.
///
/// # Errors
/// [`Error::Unreadable`] for a text that is no export.
pub(super) fn parse(file: &str, text: &str) -> Result<BTreeMap<String, Lines>, Error> {
    let unreadable = |line, found: String| Error::Unreadable {
        file: file.to_owned(),
        line,
        found,
        expected: format!("a JSON object of type {KIND:?}"),
    };
    let export: Export =
        serde_json::from_str(text).map_err(|error| unreadable(error.line(), error.to_string()))?;
    if export.r#type != KIND {
        return Err(unreadable(1, format!("the type {:?}", export.r#type)));
    }
    let files = export.data.into_iter().flat_map(|data| data.files);
    Ok(files.map(|file| (file.filename, lines(&file.segments))).collect())
}

/// The count of a line is the greatest of the regions that begin on it and of the one that reaches into it. This is the
/// rule of `llvm-cov` itself.
fn lines(segments: &[Segment]) -> Lines {
    let mut on: BTreeMap<u32, Vec<Segment>> = BTreeMap::new();
    for segment in segments {
        on.entry(segment.0).or_default().push(*segment);
    }
    let mut lines = Lines::new();
    let Some((&first, &last)) = on.keys().next().zip(on.keys().next_back()) else { return lines };
    let mut reaching: Option<Segment> = None;
    for line in first..=last {
        let here = on.get(&line).map_or(&[][..], Vec::as_slice);
        let skipped = here.first().is_some_and(|Segment(_, _, _, counted, entry, _)| !counted && *entry);
        let from_before = reaching.filter(|segment| segment.3).map(|segment| segment.count());
        let entered = here.iter().filter(|segment| segment.enters()).map(Segment::count).max();
        let gap_begins = here.iter().any(|segment| segment.3 && segment.4);
        if (!skipped && (from_before.is_some() || entered.is_some())) || gap_begins {
            lines.insert(line, from_before.max(entered).unwrap_or(0));
        }
        reaching = here.last().copied().or(reaching);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// An `if` without `else` that was never true, in a function that ran twice, and a function that never ran.
    const EXPORT: &str = r#"{"version":"3.1.0","type":"llvm.coverage.json.export","data":[{"totals":{},"files":[
        {"filename":"/x/src/core/a.rs","summary":{},"branches":[],"segments":[
            [3,1,2,true,true,false],[4,8,2,true,true,false],[4,13,2,true,false,false],[4,14,0,true,true,false],
            [6,6,2,true,false,false],[8,2,0,false,false,false],[10,1,0,true,true,false],[12,2,0,false,false,false]]}]}]}"#;

    #[test]
    fn a_line_has_the_greatest_count_of_its_regions() {
        let files = parse("e.json", EXPORT).unwrap();
        let lines = &files["/x/src/core/a.rs"];
        let expected = [(3, 2), (4, 2), (5, 0), (6, 0), (7, 2), (8, 2), (10, 0), (11, 0), (12, 0)];
        assert_eq!(lines.iter().map(|(line, count)| (*line, *count)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_no_export_is_refused_with_its_line() {
        let refused = |text: &str| parse("e.json", text).unwrap_err().to_string();
        assert!(refused("{\n\"data\":").starts_with("e.json:2: found EOF"), "{}", refused("{\n\"data\":"));
        let other = refused(&EXPORT.replace("llvm.coverage", "other"));
        assert!(
            other.contains(r#"found the type "other.json.export", expected a JSON object of type "llvm"#),
            "{other}"
        );
    }
}
