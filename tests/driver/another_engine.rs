//! The driver works with an engine that is defined outside the crate.

use super::{InstantDisk, Wire, create, ends, environment, peer, until};
use cutover::core::control_plane::{
    Accepted, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneError, ControlPlaneInput,
    ControlPlaneOutput, ControlPlaneState, ControlPlaneStatus, DurableVoteState, FollowerStatus, Founder,
    Registered, SingleNodeControlPlane,
};
use cutover::core::ids::{ClusterId, HistoryId, Index};
use cutover::core::migration::Caps;
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Applied, Config, Configuration, NodeLimits, Outcome, Peer, SessionLimits};
use cutover::node::driver::{DriverConfig, Stopped, start};
use cutover_model::host::known_stores;
use std::sync::{Arc, Mutex};

/// An engine that counts its inputs.
#[derive(Debug)]
struct Third {
    inner: SingleNodeControlPlane,
    inputs: Arc<Mutex<Vec<ControlPlaneInput>>>,
}

impl ControlPlaneConsensus for Third {
    fn name(&self) -> &'static str {
        "third"
    }

    fn status(&self) -> ControlPlaneStatus {
        self.inner.status()
    }

    fn applied(&self) -> &Applied<ControlPlaneState> {
        self.inner.applied()
    }

    fn uncommitted_configurations(&self) -> &[(Index, Configuration)] {
        self.inner.uncommitted_configurations()
    }

    fn members(&self) -> Vec<(Peer, Registered)> {
        self.inner.members()
    }

    fn followers(&self) -> Vec<FollowerStatus> {
        self.inner.followers()
    }

    fn durable_vote(&self) -> DurableVoteState {
        self.inner.durable_vote()
    }

    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        self.inner.encode()
    }

    fn handle(&mut self, input: ControlPlaneInput) -> Result<Accepted, ControlPlaneError> {
        self.inputs.lock().unwrap().push(input.clone());
        self.inner.handle(input)
    }

    fn take_outputs(&mut self) -> Vec<ControlPlaneOutput> {
        self.inner.take_outputs()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_engine_is_driven_as_well() {
    let identity = ClusterVoterIdentity::from_certificate_subject("CN=n1").unwrap();
    let founder = Founder {
        cluster: ClusterId(1),
        history: HistoryId(1),
        voters: Vec::new(),
        caps: Caps::PRODUCTION,
        sessions: SessionLimits::PRODUCTION,
        stores: known_stores([Guarantee::Sealed; 3]),
    };
    let config = Config { me: peer(1), limits: NodeLimits::PRODUCTION };
    let (inner, _) = SingleNodeControlPlane::bootstrap_leader(config, identity, &founder).unwrap();
    let inputs = Arc::default();
    let engine = Third { inner, inputs: Arc::clone(&inputs) };
    let (handle, _inbox, task) =
        start(DriverConfig::default(), Box::new(engine), InstantDisk, Wire::default(), environment());
    until("it leads", || handle.status().commit.0 >= 2).await;
    let proposed = ends("an acknowledgement", handle.propose(create(1), None)).await;
    assert!(matches!(proposed, Ok(Outcome::Committed { .. })));
    assert_eq!(ends("a read", handle.read(|view| view.engine())).await, Ok("third"));
    handle.stop();
    assert_eq!(ends("the end of the node", task).await.unwrap(), Stopped::Requested);
    let inputs = inputs.lock().unwrap();
    let proposed = inputs.iter().filter(|input| matches!(input, ControlPlaneInput::Propose(_))).count();
    assert_eq!((proposed, inputs.contains(&ControlPlaneInput::Read)), (1, true));
    assert!(inputs.iter().all(|input| !matches!(input, ControlPlaneInput::TimerFired(_))), "no timer runs");
}
