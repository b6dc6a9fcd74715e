//! An exact monitor for the linearizability of one register: writes that overwrite, and reads.
//!
//! It keeps every configuration that the operations so far allow: the register's value, which writes have
//! taken effect, and what each open read has seen (Wing and Gong 1993, just in time as in Lowe 2017). If no
//! configuration remains, no order of the operations explains the returned values.

use crate::core::ids::{Names, Relabel, WriteId};
use alloc::vec;
use alloc::vec::Vec;

/// The most reads that may be open at once.
pub const READERS_MAX: usize = 4;
/// The most writes in a history.
pub const WRITES_MAX: usize = 15;

/// A value of the register: 0 before any write, n for the n-th write of the list.
type Value = u8;
/// An open read that has not taken effect.
const UNSEEN: Value = u8::MAX;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Configuration {
    value: Value,
    done: u16,
    seen: [Value; READERS_MAX],
}

/// The monitor of one register.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Register {
    writes: Vec<WriteId>,
    invoked: u16,
    reading: u8,
    possible: Vec<Configuration>,
}

impl Register {
    /// A register without a value, which these writes may write.
    #[must_use]
    pub fn new(mut writes: Vec<WriteId>) -> Self {
        writes.sort();
        writes.truncate(WRITES_MAX);
        let start = Configuration { value: 0, done: 0, seen: [UNSEEN; READERS_MAX] };
        Self { writes, invoked: 0, reading: 0, possible: vec![start] }
    }

    /// Whether some order of the operations explains all returned values.
    #[must_use]
    pub const fn is_linearizable(&self) -> bool {
        !self.possible.is_empty()
    }

    /// Records that a client invoked a write.
    pub fn write_invoked(&mut self, id: WriteId) {
        if let Some(slot) = self.slot(id) {
            self.invoked |= 1 << slot;
        }
    }

    /// Records that a write was acknowledged: it has taken effect by now.
    pub fn write_returned(&mut self, id: WriteId) {
        let Some(slot) = self.slot(id) else { return };
        self.close();
        self.possible.retain(|c| c.done & (1 << slot) != 0);
    }

    /// Records that a client invoked a strong read.
    pub fn read_invoked(&mut self, reader: u8) {
        self.reading |= 1 << reader;
        for c in &mut self.possible {
            if let Some(seen) = c.seen.get_mut(usize::from(reader)) {
                *seen = UNSEEN;
            }
        }
    }

    /// Records that a read returned the value of this write; `None`: of the register before any write.
    pub fn read_returned(&mut self, reader: u8, value: Option<WriteId>) {
        let wanted = value.map_or(Some(0), |id| self.slot(id).map(|slot| slot + 1));
        self.close();
        let at = usize::from(reader);
        self.possible.retain(|c| wanted.is_some() && c.seen.get(at).copied() == wanted);
        for c in &mut self.possible {
            if let Some(seen) = c.seen.get_mut(at) {
                *seen = UNSEEN;
            }
        }
        self.reading &= !(1 << reader);
        self.possible.sort_unstable();
        self.possible.dedup();
    }

    fn slot(&self, id: WriteId) -> Option<u8> {
        let at = self.writes.iter().position(|write| *write == id)?;
        u8::try_from(at).ok()
    }

    /// Adds every configuration to which the open operations can lead.
    fn close(&mut self) {
        let mut at = 0;
        while let Some(c) = self.possible.get(at).copied() {
            at += 1;
            for slot in 0..u8::try_from(self.writes.len()).unwrap_or(0) {
                if self.invoked & !c.done & (1 << slot) != 0 {
                    self.admit(Configuration { value: slot + 1, done: c.done | (1 << slot), ..c });
                }
            }
            for reader in 0..READERS_MAX {
                if self.reading & (1 << reader) != 0 && c.seen.get(reader) == Some(&UNSEEN) {
                    let mut seen = c.seen;
                    if let Some(seen) = seen.get_mut(reader) {
                        *seen = c.value;
                    }
                    self.admit(Configuration { seen, ..c });
                }
            }
        }
        self.possible.sort_unstable();
    }

    fn admit(&mut self, c: Configuration) {
        if !self.possible.contains(&c) {
            self.possible.push(c);
        }
    }
}

impl Relabel for Register {
    fn relabel(&self, names: &dyn Names) -> Self {
        let mut renamed: Vec<(WriteId, usize)> =
            self.writes.iter().enumerate().map(|(slot, id)| (id.relabel(names), slot)).collect();
        renamed.sort();
        let mask = |old: u16| {
            let moved = renamed.iter().enumerate().filter(|(_, (_, slot))| old & (1 << slot) != 0);
            moved.fold(0, |bits, (new, _)| bits | 1 << new)
        };
        let value = |old: Value| match renamed.iter().position(|(_, slot)| old == slot_value(*slot)) {
            Some(new) => slot_value(new),
            None => old,
        };
        let mut possible: Vec<_> = self
            .possible
            .iter()
            .map(|c| Configuration { value: value(c.value), done: mask(c.done), seen: c.seen.map(value) })
            .collect();
        possible.sort_unstable();
        let writes = renamed.iter().map(|(id, _)| *id).collect();
        Self { writes, invoked: mask(self.invoked), reading: self.reading, possible }
    }
}

fn slot_value(slot: usize) -> Value {
    u8::try_from(slot + 1).unwrap_or(UNSEEN)
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
