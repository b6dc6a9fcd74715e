//! Who calls: in the simulator, which has no TLS, a caller names itself in its request, or is anybody.

use cutover::core::control_plane::{ClusterVoterIdentity, Subjects};
use cutover::node::server::{Access, Caller, Identify, Role};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};

/// The name in a request's metadata.
pub const CALLER: &str = "sim-caller";
/// May read the state of the cluster.
pub const VIEWER: &str = "CN=viewer,O=sim";
/// May resolve and watch, too.
pub const GATEWAY: &str = "CN=gateway,O=sim";
/// Has a certificate, and no role.
pub const NOBODY: &str = "CN=nobody,O=sim";

/// Takes a caller for who it says it is.
pub struct Claimed;

impl Identify for Claimed {
    fn caller(&self, _: &Extensions, metadata: &MetadataMap) -> Result<Caller, Status> {
        let Some(name) = metadata.get(CALLER) else { return Ok(Caller::Anybody) };
        let name = name.to_str().map_err(|error| Status::unauthenticated(error.to_string()))?;
        let identity = ClusterVoterIdentity::from_certificate_subject(name);
        identity.map(Caller::Holder).map_err(|error| Status::unauthenticated(error.to_string()))
    }
}

/// The roles of all callers; `gateways`: of the gateways, too.
#[must_use]
pub fn access(gateways: bool) -> Access {
    let all = [(VIEWER, Role::ReadOnly), (GATEWAY, Role::Gateway)];
    let some = all.into_iter().filter(|(_, role)| gateways || *role != Role::Gateway);
    Access { roles: some.filter_map(|(name, role)| Some((Subjects::parse(name).ok()?, role))).collect() }
}
