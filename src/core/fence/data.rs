//! Clients' requests to a sink: writes and reads.

use super::{
    Body, Cell, Change, Enforcement, Fence, Frontier, Known, Output, Read, Refusal, Reply, Request, Row,
    Rows, Write, refuse, state,
};
use crate::core::ids::{Epoch, Halt, Position};
use crate::enforce;
use alloc::collections::BTreeMap;
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
        match self.judge(&write)? {
            Judgement::Duplicate(position) => Ok(state(Reply::Applied { write, position })),
            Judgement::Apply => {
                let limit = self.config.limits.admitted_max;
                if self.admitted.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                    return Err(Refusal::Busy { limit: u64::from(limit) });
                }
                self.admitted.push(write.clone());
                Ok(vec![Output::Admitted(write)])
            }
        }
    }

    /// Checks token, duplicates and the expected row, and applies the write, in one step.
    pub(super) fn apply(&mut self, write: &Write, rows: &Rows, halt: &mut Option<Halt>) -> Vec<Output> {
        let before = self.durable.copy.as_ref().map(|copy| (copy.position, copy.applied.known(write.id)));
        let outputs = self.apply_admitted(write, rows);
        let after = self.durable.copy.as_ref().map(|copy| (copy.position, copy.applied.known(write.id)));
        if let Some(Output::Append(Change { position, id, .. })) = outputs.first() {
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
                before.is_some_and(|(end, _)| end < position)
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

    fn apply_admitted(&mut self, write: &Write, rows: &Rows) -> Vec<Output> {
        let Some(at) = self.admitted.iter().position(|admitted| admitted == write) else {
            return Vec::new();
        };
        let write = self.admitted.remove(at);
        match self.judge(&write) {
            Ok(Judgement::Duplicate(position)) => state(Reply::Applied { write, position }),
            Ok(Judgement::Apply) => match differs(&write, rows) {
                // It tells what the row is, so that must be durable, as for a read.
                Some(refusal) => vec![Output::Persist, self.refuse_write(write, refusal)],
                None => self.append(write, rows),
            },
            Err(refusal) => vec![self.refuse_write(write, refusal)],
        }
    }

    fn refuse_write(&self, write: Write, refusal: Refusal) -> Output {
        let (store, partition) = (self.config.store, self.config.partition);
        refuse(&Request { store, partition, body: Body::Write(write) }, refusal)
    }

    /// Answers a read after a `Persist`: a read must not return a value that a crash could undo.
    pub(super) fn read(&self, read: Read) -> Result<Vec<Output>, Refusal> {
        self.copy()?;
        self.check_closed(read.token)?;
        Ok(vec![Output::Persist, Output::Serve(read)])
    }

    fn judge(&self, write: &Write) -> Result<Judgement, Refusal> {
        let copy = self.copy()?;
        self.check_closed(write.token)?;
        self.check_sealed(write.token)?;
        match copy.applied.known(write.id) {
            Known::New => Ok(Judgement::Apply),
            Known::Applied(position) if copy.frontier == Frontier::Everything => {
                Ok(Judgement::Duplicate(position))
            }
            // A copy that lacks rows, and that clients write to, was forced so: the row of a write that it remembers may not be there.
            Known::Applied(_) | Known::Forgotten => Err(Refusal::Forgotten { id: write.id }),
        }
    }

    fn append(&mut self, write: Write, rows: &Rows) -> Vec<Output> {
        let limits = self.config.limits;
        let Some(copy) = self.durable.copy.as_mut() else { return Vec::new() };
        copy.finish();
        copy.position = copy.position.plus(limits.positions_apart.max(1));
        let (position, id, effects) = (copy.position, write.id, write.mutation.effects().clone());
        for Cell { key, value } in effects.iter() {
            let row = value.clone().map(|value| Row { value, position });
            copy.set(key, row, rows, &mut BTreeMap::new());
        }
        copy.applied.remember(id, position, limits.sessions_max, limits.writes_per_session_max);
        let mut outputs = vec![Output::Append(Change { position, id, effects })];
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

/// Why the write does not take effect on these rows.
fn differs(write: &Write, rows: &Rows) -> Option<Refusal> {
    let Cell { key, value } = write.mutation.expects()?;
    let found = rows.get(key).map(|row| &row.value);
    (found != value.as_ref()).then(|| Refusal::Differs { found: found.cloned() })
}
