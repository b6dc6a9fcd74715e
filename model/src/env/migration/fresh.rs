//! Reads of the control plane that take time: a strong reader asks, and is shown what was committed by then, or later.
//!
//! Where the log is atomic, a fresh view is the committed one at the moment of asking.

use super::client::resolves;
use super::step::{Next, Stepped, feed};
use super::{Fresh, Migration, Reader, State};
use cutover::core::gate::Freshness;
use cutover::core::invariant::Fact;

impl Migration {
    /// The strong reader that needs to know what the control plane holds now.
    fn asker(&self, state: &State) -> Option<usize> {
        state.clients.readers.iter().position(|reader| {
            let asks = resolves(&reader.operation).is_some_and(|(_, fresh)| fresh == Freshness::Fresh);
            asks && !reader.operation.is_done() && !matches!(reader.fresh, Fresh::Shown(_))
        })
    }

    /// Whether a reader needs to know what the control plane holds now.
    pub(crate) fn asks_afresh(&self, state: &State) -> bool {
        self.asker(state).is_some()
    }

    /// A reader asks a control plane that is not here, once more if it has asked already.
    pub(crate) fn ask_afresh(&self, state: &State) -> Option<Stepped> {
        let name = self.asker(state)?;
        self.run_with(state, false, |next| {
            let reader = next.clients.readers.get(name)?.clone();
            if reader.operation.is_idle() && reader.fresh == Fresh::Unasked {
                feed(&mut next.monitor, &mut next.findings, &Fact::ReadInvoked(u8::try_from(name).ok()?));
            }
            *next.clients.edit().readers.get_mut(name)? = Reader { fresh: Fresh::Asked, ..reader };
            Some(())
        })
    }

    /// It is shown a revision.
    pub(crate) fn show(&self, state: &State, revision: usize) -> Option<Stepped> {
        let name = self.asker(state)?;
        self.run_with(state, false, |next| {
            let reader = next.clients.readers.get(name)?.clone();
            // It has sent what follows from this revision already, and that may still arrive.
            let known = reader.sent.as_ref().is_some_and(|(seen, _)| *seen == revision);
            let fresh = if known { Fresh::Unasked } else { Fresh::Shown(revision) };
            *next.clients.edit().readers.get_mut(name)? = Reader { fresh, ..reader };
            Some(())
        })
    }
}

impl Next<'_> {
    /// The revision that a reader may take for the current one.
    pub(super) fn fresh(&self, reader: &Reader) -> Option<usize> {
        match reader.fresh {
            _ if self.world.log_is_atomic => Some(self.log.revision()),
            Fresh::Shown(revision) => Some(revision),
            Fresh::Unasked | Fresh::Asked => None,
        }
    }
}
