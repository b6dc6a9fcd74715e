//! A store, compared with a table that gets the same commands.

use super::happening::TableEvent;
use super::site::GUARANTEES;
use super::world::{CAPS, TableFixture};
use cutover::core::control_plane::Stores;
use cutover::core::ids::{Epoch, PartitionId, Revision};
use cutover::core::migration::{
    Command, Expected, MigrationError, MigrationStore, PartitionRecord, Transition,
};
use cutover::core::placement::PartitionState;
use cutover_model::host::known_stores;

/// How often a request is repeated if the store has no answer.
const ATTEMPTS: usize = 100;

/// A store together with a table and the sinks that make statements.
pub struct Compared<'s, S: ?Sized> {
    pub world: TableFixture,
    pub store: &'s mut S,
    /// The stores that the log knows, which it asks before the table.
    stores: Stores,
    revision: Revision,
    /// Whether no revision has been read since the last change.
    unread: bool,
    /// Number of commands that had to be repeated.
    pub repeated: usize,
}

impl<'s, S: MigrationStore + ?Sized> Compared<'s, S> {
    pub fn new(store: &'s mut S) -> Self {
        let (world, stores) = (TableFixture::new(CAPS), known_stores(GUARANTEES));
        Self { world, store, stores, revision: Revision::ZERO, unread: false, repeated: 0 }
    }

    /// Commits a command at both.
    pub fn commit(&mut self, command: &Command) -> Result<Epoch, MigrationError> {
        let known = self.stores.check(&command.transition);
        let wanted = known.and_then(|()| self.world.table.apply(command));
        let (answer, attempts) = insist(|| self.store.propose(command));
        if attempts == 1 {
            assert_eq!(answer, wanted, "{command}");
        } else {
            self.repeated += 1;
            // An attempt with an unknown outcome may have taken effect.
            assert!(
                answer == wanted || (wanted.is_ok() && answer.is_err()),
                "{answer:?}, {wanted:?}: {command}"
            );
        }
        let (before, wanted_record) = (self.revision, self.world.record(command.partition.0));
        assert_eq!(self.read(command.partition), wanted_record, "after {command}");
        if wanted_record.is_some() {
            // Without a record no revision can be read, so it is not known then what has changed.
            let known = attempts == 1 && !std::mem::take(&mut self.unread);
            assert!(!known || (self.revision > before) == wanted.is_ok(), "{} after {before}", self.revision);
        } else {
            self.unread |= wanted.is_ok();
        }
        wanted
    }

    /// The store's record. Its revision must not decrease.
    fn read(&mut self, partition: PartitionId) -> Option<PartitionRecord> {
        let (read, _) = insist(|| self.store.state(partition));
        let (record, revision) = read.expect("a read is not refused")?;
        assert!(revision >= self.revision, "{revision} after {}", self.revision);
        self.revision = revision;
        Some(record)
    }

    pub fn transition(&mut self, partition: u64, transition: Transition) -> Result<Epoch, MigrationError> {
        self.commit(&Command { partition: PartitionId(partition), transition })
    }

    /// Lets a controller take steps until it has none left; all its requests are delivered.
    pub fn drive(&mut self, partition: u64) {
        for _ in 0..12 {
            self.world.copy(partition);
            for command in self.world.drive(partition, false, true) {
                let _ = self.commit(&command);
            }
        }
    }

    /// Lets a controller take one step.
    pub fn drive_once(&mut self, partition: u64) {
        self.world.copy(partition);
        for command in self.world.drive(partition, false, true) {
            let _ = self.commit(&command);
        }
    }

    pub fn expected(&self, partition: u64) -> Expected {
        self.world.record(partition).expect("it is recorded").expected()
    }

    pub fn placed(&self, partition: u64) -> Option<PartitionState> {
        self.world.record(partition).and_then(|record| record.placed).map(|placed| placed.state)
    }

    /// Applies a random event to both.
    pub fn happen(&mut self, what: &TableEvent) {
        match *what {
            TableEvent::Commit { partition, kind, stale, said, last } => {
                if let Some(command) = self.world.command(partition, kind, stale, said, last) {
                    let _ = self.commit(&command);
                }
            }
            TableEvent::Ask { partition, store, what, stale } => {
                self.world.ask_for(partition, store, what, stale)
            }
            TableEvent::Drive { partition, took_over, wait_over } => {
                for command in self.world.drive(partition, took_over, wait_over) {
                    let _ = self.commit(&command);
                }
            }
            TableEvent::Write { partition, store, id, behind } => {
                self.world.write(partition, store, id, behind)
            }
            TableEvent::Copy { partition } => self.world.copy(partition),
            TableEvent::Trim { partition, store, left } => self.world.trim(partition, store, left),
            TableEvent::Wipe { partition, store } => self.world.wipe(partition, store),
            // No command has this effect.
            TableEvent::Floor { .. } => {}
        }
    }
}

/// Repeats a request until it is answered. Returns the number of attempts as well.
fn insist<T>(mut ask: impl FnMut() -> Result<T, MigrationError>) -> (Result<T, MigrationError>, usize) {
    for attempt in 1..ATTEMPTS {
        let answer = ask();
        if !matches!(answer, Err(MigrationError::Backend { .. })) {
            return (answer, attempt);
        }
    }
    (ask(), ATTEMPTS)
}
