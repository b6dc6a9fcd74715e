//! Limits on open connections: per port, per certificate, and on those that have not identified themselves.

use crate::core::control_plane::ClusterVoterIdentity;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Whether a certificate's holder may use the reserved connections.
pub(super) type Privileged = Arc<dyn Fn(&ClusterVoterIdentity) -> bool + Send + Sync>;

/// The connections that one port allows.
pub(super) struct Bounds {
    /// Open connections.
    pub(super) all: usize,
    /// Of these, those that only privileged holders may use.
    pub(super) reserved: usize,
    /// Open connections with one certificate.
    pub(super) each: usize,
    /// Connections whose handshake is not complete. Beyond it, the oldest of them is closed: an honest one takes
    /// milliseconds.
    pub(super) half_open: usize,
    pub(super) privileged: Privileged,
}

/// The connections of one port. Clones share the counts.
#[derive(Clone)]
pub(super) struct ConnectionLimit {
    bounds: Arc<Bounds>,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    all: usize,
    of: BTreeMap<ClusterVoterIdentity, usize>,
    half_open: VecDeque<(u64, oneshot::Sender<()>)>,
    last: u64,
}

/// Permission for one connection, returned when dropped.
pub(super) struct ConnectionPermit {
    limit: ConnectionLimit,
    subject: Option<ClusterVoterIdentity>,
}

impl fmt::Debug for ConnectionPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionPermit").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// A connection in its handshake.
pub(super) struct HalfOpen {
    limit: ConnectionLimit,
    number: u64,
    /// Resolves when later ones need its place.
    pub(super) displaced: oneshot::Receiver<()>,
}

impl ConnectionLimit {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds: Arc::new(bounds), open: Arc::default() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection whose handshake begins.
    pub(super) fn begin(&self) -> HalfOpen {
        let (place, displaced) = oneshot::channel();
        let mut open = self.open();
        if open.half_open.len() >= self.bounds.half_open {
            open.half_open.pop_front();
        }
        open.last += 1;
        let number = open.last;
        open.half_open.push_back((number, place));
        HalfOpen { limit: self.clone(), number, displaced }
    }

    /// Takes a permit for the holder of a certificate, or for anybody without TLS; or returns the message for a
    /// refusal.
    pub(super) fn admit(&self, subject: Option<ClusterVoterIdentity>) -> Result<ConnectionPermit, String> {
        let Bounds { all, reserved, each, .. } = *self.bounds;
        let privileged = subject.as_ref().is_none_or(|subject| (self.bounds.privileged)(subject));
        let max = if privileged { all } else { all.saturating_sub(reserved) };
        let mut open = self.open();
        if open.all >= max {
            return Err(format!("{} connections are open, at most {max} are allowed", open.all));
        }
        if let Some(subject) = &subject {
            let taken = open.of.entry(subject.clone()).or_insert(0);
            if *taken >= each {
                return Err(format!("{subject} has {taken} connections, at most {each} are allowed"));
            }
            *taken += 1;
        }
        open.all += 1;
        drop(open);
        Ok(ConnectionPermit { limit: self.clone(), subject })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.limit.open();
        open.all -= 1;
        let Some(subject) = self.subject.take() else { return };
        if let Some(taken) = open.of.get_mut(&subject) {
            *taken -= 1;
            if *taken == 0 {
                open.of.remove(&subject);
            }
        }
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.limit.open().half_open.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClusterVoterIdentity {
        ClusterVoterIdentity::from_certificate_subject(text).unwrap()
    }

    fn limit(all: usize, reserved: usize) -> ConnectionLimit {
        let admin = id("CN=ann");
        let privileged: Privileged = Arc::new(move |subject| *subject == admin);
        ConnectionLimit::new(Bounds { all, reserved, each: 2, half_open: 2, privileged })
    }

    #[test]
    fn no_certificate_uses_up_the_connections_of_the_others() {
        let limit = limit(4, 0);
        let connect = |text| limit.admit(Some(id(text)));
        let one = connect("CN=n1").unwrap();
        let _two = connect("CN=n1").unwrap();
        assert_eq!(connect("CN=n1").unwrap_err(), "CN=n1 has 2 connections, at most 2 are allowed");
        let _other = connect("CN=n2").unwrap();
        drop(one);
        let _again = connect("CN=n1").unwrap();
        let _last = connect("CN=n2").unwrap();
        assert_eq!(connect("CN=n3").unwrap_err(), "4 connections are open, at most 4 are allowed");
    }

    #[test]
    fn a_reserve_is_left_for_those_who_are_privileged() {
        let limit = limit(3, 1);
        let _held = ["CN=n1", "CN=n2"].map(|text| limit.admit(Some(id(text))).unwrap());
        let refused = limit.admit(Some(id("CN=n3"))).unwrap_err();
        assert_eq!(refused, "2 connections are open, at most 2 are allowed");
        let _ann = limit.admit(Some(id("CN=ann"))).unwrap();
        assert!(limit.admit(Some(id("CN=ann"))).is_err(), "the port is full");
    }

    #[test]
    fn a_handshake_that_takes_long_makes_room_for_others() {
        let limit = limit(1, 0);
        let (mut one, mut two) = (limit.begin(), limit.begin());
        let mut three = limit.begin();
        assert!(one.displaced.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        assert!(two.displaced.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        drop(two);
        let _four = limit.begin();
        assert!(three.displaced.try_recv() == Err(oneshot::error::TryRecvError::Empty), "a place was free");
    }
}
