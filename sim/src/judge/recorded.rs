//! What the machines of partitions with data were given, in the order of the run: as recordings, one for each partition.

use super::{Judge, own};
use crate::event_log::lock;
use crate::outcome::Recording;
use crate::tape::check;
use cutover::core::control_plane::ControlPlaneState;
use cutover::core::ids::PartitionId;
use cutover::core::trace::partition::{Frame, digest, encode, frames};
use cutover::core::trace::recording::RecordingError;
use cutover_model::copies::{Replayed, replay};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A frame, and the partition that it is about.
type About = (Option<PartitionId>, Frame);

/// The frames of all partitions, in order; `None`: of each of them. Clones share them.
#[derive(Clone)]
pub struct Recorded {
    keeps: bool,
    state: Arc<ControlPlaneState>,
    frames: Arc<Mutex<Vec<About>>>,
}

impl Recorded {
    /// Nothing yet, in a log that begins with this state. `keeps`: whether anything is kept.
    #[must_use]
    pub fn new(state: &ControlPlaneState, keeps: bool) -> Self {
        Self { keeps, state: Arc::new(state.clone()), frames: Arc::default() }
    }

    /// Whether anything is kept.
    #[must_use]
    pub const fn keeps(&self) -> bool {
        self.keeps
    }

    /// Adds a frame, about one partition or about all.
    pub fn push(&self, partition: Option<PartitionId>, frame: impl FnOnce() -> Frame) {
        if self.keeps {
            lock(&self.frames).push((partition, frame()));
        }
    }

    /// The recording of a partition, with this end.
    fn of(&self, partition: PartitionId, end: Frame) -> Result<Vec<u8>, RecordingError> {
        let kept = lock(&self.frames);
        let start = Frame::Start { partition, state: Box::new((*self.state).clone()) };
        let about = |of: &Option<PartitionId>| of.is_none_or(|of| of == partition);
        let steps = kept.iter().filter(|(of, _)| about(of)).map(|(_, frame)| frame);
        encode([&start].into_iter().chain(steps).chain([&end]))
    }
}

impl Judge {
    /// The frames of the recordings of partitions, to add to them.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        self.recorded.clone()
    }

    /// Writes the recording of a partition, reads it and replays it.
    fn replayed(&self, partition: PartitionId) -> Result<(Vec<u8>, Replayed), RecordingError> {
        let mut stores = Vec::new();
        for (store, shadow) in
            self.stores.judges.get(&partition).into_iter().flat_map(|judge| judge.shadows())
        {
            stores.push((store, digest(&shadow.fence, &shadow.data)?));
        }
        let bytes = self.recorded.of(partition, Frame::End { stores })?;
        let replayed = replay(frames(&bytes)?)?;
        Ok((bytes, replayed))
    }

    /// Replays the flight recording of a node's start through the pure machine.
    pub(super) fn replay_tape(&mut self, node: u8) {
        let id = self.id(node);
        let Some(tape) = self.shadows.get_mut(&id).and_then(|shadow| shadow.tape.take()) else { return };
        let Some(host) = self.hosts.get(&id) else { return };
        let ended = tape.ended(&host.engine);
        if self.lowering {
            match ended.as_ref().map_or_else(|error| Err(error.clone()), |bytes| check(bytes)) {
                Ok(()) => self.event_log.count("mark", "a recording replayed"),
                Err(found) => {
                    let found = format!("the recording of n{node}: {found}");
                    self.find(own::LOWERING, found, "it ends as the node".to_owned());
                }
            }
        }
        if let Ok(bytes) = ended
            && self.event_log.keeps_text()
            && !bytes.is_empty()
        {
            let starts = self.tapes.iter().filter(|tape| tape.name.starts_with(&format!("n{node}."))).count();
            self.tapes.push(Recording { name: format!("n{node}.{}", starts + 1), bytes, holds: None });
        }
    }

    /// Replays the recording of each partition with data: it must end in the state of each machine, with the same findings, and each store
    /// must have what its inputs alone make of its machines.
    pub fn check_recordings(&mut self) {
        self.note_unjudged();
        if !self.lowering {
            return;
        }
        let partitions: Vec<PartitionId> = self.stores.judges.keys().copied().collect();
        for partition in partitions {
            let wrong = match self.replayed(partition) {
                Ok((_, replayed)) => self.differs(partition, &replayed),
                Err(error) => Some(error.to_string()),
            };
            self.event_log.count("store", "recordings of partitions replayed");
            if let Some(found) = wrong {
                let found = format!("the recording of {partition}: {found}");
                let against = "it ends as the run, with the same findings".to_owned();
                self.find_about(Some(partition), own::LOWERING, found, against);
            }
        }
    }

    /// How a replay differs from the run.
    fn differs(&self, partition: PartitionId, replayed: &Replayed) -> Option<String> {
        if !replayed.ended || !replayed.as_recorded() {
            let Replayed { strays, violations, recorded, .. } = replayed;
            return Some(format!("{violations:?} and not {recorded:?}, others than in the run: {strays:?}"));
        }
        let mut kept = self.stores.kept.iter().filter(|((_, of), _)| *of == partition);
        let other = kept.find(|((store, _), durable)| {
            replayed.judge.shadow(*store).is_none_or(|shadow| shadow.fence.durable() != *durable)
        });
        other.map(|((store, _), durable)| format!("{store} has {durable:?}"))
    }

    /// The recordings of the partitions that findings are about, and those of nodes that were kept.
    #[must_use]
    pub fn recordings(&self) -> Vec<Recording> {
        let named: BTreeSet<PartitionId> =
            self.findings.iter().filter_map(|finding| finding.partition).collect();
        let written = named.into_iter().filter(|_| self.recorded.keeps).filter_map(|partition| {
            let (bytes, replayed) = self.replayed(partition).ok()?;
            let holds = Some(replayed.machines_hold());
            Some(Recording { name: partition.to_string(), bytes, holds })
        });
        written.chain(self.tapes.iter().cloned()).collect()
    }
}
