//! The frames of a recording: `length u32 | check u32 | postcard bytes`, after a header of a magic and a version.

use crate::core::control_plane::{ReplicatedControlPlane, SingleNodeControlPlane};
use alloc::string::String;
use alloc::vec::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Why bytes are not a recording, or do not replay.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RecordingError {
    /// The file begins like no recording.
    #[error("not a recording: it does not begin with \"cutover-recording\" or \"cutover-partition\"")]
    Magic,
    /// The recording has another format version.
    #[error(
        "a recording of version {found}, expected version {expected}: replay it with the program that wrote it"
    )]
    Version {
        /// The version of the recording.
        found: u32,
        /// The version that this program reads.
        expected: u32,
    },
    /// The recording is of a kind of engine that this program does not have.
    #[error(
        "recording of the engine {found:?}, expected {:?} or {:?}",
        ReplicatedControlPlane::NAME,
        SingleNodeControlPlane::NAME
    )]
    Engine {
        /// The name of that kind.
        found: String,
    },
    /// A frame is damaged or in the wrong place.
    #[error("frame {frame}: {what}")]
    Frame {
        /// The number of the frame, from 1.
        frame: u64,
        /// What is wrong with the frame, as text.
        what: &'static str,
    },
    /// A frame cannot be encoded or decoded.
    #[error("frame {frame}: {source}")]
    Codec {
        /// The number of the frame, from 1; 0 while writing.
        frame: u64,
        /// The error of the encoder or decoder.
        source: postcard::Error,
    },
    /// The state after the replay differs from the recorded one.
    #[error(
        "after {calls} calls the state has the digest {found:016x}, the recorded node had {expected:016x}"
    )]
    Diverged {
        /// The number of inputs replayed.
        calls: u64,
        /// The digest of the state after the replay.
        found: u64,
        /// The digest in the recording.
        expected: u64,
    },
}

/// FNV-1a.
pub(super) const fn fnv(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

fn check(bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = fnv(bytes).to_le_bytes();
    [a, b, c, d]
}

/// The header of a file.
pub(super) fn header(magic: &[u8], version: u32) -> Vec<u8> {
    [magic, &version.to_le_bytes()].concat()
}

/// Appends a frame.
pub(super) fn write<T: Serialize>(frame: &T, bytes: &mut Vec<u8>) -> Result<(), RecordingError> {
    let body = postcard::to_allocvec(frame).map_err(|source| RecordingError::Codec { frame: 0, source })?;
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&check(&body));
    bytes.extend_from_slice(&body);
    Ok(())
}

/// Takes bytes from the front; `None` if there are fewer.
fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?))
}

/// Decodes a file. A last frame that is cut off is dropped: the process ended while writing it.
pub(super) fn read<T: DeserializeOwned>(
    mut bytes: &[u8],
    magic: &[u8],
    version: u32,
) -> Result<Vec<T>, RecordingError> {
    if take(&mut bytes, magic.len()) != Some(magic) {
        return Err(RecordingError::Magic);
    }
    let found = number(&mut bytes).ok_or(RecordingError::Magic)?;
    if found != version {
        return Err(RecordingError::Version { found, expected: version });
    }
    let mut frames = Vec::new();
    for frame in 1.. {
        let mut rest = bytes;
        let whole = number(&mut rest).and_then(|length| {
            let check = take(&mut rest, 4)?;
            Some((check, take(&mut rest, usize::try_from(length).ok()?)?))
        });
        let Some((expected, body)) = whole else { break };
        if check(body) != expected {
            return Err(RecordingError::Frame { frame, what: "damaged: its check does not fit" });
        }
        let read = postcard::from_bytes(body).map_err(|source| RecordingError::Codec { frame, source })?;
        frames.push(read);
        bytes = rest;
    }
    Ok(frames)
}
