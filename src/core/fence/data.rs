//! Clients' requests to a sink: writes and reads.

use super::{Body, Request};
use super::{Copy, Enforcement, Fence, Known, Output, Read, Refusal, Reply, Write, refuse, state};
use crate::core::ids::{Epoch, Halt, Position};
use crate::enforce;
use alloc::vec;
use alloc::vec::Vec;

/// The result of the checks of a write.
enum Judgement {
    Apply,
    /// The write took effect earlier, at this position.
    Duplicate(Position),
}

impl Fence {
    /// Queues a write. Admission guarantees nothing: the write is checked again when it is applied. A refusal
    /// here only saves the wait.
    pub(super) fn admit(&mut self, write: Write) -> Result<Vec<Output>, Refusal> {
        match self.judge(write)? {
            Judgement::Duplicate(position) => Ok(state(Reply::Applied { write, position })),
            Judgement::Apply => {
                let limit = self.config.limits.admitted_max;
                if self.admitted.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                    return Err(Refusal::Busy { limit: u64::from(limit) });
                }
                self.admitted.push(write);
                Ok(vec![Output::Admitted(write)])
            }
        }
    }

    /// Checks token and duplicates and applies the write, in one step.
    pub(super) fn apply(&mut self, write: Write, halt: &mut Option<Halt>) -> Vec<Output> {
        let before = self.durable.copy.as_ref().map(|copy| (copy.watermark, copy.applied.known(write.id)));
        let outputs = self.apply_admitted(write);
        let after = self.durable.copy.as_ref().map(|copy| (copy.watermark, copy.applied.known(write.id)));
        if let Some(Output::Append { position, id }) = outputs.first() {
            let (position, id) = (*position, *id);
            enforce!(
                *halt,
                ApplyOnce,
                matches!(before, Some((_, Known::New))),
                "{id} is applied at position {position}, before that: {before:?}"
            );
            enforce!(
                *halt,
                ApplyOnce,
                before.is_some_and(|(end, _)| end.next() == position)
                    && after.is_some_and(|(end, known)| end == position && known != Known::New),
                "{id} is applied at position {position}, from {before:?} to {after:?}"
            );
        } else {
            enforce!(
                *halt,
                ApplyOnce,
                after == before,
                "{} was not applied, yet {before:?} became {after:?}",
                write.id
            );
        }
        outputs
    }

    fn apply_admitted(&mut self, write: Write) -> Vec<Output> {
        let Some(at) = self.admitted.iter().position(|admitted| *admitted == write) else {
            return Vec::new();
        };
        self.admitted.remove(at);
        match self.judge(write) {
            Ok(Judgement::Duplicate(position)) => state(Reply::Applied { write, position }),
            Ok(Judgement::Apply) => self.append(write),
            Err(refusal) => {
                let (store, partition) = (self.config.store, self.config.partition);
                vec![refuse(&Request { store, partition, body: Body::Write(write) }, refusal)]
            }
        }
    }

    /// Answers a read after a `Persist`: a read must not return a value that a crash could undo.
    pub(super) fn read(&self, read: Read) -> Result<Vec<Output>, Refusal> {
        self.copy()?;
        self.check_closed(read.token)?;
        Ok(vec![Output::Persist, Output::Serve(read)])
    }

    fn judge(&self, write: Write) -> Result<Judgement, Refusal> {
        let copy = self.copy()?;
        self.check_closed(write.token)?;
        self.check_sealed(write.token)?;
        match copy.applied.known(write.id) {
            Known::New => Ok(Judgement::Apply),
            Known::Applied(position) => Ok(Judgement::Duplicate(position)),
            Known::Forgotten => Err(Refusal::Forgotten { id: write.id }),
        }
    }

    fn append(&mut self, write: Write) -> Vec<Output> {
        let limits = self.config.limits;
        let Some(Copy { watermark, finished, applied, .. }) = self.durable.copy.as_mut() else {
            return Vec::new();
        };
        *watermark = watermark.next();
        *finished = true;
        let position = *watermark;
        applied.remember(write.id, position, limits.sessions_max, limits.writes_per_session_max);
        let mut outputs = vec![Output::Append { position, id: write.id }];
        outputs.extend(state(Reply::Applied { write, position }));
        outputs
    }

    const fn check_closed(&self, token: Epoch) -> Result<(), Refusal> {
        let through = self.durable.closed_through;
        match self.config.enforcement {
            Enforcement::Tokens if token.0 <= through.0 => Err(Refusal::Closed { through, token }),
            Enforcement::Tokens | Enforcement::Nothing => Ok(()),
        }
    }

    const fn check_sealed(&self, token: Epoch) -> Result<(), Refusal> {
        let through = self.durable.sealed_through;
        match self.config.enforcement {
            Enforcement::Tokens if token.0 <= through.0 => Err(Refusal::Sealed { through, token }),
            Enforcement::Tokens | Enforcement::Nothing => Ok(()),
        }
    }
}
