//! The reference of a node's disk, beside each write and each crash of a walk.

use super::Consensus;
use super::host::Host;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::{BatchNumber, Durable, Message};
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::disk::DiskBeside;

/// What the reference makes of a disk with the next batches; `None` in a search, and after a disagreement.
pub(super) struct Expected(Option<DiskBeside<ControlPlaneEntry>>);

/// What the reference says.
pub(super) type Agrees = Result<(), Disagreement>;

impl Consensus {
    /// What a host's disk must hold when this number of its batches are written, the oldest first, and the others are not.
    pub(super) fn expected(&self, host: &Host, batches: usize) -> (Expected, Agrees) {
        if self.cluster.world.is_none() {
            return (Expected(None), Ok(()));
        }
        match with(host, batches) {
            Ok(beside) => (Expected(Some(beside)), Ok(())),
            Err(disagreement) => (Expected(None), Err(disagreement)),
        }
    }
}

fn with(host: &Host, batches: usize) -> Result<DiskBeside<ControlPlaneEntry>, Disagreement> {
    let mut beside = DiskBeside::new(&host.disk);
    let mut through = BatchNumber::ZERO;
    for (at, (number, batch)) in host.pending().enumerate() {
        beside.persists(number, batch)?;
        if at < batches {
            through = number;
        }
    }
    beside.crashed(through)?;
    Ok(beside)
}

impl Expected {
    /// Judges what the disk holds now, and the messages that leave.
    pub(super) fn judge(
        &self,
        durable: &Durable<ControlPlaneEntry>,
        left: &[Message<ControlPlaneEntry>],
    ) -> Agrees {
        let Some(beside) = &self.0 else { return Ok(()) };
        beside.compare(durable)?;
        left.iter().try_for_each(|message| beside.leaves(message))
    }
}
