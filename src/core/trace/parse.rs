//! Parses a trace. Every part passes the checks that adding it makes.

use super::error::{Field, Problem, TraceError, Unfit, count, excerpt, fit, printable};
use super::format::{END, LINES_MAX, MAGIC, VERSION};
use super::{Step, Trace, Verdict, option};
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;

impl Trace {
    /// Parses a trace. Accepts Windows line ends, and a last line without an end.
    ///
    /// # Errors
    /// [`TraceError`] if the text is not a trace, is truncated, or has a later format version.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        parse(text)
    }
}

impl FromStr for Trace {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        Self::parse(text)
    }
}

fn parse(text: &str) -> Result<Trace, TraceError> {
    let mut lines = Lines { rest: text.lines(), line: 0 };
    let at_first_line = |problem| TraceError { line: 1, problem };
    first_line(text.lines().next().unwrap_or_default()).map_err(at_first_line)?;
    lines.next()?;
    let lines_found = count(text.lines().count());
    if lines_found > LINES_MAX {
        let problem = Unfit::TooManyLines { lines: lines_found }.into();
        return Err(TraceError { line: LINES_MAX + 1, problem });
    }
    let mut trace = header(&mut lines)?;
    steps(&mut lines, &mut trace)?;
    Ok(trace)
}

/// Checks the first line. This comes before all else, so that any other file is reported as not a trace.
fn first_line(line: &str) -> Result<(), Problem> {
    let version = line.trim_end_matches(' ').strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(' '));
    match version.and_then(number) {
        Some(VERSION) => Ok(()),
        Some(found) if found > VERSION => Err(Problem::LaterVersion { found }),
        Some(_) | None => Err(Problem::NotATrace { found: excerpt(line) }),
    }
}

/// Parses a decimal number without a sign or leading zeros.
fn number(digits: &str) -> Option<u32> {
    digits.parse().ok().filter(|number: &u32| number.to_string() == digits)
}

/// Iterates over the lines of a text, with their numbers.
struct Lines<'a> {
    rest: core::str::Lines<'a>,
    /// The number of the last line read, from 1.
    line: u32,
}

impl<'a> Lines<'a> {
    /// The next line, without its end and without blanks at the end. `None` at the end of the text.
    fn next(&mut self) -> Result<Option<&'a str>, TraceError> {
        let Some(line) = self.rest.next() else { return Ok(None) };
        self.line = self.line.saturating_add(1);
        fit(line.len()).and_then(|()| printable(line)).map_err(|unfit| self.fails(unfit))?;
        Ok(Some(line.trim_end_matches(' ')))
    }

    fn fails(&self, problem: impl Into<Problem>) -> TraceError {
        TraceError { line: self.line.max(1), problem: problem.into() }
    }
}

/// The header of a trace, while it is parsed.
#[derive(Default)]
struct Header {
    scope: Option<String>,
    options: Vec<(String, String)>,
    verdict: Option<Verdict>,
    marks: Vec<String>,
}

impl Header {
    fn read(&mut self, line: &str) -> Result<(), Problem> {
        let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "scope" if self.scope.is_some() => Err(Problem::RepeatedScope { found: excerpt(line) }),
            "scope" => {
                self.scope = Some(Field::Scope.word(rest.to_owned())?);
                Ok(())
            }
            "option" => {
                let pair = rest.split_once('=');
                let (name, value) = pair.ok_or_else(|| Problem::MalformedOption { found: excerpt(rest) })?;
                self.options.push(option(&self.options, name.to_owned(), value.to_owned())?);
                Ok(())
            }
            "holds" if rest.is_empty() => self.judge(line, Verdict::Holds),
            "violates" => self.judge(line, Verdict::Violates(Field::Invariant.word(rest.to_owned())?)),
            "mark" => {
                self.marks.push(Field::Mark.text(rest.to_owned())?);
                Ok(())
            }
            _ => Err(Problem::UnknownHeader { found: excerpt(line) }),
        }
    }

    fn judge(&mut self, line: &str, verdict: Verdict) -> Result<(), Problem> {
        if self.verdict.is_some() {
            return Err(Problem::RepeatedVerdict { found: excerpt(line) });
        }
        self.verdict = Some(verdict);
        Ok(())
    }

    fn finish(self) -> Result<Trace, Problem> {
        let Self { scope, options, verdict, marks } = self;
        let scope = scope.ok_or(Problem::MissingScope)?;
        let verdict = verdict.ok_or(Problem::MissingVerdict)?;
        Ok(Trace { scope, options, verdict, marks, steps: Vec::new(), closing: Vec::new() })
    }
}

fn header(lines: &mut Lines<'_>) -> Result<Trace, TraceError> {
    let mut header = Header::default();
    loop {
        match lines.next()? {
            None => return Err(lines.fails(Problem::NoEnd { steps: 0 })),
            Some("") => return header.finish().map_err(|problem| lines.fails(problem)),
            Some(line) => header.read(line).map_err(|problem| lines.fails(problem))?,
        }
    }
}

fn steps(lines: &mut Lines<'_>, trace: &mut Trace) -> Result<(), TraceError> {
    while let Some(line) = lines.next()? {
        if line == END || line.starts_with("end ") {
            end(line, count(trace.steps.len())).map_err(|problem| lines.fails(problem))?;
            return nothing_more(lines);
        }
        step_line(line, trace).map_err(|problem| lines.fails(problem))?;
    }
    Err(lines.fails(Problem::NoEnd { steps: count(trace.steps.len()) }))
}

/// Parses a line after the header. Narration is stored as the closing one until a step follows.
fn step_line(line: &str, trace: &mut Trace) -> Result<(), Problem> {
    if line.is_empty() {
        return Ok(());
    }
    if let Some(narration) = tagged(line, "#") {
        trace.closing.push(Field::Narration.text(narration.to_owned())?);
        return Ok(());
    }
    if let Some(output) = tagged(line, "  >") {
        let step = trace.steps.last_mut();
        let step = step.ok_or_else(|| Problem::OutputWithoutDirective { found: excerpt(line) })?;
        return Ok(step.push_output(output)?);
    }
    let (make, choice): (MakeStep, &str) = if let Some(choice) = line.strip_prefix("! ") {
        (|lane, directive| Step::fault(lane, directive), choice)
    } else if let Some(choice) = line.strip_prefix("- ") {
        (|lane, directive| Step::refused(lane, directive), choice)
    } else {
        (|lane, directive| Step::new(lane, directive), line)
    };
    let Some((lane, directive)) = choice.split_once(' ').filter(|(lane, _)| !lane.is_empty()) else {
        return Err(Problem::UnknownLine { found: excerpt(line) });
    };
    trace.steps.push(make(lane, directive)?.with_narration(core::mem::take(&mut trace.closing))?);
    Ok(())
}

/// Creates a step from a lane and a directive.
type MakeStep = fn(&str, &str) -> Result<Step, Unfit>;

/// The text after a tag and a blank; `None` if the line has another tag.
fn tagged<'a>(line: &'a str, tag: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(tag)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(' ') }
}

fn end(line: &str, steps: u32) -> Result<(), Problem> {
    let stated = line.strip_prefix("end ").and_then(number);
    if stated == Some(steps) { Ok(()) } else { Err(Problem::OtherEnd { found: excerpt(line), steps }) }
}

fn nothing_more(lines: &mut Lines<'_>) -> Result<(), TraceError> {
    while let Some(line) = lines.next()? {
        if !line.is_empty() {
            return Err(lines.fails(Problem::AfterEnd { found: excerpt(line) }));
        }
    }
    Ok(())
}
