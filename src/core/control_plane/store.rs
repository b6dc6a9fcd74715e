//! The control plane embedded in a process: a [`MigrationStore`] on an engine that needs no peers.
//!
//! It drives the engine by itself. Every batch is durable before anything behind it is done, nothing is sent, and no timer
//! runs: a sole voter waits for nobody. On an engine that does need others it is safe and of no use, since nobody answers.

use super::error::rejected;
use super::{Answer, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneOutput};
use crate::core::ids::{Epoch, Halt, PartitionId, Revision};
use crate::core::migration::{BackendFailure, Command, MigrationError, MigrationStore, PartitionRecord};
use crate::core::raft::{Batch, Durable, Effect, Outcome, Output, SessionRefusal};
use alloc::vec::Vec;
use thiserror::Error;

/// Keeps batches.
pub trait Disk {
    /// Writes a batch, all of it or nothing, and returns once it is durable.
    ///
    /// # Errors
    /// [`DiskFailed`]: the batch may be there or not, and nothing is written after it.
    fn write(&mut self, batch: &Batch<ControlPlaneEntry>) -> Result<(), DiskFailed>;
}

/// Memory: what is written lasts as long as the process.
impl Disk for Durable<ControlPlaneEntry> {
    fn write(&mut self, batch: &Batch<ControlPlaneEntry>) -> Result<(), DiskFailed> {
        Self::write(self, batch);
        Ok(())
    }
}

/// A batch could not be made durable. Why is known to the disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Error)]
#[error("a batch could not be made durable")]
pub struct DiskFailed;

/// Why a store does nothing any more. A failed write is not tried again: what is on the disk is not known after it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Stopped {
    /// Its disk failed.
    Disk(DiskFailed),
    /// Its engine found an invariant broken.
    Halted(Halt),
}

/// The table of partitions in a log of this process.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LogStore<C, D> {
    engine: C,
    disk: D,
    stopped: Option<Stopped>,
}

impl<C: ControlPlaneConsensus, D: Disk> LogStore<C, D> {
    /// Takes an engine that was just started and the disk that it was started from, and lets it become the leader.
    #[must_use]
    pub fn new(engine: C, disk: D) -> Self {
        let mut store = Self { engine, disk, stopped: None };
        let _led = store.pump();
        store
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &C {
        &self.engine
    }

    /// The disk.
    #[must_use]
    pub const fn disk(&self) -> &D {
        &self.disk
    }

    /// Gives the disk back, to start from it again.
    #[must_use]
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// Why it does nothing any more, if so. Every request is answered with [`BackendFailure::NoLeader`] then.
    #[must_use]
    pub const fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    /// Performs what the engine says until it says nothing more; gives what is left for the caller to hear.
    fn pump(&mut self) -> Vec<ControlPlaneOutput> {
        let mut told = Vec::new();
        while self.stopped.is_none() {
            let outputs = self.engine.take_outputs();
            if outputs.is_empty() {
                break;
            }
            for output in outputs {
                if let Err(reason) = self.perform(output, &mut told) {
                    // What stands behind a batch that is not durable must not be heard.
                    self.stopped = Some(reason);
                    break;
                }
            }
        }
        told
    }

    fn perform(
        &mut self,
        output: ControlPlaneOutput,
        told: &mut Vec<ControlPlaneOutput>,
    ) -> Result<(), Stopped> {
        match output {
            Output::Persist { number, batch } => {
                self.disk.write(&batch).map_err(Stopped::Disk)?;
                self.engine.synced(number);
            }
            Output::Halt(halt) => return Err(Stopped::Halted(halt)),
            Output::Send(_)
            | Output::SetTimer(_)
            | Output::CancelTimer(_)
            | Output::Applied { .. }
            | Output::Installed(_)
            | Output::Transfer(_)
            | Output::BecameLeader(_)
            | Output::Mark(_) => {}
            Output::Decided { .. } | Output::Read { .. } => told.push(output),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), MigrationError> {
        let reason = BackendFailure::NoLeader;
        if self.stopped.is_some() { Err(MigrationError::Backend { reason }) } else { Ok(()) }
    }
}

impl<C: ControlPlaneConsensus, D: Disk> MigrationStore for LogStore<C, D> {
    fn propose(&mut self, command: &Command) -> Result<Epoch, MigrationError> {
        self.check()?;
        let entry = ControlPlaneEntry::OwnershipTransition(command.clone());
        let id = self.engine.propose(entry, None).map_err(|error| backend(error.failure()))?;
        let outcome = self.pump().into_iter().find_map(|said| {
            if let Output::Decided { id: of, outcome } = said { (of == id).then_some(outcome) } else { None }
        });
        epoch_of(outcome.as_ref().unwrap_or(&Outcome::Indeterminate))
    }

    fn state(
        &mut self,
        partition: PartitionId,
    ) -> Result<Option<(PartitionRecord, Revision)>, MigrationError> {
        self.check()?;
        let id = self.engine.read().map_err(|error| backend(error.failure()))?;
        let confirmed = self
            .pump()
            .into_iter()
            .any(|said| matches!(said, Output::Read { id: of, outcome: Ok(_) } if of == id));
        if !confirmed {
            return Err(backend(BackendFailure::NoQuorum));
        }
        let state = self.engine.state();
        Ok(state.table().record(partition).map(|record| (record.clone(), state.revision())))
    }
}

/// What a [`MigrationStore`] says of a transition with this outcome.
///
/// # Errors
/// The table's refusal, or [`MigrationError::Backend`] if there is no answer of the table.
pub fn epoch_of(outcome: &Outcome<Answer>) -> Result<Epoch, MigrationError> {
    match outcome {
        Outcome::Committed { effect, .. } => match effect {
            Effect::Answered { answer: Answer::Epoch(epoch) | Answer::Created { epoch, .. }, .. } => {
                Ok(*epoch)
            }
            Effect::Answered { answer: Answer::Refused(refusal), .. } => Err(*refusal),
            Effect::SessionRefused(refusal) => Err(backend(under_session(*refusal))),
            Effect::Answered { answer: Answer::Noted, .. }
            | Effect::SessionOpened(_)
            | Effect::SessionClosed(_) => Err(backend(BackendFailure::NotTaken)),
        },
        Outcome::Rejected(rejection) => Err(backend(rejected(rejection))),
        Outcome::Indeterminate => Err(backend(BackendFailure::Indeterminate)),
    }
}

/// A session that does not know the answer does not know whether there was one.
const fn under_session(refusal: SessionRefusal) -> BackendFailure {
    match refusal {
        SessionRefusal::Expired { .. } | SessionRefusal::Acknowledged { .. } => BackendFailure::Indeterminate,
        SessionRefusal::TooMany { .. } => BackendFailure::NotTaken,
    }
}

const fn backend(reason: BackendFailure) -> MigrationError {
    MigrationError::Backend { reason }
}
