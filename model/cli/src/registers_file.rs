//! The file format of a history of registers: JSON lines, one per event, in the order in which they happened.
//!
//! ```text
//! {"type":"history-started","schema":"cutover.registers/1"}
//! {"process":0,"type":"invoke","f":"write","key":"k1","value":"x"}
//! {"process":1,"type":"invoke","f":"read","key":"k1"}
//! {"process":0,"type":"ok","f":"write","key":"k1","value":"x"}
//! {"process":1,"type":"ok","f":"read","key":"k1","value":"x"}
//! {"type":"history-finished","operations":2}
//! ```
//!
//! A value is a text, an integer, or `null`: nothing. The value of a `cas` is a pair, what is expected and what is written. A completion may
//! leave `f`, `key` and `value` out, apart from the value that a read returned; what it repeats must be what was invoked. `fail`: it has no
//! effect; with `"refused":true`, a `cas` found something other than what it expected. `info`: nobody knows, as if no completion came.
//!
//! The first and the last line say the format and the number of operations. A file may go without both, as what other
//! tools write does; then nobody notices that whole lines at its end are missing.

use crate::history_file::{Unreadable, parsed, short, wrong};
use cutover::core::invariant::history::registers::{Call, Outcome, Registers, Value};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Name and version of the file format. Its number is raised when a line changes its meaning.
pub const SCHEMA: &str = "cutover.registers/1";

/// A history of registers as read from a file.
#[derive(Clone, Debug)]
pub struct History {
    /// The operations.
    pub registers: Registers,
    /// The line number of each event, from 1.
    pub lines: Vec<usize>,
}

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    process: Option<u64>,
    #[serde(borrow)]
    f: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Given>,
    #[serde(default)]
    refused: bool,
    #[serde(borrow)]
    schema: Option<Cow<'a, str>>,
    operations: Option<usize>,
    // What other tools write besides.
    #[serde(rename = "index", default)]
    _index: de::IgnoredAny,
    #[serde(rename = "time", default)]
    _time: de::IgnoredAny,
    #[serde(rename = "error", default)]
    _error: de::IgnoredAny,
}

/// A value, or the pair of a compare-and-swap.
#[derive(Debug, PartialEq, Eq)]
enum Given {
    One(Value),
    Pair(Value, Value),
}

/// A field that is there, `null` or not.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Given>, D::Error> {
    Given::deserialize(from).map(Some)
}

struct GivenVisitor;

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(GivenVisitor)
    }
}

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, an integer, null, or for cas a pair of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Given, E> {
        Ok(Given::One(Value::from(text)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Given, E> {
        Ok(Given::One(Value::Number(number)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Given, E> {
        let fits =
            i64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self));
        fits.map(|number| Given::One(Value::Number(number)))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Given, E> {
        Ok(Given::One(Value::Nothing))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Given, A::Error> {
        let mut next = |at: usize| match seq.next_element::<Given>()? {
            Some(Given::One(value)) => Ok(value),
            Some(Given::Pair(..)) => Err(de::Error::invalid_type(de::Unexpected::Seq, &"a pair of values")),
            None => Err(de::Error::invalid_length(at, &"a pair of values")),
        };
        let pair = Given::Pair(next(0)?, next(1)?);
        match seq.next_element::<de::IgnoredAny>()? {
            None => Ok(pair),
            Some(_) => Err(de::Error::invalid_length(3, &"a pair of values")),
        }
    }
}

/// Whether a text is a history of registers: its first line says so, or is such an event.
#[must_use]
pub fn is_one(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let Ok(fields) = serde_json::from_str::<serde_json::Value>(first) else { return false };
    match fields.get("schema").and_then(serde_json::Value::as_str) {
        Some(schema) => schema.starts_with("cutover.registers/"),
        None => fields.get("process").is_some(),
    }
}

/// Reads a history from its text.
///
/// # Errors
/// [`Unreadable::Line`] with the first wrong line.
pub fn parse(text: &str) -> Result<History, Unreadable> {
    let mut history = History { registers: Registers::new(), lines: Vec::new() };
    let (mut started, mut finished, mut last) = (false, false, 1);
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let is_first = last == 1 && history.lines.is_empty() && !started;
        last = number;
        let fields: Line<'_> = parsed(number, line, text)?;
        match (&*fields.kind, &fields) {
            _ if finished => return Err(wrong(number, short(line), "nothing after history-finished")),
            ("history-started", Line { schema: Some(schema), .. }) if is_first && schema == SCHEMA => {
                started = true;
            }
            ("history-started", Line { schema: Some(schema), .. }) if is_first => {
                return Err(wrong(number, format!("schema {schema:?}"), format!("{SCHEMA:?}")));
            }
            ("history-finished", Line { operations: Some(operations), .. }) if started => {
                let found = history.registers.operations();
                if *operations != found {
                    let found = format!("history-finished after {}", counted(found));
                    return Err(wrong(number, found, counted(*operations)));
                }
                finished = true;
            }
            (_, fields) => {
                event(&mut history.registers, fields, number, line)?;
                history.lines.push(number);
            }
        }
    }
    if started && !finished {
        let found = format!("the end of the file after {}", counted(history.registers.operations()));
        return Err(wrong(last, found, "history-finished: the history is truncated"));
    }
    Ok(history)
}

fn counted(operations: usize) -> String {
    if operations == 1 { "1 operation".to_owned() } else { format!("{operations} operations") }
}

fn event(history: &mut Registers, fields: &Line<'_>, number: usize, line: &str) -> Result<(), Unreadable> {
    let at = |expected: &str| wrong(number, short(line), expected);
    let process = fields.process.ok_or_else(|| at("a process, which is a number"))?;
    let said = match &*fields.kind {
        "invoke" => {
            let key = fields.key.as_deref().ok_or_else(|| at("a key, which is a text"))?;
            history.invoke(process, key, call(fields).ok_or_else(|| at(CALLS))?)
        }
        "ok" | "fail" | "info" => {
            if let Some(open) = history.opened(process) {
                let f = fields.f.as_deref().is_none_or(|f| f == name(&open.call()));
                if !f || fields.key.as_deref().is_some_and(|key| key != open.key()) {
                    let open = format!("{} of {:?} of process {process}", open.call(), open.key());
                    return Err(at(&format!("the completion of {open}")));
                }
                history.complete(process, outcome(fields, &open.call()).map_err(|expected| at(&expected))?)
            } else {
                history.complete(process, Outcome::Unknown)
            }
        }
        _ => return Err(at("one of the types invoke, ok, fail, info")),
    };
    said.map_err(|misplaced| wrong(number, misplaced.found, misplaced.expected))
}

const CALLS: &str = "f read, or f write with a value, or f cas with a value of [expected, new]";

pub(crate) const fn name(call: &Call) -> &'static str {
    match call {
        Call::Read => "read",
        Call::Write(_) => "write",
        Call::Cas { .. } => "cas",
    }
}

fn call(fields: &Line<'_>) -> Option<Call> {
    match (fields.f.as_deref()?, &fields.value) {
        ("read", None | Some(Given::One(Value::Nothing))) => Some(Call::Read),
        ("write", Some(Given::One(value))) => Some(Call::Write(value.clone())),
        ("cas", Some(Given::Pair(expected, new))) => {
            Some(Call::Cas { expected: expected.clone(), new: new.clone() })
        }
        _ => None,
    }
}

/// How an operation ended; otherwise what was expected.
fn outcome(fields: &Line<'_>, call: &Call) -> Result<Outcome, String> {
    if fields.refused && (&*fields.kind != "fail" || !matches!(call, Call::Cas { .. })) {
        return Err("refused with fail of a cas alone".to_owned());
    }
    let repeats = match (call, &fields.value) {
        (Call::Read, _) | (_, None) => true,
        (Call::Write(value), Some(Given::One(said))) => value == said,
        (Call::Cas { expected, new }, Some(Given::Pair(from, to))) => expected == from && new == to,
        (Call::Write(_), Some(Given::Pair(..))) | (Call::Cas { .. }, Some(Given::One(_))) => false,
    };
    if !repeats {
        return Err(format!("the value of {call}, or none"));
    }
    match (&*fields.kind, call, &fields.value) {
        ("ok", Call::Read, Some(Given::One(value))) => Ok(Outcome::Read(value.clone())),
        ("ok", Call::Read, _) => Err("the value that was read".to_owned()),
        ("ok", ..) => Ok(Outcome::Done),
        ("fail", ..) if fields.refused => Ok(Outcome::Refused),
        ("fail", ..) => Ok(Outcome::Failed),
        _ => Ok(Outcome::Unknown),
    }
}
