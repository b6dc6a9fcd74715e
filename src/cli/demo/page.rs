//! The page: throughput and latency over time, with what the moves did and what was killed. One file, which needs nothing else.

use super::chaos::Kill;
use super::clock::Micros;
use super::moves::{Change, Stage};
use super::plot::{Plot, Scale};
use super::series::{BIN, Bin};
use super::told::{Findings, grouped};
use crate::cli::{Failed, exit};
use core::fmt::Write as _;
use std::path::Path;

/// What the page shows.
pub(super) struct Page<'a> {
    pub(super) findings: &'a Findings,
    pub(super) bins: Vec<Bin>,
    pub(super) from: Micros,
    pub(super) changes: &'a [Change],
    pub(super) kills: &'a [Kill],
}

const STYLE: &str = include_str!("page.css");

/// A part of the time, and what the move did in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Band {
    stage: Stage,
    from: Micros,
    to: Micros,
}

/// The parts of the time in which a move was under way, from the begin of the load.
fn bands(changes: &[Change], from: Micros, end: Micros) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        let to = changes.get(at + 1).map_or(from + end, |next| next.time);
        if change.stage == Stage::Rest || to <= from {
            continue;
        }
        let band =
            Band { stage: change.stage, from: change.time.saturating_sub(from), to: (to - from).min(end) };
        match bands.last_mut() {
            Some(last) if last.stage == band.stage && last.to == band.from => last.to = band.to,
            Some(_) | None => bands.push(band),
        }
    }
    bands
}

impl Stage {
    const fn class(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Copying => "copying",
            Self::Blocked => "blocked",
            Self::Flipped => "flipped",
        }
    }
}

/// The page as a text.
pub(super) fn html(page: &Page<'_>) -> String {
    let end = (page.bins.len() as Micros * BIN).max(BIN);
    let bands = bands(page.changes, page.from, end);
    let kills: Vec<(Micros, &str)> =
        page.kills.iter().map(|kill| (kill.time.saturating_sub(page.from), &*kill.name)).collect();
    let per_second = |bin: &Bin| bin.acknowledged * (1_000_000 / BIN);
    let throughput: Vec<u64> = page.bins.iter().map(per_second).collect();
    let (p50, p99): (Vec<u64>, Vec<u64>) = page.bins.iter().map(|bin| (bin.p50, bin.p99)).unzip();
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>cutover demo</title>\n\
         <style>\n{STYLE}</style>\n<main>\n<h1>A partition of {} rows moves under load</h1>\n",
        grouped(page.findings.rows)
    );
    summary(&mut text, page.findings);
    legend(&mut text, !kills.is_empty());
    let most = throughput.iter().copied().max().unwrap_or(0);
    let mut plot = Plot::new("Acknowledged writes per second", end, Scale::linear(most));
    marks(&mut plot, &bands, &kills);
    plot.area("throughput", &throughput);
    text.push_str(&plot.svg());
    let longest = p99.iter().copied().max().unwrap_or(0);
    let mut plot = Plot::new("Latency of a write in milliseconds", end, Scale::logarithmic(longest));
    marks(&mut plot, &bands, &kills);
    plot.line("p99", &p99);
    plot.line("p50", &p50);
    text.push_str(&plot.svg());
    table(&mut text, page.findings);
    text.push_str("</main>\n</html>\n");
    text
}

/// The bands of a plot, and its kills.
fn marks(plot: &mut Plot, bands: &[Band], kills: &[(Micros, &str)]) {
    for Band { stage, from, to } in bands {
        plot.band(stage.class(), (*from, *to), stage.word());
    }
    for (time, name) in kills {
        plot.mark(*time, name);
    }
}

// Writing to a string cannot fail.
fn summary(text: &mut String, findings: &Findings) {
    let word =
        |is: bool, good: &'static str, bad: &'static str| if is { ("good", good) } else { ("bad", bad) };
    let lost = word(findings.lost == 0, "0 lost", "writes lost");
    let twice = word(findings.duplicates == 0, "0 done twice", "writes done twice");
    let history = match findings.linearizable {
        Some(true) => ("good", "history linearizable"),
        Some(false) => ("bad", "history not linearizable"),
        None => ("bad", "history not judged"),
    };
    let acknowledged = grouped(findings.acknowledged);
    let _ = write!(text, "<p class=\"summary\"><b>{acknowledged}</b> writes acknowledged");
    for (class, words) in [lost, twice, history] {
        let sign = if class == "good" { "✓" } else { "✗" };
        let _ = write!(text, " <span class=\"{class}\">{sign} {words}</span>");
    }
    text.push_str("</p>\n");
}

fn legend(text: &mut String, with_kills: bool) {
    text.push_str("<p class=\"legend\">");
    for stage in [Stage::Copying, Stage::Blocked, Stage::Flipped] {
        let note = match stage {
            Stage::Copying => "the target copies, writes go to the source",
            Stage::Blocked => "writes wait for the flip",
            Stage::Flipped | Stage::Rest => "writes go to the target, the old copy is being dropped",
        };
        let (class, word) = (stage.class(), stage.word());
        let _ = write!(text, "<span><i class=\"{class}\"></i><b>{word}</b> {note}</span> ");
    }
    if with_kills {
        text.push_str("<span><i class=\"kill\"></i><b>kill -9</b> of the process named</span> ");
    }
    text.push_str(
        "<span><i class=\"line p50\"></i><b>p50</b></span> <span><i class=\"line p99\"></i><b>p99</b></span></p>\n",
    );
}

fn table(text: &mut String, findings: &Findings) {
    text.push_str("<table>\n");
    for (what, much) in findings.table() {
        let _ = writeln!(text, "<tr><th>{what}</th><td>{much}</td></tr>");
    }
    text.push_str("</table>\n");
}

pub(super) fn write(path: &Path, page: &Page<'_>) -> Result<(), Failed> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, html(page)))
        .map_err(|error| Failed::new(exit::INTERNAL, format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::Placement;
    use crate::core::placement::PartitionState;

    fn change(time: Micros, stage: Stage) -> Change {
        Change { time, stage, state: PartitionState::Active(Placement(0)), watermark: None }
    }

    #[test]
    fn bands_begin_with_the_load_and_end_with_it() {
        let changes = [
            change(5, Stage::Copying),
            change(20, Stage::Blocked),
            change(25, Stage::Blocked),
            change(30, Stage::Flipped),
            change(40, Stage::Rest),
            change(50, Stage::Copying),
        ];
        let band = |stage, from, to| Band { stage, from, to };
        assert_eq!(
            bands(&changes, 10, 90),
            [
                band(Stage::Copying, 0, 10),
                band(Stage::Blocked, 10, 20),
                band(Stage::Flipped, 20, 30),
                band(Stage::Copying, 40, 90),
            ]
        );
    }
}
