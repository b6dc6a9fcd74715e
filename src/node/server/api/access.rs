//! Roles, the role that each call needs, and which certificates have which role.

use crate::core::control_plane::{ClusterVoterIdentity, Subjects};
use crate::node::proto::Problem;
use crate::node::proto::v1::{self, error_detail::Why};
use arc_swap::ArcSwap;
use core::fmt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Status};

/// A caller's permissions, in ascending order: each role includes the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May read the state of the cluster: status, members, partitions, plans.
    ReadOnly,
    /// May read the state of the cluster, resolve partitions, watch changes, and open sessions to number its writes in.
    Gateway,
    /// May make every call.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "read-only",
            Self::Gateway => "gateway",
            Self::Admin => "admin",
        })
    }
}

/// The role that each call needs. A call that is not listed is refused.
const CALLS: &[(&str, Role)] = &[
    ("Status", Role::ReadOnly),
    ("Members", Role::ReadOnly),
    ("List", Role::ReadOnly),
    ("Plan", Role::ReadOnly),
    ("Audit", Role::ReadOnly),
    ("Moves", Role::ReadOnly),
    ("ListStores", Role::ReadOnly),
    ("Resolve", Role::Gateway),
    ("Floor", Role::Gateway),
    ("Watch", Role::Gateway),
    ("Open", Role::Gateway),
    ("Apply", Role::Admin),
    ("Order", Role::Admin),
    ("Close", Role::Admin),
    ("ChangeMembers", Role::Admin),
    ("ChangeStores", Role::Admin),
    ("Transfer", Role::Admin),
    ("Backup", Role::Admin),
];

/// The caller of a request, as far as it is identified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Caller {
    /// The holder of a verified certificate with this subject.
    Holder(ClusterVoterIdentity),
    /// An unidentified process, on a port without TLS. It gets the role `Admin`.
    Anybody,
}

/// Identifies the caller of a request: by its certificate in production, by metadata in the simulator, which
/// has no TLS.
pub trait Identify: Send + Sync + 'static {
    /// Returns the caller of a request, from its connection or metadata.
    ///
    /// # Errors
    /// A status, if the caller cannot be identified.
    fn caller(&self, extensions: &Extensions, metadata: &MetadataMap) -> Result<Caller, Status>;
}

/// Treats every caller as [`Caller::Anybody`], for a port without TLS.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Identify for Plain {
    fn caller(&self, _: &Extensions, _: &MetadataMap) -> Result<Caller, Status> {
        Ok(Caller::Anybody)
    }
}

/// Assigns roles to certificate subjects.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Access {
    /// Pairs of a set and its role. A subject gets the highest role of all sets that contain it.
    pub roles: Vec<(Subjects, Role)>,
}

impl Access {
    /// The role of a caller. `None`: no set contains its subject.
    #[must_use]
    pub fn role(&self, caller: &Caller) -> Option<Role> {
        match caller {
            Caller::Anybody => Some(Role::Admin),
            Caller::Holder(identity) => {
                let of = self.roles.iter().filter(|(subjects, _)| subjects.contain(identity));
                of.map(|(_, role)| *role).max()
            }
        }
    }

    /// Checks that a caller may make a call. A call that the table of roles does not list is refused to
    /// everyone.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, with the caller's role and the role that the call needs.
    pub fn allow(&self, caller: &Caller, call: &str) -> Result<(), Status> {
        let needs = CALLS.iter().find(|(name, _)| *name == call).map(|(_, role)| *role);
        let has = self.role(caller);
        if needs.is_some() && has >= needs {
            return Ok(());
        }
        metrics::counter!("cutover_refused_total", "reason" => "denied").increment(1);
        let identity = match caller {
            Caller::Holder(identity) => identity.to_string(),
            Caller::Anybody => "nobody".to_owned(),
        };
        let needs = needs.map_or_else(|| "no role has".to_owned(), |role| role.to_string());
        let has = has.map_or_else(|| "no role".to_owned(), |role| format!("the role {role}"));
        let message = format!("{identity} has {has}, {call} needs {needs}");
        Err(Problem {
            code: Code::PermissionDenied,
            message,
            why: Why::Denied(v1::Denied { identity, needs }),
        }
        .into())
    }
}

/// The roles in use. Clones share them.
#[derive(Clone, Debug)]
pub struct SharedAccess(Arc<ArcSwap<Access>>);

impl From<Access> for SharedAccess {
    fn from(access: Access) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(access)))
    }
}

impl SharedAccess {
    /// The role of a caller now.
    #[must_use]
    pub fn role(&self, caller: &Caller) -> Option<Role> {
        self.0.load().role(caller)
    }

    /// Checks that a caller may make a call now.
    ///
    /// # Errors
    /// As [`Access::allow`].
    pub fn allow(&self, caller: &Caller, call: &str) -> Result<(), Status> {
        self.0.load().allow(caller, call)
    }

    /// Takes other roles into use. Returns whether they differ from those before.
    #[must_use]
    pub fn replace(&self, access: Access) -> bool {
        let before = self.0.load();
        let differs = **before != access;
        if differs {
            self.0.store(Arc::new(access));
        }
        differs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClusterVoterIdentity {
        ClusterVoterIdentity::from_certificate_subject(text).unwrap()
    }

    #[test]
    fn a_role_may_do_what_lower_ones_may_and_nothing_is_open() {
        let rule = |text: &str, role| (Subjects::parse(text).unwrap(), role);
        let access = Access {
            roles: vec![
                rule("CN=ann,O=e", Role::Admin),
                rule("OU=gw,O=e", Role::Gateway),
                rule("O=e", Role::ReadOnly),
            ],
        };
        let may = |subject: &str, call: &str| access.allow(&Caller::Holder(id(subject)), call).is_ok();
        for (subject, status, resolve, apply) in [
            ("CN=ann,O=e", true, true, true),
            ("CN=g,OU=gw,O=e", true, true, false),
            ("CN=joe,O=e", true, false, false),
            ("CN=ann,O=f", false, false, false),
        ] {
            assert_eq!(
                [may(subject, "Status"), may(subject, "Resolve"), may(subject, "Apply")],
                [status, resolve, apply]
            );
        }
        assert!(!may("CN=ann,O=e", "Destroy"), "what is not listed is refused");
        assert!(access.allow(&Caller::Anybody, "Apply").is_ok());
        let shared = SharedAccess::from(access.clone());
        let used = shared.clone();
        assert!(!shared.replace(access));
        assert!(used.allow(&Caller::Holder(id("CN=g,OU=gw,O=e")), "Watch").is_ok());
        assert!(shared.replace(Access::default()));
        assert!(used.allow(&Caller::Holder(id("CN=g,OU=gw,O=e")), "Watch").is_err());
    }
}
