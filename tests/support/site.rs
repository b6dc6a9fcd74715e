//! The material of in-memory clusters: engines, disks, names, random numbers, and rates of faults.

use cutover::core::control_plane::{ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, Founder};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, NodeId};
use cutover::core::migration::Caps;
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Config, Durable, Elections, NodeLimits, Peer, SessionLimits};
use cutover_model::host::known_stores;

/// The durable state of a node.
pub type Disk = Durable<ControlPlaneEntry>;

/// An engine behind the seam that can run on a host.
pub trait Engine: ControlPlaneConsensus + cutover_model::host::Engine {}

impl<E: ControlPlaneConsensus + cutover_model::host::Engine> Engine for E {}

/// Limits with snapshots after a few entries, so that a short run has some.
pub const LIMITS: NodeLimits = NodeLimits {
    elections: Elections::Stable,
    window: 2,
    append_entries_max: 3,
    compact_after_entries: 5,
    keep_entries: 2,
    ..NodeLimits::PRODUCTION
};

/// A node in its first directory.
pub const fn peer(node: u8) -> Peer {
    Peer { node: NodeId(node), directory: DirectoryId(1) }
}

/// The identity of a node.
pub fn identity(node: u8) -> ClusterVoterIdentity {
    ClusterVoterIdentity::from_certificate_subject(&format!("CN=node-{node}")).unwrap()
}

/// The configuration that a node is started with.
pub const fn config(node: u8) -> Config {
    Config { me: peer(node), limits: LIMITS }
}

/// The founding configuration of a cluster of nodes 1 to `count`, all voters.
/// What the stores can give that the log knows. The last one checks no tokens.
pub const GUARANTEES: [Guarantee; 3] = [Guarantee::Sealed, Guarantee::Sealed, Guarantee::Timed];

pub fn founder(count: u8, caps: Caps) -> Founder {
    let voters = (1..=count).map(|node| (peer(node), identity(node).into())).collect();
    Founder {
        cluster: ClusterId(1),
        history: HistoryId(1),
        voters,
        caps,
        sessions: SessionLimits { sessions_max: 3, answers_max: 4 },
        stores: known_stores(GUARANTEES),
    }
}

/// Pseudo-random numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    /// True with this probability in percent.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Rates of faults, in percent.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Probability that a message is lost.
    pub loss: usize,
    /// Probability that a message is delivered and stays in flight.
    pub repeat: usize,
    /// Probability that a timer fires although something else could happen.
    pub alarm: usize,
}

/// No message is lost, and timers fire only if nothing else can happen.
pub const CALM: Weather = Weather { loss: 0, repeat: 0, alarm: 0 };
/// All kinds of faults happen.
pub const ROUGH: Weather = Weather { loss: 10, repeat: 10, alarm: 2 };
