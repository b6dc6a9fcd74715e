//! What a gateway of a demo records: its operations, an event a line, as `cutover history` reads them. A line of a gateway's own file
//! has the position of a write as well.

use super::clock::Micros;
use serde_json::{Map, Value, json};

/// The most writes of one process.
const SERIALS: i64 = 10_000_000;
/// The number of rows of a client's ledger.
pub(super) const LEDGER: u64 = 1024;
/// The most clients.
pub(super) const CLIENTS: u64 = 10_000;

/// What an operation asks of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    Read,
    Write(i64),
    Cas(Option<i64>, i64),
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// A write took effect, at this position of the partition.
    Done(u64),
    Found(Option<i64>),
    Refused,
    Failed,
    Unknown,
}

/// An operation begins, or ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Event {
    pub(super) time: Micros,
    pub(super) process: u64,
    /// The number of the register.
    pub(super) key: u64,
    pub(super) act: Act,
    /// `None`: it begins.
    pub(super) end: Option<End>,
}

/// The process of a client, in the `life`th process of its gateway.
pub(super) const fn process(client: u64, life: u64) -> u64 {
    life * CLIENTS + client
}

/// The client that a process is.
pub(super) const fn client(process: u64) -> u64 {
    process % CLIENTS
}

/// A value that is written once: the `serial`th of a process.
pub(super) fn value(process: u64, serial: u64) -> i64 {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    number(process).saturating_mul(SERIALS).saturating_add(number(serial))
}

/// The row of the ledger in which this value is noted when it is written.
pub(super) fn ledger_row(value: i64) -> (u64, u64) {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    (client(number(value / SERIALS)), number(value % SERIALS) % LEDGER)
}

/// The name of a register.
pub(super) fn key(number: u64) -> String {
    format!("k{number}")
}

impl Act {
    /// What it writes, if it takes effect.
    pub(super) const fn writes(self) -> Option<i64> {
        match self {
            Self::Read => None,
            Self::Write(value) | Self::Cas(_, value) => Some(value),
        }
    }
}

impl Event {
    /// The line for `cutover history`; with the position, for a gateway's own file.
    pub(super) fn line(&self, with_position: bool) -> String {
        let kind = match self.end {
            None => "invoke",
            Some(End::Done(_) | End::Found(_)) => "ok",
            Some(End::Refused | End::Failed) => "fail",
            Some(End::Unknown) => "info",
        };
        let (f, value) = match (self.act, self.end) {
            (Act::Read, Some(End::Found(found))) => ("read", Some(json!(found))),
            (Act::Read, _) => ("read", None),
            (Act::Write(value), _) => ("write", Some(json!(value))),
            (Act::Cas(expected, new), _) => ("cas", Some(json!([expected, new]))),
        };
        let mut line = json!({ "process": self.process, "type": kind, "f": f, "key": key(self.key) });
        let mut set = |name: &str, value: Value| {
            if let Some(fields) = line.as_object_mut() {
                fields.insert(name.to_owned(), value);
            }
        };
        if let Some(value) = value {
            set("value", value);
        }
        set("time", json!(self.time));
        match self.end {
            Some(End::Refused) => set("refused", json!(true)),
            Some(End::Done(position)) if with_position => set("position", json!(position)),
            Some(End::Done(_) | End::Found(_) | End::Failed | End::Unknown) | None => {}
        }
        line.to_string()
    }

    /// Reads a line of a gateway's own file.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
        let number = |name: &str| fields.get(name).and_then(Value::as_u64);
        let value = fields.get("value");
        let act = match fields.get("f")?.as_str()? {
            "read" => Act::Read,
            "write" => Act::Write(value?.as_i64()?),
            "cas" => Act::Cas(value?.get(0)?.as_i64(), value?.get(1)?.as_i64()?),
            _ => return None,
        };
        let end = match (fields.get("type")?.as_str()?, act) {
            ("invoke", _) => None,
            ("ok", Act::Read) => Some(End::Found(value.and_then(Value::as_i64))),
            ("ok", Act::Write(_) | Act::Cas(..)) => Some(End::Done(number("position")?)),
            ("fail", _) if fields.contains_key("refused") => Some(End::Refused),
            ("fail", _) => Some(End::Failed),
            ("info", _) => Some(End::Unknown),
            _ => return None,
        };
        let key = fields.get("key")?.as_str()?.strip_prefix('k')?.parse().ok()?;
        Some(Self { time: number("time")?, process: number("process")?, key, act, end })
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, End, Event, ledger_row, process, value};

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let ends = [None, Some(End::Failed), Some(End::Unknown)];
        let of = |act, end| Event { time: 5, process: process(3, 2), key: 7, act, end };
        let written = [Act::Write(9), Act::Cas(None, 9), Act::Cas(Some(8), 9)]
            .into_iter()
            .flat_map(|act| ends.into_iter().chain([Some(End::Done(4))]).map(move |end| of(act, end)));
        let read = [None, Some(End::Found(None)), Some(End::Found(Some(1)))].map(|end| of(Act::Read, end));
        for event in written.chain(read).chain([of(Act::Cas(Some(8), 9), Some(End::Refused))]) {
            assert_eq!(Event::parse(&event.line(true)), Some(event));
            assert!(!event.line(false).contains("position"));
        }
        assert_eq!(Event::parse("{\"process\":1,\"ty"), None);
    }

    #[test]
    fn a_value_says_whose_it_is() {
        assert_eq!(ledger_row(value(process(3, 2), 1025)), (3, 1));
    }
}
