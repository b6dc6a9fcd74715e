//! The text format of traces: a recorded trace reads back unchanged, and an incomplete or wrong one is refused with
//! its line and the reason.

use cutover::core::trace::{Divergence, LINES_MAX, Step, Trace, Unfit, Verdict};

#[path = "traces/random.rs"]
mod random;

/// A sample with everything that a trace can contain.
const SAMPLE: &str = "\
cutover-trace 1
scope migration/moves
option barrier=4
option note=
violates migration.cas
mark a migration completed
mark an abort after a seal

# A gateway may resolve from any cache, however stale:
#   the sink is the authority.
#
gw1 send w1.1 view r0
  > sends write w1.1 token e1
A deliver write w1.1 token e1
  > admits w1.1
  > # not narration > nor a second mark
# The write was only admitted.
! A crash lose=unsynced
log begin >B on m1@e1
# So it ends.
end 4
";

fn lines_of(text: &str) -> u32 {
    u32::try_from(text.lines().count()).unwrap_or(u32::MAX)
}

/// The sample with one line replaced; lines count from 1.
fn replaced(line: usize, by: &str) -> String {
    let mut lines: Vec<&str> = SAMPLE.lines().collect();
    lines[line - 1] = by;
    lines.join("\n")
}

fn refusal(text: &str) -> String {
    Trace::parse(text).map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
}

fn recorded() -> Result<Trace, Unfit> {
    let mut trace = Trace::new("migration/moves", Verdict::Violates("migration.cas".to_owned()))?
        .with_options([("barrier", "4"), ("note", "")])?
        .with_marks(["a migration completed", "an abort after a seal"])?
        .with_closing(["So it ends."])?;
    let told = ["A gateway may resolve from any cache, however stale:", "  the sink is the authority.", ""];
    let sent = ["sends write w1.1 token e1"];
    trace.push(Step::new("gw1", "send w1.1 view r0")?.with_narration(told)?.with_outputs(sent)?)?;
    let said = ["admits w1.1", "# not narration > nor a second mark"];
    trace.push(Step::new("A", "deliver write w1.1 token e1")?.with_outputs(said)?)?;
    let crash = Step::fault("A", "crash lose=unsynced")?;
    trace.push(crash.with_narration(["The write was only admitted."])?)?;
    trace.push(Step::new("log", "begin >B on m1@e1")?)?;
    Ok(trace)
}

#[test]
fn a_recorded_run_prints_as_the_sample_and_reads_back() {
    let trace = recorded().unwrap();
    assert_eq!(trace.to_string(), SAMPLE);
    assert_eq!(SAMPLE.parse::<Trace>(), Ok(trace.clone()));

    assert_eq!(trace.scope(), "migration/moves");
    assert_eq!(trace.options()[1], ("note".to_owned(), String::new()));
    assert_eq!(trace.verdict().to_string(), "violates migration.cas");
    assert_eq!(trace.marks().len(), 2);
    assert_eq!(trace.closing(), ["So it ends."]);
    let crash = &trace.steps()[2];
    assert!(crash.is_fault() && !trace.steps()[0].is_fault());
    assert_eq!((crash.lane(), crash.directive()), ("A", "crash lose=unsynced"));
    assert_eq!(crash.choice(), "A crash lose=unsynced");
}

#[test]
fn line_ends_blank_lines_and_trailing_blanks_do_not_matter() {
    let trace = Trace::parse(SAMPLE).unwrap();
    let same = |text: &str| assert_eq!(Trace::parse(text), Ok(trace.clone()), "{text:?}");
    same(&SAMPLE.replace('\n', "\r\n"));
    same(SAMPLE.trim_end());
    same(&SAMPLE.replace('\n', "  \n"));
    same(&format!("{SAMPLE}\n\n"));
    same(&SAMPLE.replace("log begin", "\nlog begin"));
    let scope = "scope migration/moves\n";
    same(&SAMPLE.replace(scope, "").replace("mark a migration", &format!("{scope}mark a migration")));
}

#[test]
fn narration_between_a_step_and_its_output_goes_to_the_next_step() {
    let text = "cutover-trace 1\nscope s\nholds\n\na one\n# told\n  > done\nb two\nend 2\n";
    let trace = Trace::parse(text).unwrap();
    assert_eq!(trace.steps()[0].outputs(), ["done"]);
    assert_eq!(trace.steps()[1].narration(), ["told"]);
}

#[test]
fn a_sample_cut_anywhere_is_refused() {
    for (at, _) in SAMPLE.char_indices() {
        let cut = &SAMPLE[..at];
        let whole = at == SAMPLE.len() - 1;
        match Trace::parse(cut) {
            Ok(_) => assert!(whole, "accepted: {cut:?}"),
            Err(error) => {
                assert!(!whole);
                assert_eq!(error.line, lines_of(cut).max(1), "{error}: {cut:?}");
            }
        }
    }
    let after = |lines: usize| refusal(&SAMPLE.lines().take(lines).collect::<Vec<_>>().join("\n"));
    assert_eq!(after(3), "line 3: truncated: found 0 steps and no end, expected a last line \"end 0\"");
    assert_eq!(after(17), "line 17: truncated: found 2 steps and no end, expected a last line \"end 2\"");
}

#[test]
fn a_sample_that_lacks_a_line_of_its_frame_or_a_step_is_refused() {
    let without = |line: usize| {
        let kept = SAMPLE.lines().enumerate().filter(|(at, _)| at + 1 != line).map(|(_, text)| text);
        Trace::parse(&kept.collect::<Vec<_>>().join("\n"))
    };
    let frame_or_step = [1, 2, 5, 8, 12, 14, 18, 19, 21];
    for line in 1..=SAMPLE.lines().count() {
        assert_eq!(without(line).is_err(), frame_or_step.contains(&line), "without line {line}");
    }
}

#[test]
fn what_is_no_trace_is_called_so() {
    let cases = [
        ("", r#"found "", expected"#),
        ("\n", r#"found "", expected"#),
        ("{\"type\":\"run-started\"}", r#"found "{\"type\":\"run-started\"}", expected"#),
        ("\u{7f}ELF\u{2}\u{1}\0\0\0 and\nmore\0", r#"found "\u{7f}ELF\u{2}\u{1}\0\0\0 and", expected"#),
        ("\u{feff}cutover-trace 1\n", r#"found "\u{feff}cutover-trace 1", expected"#),
        ("cutover-trace 0", r#"found "cutover-trace 0", expected"#),
        ("cutover-trace +1", r#"found "cutover-trace +1", expected"#),
        ("cutover-trace 01", r#"found "cutover-trace 01", expected"#),
        ("cutover-trace", r#"found "cutover-trace", expected"#),
        ("cutover-trace 1\0", r#"found "cutover-trace 1\0", expected"#),
    ];
    for (text, said) in cases {
        assert_eq!(refusal(text), format!("line 1: not a trace: {said} \"cutover-trace 1\""));
    }
    let long = format!("found \"{}\", expected", "é".repeat(40));
    assert_eq!(refusal(&"é".repeat(1000)), format!("line 1: not a trace: {long} \"cutover-trace 1\""));
    let later = "line 1: a trace of format version 2, expected at most 1, the newest supported";
    assert_eq!(refusal("cutover-trace 2\nwhatever \0 it holds"), later);
}

/// A line of the sample, its replacement, and the expected error.
#[rustfmt::skip]
const MALFORMED: &[(usize, &str, &str)] = &[
    // Errors in the header.
    (2, "", "line 2: the header ends without a scope, expected a line \"scope NAME\""),
    (5, "", "line 5: the header ends without a verdict, expected a line \"violates ID\" or \"holds\""),
    (5, "mark x", "line 8: the header ends without a verdict, expected a line \"violates ID\" or \"holds\""),
    (2, "holds", "line 5: a second verdict \"violates migration.cas\", expected one"),
    (3, "scope other", "line 3: a second scope \"scope other\", expected one"),
    (2, "scope", "line 2: scope is empty, expected text"),
    (2, "scope two words", "line 2: scope \"two words\" is not a word, expected a letter or a digit first, and no blank"),
    (2, "scope  s", "line 2: scope \" s\" begins or ends with a blank, expected none there"),
    (3, "option barrier", "line 3: option \"barrier\", expected \"option NAME=VALUE\""),
    (3, "option =4", "line 3: option name is empty, expected text"),
    (3, "option barrier= 4", "line 3: option value \" 4\" begins or ends with a blank, expected none there"),
    (4, "option barrier=5", "line 4: option \"barrier\" is there twice, expected it once"),
    (5, "violates", "line 5: invariant is empty, expected text"),
    (5, "holds out", "line 5: unknown header \"holds out\", expected scope, option, violates, holds, mark or a blank line"),
    (6, "mark", "line 6: mark is empty, expected text"),
    (6, "# early", "line 6: unknown header \"# early\", expected scope, option, violates, holds, mark or a blank line"),
    (8, "gw1 send w1.2 view r0 and so on and so forth", "line 8: unknown header \"gw1 send w1.2 view r0 and so on and so f\", expected scope, option, violates, holds, mark or a blank line"),
    // Errors in the steps.
    (12, "  > early", "line 12: output \"  > early\" before any directive, expected \"LANE DIRECTIVE\" above it"),
    (12, "gw1", "line 12: found \"gw1\", expected \"LANE DIRECTIVE\", \"  > OUTPUT\", \"# NARRATION\" or \"end N\""),
    (13, " > shifted", "line 13: found \" > shifted\", expected \"LANE DIRECTIVE\", \"  > OUTPUT\", \"# NARRATION\" or \"end N\""),
    (13, "  >", "line 13: output is empty, expected text"),
    (13, "  >  x", "line 13: output \" x\" begins or ends with a blank, expected none there"),
    (14, "A  deliver", "line 14: directive \" deliver\" begins or ends with a blank, expected none there"),
    (17, "#no blank", "line 17: lane \"#no\" is not a word, expected a letter or a digit first, and no blank"),
    (18, "!", "line 18: found \"!\", expected \"LANE DIRECTIVE\", \"  > OUTPUT\", \"# NARRATION\" or \"end N\""),
    (18, "!A crash", "line 18: lane \"!A\" is not a word, expected a letter or a digit first, and no blank"),
    (18, "! end crash", "line 18: lane \"end\" means something else, expected no \"end\" as a lane and no \"=\" in a name"),
    (15, "  > a\tb", "line 15: found the control character U+0009 in \"  > a\\tb\", expected printable text"),
    (15, "  > a\u{202e}b", "line 15: found the control character U+202E in \"  > a\\u{202e}b\", expected printable text"),
    (15, "  > a\0b", "line 15: found the control character U+0000 in \"  > a\\0b\", expected printable text"),
    // Errors at the end.
    (21, "end", "line 21: truncated: found \"end\" after 4 steps, expected \"end 4\""),
    (21, "end 3", "line 21: truncated: found \"end 3\" after 4 steps, expected \"end 4\""),
    (21, "end four", "line 21: truncated: found \"end four\" after 4 steps, expected \"end 4\""),
    (21, "gw1 stop", "line 21: truncated: found 5 steps and no end, expected a last line \"end 5\""),
    (20, "end 4", "line 21: found \"end 4\" after the end, expected nothing"),
    (16, "end 2", "line 17: found \"# The write was only admitted.\" after the end, expected nothing"),
];

#[test]
fn what_is_malformed_is_refused_with_its_line_and_reason() {
    for (line, by, said) in MALFORMED {
        assert_eq!(refusal(&replaced(*line, by)), *said, "line {line}: {by:?}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let long = |bytes: usize| replaced(17, &format!("# {}", "x".repeat(bytes - 2)));
    assert_eq!(refusal(&long(4000)), "accepted");
    assert_eq!(refusal(&long(4001)), "line 17: a line of 4001 bytes, expected at most 4000");
    assert_eq!(
        refusal(&long(4001).replace('\n', "\r\n")),
        "line 17: a line of 4001 bytes, expected at most 4000"
    );
    let many = |lines: usize| SAMPLE.replace("# So it ends.\n", &"# more\n".repeat(lines - 20));
    assert_eq!(refusal(&many(50_000)), "accepted");
    assert_eq!(refusal(&many(50_001)), "line 50001: 50001 lines, expected at most 50000");
    assert_eq!(refusal(&many(90_000)), "line 50001: 90000 lines, expected at most 50000");
}

#[test]
fn what_could_not_be_read_back_is_not_recorded() {
    let said =
        |result: Result<Step, Unfit>| result.map_or_else(|unfit| unfit.to_string(), |step| step.to_string());
    let control = "found the control character U+000A in \"send\\nend 0\", expected printable text";
    assert_eq!(said(Step::new("gw1", "send\nend 0")), control);
    let taken = "lane \"end\" means something else, expected no \"end\" as a lane and no \"=\" in a name";
    assert_eq!(said(Step::new("end", "of days")), taken);
    let word = "lane \"gw 1\" is not a word, expected a letter or a digit first, and no blank";
    assert_eq!(said(Step::fault("gw 1", "restart")), word);
    assert_eq!(said(Step::fault("gw1", "x".repeat(394))), format!("! gw1 {}\n", "x".repeat(394)));
    assert_eq!(said(Step::fault("gw1", "x".repeat(3995))), "a line of 4001 bytes, expected at most 4000");

    let named = |name: &str| {
        let trace =
            Trace::new("s", Verdict::Holds).and_then(|trace| trace.with_options([(name, ""), ("a", "")]));
        trace.map_or_else(|unfit| unfit.to_string(), |trace| trace.to_string())
    };
    assert_eq!(named("a"), "option \"a\" is there twice, expected it once");
    assert!(named("a=b").starts_with("option name \"a=b\" means something else"));
}

#[test]
fn a_trace_that_is_full_takes_no_step_and_stays_as_it_is() {
    let mut trace = Trace::new("s", Verdict::Holds).unwrap();
    let step = Step::new("clock", "tick").unwrap().with_outputs(["a tick passes"]).unwrap();
    let many = usize::try_from(LINES_MAX / 2).unwrap() - 3;
    trace = trace.with_steps(vec![step.clone(); many]).unwrap();
    while trace.push(step.clone()).is_ok() {}
    let before = trace.clone();
    assert_eq!(lines_of(&trace.to_string()), LINES_MAX - 1);
    assert_eq!(trace.push(step), Err(Unfit::TooManyLines { lines: LINES_MAX + 1 }));
    assert_eq!(trace, before);
    assert_eq!(trace.push(Step::new("clock", "tick").unwrap()), Ok(()));
    assert_eq!(lines_of(&trace.to_string()), LINES_MAX);
    assert!(trace.with_marks(["one too many"]).is_err());
}

#[test]
fn a_divergence_is_the_first_difference() {
    let step = Step::new("A", "deliver").unwrap().with_outputs(["admits", "applies"]).unwrap();
    let said = |now: &[&str]| step.divergence(now).map(|divergence: Divergence| divergence.to_string());
    assert_eq!(said(&["admits", "applies"]), None);
    assert_eq!(
        said(&["admits", "refuses", "x"]).unwrap(),
        "output 2: found \"refuses\", expected \"applies\""
    );
    assert_eq!(said(&["admits"]).unwrap(), "output 2: found nothing, expected \"applies\"");
    assert_eq!(said(&[]).unwrap(), "output 1: found nothing, expected \"admits\"");
    assert_eq!(said(&["admits", "applies", "x"]).unwrap(), "output 3: found \"x\", expected nothing");
}
