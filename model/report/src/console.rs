//! Output of a run: results go to stdout; remarks and progress go to stderr.

use crate::line::{Line, Options, RunStarted, SCHEMA};
use crate::{Format, exit};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use std::cell::RefCell;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Interval between progress lines when stderr is not a terminal.
const NOTE_EACH: Duration = Duration::from_secs(30);

/// Prints one run's results, remarks and progress.
///
/// A reader that closes the pipe (such as `head`) is no error. Any other failure to write results makes
/// [`Console::finish`] return a failure's exit code.
pub struct Console {
    format: Format,
    started: Instant,
    output: RefCell<Output>,
    bar: Option<ProgressBar>,
    activity: Activity,
}

/// The two streams, and the first error in writing results.
struct Output {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    terminal: bool,
    failed: Option<io::Error>,
}

/// A running activity: its name, its progress bar if there is one, and when progress was last printed.
#[derive(Default)]
struct Activity {
    name: String,
    since: Option<Instant>,
    noted: Duration,
    done: u64,
    steps: u64,
}

impl Console {
    /// Starts the output of `command` on stdout and stderr. In the JSON format it prints the `run-started` line.
    #[must_use]
    pub fn new(format: Format, command: &str, version: &str, options: &impl Serialize) -> Self {
        let terminal = io::stderr().is_terminal();
        let (out, err) = (Box::new(io::stdout()), Box::new(io::stderr()));
        Self::to(out, err, terminal, format).started(command, version, options)
    }

    /// Prints to the given streams. `terminal`: `err` is a terminal, so progress is drawn as a bar.
    #[must_use]
    pub fn to(out: Box<dyn Write>, err: Box<dyn Write>, terminal: bool, format: Format) -> Self {
        let output = RefCell::new(Output { out, err, terminal, failed: None });
        Self { format, started: Instant::now(), output, bar: None, activity: Activity::default() }
    }

    /// Prints the `run-started` line with all options, if the format is JSON.
    #[must_use]
    pub fn started(self, command: &str, version: &str, options: &impl Serialize) -> Self {
        let options = match serde_json::to_value(options) {
            Ok(Value::Object(options)) => options,
            Ok(_) | Err(_) => Options::new(),
        };
        self.line(&Line::RunStarted(RunStarted {
            schema: SCHEMA.to_owned(),
            command: command.to_owned(),
            version: version.to_owned(),
            options,
        }));
        self
    }

    /// The format in which results are printed.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Prints a result of one or several lines, if the format is for people. The last newline may be left out.
    pub fn say(&self, text: &str) {
        if self.format == Format::Human {
            self.result(text.strip_suffix('\n').unwrap_or(text).trim_end_matches(' '));
        }
    }

    /// Prints a result as a line of JSON, if the format is JSON.
    pub fn line(&self, line: &Line) {
        if self.format == Format::Json {
            match serde_json::to_string(line) {
                Ok(text) => self.result(&text),
                Err(error) => self.failed(error.into()),
            }
        }
    }

    fn result(&self, text: &str) {
        let write = || {
            let out = &mut self.output.borrow_mut().out;
            out.write_all(text.as_bytes())?;
            out.write_all(b"\n")?;
            out.flush()
        };
        match self.beside_the_bar(write) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(error) => self.failed(error),
        }
    }

    fn failed(&self, error: io::Error) {
        self.output.borrow_mut().failed.get_or_insert(error);
    }

    /// Prints a remark to stderr.
    pub fn note(&self, text: &str) {
        // If stderr is gone, no one can be told.
        let _ = self.beside_the_bar(|| writeln!(self.output.borrow_mut().err, "{text}"));
    }

    fn beside_the_bar<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Starts showing the progress of an activity. `steps`: the number of its steps, if known.
    pub fn begin(&mut self, activity: &str, steps: Option<u64>) {
        self.activity = Activity {
            name: activity.to_owned(),
            since: Some(Instant::now()),
            noted: Duration::ZERO,
            done: 0,
            steps: steps.unwrap_or(0),
        };
        if !self.output.borrow().terminal {
            return;
        }
        let bar = steps.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let place = if steps.is_some() { "[{bar:24}] {pos:>3}/{len}" } else { "{spinner}" };
        let template = format!("{{prefix:>9}}  {place}  {{msg}}  {{elapsed_precise}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(activity.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.bar = Some(bar);
    }

    /// Updates the progress text. When stderr is not a terminal, prints at most one line every 30 s.
    pub fn progress(&mut self, message: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_message(message());
            return;
        }
        let Some(since) = self.activity.since else { return };
        let took = since.elapsed();
        if took >= self.activity.noted + NOTE_EACH {
            self.activity.noted = took;
            let Activity { name, done, steps, .. } = &self.activity;
            let place = if *steps > 0 { format!(" {done}/{steps}") } else { String::new() };
            self.note(&format!("{name}{place}: {}, {} s", message(), took.as_secs()));
        }
    }

    /// Counts one more step as done.
    pub fn step(&mut self) {
        self.activity.done += 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Counts one more step as done. When stderr is not a terminal, prints `what`, the step's result.
    pub fn step_done(&mut self, what: &str) {
        self.step();
        if self.bar.is_none() {
            let Activity { done, steps, .. } = self.activity;
            self.note(&format!("{done:>3}/{steps}  {what}"));
        }
    }

    /// Ends the activity and removes its progress bar.
    pub fn end(&mut self) {
        self.activity = Activity::default();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Wall time since the run began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends the run. Returns `exit`, or the exit code for a failure if results could not be written.
    #[must_use]
    pub fn finish(&self, exit: u8) -> u8 {
        self.line(&Line::RunFinished { exit, seconds: self.elapsed().into() });
        let failed = self.output.borrow_mut().failed.take();
        match failed {
            None => exit,
            Some(error) => {
                self.note(&format!("cutover: the results cannot be written: {error}"));
                exit::INTERNAL
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Console;
    use crate::{Format, Line, exit};
    use std::cell::RefCell;
    use std::io::{Error, ErrorKind, Write};
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<u8>>>);

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(Error::from(self.0))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn run(out: Box<dyn Write>, format: Format) -> (u8, String) {
        let err = Shared::default();
        let options = serde_json::json!({ "threads": 2 });
        let mut console =
            Console::to(out, Box::new(err.clone()), false, format).started("check", "0", &options);
        console.begin("mutants", Some(2));
        console.step_done("KILLED  a");
        console.say("for people\n");
        console.line(&Line::Reached { scope: "s".to_owned(), what: "w".to_owned() });
        (console.finish(exit::UNKNOWN), err.text())
    }

    #[test]
    fn a_run_has_a_first_and_a_last_line_for_machines_and_neither_for_people() {
        let out = Shared::default();
        assert_eq!(
            run(Box::new(out.clone()), Format::Human),
            (exit::UNKNOWN, "  1/2  KILLED  a\n".to_owned())
        );
        assert_eq!(out.text(), "for people\n");
        let out = Shared::default();
        assert_eq!(run(Box::new(out.clone()), Format::Json).0, exit::UNKNOWN);
        let lines: Vec<Line> = out.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [Line::RunStarted(started), Line::Reached { .. }, Line::RunFinished { exit: 2, .. }] =
            lines.as_slice()
        else {
            panic!("{lines:?}")
        };
        assert_eq!((started.schema.as_str(), &started.options["threads"]), ("cutover.run/1", &2.into()));
    }

    #[test]
    fn results_that_cannot_be_written_end_the_run_as_a_failure_but_for_a_reader_that_left() {
        assert_eq!(run(Box::new(Fails(ErrorKind::BrokenPipe)), Format::Json).0, exit::UNKNOWN);
        let (code, said) = run(Box::new(Fails(ErrorKind::StorageFull)), Format::Json);
        assert_eq!(code, exit::INTERNAL);
        assert!(said.contains("the results cannot be written"), "{said}");
    }
}
