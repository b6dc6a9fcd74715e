//! Fresh reads of the control plane, for an environment whose log is not atomic: a strong reader asks, and later
//! sees a revision that was committed when it asked, or a newer one.
//!
//! With an atomic log a fresh read shows the revision that is committed at the moment of asking.

use super::client::resolves;
use super::step::{NextState, Stepped, feed};
use super::{Fresh, Migration, Reader, State};
use cutover::core::gate::Freshness;
use cutover::core::invariant::Fact;

impl Migration {
    /// The strong reader whose operation waits for a fresh resolution.
    fn asker(&self, state: &State) -> Option<usize> {
        state.clients.readers.iter().position(|reader| {
            let asks = resolves(&reader.operation).is_some_and(|(_, fresh)| fresh == Freshness::Fresh);
            asks && !reader.operation.is_done() && !matches!(reader.fresh, Fresh::Shown(_))
        })
    }

    /// Whether a strong reader waits for a fresh resolution.
    pub(crate) fn asks_afresh(&self, state: &State) -> bool {
        self.asker(state).is_some()
    }

    /// The step after a reader has asked the control plane, for the first time or again.
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

    /// The step after the control plane has shown `revision` to the reader.
    pub(crate) fn show(&self, state: &State, revision: usize) -> Option<Stepped> {
        let name = self.asker(state)?;
        self.run_with(state, false, |next| {
            let reader = next.clients.readers.get(name)?.clone();
            // The reader has already sent the request that follows from this revision, and it may still arrive.
            let known = reader.sent.as_ref().is_some_and(|(seen, _)| *seen == next.log.like(revision));
            let fresh = if known { Fresh::Unasked } else { Fresh::Shown(revision) };
            *next.clients.edit().readers.get_mut(name)? = Reader { fresh, ..reader };
            Some(())
        })
    }
}

impl NextState<'_> {
    /// The revision that a reader may treat as the current one, if it has been shown one.
    pub(super) fn fresh(&self, reader: &Reader) -> Option<usize> {
        match reader.fresh {
            _ if self.env.log_is_atomic => Some(self.log.revision()),
            Fresh::Shown(revision) => Some(revision),
            Fresh::Unasked | Fresh::Asked => None,
        }
    }
}
