//! Flight recorder: writes the inputs of an engine, and its state at the start, to a ring of files.

use crate::core::control_plane::{ControlPlaneConsensus, ControlPlaneInput};
use crate::core::trace::recording::{Frame, RecordingError, digest};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Records the inputs of one engine, so that its run can be replayed.
pub trait Recorder: Send + 'static {
    /// Called before the engine handles an input. `before` is the engine at that moment.
    ///
    /// # Errors
    /// [`RecorderError`]. The driver then stops recording, and continues without.
    fn record(
        &mut self,
        before: &dyn ControlPlaneConsensus,
        input: &ControlPlaneInput,
    ) -> Result<(), RecorderError>;

    /// Called when the run ends. `after` is the engine in its final state.
    ///
    /// # Errors
    /// [`RecorderError`], which the driver ignores.
    fn end(&mut self, after: &dyn ControlPlaneConsensus) -> Result<(), RecorderError>;
}

/// Why a recording cannot be written.
#[derive(Debug, Error)]
pub enum RecorderError {
    /// The file system returned an error.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the recording's file or directory.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// A frame cannot be encoded.
    #[error(transparent)]
    Encoding(#[from] RecordingError),
}

/// Size at which a file is closed and the next one begun.
const SEGMENT_BYTES: u64 = 8 << 20;
/// Number of files kept. Each begins with the engine's state, and can be replayed alone.
const SEGMENTS: usize = 4;

/// A [`Recorder`] that writes a ring of files to a directory.
#[derive(Debug)]
pub struct FileRecorder {
    directory: PathBuf,
    next: u64,
    current: Option<(BufWriter<File>, PathBuf, u64)>,
    kept: VecDeque<PathBuf>,
}

impl FileRecorder {
    /// A recorder for a directory, which is created if it is missing. Existing recordings in it are kept.
    ///
    /// # Errors
    /// [`RecorderError::Io`]
    pub fn new(directory: &Path) -> Result<Self, RecorderError> {
        let io = |source| RecorderError::Io { path: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(io)?;
        let mut next = 1;
        for entry in std::fs::read_dir(directory).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".recording")?.parse::<u64>().ok());
            next = number.map_or(next, |number| next.max(number + 1));
        }
        Ok(Self { directory: directory.to_owned(), next, current: None, kept: VecDeque::new() })
    }

    fn write(&mut self, frame: &Frame) -> Result<(), RecorderError> {
        let bytes = frame.encode()?;
        if let Some((file, path, written)) = &mut self.current {
            *written += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            // Flushed after each frame: the last inputs before a crash are the ones that are needed.
            let result = file.write_all(&bytes).and_then(|()| file.flush());
            result.map_err(|source| RecorderError::Io { path: path.clone(), source })?;
        }
        Ok(())
    }

    fn begin(&mut self, engine: &dyn ControlPlaneConsensus) -> Result<(), RecorderError> {
        let path = self.directory.join(format!("{:06}.recording", self.next));
        let file = File::create(&path).map_err(|source| RecorderError::Io { path: path.clone(), source })?;
        self.next += 1;
        self.kept.push_back(path.clone());
        while self.kept.len() > SEGMENTS
            && let Some(old) = self.kept.pop_front()
        {
            let _gone = std::fs::remove_file(old);
        }
        self.current = Some((BufWriter::new(file), path, 0));
        self.write(&Frame::start(engine)?)
    }
}

impl Recorder for FileRecorder {
    fn record(
        &mut self,
        before: &dyn ControlPlaneConsensus,
        input: &ControlPlaneInput,
    ) -> Result<(), RecorderError> {
        if self.current.as_ref().is_some_and(|(_, _, written)| *written >= SEGMENT_BYTES) {
            self.end(before)?;
        }
        if self.current.is_none() {
            self.begin(before)?;
        }
        self.write(&Frame::Input(input.clone()))
    }

    fn end(&mut self, after: &dyn ControlPlaneConsensus) -> Result<(), RecorderError> {
        self.write(&Frame::End(digest(after)?))?;
        self.current = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::control_plane::{ClusterVoterIdentity, Founder, ReplicatedControlPlane, Stores};
    use crate::core::ids::{ClusterId, DirectoryId, HistoryId, Index, NodeId, Term};
    use crate::core::migration::Caps;
    use crate::core::raft::{Body, Config, Message, NodeLimits, Peer, SessionLimits, Snapshot, Timer};
    use crate::core::trace::recording::{frames, replay};
    use std::sync::Arc;

    /// A recording with a gap would be taken for a faithful one, so the recorder stops at the first frame that is not written.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_frame_that_is_not_written_is_an_error() {
        let path = PathBuf::from("/dev/full");
        let file = File::options().write(true).open(&path).unwrap();
        let current = Some((BufWriter::new(file), path, 0));
        let mut recorder =
            FileRecorder { directory: PathBuf::new(), next: 1, current, kept: VecDeque::new() };
        assert!(matches!(recorder.write(&Frame::End(7)), Err(RecorderError::Io { .. })));
    }

    /// An engine of three voters, and a message of 3 MiB to it, of another history.
    fn engine() -> (ReplicatedControlPlane, ControlPlaneInput) {
        let peer = |node| Peer { node: NodeId(node), directory: DirectoryId(1) };
        let subject = |node| ClusterVoterIdentity::from_certificate_subject(&format!("CN=n{node}")).unwrap();
        let founder = Founder {
            cluster: ClusterId(1),
            history: HistoryId(1),
            voters: [1, 2, 3].map(|node| (peer(node), subject(node).into())).to_vec(),
            caps: Caps::PRODUCTION,
            sessions: SessionLimits::PRODUCTION,
            stores: Stores::none(),
        };
        let disk = founder.disk().unwrap();
        let snapshot = Snapshot { data: vec![7; 3 << 20].into(), ..(*disk.snapshot).clone() };
        let message = Message {
            history: HistoryId(2),
            from: peer(2),
            to: peer(1),
            admitted: Index::ZERO,
            term: Term(1),
            body: Body::Install(Arc::new(snapshot)),
        };
        let config = Config { me: peer(1), limits: NodeLimits::PRODUCTION };
        let engine = ReplicatedControlPlane::start(config, disk).unwrap();
        (engine, ControlPlaneInput::Received(message))
    }

    /// A segment without an end is that of a crash, and its state is compared with nothing.
    #[test]
    fn every_segment_that_is_full_is_closed_by_its_end_and_one_that_a_crash_ended_is_not() {
        let room = tempfile::tempdir().unwrap();
        let mut recorder = FileRecorder::new(room.path()).unwrap();
        let (mut engine, large) = engine();
        let mut digests = vec![digest(&engine).unwrap()];
        for call in 0..16 {
            let campaign = ControlPlaneInput::TimerFired(Timer::Election);
            let input = if call % 2 == 0 { campaign } else { large.clone() };
            recorder.record(&engine, &input).unwrap();
            let _returned = engine.handle(input);
            let _said = engine.take_outputs();
            digests.push(digest(&engine).unwrap());
        }
        // The process is killed: nobody ends the recording.
        drop(recorder);
        let mut paths: Vec<_> =
            std::fs::read_dir(room.path()).unwrap().map(|at| at.unwrap().path()).collect();
        paths.sort();
        assert_eq!(paths.len(), 3, "{paths:?}");
        let mut calls = 0;
        for (number, path) in paths.iter().enumerate() {
            let bytes = std::fs::read(path).unwrap();
            let crashed = number + 1 == paths.len();
            let mut read = frames(&bytes).unwrap();
            let replayed = replay(read.clone()).unwrap();
            assert_eq!(replayed.ended, !crashed, "{}", path.display());
            calls += usize::try_from(replayed.calls).unwrap();
            assert_eq!(digest(&*replayed.engine).unwrap(), digests[calls], "{}", path.display());
            if !crashed {
                assert!(bytes.len() as u64 >= SEGMENT_BYTES, "it was full");
                assert_eq!(read.last(), Some(&Frame::End(digests[calls])));
                // A replay that came to another state is found.
                *read.last_mut().unwrap() = Frame::End(!digests[calls]);
                assert!(matches!(replay(read), Err(RecordingError::Diverged { .. })), "{}", path.display());
            }
        }
        assert_eq!(calls, 16, "each input is in one segment");
    }

    #[test]
    fn a_recording_that_ended_is_not_taken_for_one_of_a_crash() {
        let room = tempfile::tempdir().unwrap();
        let (mut engine, _) = engine();
        let mut recorder = FileRecorder::new(room.path()).unwrap();
        let input = ControlPlaneInput::TimerFired(Timer::Election);
        recorder.record(&engine, &input).unwrap();
        let _returned = engine.handle(input);
        recorder.end(&engine).unwrap();
        let bytes = std::fs::read(room.path().join("000001.recording")).unwrap();
        assert!(replay(frames(&bytes).unwrap()).unwrap().ended);
    }
}
