//! A flight recording of one engine: its kind, its state at the start, and all its inputs. Replaying the
//! inputs through the same kind of engine ends in the same state.
//!
//! ```text
//! "cutover-recording" version u32 | frame …
//! frame = length u32 | check u32 | postcard bytes
//! ```
//!
//! The first frame is the state, the last one a digest of the final state. If the last frame is missing or
//! cut off, the process ended during the recording.

use super::framing;
pub use super::framing::RecordingError;
use crate::core::control_plane::{
    ControlPlaneConsensus, ControlPlaneInput, ReplicatedControlPlane, SingleNodeControlPlane,
};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The first bytes of a recording.
pub const MAGIC: &[u8; 17] = b"cutover-recording";
/// The version of the format that is written.
pub const VERSION: u32 = 7;

/// A frame of a recording.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Frame {
    /// The engine at the start of the recording.
    Start {
        /// The engine's [name](ControlPlaneConsensus::name).
        engine: String,
        /// The engine's state, [encoded](ControlPlaneConsensus::encode).
        state: Vec<u8>,
    },
    /// An input that was given to the engine, in the order of the calls.
    Input(ControlPlaneInput),
    /// The digest of the engine's state at the end of the recording.
    End(u64),
}

/// The result of a successful replay.
pub struct Replayed {
    /// The number of inputs replayed.
    pub calls: u64,
    /// The engine after the replay.
    pub engine: Box<dyn ControlPlaneConsensus>,
    /// Whether the recording has an end frame, with which the final state was compared.
    pub ended: bool,
}

impl fmt::Debug for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, engine, ended } = self;
        let mut shown = f.debug_struct("Replayed");
        shown.field("calls", calls).field("engine", &engine.status()).field("ended", ended).finish()
    }
}

/// The digest of an engine's state: FNV-1a over its encoding.
///
/// # Errors
/// [`RecordingError::Codec`]
pub fn digest(engine: &dyn ControlPlaneConsensus) -> Result<u64, RecordingError> {
    Ok(framing::fnv(&encode(engine)?))
}

fn encode(engine: &dyn ControlPlaneConsensus) -> Result<Vec<u8>, RecordingError> {
    engine.encode().map_err(|source| RecordingError::Codec { frame: 0, source })
}

/// Starts the engine of a recording. A new kind of engine must be added here.
fn start(name: &str, state: &[u8]) -> Result<Box<dyn ControlPlaneConsensus>, RecordingError> {
    let malformed = |source| RecordingError::Codec { frame: 1, source };
    match name {
        ReplicatedControlPlane::NAME => {
            let engine: ReplicatedControlPlane = postcard::from_bytes(state).map_err(malformed)?;
            Ok(Box::new(engine))
        }
        SingleNodeControlPlane::NAME => {
            let engine: SingleNodeControlPlane = postcard::from_bytes(state).map_err(malformed)?;
            Ok(Box::new(engine))
        }
        other => Err(RecordingError::Engine { found: other.to_owned() }),
    }
}

impl Frame {
    /// The first frame of a recording of this engine.
    ///
    /// # Errors
    /// [`RecordingError::Codec`]
    pub fn start(engine: &dyn ControlPlaneConsensus) -> Result<Self, RecordingError> {
        Ok(Self::Start { engine: engine.name().to_owned(), state: encode(engine)? })
    }

    /// Encodes the frame; the first frame is preceded by the file header.
    ///
    /// # Errors
    /// [`RecordingError::Codec`]
    pub fn encode(&self) -> Result<Vec<u8>, RecordingError> {
        let first = matches!(self, Self::Start { .. });
        let mut bytes = if first { framing::header(MAGIC, VERSION) } else { Vec::new() };
        framing::write(self, &mut bytes)?;
        Ok(bytes)
    }
}

/// Decodes the frames of a recording. A last frame that is cut off is dropped: the process ended while
/// writing it.
///
/// # Errors
/// [`RecordingError`]
pub fn frames(bytes: &[u8]) -> Result<Vec<Frame>, RecordingError> {
    framing::read(bytes, MAGIC, VERSION)
}

/// Replays the recorded inputs through the recorded engine, and compares the final state.
///
/// # Errors
/// [`RecordingError`]
pub fn replay(frames: impl IntoIterator<Item = Frame>) -> Result<Replayed, RecordingError> {
    let mut frames = frames.into_iter();
    let Some(Frame::Start { engine, state }) = frames.next() else {
        return Err(RecordingError::Frame { frame: 1, what: "expected the state at the start" });
    };
    let mut replayed = Replayed { calls: 0, engine: start(&engine, &state)?, ended: false };
    for frame in frames {
        if replayed.ended {
            return Err(RecordingError::Frame { frame: replayed.calls + 3, what: "found after the end" });
        }
        match frame {
            Frame::Start { .. } => {
                let frame = replayed.calls + 2;
                return Err(RecordingError::Frame { frame, what: "a second start" });
            }
            Frame::Input(input) => {
                let _returned = replayed.engine.handle(input);
                let _said = replayed.engine.take_outputs();
                replayed.calls += 1;
            }
            Frame::End(expected) => {
                let (found, calls) = (digest(&*replayed.engine)?, replayed.calls);
                if found != expected {
                    return Err(RecordingError::Diverged { calls, found, expected });
                }
                replayed.ended = true;
            }
        }
    }
    Ok(replayed)
}
