//! Who may make which call of a store that holds data.

use crate::core::control_plane::{ClusterVoterIdentity, Subjects};
use crate::node::proto::Problem;
use crate::node::proto::v1::{self, error_detail::Why};
use crate::node::server::{Caller, Identify, Plain};
use arc_swap::ArcSwap;
use core::fmt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Status};

/// What a caller is to a store. None includes another: a gateway does not copy, and a store does not write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinkRole {
    /// Writes and reads rows.
    Gateway,
    /// A node of the control plane: prepares, seals, ends and drops copies.
    Node,
    /// Another store: copies.
    Store,
}

impl fmt::Display for SinkRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "gateway",
            Self::Node => "node",
            Self::Store => "store",
        })
    }
}

/// Each role.
const ANY: &[SinkRole] = &[SinkRole::Gateway, SinkRole::Node, SinkRole::Store];

/// The roles that may make each call. A call that is not listed is refused to everyone.
const CALLS: &[(&str, &[SinkRole])] = &[
    ("Write", &[SinkRole::Gateway]),
    ("Read", &[SinkRole::Gateway]),
    ("Prepare", &[SinkRole::Node]),
    ("Seal", &[SinkRole::Node]),
    ("Watermark", &[SinkRole::Node]),
    ("Evidence", &[SinkRole::Node]),
    ("End", &[SinkRole::Node]),
    ("Drop", &[SinkRole::Node]),
    ("Export", &[SinkRole::Store]),
    ("Take", &[SinkRole::Store]),
    ("Describe", ANY),
];

/// Subjects and their roles; a subject may have several.
pub type SinkRoles = Vec<(Subjects, SinkRole)>;

/// Which certificates have which role at a store. On a port without TLS everybody has every role. Clones share the roles.
#[derive(Clone)]
pub struct SinkAccess {
    identify: Arc<dyn Identify>,
    roles: Arc<ArcSwap<SinkRoles>>,
}

impl SinkAccess {
    /// Who is identified like this has these roles.
    #[must_use]
    pub fn new(identify: Arc<dyn Identify>, roles: SinkRoles) -> Self {
        Self { identify, roles: Arc::new(ArcSwap::from_pointee(roles)) }
    }

    /// For a port without TLS.
    #[must_use]
    pub fn plain() -> Self {
        Self::new(Arc::new(Plain), Vec::new())
    }

    /// Takes other roles into use. Returns whether they differ from those before.
    #[must_use]
    pub fn replace(&self, roles: SinkRoles) -> bool {
        let before = self.roles.load();
        let differs = **before != roles;
        if differs {
            self.roles.store(Arc::new(roles));
        }
        differs
    }

    /// The roles that the holder of a certificate has now.
    #[must_use]
    pub fn roles(&self, identity: &ClusterVoterIdentity) -> Vec<SinkRole> {
        let roles = self.roles.load();
        let of = roles.iter().filter(|(subjects, _)| subjects.contain(identity));
        of.map(|(_, role)| *role).collect()
    }

    /// Checks that the caller may make this call. A call that the table of roles does not list is refused to everyone.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, with the caller's roles and those that may make the call.
    pub fn allow(&self, call: &str, extensions: &Extensions, metadata: &MetadataMap) -> Result<(), Status> {
        let caller = self.identify.caller(extensions, metadata)?;
        let may = CALLS.iter().find(|(name, _)| *name == call).map_or(&[][..], |(_, may)| *may);
        let (identity, has) = match &caller {
            Caller::Holder(identity) => (identity.to_string(), self.roles(identity)),
            Caller::Anybody => ("nobody".to_owned(), ANY.to_vec()),
        };
        if may.iter().any(|role| has.contains(role)) {
            return Ok(());
        }
        metrics::counter!("cutover_refused_total", "reason" => "denied").increment(1);
        let (has, needs) = (listed(&has, "no role"), listed(may, "a role that there is not"));
        let message = format!("{identity} has {has}, {call} needs {needs}");
        Err(Problem {
            code: Code::PermissionDenied,
            message,
            why: Why::Denied(v1::Denied { identity, needs }),
        }
        .into())
    }
}

/// The roles as text, or what is said if there is none.
fn listed(roles: &[SinkRole], none: &str) -> String {
    if roles.is_empty() {
        return none.to_owned();
    }
    roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}
