//! Places on a port: so many in all and, on the port for nodes, so many for the holders of one certificate.

use crate::core::control_plane::ClusterVoterIdentity;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one port.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimit {
    all: Arc<Semaphore>,
    /// For each subject, if that has a bound.
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

/// One place, free again once this is dropped.
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

    /// A place for somebody who did not say yet who it is.
    pub(super) fn place(&self) -> Option<ConnectionPermit> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(ConnectionPermit { _of_all: permit, of_subject: None })
    }

    /// Counts a place for the holder of a certificate, or says how many that one has.
    pub(super) fn seat(
        &self,
        place: &mut ConnectionPermit,
        subject: ClusterVoterIdentity,
    ) -> Result<(), String> {
        let Some(each) = &self.each else { return Ok(()) };
        let mut all = each.taken();
        let taken = all.entry(subject.clone()).or_insert(0);
        if *taken >= each.max {
            return Err(format!("{subject} has {taken} connections, at most {} are let in", each.max));
        }
        *taken += 1;
        drop(all);
        place.of_subject = Some((each.clone(), subject));
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
    fn nobody_takes_the_places_of_the_others() {
        let room = ConnectionLimit::new(4, Some(2));
        let id = |text| ClusterVoterIdentity::from_certificate_subject(text).unwrap();
        let seat = |text| {
            let mut place = room.place().ok_or("full")?;
            room.seat(&mut place, id(text)).map(|()| place)
        };
        let one = seat("CN=n1").unwrap();
        let _two = seat("CN=n1").unwrap();
        assert_eq!(seat("CN=n1").unwrap_err(), "CN=n1 has 2 connections, at most 2 are let in");
        let _other = seat("CN=n2").unwrap();
        drop(one);
        let _again = seat("CN=n1").unwrap();
        let _last = seat("CN=n2").unwrap();
        assert_eq!(seat("CN=n3").unwrap_err(), "full");
    }
}
