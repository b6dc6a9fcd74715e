//! Who may make which call of a store that holds data.

use crate::core::control_plane::Subjects;
use crate::node::proto::Problem;
use crate::node::proto::v1::{self, error_detail::Why};
use crate::node::server::{Caller, Identify, Plain};
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

/// The role that each call needs; any role may make the calls that are not listed here.
const CALLS: &[(&str, SinkRole)] = &[
    ("Write", SinkRole::Gateway),
    ("Read", SinkRole::Gateway),
    ("Prepare", SinkRole::Node),
    ("Seal", SinkRole::Node),
    ("Watermark", SinkRole::Node),
    ("Evidence", SinkRole::Node),
    ("End", SinkRole::Node),
    ("Drop", SinkRole::Node),
    ("Export", SinkRole::Store),
    ("Take", SinkRole::Store),
];

/// Which certificates have which role at a store. On a port without TLS everybody has every role.
#[derive(Clone)]
pub struct SinkAccess {
    identify: Arc<dyn Identify>,
    roles: Arc<[(Subjects, SinkRole)]>,
}

impl SinkAccess {
    /// Subjects and their roles; a subject may have several.
    #[must_use]
    pub fn new(identify: Arc<dyn Identify>, roles: Vec<(Subjects, SinkRole)>) -> Self {
        Self { identify, roles: roles.into() }
    }

    /// For a port without TLS.
    #[must_use]
    pub fn plain() -> Self {
        Self::new(Arc::new(Plain), Vec::new())
    }

    /// Checks that the caller may make this call.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, with the caller's roles and the one that the call needs.
    pub fn allow(&self, call: &str, extensions: &Extensions, metadata: &MetadataMap) -> Result<(), Status> {
        let Caller::Holder(identity) = self.identify.caller(extensions, metadata)? else { return Ok(()) };
        let of = self.roles.iter().filter(|(subjects, _)| subjects.contain(&identity));
        let has: Vec<SinkRole> = of.map(|(_, role)| *role).collect();
        let needs = CALLS.iter().find(|(name, _)| *name == call).map(|(_, role)| *role);
        if needs.map_or(!has.is_empty(), |needs| has.contains(&needs)) {
            return Ok(());
        }
        metrics::counter!("cutover_refused_total", "reason" => "denied").increment(1);
        let needs = needs.map_or_else(|| "any role".to_owned(), |role| format!("the role {role:?}"));
        let message = format!("{identity} has the roles {has:?}, {call} needs {needs}");
        let why = Why::Denied(v1::Denied { identity: identity.to_string(), needs });
        Err(Problem { code: Code::PermissionDenied, message, why }.into())
    }
}
