//! The operations of all gateways: read while they are recorded, put in order, judged, and kept for `cutover history`.

use super::clock::Micros;
use super::cluster::{GATEWAYS, record};
use super::event::{Act, End, Event, key};
use crate::cli::{Failed, exit};
use crate::core::invariant::history::CONFIGURATIONS;
use crate::core::invariant::history::registers::{Call, Misplaced, Outcome, Registers, Value, Verdict};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The process of the reads at the end, which no writer has.
pub(super) const READER: u64 = u32::MAX as u64;

/// A gateway's record as far as it was read.
struct Source {
    path: PathBuf,
    read: u64,
    /// The beginning of a line whose end is not there yet.
    rest: String,
}

/// The events of all gateways.
pub(super) struct Events {
    sources: Vec<Source>,
    pub(super) events: Vec<Event>,
}

impl Events {
    pub(super) fn new(directory: &Path) -> Self {
        let source = |gateway| Source { path: record(directory, gateway), read: 0, rest: String::new() };
        Self { sources: (0..GATEWAYS).map(source).collect(), events: Vec::new() }
    }

    /// Reads what has been recorded since.
    pub(super) fn read(&mut self) -> Result<(), Failed> {
        for source in &mut self.sources {
            let Ok(mut file) = File::open(&source.path) else { continue };
            let mut bytes = Vec::new();
            let read = file.seek(SeekFrom::Start(source.read)).and_then(|_| file.read_to_end(&mut bytes));
            read.map_err(|error| Failed::new(exit::INTERNAL, format!("{}: {error}", source.path.display())))?;
            source.read += bytes.len() as u64;
            source.rest.push_str(&String::from_utf8_lossy(&bytes));
            let end = source.rest.rfind('\n').map_or(0, |at| at + 1);
            let lines: String = source.rest.drain(..end).collect();
            for line in lines.lines() {
                let event = Event::parse(line).ok_or_else(|| {
                    let path = source.path.display();
                    Failed::new(exit::INTERNAL, format!("{path}: found {line:?}, expected an event"))
                })?;
                self.events.push(event);
            }
        }
        Ok(())
    }

    /// Puts the events in order. Of those at the same time, operations begin first, so that they overlap.
    pub(super) fn sort(&mut self) {
        self.events.sort_by_key(|event| (event.time, event.end.is_some(), event.process));
    }
}

/// A write or a compare-and-swap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    pub(super) process: u64,
    pub(super) key: u64,
    pub(super) value: i64,
    pub(super) begun: Micros,
    /// When it was acknowledged, and at which position. `None`: nobody knows whether it was done.
    pub(super) acknowledged: Option<(Micros, u64)>,
}

/// The writes that took effect, or may have, in the order in which they began.
pub(super) fn writes(events: &[Event]) -> Vec<Write> {
    let mut open: BTreeMap<u64, Write> = BTreeMap::new();
    let mut writes = Vec::new();
    for event in events {
        let Some(value) = event.act.writes() else { continue };
        match event.end {
            None => {
                let (process, key, begun) = (event.process, event.key, event.time);
                open.insert(process, Write { process, key, value, begun, acknowledged: None });
            }
            Some(End::Done(position)) => {
                let write = open.remove(&event.process);
                let acknowledged = Some((event.time, position));
                writes.extend(write.map(|write| Write { acknowledged, ..write }));
            }
            Some(End::Unknown) => writes.extend(open.remove(&event.process)),
            Some(End::Refused | End::Failed | End::Found(_)) => {
                open.remove(&event.process);
            }
        }
    }
    // Those whose gateway was killed.
    writes.extend(open.into_values());
    writes.sort_by_key(|write| write.begun);
    writes
}

/// The reads at the end as events, after all others.
pub(super) fn final_reads(registers: &BTreeMap<u64, Option<i64>>, time: Micros) -> Vec<Event> {
    let both = |(at, (key, found)): (u64, (&u64, &Option<i64>))| {
        let begins = Event { time: time + 2 * at, process: READER, key: *key, act: Act::Read, end: None };
        [begins, Event { time: time + 2 * at + 1, end: Some(End::Found(*found)), ..begins }]
    };
    (0..).zip(registers).flat_map(both).collect()
}

/// The history, for the judge. Events in order.
fn registers(events: &[Event]) -> Result<Registers, Misplaced> {
    let mut registers = Registers::new();
    for event in events {
        let outcome = match event.end {
            None => {
                let call = match event.act {
                    Act::Read => Call::Read,
                    Act::Write(value) => Call::Write(Value::Number(value)),
                    Act::Cas(expected, new) => {
                        Call::Cas { expected: expected.into(), new: Value::Number(new) }
                    }
                };
                registers.invoke(event.process, &key(event.key), call)?;
                continue;
            }
            Some(End::Done(_)) => Outcome::Done,
            Some(End::Found(found)) => Outcome::Read(found.into()),
            Some(End::Refused) => Outcome::Refused,
            Some(End::Failed) => Outcome::Failed,
            Some(End::Unknown) => Outcome::Unknown,
        };
        registers.complete(event.process, outcome)?;
    }
    Ok(registers)
}

/// Whether the history is linearizable; otherwise why not. `None`: the budget ended before there was a verdict.
pub(super) fn judge(events: &[Event]) -> Result<(Option<bool>, String), Failed> {
    let history = registers(events).map_err(|error| Failed::new(exit::INTERNAL, error))?;
    Ok(match history.judge(CONFIGURATIONS).verdict {
        Verdict::Linearizable => (Some(true), String::new()),
        Verdict::NotLinearizable(failure) => {
            (Some(false), format!("{}: {}; {}", failure.key, failure.found, failure.against))
        }
        Verdict::Unknown { key } => (None, format!("the operations on {key} could not be judged in time")),
    })
}

/// Writes the history for `cutover history`.
pub(super) fn keep(path: &Path, events: &[Event]) -> Result<(), Failed> {
    let written = || {
        let mut out = BufWriter::new(File::create(path)?);
        writeln!(out, "{{\"type\":\"history-started\",\"schema\":\"cutover.registers/1\"}}")?;
        for event in events {
            writeln!(out, "{}", event.line(false))?;
        }
        let operations = events.iter().filter(|event| event.end.is_none()).count();
        writeln!(out, "{{\"type\":\"history-finished\",\"operations\":{operations}}}")?;
        out.flush()
    };
    written()
        .map_err(|error: std::io::Error| Failed::new(exit::INTERNAL, format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: Micros, process: u64, act: Act, end: Option<End>) -> Event {
        Event { time, process, key: 0, act, end }
    }

    /// Two writers of one register, the second of which is killed.
    fn history() -> Vec<Event> {
        vec![
            event(1, 0, Act::Write(1), None),
            event(2, 1, Act::Cas(Some(1), 2), None),
            event(3, 0, Act::Write(1), Some(End::Done(10))),
            event(4, 0, Act::Read, None),
        ]
    }

    #[test]
    fn a_write_without_an_end_may_have_been_done() {
        let writes = writes(&history());
        assert_eq!(writes.iter().map(|write| write.acknowledged).collect::<Vec<_>>(), [Some((3, 10)), None]);
        for (found, linearizable) in [(Some(1), true), (Some(2), true), (None, false), (Some(3), false)] {
            let mut events = history();
            events.push(event(5, 0, Act::Read, Some(End::Found(found))));
            assert_eq!(judge(&events).unwrap().0, Some(linearizable), "{found:?}");
        }
    }

    #[test]
    fn a_write_that_is_missing_at_the_end_is_seen_by_the_judge() {
        let mut events = history();
        events.extend(final_reads(&BTreeMap::from([(0, None)]), 9));
        assert_eq!(judge(&events).unwrap().0, Some(false));
    }
}
