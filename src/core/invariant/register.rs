//! An exact monitor for the linearizability of one register: writes that overwrite, and reads.
//!
//! It keeps every configuration that the operations so far allow: the register's value, which writes have
//! taken effect, and what each open read has seen (Wing and Gong 1993, just in time as in Lowe 2017). If no
//! configuration remains, no order of the operations explains the returned values.

use crate::core::ids::{Names, Relabel, WriteId};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

/// A value of the register: 0 before any write, n for the n-th write of the list.
type Value = u32;
/// An open read that has not taken effect, or a reader without one.
const UNSEEN: Value = Value::MAX;

/// A set of writes, by their places in the list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Slots(Vec<u64>);

impl Slots {
    fn none(of: usize) -> Self {
        Self(vec![0; of.div_ceil(64)])
    }

    fn has(&self, slot: usize) -> bool {
        self.0.get(slot / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    fn with(mut self, slot: usize) -> Self {
        if let Some(word) = self.0.get_mut(slot / 64) {
            *word |= 1 << (slot % 64);
        }
        self
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Configuration {
    value: Value,
    done: Slots,
    /// What each reader's open read has seen.
    seen: Vec<Value>,
}

impl Configuration {
    fn with_seen(&self, reader: usize, value: Value) -> Self {
        let mut changed = self.clone();
        if let Some(seen) = changed.seen.get_mut(reader) {
            *seen = value;
        }
        changed
    }
}

/// The monitor of one register. Neither writes nor readers are limited; the configurations grow with those that are open at
/// once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Register {
    writes: Vec<WriteId>,
    /// The writes that leave no value, as before any write.
    erasing: Slots,
    invoked: Slots,
    /// Whether each reader has an open read.
    reading: Vec<bool>,
    possible: BTreeSet<Configuration>,
}

impl Register {
    /// A register without a value, which these writes may write.
    #[must_use]
    pub fn new(writes: Vec<WriteId>) -> Self {
        Self::with_deletions(writes, &[])
    }

    /// A register without a value, which these writes may write, and those of them that are deletions, delete.
    #[must_use]
    pub fn with_deletions(mut writes: Vec<WriteId>, deletions: &[WriteId]) -> Self {
        writes.sort();
        let none = Slots::none(writes.len());
        let erasing = writes.iter().enumerate().filter(|(_, id)| deletions.contains(id));
        let erasing = erasing.fold(none.clone(), |set, (slot, _)| set.with(slot));
        let start = Configuration { value: 0, done: none.clone(), seen: Vec::new() };
        Self { writes, erasing, invoked: none, reading: Vec::new(), possible: BTreeSet::from([start]) }
    }

    /// Whether some order of the operations explains all returned values.
    #[must_use]
    pub fn is_linearizable(&self) -> bool {
        !self.possible.is_empty()
    }

    /// Records that a client invoked a write.
    pub fn write_invoked(&mut self, id: WriteId) {
        if let Some(slot) = self.slot(id) {
            self.invoked = self.invoked.clone().with(slot);
        }
    }

    /// Records that a write was acknowledged: it has taken effect by now.
    pub fn write_returned(&mut self, id: WriteId) {
        let Some(slot) = self.slot(id) else { return };
        self.close();
        self.possible.retain(|c| c.done.has(slot));
        self.reduce();
    }

    /// Whether this is one of the register's writes.
    #[must_use]
    pub fn may_be_written(&self, id: WriteId) -> bool {
        self.slot(id).is_some()
    }

    /// Records that a client's read was of another register.
    pub fn read_withdrawn(&mut self, reader: u8) {
        self.close_read(usize::from(reader));
    }

    /// Records that a client invoked a strong read.
    pub fn read_invoked(&mut self, reader: u8) {
        let at = usize::from(reader);
        self.reading.resize(self.reading.len().max(at + 1), false);
        if let Some(reading) = self.reading.get_mut(at) {
            *reading = true;
        }
        self.forget(at);
    }

    /// Records that a read returned the value of this write; `None`: of the register before any write.
    pub fn read_returned(&mut self, reader: u8, value: Option<WriteId>) {
        let wanted = value.map_or(Some(0), |id| self.slot(id).map(value_of));
        self.close();
        let at = usize::from(reader);
        self.possible.retain(|c| wanted.is_some() && c.seen.get(at).copied() == wanted);
        self.close_read(at);
    }

    fn close_read(&mut self, at: usize) {
        if let Some(reading) = self.reading.get_mut(at) {
            *reading = false;
        }
        // Equal histories are equal monitors, however many readers there were.
        let open = self.reading.iter().rposition(|reading| *reading).map_or(0, |last| last + 1);
        self.reading.truncate(open);
        self.forget(at);
    }

    /// Forgets what the reader's last read has seen, and keeps a place for each reader up to the last open one.
    fn forget(&mut self, reader: usize) {
        let forgotten = |c: &Configuration| {
            let mut c = c.with_seen(reader, UNSEEN);
            c.seen.resize(self.reading.len(), UNSEEN);
            c
        };
        self.possible = self.possible.iter().map(forgotten).collect();
        self.reduce();
    }

    fn slot(&self, id: WriteId) -> Option<usize> {
        self.writes.iter().position(|write| *write == id)
    }

    /// Adds every configuration to which the open operations can lead.
    fn close(&mut self) {
        let mut open: Vec<Configuration> = self.possible.iter().cloned().collect();
        while let Some(c) = open.pop() {
            for next in self.next(&c) {
                if !self.possible.contains(&next) {
                    self.possible.insert(next.clone());
                    open.push(next);
                }
            }
        }
    }

    /// Removes every configuration to which another one leads, which is what [`Self::close`] adds: so registers that allow the
    /// same are equal, whenever they were closed. One step is enough, since of two configurations of which one leads to the other
    /// those between are in the set as well.
    fn reduce(&mut self) {
        let added: Vec<Configuration> = self.possible.iter().flat_map(|c| self.next(c)).collect();
        for next in &added {
            self.possible.remove(next);
        }
    }

    /// The configurations to which one open operation leads.
    fn next(&self, c: &Configuration) -> Vec<Configuration> {
        let writes = (0..self.writes.len()).filter(|slot| self.invoked.has(*slot) && !c.done.has(*slot));
        let written = writes.map(|slot| Configuration {
            value: if self.erasing.has(slot) { 0 } else { value_of(slot) },
            done: c.done.clone().with(slot),
            seen: c.seen.clone(),
        });
        let reads = (0..self.reading.len())
            .filter(|at| self.reading.get(*at) == Some(&true) && c.seen.get(*at) == Some(&UNSEEN));
        written.chain(reads.map(|reader| c.with_seen(reader, c.value))).collect()
    }
}

impl Relabel for Register {
    fn relabel(&self, names: &dyn Names) -> Self {
        let mut renamed: Vec<(WriteId, usize)> =
            self.writes.iter().enumerate().map(|(slot, id)| (id.relabel(names), slot)).collect();
        renamed.sort();
        let slots = |old: &Slots| {
            let moved = renamed.iter().enumerate().filter(|(_, (_, slot))| old.has(*slot));
            moved.fold(Slots::none(renamed.len()), |set, (new, _)| set.with(new))
        };
        let value = |old: &Value| match renamed.iter().position(|(_, slot)| *old == value_of(*slot)) {
            Some(new) => value_of(new),
            None => *old,
        };
        let configuration = |c: &Configuration| Configuration {
            value: value(&c.value),
            done: slots(&c.done),
            seen: c.seen.iter().map(value).collect(),
        };
        Self {
            writes: renamed.iter().map(|(id, _)| *id).collect(),
            erasing: slots(&self.erasing),
            invoked: slots(&self.invoked),
            reading: self.reading.clone(),
            possible: self.possible.iter().map(configuration).collect(),
        }
    }
}

fn value_of(slot: usize) -> Value {
    Value::try_from(slot + 1).unwrap_or(UNSEEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{Serial, SessionId};

    fn w(n: u64) -> WriteId {
        WriteId { session: SessionId(n), serial: Serial(1) }
    }

    fn register() -> Register {
        let mut register = Register::new(vec![w(1), w(2)]);
        register.write_invoked(w(1));
        register
    }

    #[test]
    fn an_open_write_may_or_may_not_be_seen() {
        for seen in [None, Some(w(1))] {
            let mut register = register();
            register.read_invoked(0);
            register.read_returned(0, seen);
            assert!(register.is_linearizable(), "{seen:?}");
        }
    }

    #[test]
    fn an_acknowledged_write_must_be_seen() {
        let mut register = register();
        register.write_returned(w(1));
        register.read_invoked(0);
        register.read_returned(0, None);
        assert!(!register.is_linearizable());
    }

    #[test]
    fn a_deletion_leaves_no_value() {
        let mut register = Register::with_deletions(vec![w(1), w(2)], &[w(2)]);
        register.write_invoked(w(1));
        register.write_returned(w(1));
        register.write_invoked(w(2));
        register.write_returned(w(2));
        register.read_invoked(0);
        register.read_returned(0, None);
        assert!(register.is_linearizable());
        register.read_invoked(0);
        register.read_returned(0, Some(w(1)));
        assert!(!register.is_linearizable(), "the row is back");
    }

    #[test]
    fn a_write_never_asked_for_must_not_be_seen() {
        let mut register = register();
        register.read_invoked(0);
        register.read_returned(0, Some(w(2)));
        assert!(!register.is_linearizable());
    }

    #[test]
    fn reads_do_not_go_back() {
        let mut register = register();
        register.read_invoked(0);
        register.read_returned(0, Some(w(1)));
        register.read_invoked(0);
        register.read_returned(0, None);
        assert!(!register.is_linearizable());
    }

    #[test]
    fn overlapping_reads_may_disagree_while_the_write_is_open() {
        let mut register = register();
        register.read_invoked(0);
        register.read_invoked(1);
        register.read_returned(0, Some(w(1)));
        register.read_returned(1, None);
        assert!(register.is_linearizable());
    }

    /// What a read has not told apart is not remembered: the searches would count one situation many times.
    #[test]
    fn registers_that_allow_the_same_are_equal() {
        let mut read_before = Register::new(vec![w(1), w(2)]);
        let mut never_read = read_before.clone();
        read_before.write_invoked(w(1));
        read_before.read_invoked(0);
        read_before.read_returned(0, None);
        never_read.write_invoked(w(1));
        assert_eq!(read_before, never_read);
        read_before.read_invoked(0);
        read_before.read_returned(0, Some(w(1)));
        never_read.write_returned(w(1));
        assert_eq!(
            read_before, never_read,
            "the write has taken effect, whether it was seen or acknowledged"
        );
    }

    /// More writes and readers than a fixed set would hold: each read sees the last write, or one that is open.
    #[test]
    fn writes_and_readers_are_not_limited() {
        let writes = 70;
        let mut register = Register::new((1..=writes).map(w).collect());
        for n in 1..=writes {
            register.write_invoked(w(n));
            for reader in 0..5 {
                register.read_invoked(reader);
            }
            for reader in 0..4 {
                register.read_returned(
                    reader,
                    if reader < 2 { Some(w(n - 1)).filter(|_| n > 1) } else { Some(w(n)) },
                );
                assert!(register.is_linearizable(), "write {n}, reader {reader}");
            }
            register.write_returned(w(n));
            register.read_returned(4, Some(w(n)));
            assert!(register.is_linearizable(), "write {n}");
        }
        register.read_invoked(9);
        register.read_returned(9, Some(w(writes - 1)));
        assert!(!register.is_linearizable(), "the last write was acknowledged");
    }

    #[test]
    fn renaming_sessions_twice_is_no_change() {
        struct Swap;
        impl Names for Swap {
            fn session(&self, session: SessionId) -> SessionId {
                SessionId(3 - session.0)
            }
        }
        let mut register = register();
        register.write_invoked(w(2));
        register.write_returned(w(2));
        register.read_invoked(0);
        let once = register.relabel(&Swap);
        assert_ne!(once, register);
        assert_eq!(once.relabel(&Swap), register);
    }
}
