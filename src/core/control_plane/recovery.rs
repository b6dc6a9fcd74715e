//! The first disk of a new history, with which a restore from a backup and a recovery from the loss of a quorum begin.

use super::{ControlPlaneEntry, ControlPlaneState, Founder};
use crate::core::migration::EPOCH_LEAP;
use crate::core::raft::{Applied, Configuration, Durable, SnapshotError};
use alloc::vec::Vec;

/// How often to leap. One backup may be restored several times, and knows nothing of what an earlier restore gave out. So the
/// leaps are counted by the clock, one for each second since 1970: a restore leaps further than each one before it. If the
/// clock is behind what was given out, it leaps once.
fn leaps(state: &ControlPlaneState, now_s: u64) -> u64 {
    let reached = state.table().floor().0.0 / EPOCH_LEAP;
    now_s.saturating_sub(reached).max(1)
}

impl Founder {
    /// The initial disk of the founder's history, continued from the state of another one: with the founder's voters alone, the
    /// cluster and the limits that the state has, and numbers above all that were given out. `now_s`: seconds since 1970. Before
    /// it, wait until no write of the earlier history can take effect (`Policy::barrier_ms`): a store that cannot refuse it would
    /// apply it to a copy of the new history.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn continued(
        &self,
        applied: Applied<ControlPlaneState>,
        now_s: u64,
    ) -> Result<Durable<ControlPlaneEntry>, SnapshotError> {
        let members: Vec<_> = self.voters.iter().map(|(peer, who)| (peer.node, who.clone())).collect();
        let voters = Configuration::of_voters(self.voters.iter().map(|(peer, _)| *peer));
        Durable::refounded(applied, self.history, voters, |state: ControlPlaneState, at| {
            let times = leaps(&state, now_s);
            state.recovered(members, times, at)
        })
    }
}
