//! Results to stdout, in the format asked for; progress to stderr.

use super::error::Error;
use super::lines::Line;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For machines, an object a line.
    Json,
}

/// Where a run prints.
pub struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    format: Format,
    /// On a terminal only; off it, a line for each step that is done.
    bar: Option<ProgressBar>,
    done: usize,
    of: usize,
}

impl<'a> Console<'a> {
    /// Prints to `out` and `err`; with a progress bar when `terminal` says that stderr is one.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write, format: Format, terminal: bool) -> Self {
        Self { out, err, format, bar: terminal.then(ProgressBar::hidden), done: 0, of: 0 }
    }

    /// Prints a result, when people read it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn human(&mut self, text: &str) -> Result<(), Error> {
        match self.format {
            Format::Human => self.out.write_all(text.as_bytes())?,
            Format::Json => {}
        }
        Ok(())
    }

    /// Prints a result, when a machine reads it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn json(&mut self, line: &Line<'_>) -> Result<(), Error> {
        match self.format {
            Format::Human => {}
            Format::Json => {
                let mut text = serde_json::to_string(line).map_err(io::Error::from)?;
                text.push('\n');
                let out = &mut self.out;
                let mut write = || {
                    out.write_all(text.as_bytes())?;
                    out.flush()
                };
                match &self.bar {
                    Some(bar) => bar.suspend(write)?,
                    None => write()?,
                }
            }
        }
        Ok(())
    }

    /// Prints a remark.
    pub fn note(&mut self, text: &str) {
        // With stderr gone there is nobody left to tell.
        let err = &mut self.err;
        let mut write = || drop(writeln!(err, "{text}"));
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Says how many steps there will be.
    pub fn expect(&mut self, steps: usize) {
        self.of = steps;
        if self.bar.is_none() {
            return;
        }
        let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX));
        let template = " mutants  [{bar:24}] {pos:>3}/{len}  {elapsed_precise}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        self.bar = Some(bar);
    }

    /// Says which step is under way.
    pub fn begin(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    /// Says what a step came to.
    pub fn finished(&mut self, what: &str) {
        self.done += 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None => self.note(&format!("{:>3}/{}  {what}", self.done, self.of)),
        }
    }

    /// Takes the progress bar away.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A stream whose reader may leave early, as `head` does: what it does not want is dropped.
pub struct MayClose<W>(
    /// The stream.
    pub W,
);

impl<W: Write> Write for MayClose<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}
