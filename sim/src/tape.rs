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

    /// The recording, which ends with the state of `engine`; nothing if there was no input.
    ///
    /// # Errors
    /// [`RecordingError`] if it cannot be written.
    pub fn ended(mut self, engine: &dyn ControlPlaneConsensus) -> Result<Vec<u8>, RecordingError> {
        if !self.bytes.is_empty() {
            self.write(digest(engine).map(Frame::End));
        }
        self.failed.map_or(Ok(self.bytes), Err)
    }
}

/// Replays a recording, which must end in the state that its end has.
///
/// # Errors
/// [`RecordingError`] if it does not, or cannot be read.
pub fn check(bytes: &[u8]) -> Result<(), RecordingError> {
    if bytes.is_empty() { Ok(()) } else { replay(frames(bytes)?).map(|_| ()) }
}
