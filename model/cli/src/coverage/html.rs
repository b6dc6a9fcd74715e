//! The annotated sources as pages that need nothing else: an index, and a page for each file.

use super::error::Error;
use super::judge::{Block, Files, Judged, Measured};
use super::print::{Row, percent};
use super::transitions::Taken;
use crate::numbers::short;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const STYLE: &str = include_str!("style.css");

/// Writes the pages into the directory `dir`, and returns the path of the index.
pub(super) fn write(
    dir: &Path,
    files: &Files,
    judged: &Judged,
    taken: &BTreeMap<String, Taken>,
) -> Result<String, Error> {
    fs::create_dir_all(dir).map_err(Error::io(dir))?;
    let save = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).map_err(Error::io(&path))
    };
    for (path, measured) in files {
        save(&page_name(path), &page(path, measured, judged))?;
    }
    save("index.html", &index(files, judged, taken))?;
    Ok(dir.join("index.html").display().to_string())
}

fn page_name(path: &str) -> String {
    format!("{}.html", path.trim_start_matches("src/core/").replace('/', "."))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n{body}</html>\n"
    )
}

fn index(files: &Files, judged: &Judged, taken: &BTreeMap<String, Taken>) -> String {
    let mut rows: Vec<Row<'_>> =
        files.iter().map(|(path, measured)| Row::new(path, measured, judged)).collect();
    // The files of a folder before its subfolders.
    rows.sort_by_key(|row| row.path.rsplit_once('/'));
    let all = rows.iter().fold(Row::default(), |sum, row| Row {
        lines: sum.lines + row.lines,
        executed: sum.executed + row.executed,
        listed: sum.listed + row.listed,
        ..sum
    });
    let mut body = format!(
        "<h1>Lines of src/core that judged runs execute</h1>\n<p>{} of {} lines ({}). Of the others {} are listed with \
         a reason and {} are not.</p>\n<table class=\"files\">\n<tr><th>file</th><th>executed</th><th></th><th></th>\
         <th>listed</th><th>unlisted</th></tr>\n",
        all.executed,
        all.lines,
        percent(all.executed, all.lines),
        all.listed,
        all.unlisted()
    );
    let mut folder = "";
    for row in rows {
        let (of, name) = row.path.rsplit_once('/').unwrap_or(("", row.path));
        if of != folder {
            let _ = writeln!(body, "<tr class=\"folder\"><td colspan=\"6\">{}</td></tr>", escaped(of));
            folder = of;
        }
        let share = row.executed.saturating_mul(100).checked_div(row.lines).unwrap_or(100);
        let _ = writeln!(
            body,
            "<tr><td><a href=\"{}\">{}</a></td><td>{} of {}</td><td>{}</td>\
             <td><span class=\"bar\"><i style=\"width:{share}%\"></i></span></td>{}{}</tr>",
            page_name(row.path),
            escaped(name),
            row.executed,
            row.lines,
            percent(row.executed, row.lines),
            cell(row.listed, ""),
            cell(row.unlisted(), "wrong")
        );
    }
    body.push_str("</table>\n");
    body.push_str(&transitions(taken));
    document("Coverage of src/core", &body)
}

/// The transitions that walks took, and by name what none took.
fn transitions(taken: &BTreeMap<String, Taken>) -> String {
    let mut body = String::from(
        "<h2>Transitions that walks took</h2>\n<table class=\"files\">\n<tr><th>scope</th><th>steps</th>\
         <th>states</th><th>transitions</th><th>never taken or reached</th></tr>\n",
    );
    for (scope, Taken { steps, states, transitions, never }) in taken {
        let never = escaped(&never.join(" · "));
        let _ = writeln!(
            body,
            "<tr><td>{}</td><td>{steps}</td><td>{states}</td><td>{transitions}</td><td>{never}</td></tr>",
            escaped(scope)
        );
    }
    body + "</table>\n"
}

fn cell(number: u64, class: &str) -> String {
    let class = if number == 0 { "zero" } else { class };
    format!("<td class=\"{class}\">{number}</td>")
}

fn page(path: &str, measured: &Measured, judged: &Judged) -> String {
    let row = Row::new(path, measured, judged);
    let of_line: BTreeMap<u32, &Block> = judged
        .blocks
        .iter()
        .filter(|block| block.place.path == path)
        .flat_map(|block| block.lines.iter().map(move |line| (*line, block)))
        .collect();
    let mut body = format!(
        "<h1>{}</h1>\n<p><a href=\"index.html\">all files</a> · {} of {} lines executed ({}), {} listed, \
         {} unlisted. ✗ is executed by no judged run.</p>\n<table class=\"code\">\n",
        escaped(path),
        row.executed,
        row.lines,
        percent(row.executed, row.lines),
        row.listed,
        row.unlisted()
    );
    for (line, text) in (1..).zip(measured.source.raw()) {
        let block = of_line.get(&line);
        if let Some(block) = block.filter(|block| block.lines.first() == Some(&line)) {
            let (class, why) = match &block.reason {
                Some(reason) => ("listed", format!("listed: {reason}")),
                None => ("no", format!("not executed, and not listed: {}", block.place)),
            };
            let _ =
                writeln!(body, "<tr class=\"why {class}\"><td></td><td></td><td>{}</td></tr>", escaped(&why));
        }
        let class = block.map_or("", |block| if block.reason.is_some() { "listed" } else { "no" });
        let count = match measured.lines.get(&line) {
            None => String::new(),
            Some(0) => "✗".to_owned(),
            Some(count) => short(*count),
        };
        let _ = writeln!(
            body,
            "<tr id=\"{line}\" class=\"{class}\"><td>{line}</td><td>{count}</td><td>{}</td></tr>",
            escaped(text)
        );
    }
    document(&escaped(path), &format!("{body}</table>\n"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::source::Source;
    use crate::coverage::{judge, list};

    #[test]
    fn a_page_marks_what_is_not_executed_and_escapes_the_source() {
        let text = "fn f(a: &u8) {\n    if *a < 1 {\n        g();\n    }\n}\n";
        let lines = [(1, 20_000), (2, 20_000), (3, 0), (4, 1), (5, 1)].into();
        let files: Files =
            [("src/core/x/a.rs".to_owned(), Measured { source: Source::parse(text), lines })].into();
        let listed = list::parse("list", "src/core/x/a.rs f 1 line `g();` -- never & nowhere\n").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let written = |list| {
            write(dir.path(), &files, &judge::judge(&files, list), &BTreeMap::new()).unwrap();
            let read = |name| fs::read_to_string(dir.path().join(name)).unwrap();
            (read("index.html"), read("x.a.rs.html"))
        };
        let (index, page) = written(&[]);
        assert!(index.contains("<a href=\"x.a.rs.html\">a.rs</a></td><td>4 of 5</td><td>80.0 %"), "{index}");
        assert!(page.contains("<td>2</td><td>20k</td><td>    if *a &lt; 1 {</td>"), "{page}");
        assert!(page.contains("<tr id=\"3\" class=\"no\"><td>3</td><td>✗</td>"), "{page}");
        let (index, page) = written(&listed);
        assert!(index.contains("<td class=\"\">1</td><td class=\"zero\">0</td>"), "{index}");
        assert!(page.contains("listed: never &amp; nowhere"), "{page}");
    }
}
