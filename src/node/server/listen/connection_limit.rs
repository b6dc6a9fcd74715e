//! Limits on open connections: per port, per certificate, and on those that have not identified themselves.

use crate::core::control_plane::ClusterVoterIdentity;
use crate::node::server::quota::{Place, Quota};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The connections of one port. Clones share the counts.
#[derive(Clone)]
pub(super) struct ConnectionLimit {
    open: Quota,
    /// Connections whose handshake is not complete. Beyond it, the oldest of them is closed: an honest one takes
    /// milliseconds.
    half_open_max: usize,
    half_open: Arc<Mutex<Begun>>,
}

#[derive(Default)]
struct Begun {
    all: VecDeque<(u64, oneshot::Sender<()>)>,
    last: u64,
}

/// A connection in its handshake.
pub(super) struct HalfOpen {
    limit: ConnectionLimit,
    number: u64,
    /// Resolves when later ones need its place.
    pub(super) displaced: oneshot::Receiver<()>,
}

impl ConnectionLimit {
    pub(super) fn new(open: Quota, half_open_max: usize) -> Self {
        Self { open, half_open_max, half_open: Arc::default() }
    }

    fn half_open(&self) -> MutexGuard<'_, Begun> {
        self.half_open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection whose handshake begins.
    pub(super) fn begin(&self) -> HalfOpen {
        let (place, displaced) = oneshot::channel();
        let mut begun = self.half_open();
        if begun.all.len() >= self.half_open_max {
            begun.all.pop_front();
        }
        begun.last += 1;
        let number = begun.last;
        begun.all.push_back((number, place));
        HalfOpen { limit: self.clone(), number, displaced }
    }

    /// Takes a place for the holder of a certificate, or for anybody without TLS; or returns the message for a refusal.
    pub(super) fn admit(&self, subject: Option<ClusterVoterIdentity>) -> Result<Place, String> {
        self.open.take(subject)
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.limit.half_open().all.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::server::quota::QuotaLimits;

    #[test]
    fn a_handshake_that_takes_long_makes_room_for_others() {
        let open = QuotaLimits { all: 1, reserved: 0, each: 2 };
        let limit = ConnectionLimit::new(Quota::new("connections", open, Arc::new(|_| false)), 2);
        let (mut one, mut two) = (limit.begin(), limit.begin());
        let mut three = limit.begin();
        assert!(one.displaced.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        assert!(two.displaced.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        drop(two);
        let four = limit.begin();
        assert!(three.displaced.try_recv() == Err(oneshot::error::TryRecvError::Empty), "a place was free");
        drop(four);
        let _five = limit.begin();
        assert!(three.displaced.try_recv() == Err(oneshot::error::TryRecvError::Empty), "that of the latest");
    }
}
