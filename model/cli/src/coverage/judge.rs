//! Holds what judged runs executed against the list of what they do not execute.

use super::export::Lines;
use super::list::{Entry, Place, WHOLE_FILE};
use super::source::Source;
use std::collections::BTreeMap;

/// A source file with how often each of its lines was executed.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) source: Source,
    pub(super) lines: Lines,
}

/// All files that have code, by their paths from the root of the repository.
pub(super) type Files = BTreeMap<String, Measured>;

/// A function that was not executed at all, or lines in a row within one that was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) place: Place,
    /// The numbers of the lines.
    pub(super) lines: Vec<u32>,
    /// The reason that the list gives.
    pub(super) reason: Option<String>,
}

/// An entry of the list that is not true.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Untrue {
    pub(super) place: Place,
    pub(super) why: String,
}

/// The judgement.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// What was not executed, in the order of the files.
    pub(super) blocks: Vec<Block>,
    pub(super) untrue: Vec<Untrue>,
}

impl Judged {
    /// Whether each line is executed or listed, and the list is true.
    pub(super) fn holds(&self) -> bool {
        self.untrue.is_empty() && self.unlisted().next().is_none()
    }

    pub(super) fn unlisted(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| block.reason.is_none())
    }
}

pub(super) fn judge(files: &Files, list: &[Entry]) -> Judged {
    let mut judged = Judged::default();
    let mut used = vec![false; list.len()];
    for (path, measured) in files {
        let never = measured.lines.values().all(|count| *count == 0);
        for mut block in blocks(path, measured) {
            for (entry, used) in list.iter().zip(&mut used).filter(|(entry, _)| entry.place.path == *path) {
                let whole_file = entry.place.function == WHOLE_FILE && entry.place.lines.is_none() && never;
                if whole_file || entry.place == block.place {
                    *used = true;
                    block.reason = Some(entry.reason.clone());
                }
            }
            judged.blocks.push(block);
        }
    }
    let unused = list.iter().zip(used).filter(|(_, used)| !used);
    judged.untrue = unused
        .map(|(entry, _)| Untrue { place: entry.place.clone(), why: why_untrue(&entry.place, files) })
        .collect();
    judged
}

/// Class of the reason of lines that the simulator alone executes.
const SIMULATOR: &str = "sim";

/// Holds the list against what the simulator executed. Returns the places that are listed as its own and of which no seed executed a
/// line, and those of which seeds executed every line and whose reason is another.
pub(super) fn simulated(judged: &Judged, files: &Files) -> (Vec<Untrue>, Vec<Place>) {
    let (mut untrue, mut others) = (Vec::new(), Vec::new());
    for block in &judged.blocks {
        let Some(reason) = &block.reason else { continue };
        let lines = files.get(&block.place.path).map(|measured| &measured.lines);
        let counts = |line: &u32| lines.and_then(|lines| lines.get(line)).copied().unwrap_or(0) > 0;
        let own = reason.split_once(": ").is_some_and(|(class, _)| class == SIMULATOR);
        if own && !block.lines.iter().any(counts) {
            let why = "listed as executed by the simulator, and no seed executes a line of it".to_owned();
            untrue.push(Untrue { place: block.place.clone(), why });
        }
        if !own && block.lines.iter().all(counts) {
            others.push(block.place.clone());
        }
    }
    (untrue, others)
}

/// How many of the lines were executed, and how many there are.
fn executed<'a>(lines: impl Iterator<Item = (&'a u32, &'a u64)>) -> (usize, usize) {
    lines.fold((0, 0), |(executed, all), (_, count)| (executed + usize::from(*count > 0), all + 1))
}

fn blocks(path: &str, Measured { source, lines }: &Measured) -> Vec<Block> {
    let mut of_function: BTreeMap<&str, bool> = BTreeMap::new();
    for (line, count) in lines {
        *of_function.entry(source.place(*line)).or_default() |= *count > 0;
    }
    let runs = |function: &str| of_function.get(function).copied().unwrap_or(false) || function == "-";
    let mut blocks: Vec<Block> = Vec::new();
    let mut before: Option<u32> = None;
    for (line, count) in lines {
        let at = before.replace(*line);
        if *count > 0 {
            continue;
        }
        let function = source.place(*line);
        let of = |lines| Place { path: path.to_owned(), function: function.to_owned(), lines };
        if !runs(function) {
            match blocks.iter_mut().find(|block| block.place == of(None)) {
                Some(block) => block.lines.push(*line),
                None => blocks.push(Block { place: of(None), lines: vec![*line], reason: None }),
            }
            continue;
        }
        let goes_on = |block: &&mut Block| {
            block.place.lines.is_some()
                && block.place.function == function
                && block.lines.last() == at.as_ref()
        };
        if let Some(block) = blocks.last_mut().filter(goes_on) {
            block.lines.push(*line);
            if let Some((count, _)) = &mut block.place.lines {
                *count += 1;
            }
        } else {
            let first = Some((1, source.text(*line).to_owned()));
            blocks.push(Block { place: of(first), lines: vec![*line], reason: None });
        }
    }
    blocks
}

fn why_untrue(place: &Place, files: &Files) -> String {
    let Some(Measured { source, lines }) = files.get(&place.path) else {
        return format!("found no code in {}, expected a file under src/core", place.path);
    };
    if place.function == WHOLE_FILE && place.lines.is_none() {
        let (executed, all) = executed(lines.iter());
        return format!("{executed} of {all} lines of the file are executed");
    }
    if place.function != "-" && !source.has(&place.function) {
        return format!("found no function {} in the file", place.function);
    }
    let within = || lines.iter().filter(|(line, _)| source.place(**line) == place.function);
    let (executed, all) = executed(within());
    let Some((count, text)) = &place.lines else {
        return match all {
            0 => "the function has no code".to_owned(),
            _ => format!("{executed} of {all} lines of the function are executed"),
        };
    };
    if executed == 0 && place.function != "-" {
        return "no line of the function is executed: expected one entry for the whole function".to_owned();
    }
    let counts: Vec<u64> =
        within().filter(|(line, _)| source.text(**line) == text).map(|(_, count)| *count).collect();
    if counts.is_empty() {
        "the function has no such line".to_owned()
    } else if counts.iter().all(|count| *count > 0) {
        "the line is executed".to_owned()
    } else {
        format!("found another number of lines in a row that are not executed, expected {count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::list;

    const TEXT: &str = "\
impl Log {
    fn base(&self) -> u64 {
        if self.empty {
            return 0;
        }
        self.base
    }

    fn never(&self) {
        self.base();
    }
}
";

    /// `base` ran without its early return, and `never` did not.
    fn files() -> Files {
        let lines = [(2, 5), (3, 5), (4, 0), (5, 0), (6, 5), (7, 5), (9, 0), (10, 0), (11, 0)].into();
        let unused = Measured { source: Source::parse("fn f() {\n}\n"), lines: [(1, 0), (2, 0)].into() };
        let log = Measured { source: Source::parse(TEXT), lines };
        [("src/core/log.rs".to_owned(), log), ("src/core/text.rs".to_owned(), unused)].into()
    }

    const LIST: &str = "src/core/log.rs Log::base 2 lines `return 0;` -- r1\n\
                        src/core/log.rs Log::never -- r2\nsrc/core/text.rs * -- r3\n";

    fn judged(list: &str) -> Judged {
        judge(&files(), &list::parse("list", list).unwrap())
    }

    fn untrue(list: &str) -> Vec<String> {
        judged(list).untrue.into_iter().map(|untrue| untrue.why).collect()
    }

    #[test]
    fn what_is_listed_with_its_reason_passes() {
        let judged = judged(LIST);
        assert!(judged.holds(), "{judged:?}");
        let reasons: Vec<_> = judged.blocks.iter().filter_map(|block| block.reason.as_deref()).collect();
        assert_eq!(reasons, ["r1", "r2", "r3"]);
    }

    #[test]
    fn what_is_not_listed_is_named_as_the_list_would_name_it() {
        let judged = judged("");
        let unlisted: Vec<_> = judged.unlisted().map(|block| block.place.to_string()).collect();
        assert_eq!(
            unlisted,
            [
                "src/core/log.rs Log::base 2 lines `return 0;`",
                "src/core/log.rs Log::never",
                "src/core/text.rs f"
            ]
        );
        assert!(!judged.holds());
        assert_eq!(judged.blocks[1].lines, [9, 10, 11]);
    }

    #[test]
    fn an_entry_that_is_not_true_is_an_error() {
        let with = |line: &str| untrue(&format!("{LIST}{line} -- r\n"));
        assert_eq!(with("src/core/log.rs *"), ["4 of 9 lines of the file are executed"]);
        assert_eq!(with("src/core/log.rs Log::base"), ["4 of 6 lines of the function are executed"]);
        assert_eq!(with("src/core/log.rs Log::base 1 line `self.base`"), ["the line is executed"]);
        assert_eq!(with("src/core/log.rs Log::base 1 line `gone`"), ["the function has no such line"]);
        assert_eq!(with("src/core/log.rs Log::gone"), ["found no function Log::gone in the file"]);
        assert!(with("src/core/gone.rs *")[0].contains("no code in src/core/gone.rs"));
        assert!(with("src/core/log.rs Log::never 1 line `self.base();`")[0].contains("the whole function"));
    }

    #[test]
    fn what_is_listed_as_the_simulators_is_executed_by_it() {
        let list = LIST.replace("r1", "sim: a node that starts");
        let with = |lines: &[(u32, u64)]| {
            let measured = Measured { source: Source::parse(TEXT), lines: lines.iter().copied().collect() };
            let (untrue, others) =
                simulated(&judged(&list), &[("src/core/log.rs".to_owned(), measured)].into());
            let name = |place: &Place| place.to_string();
            (
                untrue.iter().map(|untrue| name(&untrue.place)).collect::<Vec<_>>(),
                others.iter().map(name).collect::<Vec<_>>(),
            )
        };
        let base = "src/core/log.rs Log::base 2 lines `return 0;`".to_owned();
        let never = "src/core/log.rs Log::never".to_owned();
        assert_eq!(with(&[(4, 0), (9, 1), (10, 1), (11, 0)]), (vec![base], vec![]));
        assert_eq!(with(&[(4, 3), (9, 1), (10, 1), (11, 1)]), (vec![], vec![never]));
    }

    /// Code that is added to a listed block is not listed with it.
    #[test]
    fn a_block_that_grew_is_unlisted_and_its_entry_untrue() {
        let judged = judged(&LIST.replace("2 lines", "1 line"));
        assert_eq!(judged.unlisted().count(), 1);
        assert!(judged.untrue[0].why.contains("expected 1"), "{judged:?}");
    }
}
