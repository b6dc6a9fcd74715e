//! A flight recording in memory: written, read back and replayed as the recorder's files are.

use cutover::core::control_plane::{ControlPlaneConsensus, ControlPlaneInput};
use cutover::core::trace::recording::{Frame, RecordingError, digest, frames, replay};

/// One start of one node.
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

    /// The engine is about to get this input.
    pub fn input(&mut self, before: &dyn ControlPlaneConsensus, input: &ControlPlaneInput) {
        if self.bytes.is_empty() {
            self.write(Frame::start(before));
        }
        self.write(Ok(Frame::Input(input.clone())));
    }

    /// Whether the recording ends in this state.
    ///
    /// # Errors
    /// What is wrong with it.
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
