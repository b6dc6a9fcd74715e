//! Writes histories of registers, in the format of `registers_file.rs`.

use crate::registers_file::{SCHEMA, name};
use cutover::core::invariant::history::registers::{Call, Event, Outcome, Registers, Value, What};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::io::{self, Write};

/// Writes a history to a file while the operations happen.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    operations: usize,
}

impl<W: Write> Writer<W> {
    /// Writes the first line.
    ///
    /// # Errors
    /// The error of the output.
    pub fn new(mut out: W) -> io::Result<Self> {
        writeln!(out, "{{\"type\":\"history-started\",\"schema\":\"{SCHEMA}\"}}")?;
        Ok(Self { out, operations: 0 })
    }

    /// Writes an event.
    ///
    /// # Errors
    /// The error of the output.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        self.operations += usize::from(event.what == What::Invoked);
        writeln!(self.out, "{}", serde_json::to_string(&Written(event))?)
    }

    /// Writes the last line, without which the file cannot be read.
    ///
    /// # Errors
    /// The error of the output.
    pub fn finish(mut self) -> io::Result<W> {
        writeln!(self.out, "{{\"type\":\"history-finished\",\"operations\":{}}}", self.operations)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A history as the text of a file.
///
/// # Errors
/// Those of [`Writer`].
pub fn written(history: &Registers) -> io::Result<String> {
    let mut writer = Writer::new(Vec::new())?;
    for event in history.events() {
        writer.event(&event)?;
    }
    String::from_utf8(writer.finish()?).map_err(io::Error::other)
}

struct Written<'a>(&'a Event);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Event { process, key, call, what, .. } = self.0;
        let kind = match what {
            What::Invoked => "invoke",
            What::Ended(Outcome::Done | Outcome::Read(_)) => "ok",
            What::Ended(Outcome::Failed | Outcome::Refused) => "fail",
            What::Ended(Outcome::Unknown) => "info",
        };
        let mut line = to.serialize_map(None)?;
        line.serialize_entry("process", process)?;
        line.serialize_entry("type", kind)?;
        line.serialize_entry("f", name(call))?;
        line.serialize_entry("key", key)?;
        match (call, what) {
            (_, What::Ended(Outcome::Read(value))) | (Call::Write(value), _) => {
                line.serialize_entry("value", &Shown(value))?;
            }
            (Call::Cas { expected, new }, _) => {
                line.serialize_entry("value", &[Shown(expected), Shown(new)])?;
            }
            (Call::Read, _) => {}
        }
        if *what == What::Ended(Outcome::Refused) {
            line.serialize_entry("refused", &true)?;
        }
        line.end()
    }
}

struct Shown<'a>(&'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Nothing => to.serialize_unit(),
            Value::Number(number) => to.serialize_i64(*number),
            Value::Text(text) => to.serialize_str(text),
        }
    }
}
