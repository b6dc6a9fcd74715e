//! Places that are limited in all, per certificate, and with a reserve: connections of a port, watches of a node.

use crate::core::control_plane::ClusterVoterIdentity;
use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether a certificate's holder may use the reserved places.
pub type Privileged = Arc<dyn Fn(&ClusterVoterIdentity) -> bool + Send + Sync>;

/// How many places there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotaLimits {
    /// Places in all.
    pub all: usize,
    /// Of these, those that only privileged holders may use.
    pub reserved: usize,
    /// Places for one certificate.
    pub each: usize,
}

/// The places of one kind. Clones share the counts.
#[derive(Clone)]
pub struct Quota {
    /// The name of what takes a place, in the plural.
    what: &'static str,
    limits: QuotaLimits,
    privileged: Privileged,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of: BTreeMap<ClusterVoterIdentity, usize>,
}

/// One place, returned when dropped.
pub struct Place {
    quota: Quota,
    subject: Option<ClusterVoterIdentity>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Quota {
    /// Places of which none is taken.
    #[must_use]
    pub fn new(what: &'static str, limits: QuotaLimits, privileged: Privileged) -> Self {
        Self { what, limits, privileged, taken: Arc::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for the holder of a certificate, or for anybody without TLS.
    ///
    /// # Errors
    /// The message for a refusal, with the limit.
    pub fn take(&self, subject: Option<ClusterVoterIdentity>) -> Result<Place, String> {
        let (QuotaLimits { all, reserved, each }, what) = (self.limits, self.what);
        let privileged = subject.as_ref().is_none_or(|subject| (self.privileged)(subject));
        let max = if privileged { all } else { all.saturating_sub(reserved) };
        let mut taken = self.taken();
        if taken.all >= max {
            return Err(format!("{} {what} are open, at most {max} are allowed", taken.all));
        }
        if let Some(subject) = &subject {
            let own = taken.of.entry(subject.clone()).or_insert(0);
            if *own >= each {
                return Err(format!("{subject} has {own} {what}, at most {each} are allowed"));
            }
            *own += 1;
        }
        taken.all += 1;
        drop(taken);
        Ok(Place { quota: self.clone(), subject })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.quota.taken();
        taken.all -= 1;
        let Some(subject) = self.subject.take() else { return };
        if let Some(own) = taken.of.get_mut(&subject) {
            *own -= 1;
            if *own == 0 {
                taken.of.remove(&subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClusterVoterIdentity {
        ClusterVoterIdentity::from_certificate_subject(text).unwrap()
    }

    fn quota(all: usize, reserved: usize) -> Quota {
        let admin = id("CN=ann");
        let limits = QuotaLimits { all, reserved, each: 2 };
        Quota::new("connections", limits, Arc::new(move |subject| *subject == admin))
    }

    #[test]
    fn no_certificate_uses_up_the_places_of_the_others() {
        let quota = quota(4, 0);
        let connect = |text| quota.take(Some(id(text)));
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
        let quota = quota(3, 1);
        let _held = ["CN=n1", "CN=n2"].map(|text| quota.take(Some(id(text))).unwrap());
        let refused = quota.take(Some(id("CN=n3"))).unwrap_err();
        assert_eq!(refused, "2 connections are open, at most 2 are allowed");
        let _ann = quota.take(Some(id("CN=ann"))).unwrap();
        assert!(quota.take(Some(id("CN=ann"))).is_err(), "all are taken");
    }
}
