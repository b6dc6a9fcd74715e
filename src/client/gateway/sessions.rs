//! The sessions that writes are numbered in.
//!
//! A store remembers the newest writes of a session, and of the sessions that wrote last. So a session has one write under way at a time:
//! whatever a store forgets of it, it is not the write that may be sent again. Sessions are opened when they are needed, and the one used last is
//! used next, so a gateway has about as many as it has writes under way.

use super::error::GatewayError;
use crate::client::{Client, ClientError};
use crate::core::ids::{Epoch, Serial, SessionId, WriteId};
use crate::core::migration::EPOCH_LEAP;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// A session, and the number of its next write.
#[derive(Debug)]
struct Open {
    session: SessionId,
    next: Serial,
}

#[derive(Debug, Default)]
struct Free {
    sessions: Vec<Open>,
    /// Sessions up to this one are not used any more: a store has forgotten one of them, and those before it.
    forgotten_through: Option<SessionId>,
}

impl Free {
    fn is_used(&self, session: SessionId) -> bool {
        self.forgotten_through.is_none_or(|through| session > through)
    }

    fn put_back(&mut self, open: Open) {
        if self.is_used(open.session) {
            self.sessions.push(open);
        }
    }

    fn forget(&mut self, through: SessionId) {
        self.forgotten_through = self.forgotten_through.max(Some(through));
        self.sessions.retain(|open| open.session > through);
    }
}

/// The sessions of a gateway.
#[derive(Debug)]
pub(super) struct Sessions {
    client: Client,
    free: Mutex<Free>,
    room: Arc<Semaphore>,
}

/// A session for one write. Dropped, it is free for the next.
#[derive(Debug)]
pub(super) struct Lease {
    sessions: Arc<Sessions>,
    open: Option<Open>,
    _room: OwnedSemaphorePermit,
}

impl Sessions {
    pub(super) fn new(client: Client, sessions_max: usize) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(sessions_max.max(1)));
        Arc::new(Self { client, free: Mutex::default(), room })
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session that no write uses. Waits for one until then if all are in use.
    pub(super) async fn lease(self: &Arc<Self>, until: Instant) -> Result<(Lease, WriteId), GatewayError> {
        let left = || until.saturating_duration_since(Instant::now());
        let room = timeout(left(), Arc::clone(&self.room).acquire_owned()).await;
        let Ok(Ok(room)) = room else {
            return Err(none("the writes that have one did not end in time"));
        };
        let found = self.free().sessions.pop();
        let mut open = match found {
            Some(open) => open,
            None => match timeout(left(), self.client.write_session()).await {
                Ok(Ok(session)) => Open { session, next: Serial(1) },
                Ok(Err(error)) => return Err(none(error)),
                Err(_) => return Err(none("the control plane did not open one in time")),
            },
        };
        let id = WriteId { session: open.session, serial: open.next };
        open.next = Serial(open.next.0.saturating_add(1));
        Ok((Lease { sessions: Arc::clone(self), open: Some(open), _room: room }, id))
    }
}

/// Why there is no session to write in. Nothing was sent.
fn none(why: impl core::fmt::Display) -> GatewayError {
    GatewayError::NotDone { last: format!("no session to write in: {why}") }
}

impl Lease {
    /// A store has forgotten this session: it and those before it are not used for further writes.
    pub(super) fn is_forgotten(&self) {
        if let Some(open) = &self.open {
            self.sessions.free().forget(open.session);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            self.sessions.free().put_back(open);
        }
    }
}

impl Client {
    /// Opens a session for writes at stores, with a number that no other history of the cluster's log gives out: a restored log may open
    /// a session again under the number that a lost one had, and a store would take its writes for those of the lost one.
    async fn write_session(&self) -> Result<SessionId, ClientError> {
        let (session, history) = self.open_session().await?;
        let (epoch, of) = self.highest_epoch().await?;
        if of == history {
            Ok(numbered(session, epoch))
        } else {
            Err(ClientError::NoLeader(format!("a session of history {history}, and the log is of {of} now")))
        }
    }
}

/// Epochs leap when a log is restored or recovered, and session numbers with them.
const fn numbered(session: SessionId, epoch: Epoch) -> SessionId {
    let leaps = epoch.0 / EPOCH_LEAP;
    SessionId(leaps.saturating_mul(EPOCH_LEAP).saturating_add(session.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_a_restored_log_has_a_number_above_all_before() {
        assert_eq!(numbered(SessionId(7), Epoch(900)), SessionId(7));
        let restored = numbered(SessionId(3), Epoch(EPOCH_LEAP + 5));
        assert!(restored > numbered(SessionId(u64::from(u32::MAX)), Epoch(5)), "{restored}");
        assert!(numbered(SessionId(1), Epoch(2 * EPOCH_LEAP)) > restored);
    }

    #[test]
    fn what_a_store_has_forgotten_is_not_used_again() {
        let mut free = Free::default();
        for session in [4, 9, 6] {
            free.put_back(Open { session: SessionId(session), next: Serial(2) });
        }
        free.forget(SessionId(6));
        free.put_back(Open { session: SessionId(6), next: Serial(3) });
        let left: Vec<u64> = free.sessions.iter().map(|open| open.session.0).collect();
        assert_eq!(left, [9]);
        free.forget(SessionId(2));
        assert!(!free.is_used(SessionId(5)), "what is forgotten stays so");
    }
}
