//! A flight recording in memory: written, read back and replayed in the same way as a file of the recorder.

use cutover::core::control_plane::{ControlPlaneConsensus, ControlPlaneInput};
use cutover::core::trace::recording::{Frame, RecordingError, digest, frames, replay};

/// The recording of one start of a node.
#[derive(Default)]
pub struct Tape {
    bytes: Vec<u8>,
    failed: Option<RecordingError>,
}

impl Tape {
    fn write(&mut self, frame: Result<Frame, RecordingError>) {
        match frame.and_then(|frame| frame.encode()) {
            Ok(bytes) => self.bytes.extend_from_slice(&bytes),
            Err(error) => self.failed = Some(error),
        }
    }

    /// Call before the engine gets an input.
    pub fn input(&mut self, before: &dyn ControlPlaneConsensus, input: &ControlPlaneInput) {
        if self.bytes.is_empty() {
            self.write(Frame::start(before));
        }
        self.write(Ok(Frame::Input(input.clone())));
    }

    /// Replays the recording and returns whether it ends in the state of `engine`.
    ///
    /// # Errors
    /// [`RecordingError`] if the recording cannot be read.
    pub fn ends_as(mut self, engine: &dyn ControlPlaneConsensus) -> Result<(), RecordingError> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let end = digest(engine)?;
        self.write(Ok(Frame::End(end)));
        match self.failed {
            Some(error) => Err(error),
            None => replay(frames(&self.bytes)?).map(|_| ()),
        }
    }
}
