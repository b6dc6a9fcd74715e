//! Random traces, and random texts in their place.

use super::{SAMPLE, lines_of};
use cutover::core::trace::{LINES_MAX, Step, Trace, TraceError, Unfit, Verdict};
use proptest::prelude::*;

/// Texts of every kind, some of which a trace cannot contain.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9#!>=/.]{1,8}( [a-z0-9#!>= ]{0,8}[a-z0-9#!>=])?",
        1 => r"( |#|!|>|=|end|\PC){0,8}",
        1 => any::<String>(),
    ]
}

/// Mostly words, so that the things named by them are rarely left out.
fn any_word() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[a-zA-Z0-9é][a-z0-9#!>./-]{0,8}", 1 => any_text()]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(any_text(), 0..3)
}

fn any_step() -> impl Strategy<Value = Result<Step, Unfit>> {
    (0..3u8, any_word(), any_text(), texts(), texts()).prop_map(|(kind, lane, text, told, outputs)| {
        let step = match kind {
            0 => Step::new(lane, text),
            1 => Step::fault(lane, text),
            _ => Step::refused(lane, text),
        };
        step?.with_narration(told)?.with_outputs(outputs)
    })
}

fn any_trace() -> impl Strategy<Value = Result<Trace, Unfit>> {
    let verdict = prop_oneof![Just(Verdict::Holds), any_word().prop_map(Verdict::Violates)];
    let options = prop::collection::vec((any_word(), any_text()), 0..3);
    let steps = prop::collection::vec(any_step(), 0..9);
    (any_word(), verdict, options, texts(), texts(), steps).prop_map(
        |(scope, verdict, options, marks, closing, steps)| {
            // Parts that are refused are left out, so that almost any parts make a trace.
            let scope =
                Trace::new(scope, Verdict::Holds).map_or_else(|_| "s".to_owned(), |t| t.scope().to_owned());
            let mut trace =
                Trace::new(scope.clone(), verdict).or_else(|_| Trace::new(scope, Verdict::Holds))?;
            trace = trace.clone().with_options(options).unwrap_or(trace);
            trace = trace.clone().with_marks(marks).unwrap_or(trace);
            trace = trace.clone().with_closing(closing).unwrap_or(trace);
            steps.into_iter().flatten().try_for_each(|step| trace.push(step))?;
            Ok(trace)
        },
    )
}

/// A line to insert, or `None` to remove one.
fn any_edit() -> impl Strategy<Value = Option<String>> {
    let known =
        ["", "# told", "  > done", "gw1 resend w1.1 view r1", "option a=b", "mark x", "holds", "end 4"];
    let known = prop::sample::select(known.map(str::to_owned).to_vec());
    prop_oneof![Just(None), known.prop_map(Some), any_text().prop_map(Some)]
}

/// A text that parses does so again after it is printed; a text that does not gives an error with a line.
fn reads_or_says_where(text: &str) -> Result<(), TestCaseError> {
    match Trace::parse(text) {
        Ok(trace) => prop_assert_eq!(Trace::parse(&trace.to_string()), Ok(trace)),
        Err(TraceError { line, problem }) => {
            prop_assert!((1..=lines_of(text).max(1)).contains(&line), "line {} of {:?}", line, text);
            let said = TraceError { line, problem }.to_string();
            let begins = format!("line {line}: ");
            prop_assert!(said.starts_with(&begins) && !said.ends_with('.'), "{}", said);
            prop_assert!(!said.contains(char::is_control) && said.len() < 600, "{}", said);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_trace_prints_to_a_text_that_parses_to_it(trace in any_trace()) {
        let trace = trace.map_err(|unfit| TestCaseError::fail(unfit.to_string()))?;
        let text = trace.to_string();
        prop_assert!(lines_of(&text) <= LINES_MAX);
        let read = Trace::parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&trace), "{}", text);
        let crlf = Trace::parse(&text.replace('\n', "\r\n"));
        prop_assert_eq!(crlf, Ok(trace));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        reads_or_says_where(&text)?;
        reads_or_says_where(&format!("cutover-trace 1\n{text}"))?;
        reads_or_says_where(&format!("cutover-trace 1\nscope s\nholds\n\n{text}\nend 1"))?;
    }

    #[test]
    fn any_edit_of_a_trace_is_read_or_refused(
        edits in prop::collection::vec((0..21usize, any_edit()), 1..4),
        swap in prop::option::of((0..18usize, 0..18usize)),
    ) {
        let mut lines: Vec<String> = SAMPLE.lines().map(str::to_owned).collect();
        for (at, edit) in edits {
            let at = at.min(lines.len() - 1);
            match edit {
                Some(text) => lines.insert(at, text),
                None => drop(lines.remove(at)),
            }
        }
        if let Some((one, other)) = swap {
            lines.swap(one, other);
        }
        reads_or_says_where(&lines.join("\n"))?;
    }
}
