//! Tables and lists in Markdown, as GitHub renders it.

use std::fmt::Write as _;

/// Number of rows that are shown unfolded.
const OPEN_ROWS: usize = 15;
/// Number of names that are shown in a cell.
const OPEN_NAMES: usize = 3;

/// A table under construction.
#[derive(Debug)]
pub(super) struct Table {
    heads: &'static [&'static str],
    rows: Vec<Vec<String>>,
    /// The lists that were too long for their cells: a headline and all names.
    long: Vec<(String, String)>,
}

impl Table {
    pub(super) fn new(heads: &'static [&'static str]) -> Self {
        Self { heads, rows: Vec::new(), long: Vec::new() }
    }

    /// Adds a row; its cells contain Markdown.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// A cell with the first few names. If there are more, the full list goes below the table, under the headline.
    pub(super) fn names(&mut self, names: &[String], headline: &str) -> String {
        let join = |names: &[String]| names.join(", ");
        if names.len() <= OPEN_NAMES + 1 {
            return join(names);
        }
        let more = names.len() - OPEN_NAMES;
        self.long.push((format!("{} {headline}", names.len()), join(names)));
        format!("{} and {more} more", join(&names[..OPEN_NAMES]))
    }

    /// Writes the table with its headline, unless it has no rows.
    pub(super) fn render(&self, text: &mut String, headline: &str) {
        if self.rows.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n### {headline}\n");
        let (open, folded) = self.rows.split_at(OPEN_ROWS.min(self.rows.len()));
        self.part(text, open);
        if !folded.is_empty() {
            let mut rest = String::new();
            self.part(&mut rest, folded);
            fold(text, &format!("{} more", folded.len()), &rest);
        }
        for (headline, names) in &self.long {
            fold(text, headline, names);
        }
    }

    /// Writes the table folded under its headline, unless it has no rows.
    pub(super) fn render_folded(&self, text: &mut String, headline: &str) {
        if !self.rows.is_empty() {
            let mut rows = String::new();
            self.part(&mut rows, &self.rows);
            fold(text, headline, &rows);
        }
    }

    fn part(&self, text: &mut String, rows: &[Vec<String>]) {
        let _ = writeln!(text, "| {} |", self.heads.join(" | "));
        let _ = writeln!(text, "|{}", " --- |".repeat(self.heads.len()));
        for row in rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }
}

/// GitHub parses Markdown in `details` only after an empty line, and none in `summary`.
fn fold(text: &mut String, headline: &str, body: &str) {
    let (headline, body) = (html(headline), body.trim_end());
    let _ = writeln!(text, "\n<details><summary>{headline}</summary>\n\n{body}\n\n</details>");
}

/// A name as inline code.
pub(super) fn code(name: &str) -> String {
    let clean: String = name.chars().map(|c| if c == '`' || c.is_control() { '\'' } else { c }).collect();
    format!("`{}`", clean.replace('|', "\\|"))
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(char::is_control, " ")
}

/// Text with all characters escaped that Markdown or HTML would interpret.
pub(super) fn plain(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' => {
                safe.push('\\');
                safe.push(c);
            }
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
