//! Where lines go: results to stdout, progress to stderr. A reader that went away is no error.

use super::Format;
use cutover_model::render::thousands;
use cutover_model::search::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Prints results and progress.
pub struct Console {
    format: Format,
    started: Instant,
    bar: Option<ProgressBar>,
    next_note: Duration,
}

/// Off a terminal, a counter line each so often.
const NOTE_EACH: Duration = Duration::from_secs(30);

impl Console {
    /// Starts a run, and says so to machines.
    pub fn new(format: Format, command: &str, options: &Value) -> Self {
        let console = Self { format, started: Instant::now(), bar: None, next_note: NOTE_EACH };
        console.json(&json!({
            "type": "run-started", "schema": "cutover.run/1", "command": command,
            "version": env!("CARGO_PKG_VERSION"), "options": options,
        }));
        console
    }

    /// A line for people.
    pub fn say(&self, line: &str) {
        if self.format == Format::Human {
            let _ = writeln!(std::io::stdout().lock(), "{}", line.trim_end());
        }
    }

    /// A line for machines.
    pub fn json(&self, line: &Value) {
        if self.format == Format::Json {
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }

    /// Shows that a search has begun.
    pub fn begin(&mut self, what: &str) {
        self.next_note = NOTE_EACH;
        if !std::io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(" checking  {spinner} {msg}  {elapsed_precise}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        self.bar = Some(bar);
    }

    /// Shows how far a search has come.
    pub fn progress(&mut self, what: &str, at: Progress) {
        let rate = rate(at.unique, at.took);
        if let Some(bar) = &self.bar {
            bar.set_message(format!(
                "{what}  {} unique   depth {}   {} states/s",
                thousands(at.unique),
                at.depth,
                short(rate)
            ));
            bar.tick();
        } else if at.took >= self.next_note {
            self.next_note += NOTE_EACH;
            eprintln!("{what}: {} unique, depth {}, {} s", thousands(at.unique), at.depth, at.took.as_secs());
        }
    }

    /// Shows that a search has ended.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Ends the run.
    pub fn finish(&self, exit: u8) {
        self.json(
            &json!({ "type": "run-finished", "exit": exit, "seconds": seconds(self.started.elapsed()) }),
        );
    }

    /// Since the run began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// States a second.
#[must_use]
pub fn rate(states: u64, took: Duration) -> u64 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    u64::try_from(u128::from(states) * 1_000_000 / u128::from(micros)).unwrap_or(u64::MAX)
}

/// Seconds, as JSON has them.
#[must_use]
pub fn seconds(took: Duration) -> Value {
    serde_json::from_str(&format!("{:.3}", took.as_secs_f64())).unwrap_or(Value::Null)
}

/// `410234` as `410k`.
#[must_use]
pub fn short(number: u64) -> String {
    match number {
        0..=9_999 => number.to_string(),
        10_000..=9_999_999 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}
