//! A store next to a table that takes the same commands.

use super::happening::Happening;
use super::world::{CAPS, World};
use cutover::core::ids::{Epoch, PartitionId, Revision};
use cutover::core::migration::{
    Command, Expected, MigrationError, MigrationStore, PartitionRecord, Transition,
};
use cutover::core::placement::PartitionState;

/// How often a request is repeated that the store has no answer to.
const ATTEMPTS: usize = 100;

/// The table is in the world, with the sinks that make statements.
pub struct Compared<'s, S: ?Sized> {
    pub world: World,
    pub store: &'s mut S,
    revision: Revision,
    /// There was a change after which no revision was read.
    unread: bool,
    /// Commands that had to be repeated.
    pub repeated: usize,
}

impl<'s, S: MigrationStore + ?Sized> Compared<'s, S> {
    pub fn new(store: &'s mut S) -> Self {
        Self { world: World::new(CAPS), store, revision: Revision::ZERO, unread: false, repeated: 0 }
    }

    /// Both take it.
    pub fn commit(&mut self, command: &Command) -> Result<Epoch, MigrationError> {
        let wanted = self.world.table.apply(command);
        let (answer, attempts) = insist(|| self.store.propose(command));
        if attempts == 1 {
            assert_eq!(answer, wanted, "{command}");
        } else {
            self.repeated += 1;
            // An attempt whose outcome was not told may have been the one.
            assert!(
                answer == wanted || (wanted.is_ok() && answer.is_err()),
                "{answer:?}, {wanted:?}: {command}"
            );
        }
        let (before, wanted_record) = (self.revision, self.world.record(command.partition.0));
        assert_eq!(self.read(command.partition), wanted_record, "after {command}");
        if wanted_record.is_some() {
            // Without a record there is no revision to read: what changed since the last reading is not known then.
            let known = attempts == 1 && !std::mem::take(&mut self.unread);
            assert!(!known || (self.revision > before) == wanted.is_ok(), "{} after {before}", self.revision);
        } else {
            self.unread |= wanted.is_ok();
        }
        wanted
    }

    /// The record as the store has it; its revision never goes back.
    fn read(&mut self, partition: PartitionId) -> Option<PartitionRecord> {
        let (read, _) = insist(|| self.store.state(partition));
        let (record, revision) = read.expect("a read is not refused")?;
        assert!(revision >= self.revision, "{revision} after {}", self.revision);
        self.revision = revision;
        Some(record)
    }

    pub fn transition(&mut self, partition: u32, transition: Transition) -> Result<Epoch, MigrationError> {
        self.commit(&Command { partition: PartitionId(partition), transition })
    }

    /// A controller takes its steps until there is none left; all that it asks for arrives.
    pub fn drive(&mut self, partition: u32) {
        for _ in 0..12 {
            self.world.copy(partition);
            for command in self.world.drive(partition, false, true) {
                let _ = self.commit(&command);
            }
        }
    }

    /// One step.
    pub fn drive_once(&mut self, partition: u32) {
        self.world.copy(partition);
        for command in self.world.drive(partition, false, true) {
            let _ = self.commit(&command);
        }
    }

    pub fn expected(&self, partition: u32) -> Expected {
        self.world.record(partition).expect("it is recorded").expected()
    }

    pub fn placed(&self, partition: u32) -> Option<PartitionState> {
        self.world.record(partition).and_then(|record| record.placed).map(|placed| placed.state)
    }

    /// Anything that may happen, to both.
    pub fn happen(&mut self, what: &Happening) {
        match *what {
            Happening::Commit { partition, kind, stale, said, last } => {
                if let Some(command) = self.world.command(partition, kind, stale, said, last) {
                    let _ = self.commit(&command);
                }
            }
            Happening::Ask { partition, store, what, stale } => {
                self.world.ask_for(partition, store, what, stale)
            }
            Happening::Drive { partition, took_over, wait_over } => {
                for command in self.world.drive(partition, took_over, wait_over) {
                    let _ = self.commit(&command);
                }
            }
            Happening::Write { partition, store, id, behind } => {
                self.world.write(partition, store, id, behind)
            }
            Happening::Copy { partition } => self.world.copy(partition),
            Happening::Wipe { partition, store } => self.world.wipe(partition, store),
            // No command does that.
            Happening::Floor { .. } => {}
        }
    }
}

/// Repeats a request until there is an answer; gives the attempts, too.
fn insist<T>(mut ask: impl FnMut() -> Result<T, MigrationError>) -> (Result<T, MigrationError>, usize) {
    for attempt in 1..ATTEMPTS {
        let answer = ask();
        if !matches!(answer, Err(MigrationError::Backend { .. })) {
            return (answer, attempt);
        }
    }
    (ask(), ATTEMPTS)
}
