//! Limits on open connections: per port, and on the peer port also per certificate.

use crate::core::control_plane::ClusterVoterIdentity;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections of one port that are still allowed. Clones share the count.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimit {
    all: Arc<Semaphore>,
    /// The limit per certificate subject, if there is one.
    each: Option<Each>,
}

#[derive(Clone, Debug)]
struct Each {
    max: usize,
    taken: Arc<Mutex<BTreeMap<ClusterVoterIdentity, usize>>>,
}

impl Each {
    fn taken(&self) -> MutexGuard<'_, BTreeMap<ClusterVoterIdentity, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permission for one connection, returned when dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    _of_all: OwnedSemaphorePermit,
    of_subject: Option<(Each, ClusterVoterIdentity)>,
}

impl ConnectionLimit {
    pub(super) fn new(all: usize, each: Option<usize>) -> Self {
        let each = each.map(|max| Each { max, taken: Arc::default() });
        Self { all: Arc::new(Semaphore::new(all)), each }
    }

    /// Takes a permit of the port, before the other end is identified. `None`: the port is full.
    pub(super) fn acquire(&self) -> Option<ConnectionPermit> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(ConnectionPermit { _of_all: permit, of_subject: None })
    }

    /// Counts a permit against the limit of a certificate subject, or returns the message for a refusal.
    pub(super) fn count(
        &self,
        permit: &mut ConnectionPermit,
        subject: ClusterVoterIdentity,
    ) -> Result<(), String> {
        let Some(each) = &self.each else { return Ok(()) };
        let mut all = each.taken();
        let taken = all.entry(subject.clone()).or_insert(0);
        if *taken >= each.max {
            return Err(format!("{subject} has {taken} connections, at most {} are allowed", each.max));
        }
        *taken += 1;
        drop(all);
        permit.of_subject = Some((each.clone(), subject));
        Ok(())
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let Some((each, subject)) = self.of_subject.take() else { return };
        let mut all = each.taken();
        if let Some(taken) = all.get_mut(&subject) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_peer_uses_up_the_connections_of_the_others() {
        let limit = ConnectionLimit::new(4, Some(2));
        let id = |text| ClusterVoterIdentity::from_certificate_subject(text).unwrap();
        let connect = |text| {
            let mut permit = limit.acquire().ok_or("full")?;
            limit.count(&mut permit, id(text)).map(|()| permit)
        };
        let one = connect("CN=n1").unwrap();
        let _two = connect("CN=n1").unwrap();
        assert_eq!(connect("CN=n1").unwrap_err(), "CN=n1 has 2 connections, at most 2 are allowed");
        let _other = connect("CN=n2").unwrap();
        drop(one);
        let _again = connect("CN=n1").unwrap();
        let _last = connect("CN=n2").unwrap();
        assert_eq!(connect("CN=n3").unwrap_err(), "full");
    }
}
