//! A flight recorder: the inputs of one engine, with its state at the start, in a ring of files.

use crate::core::control_plane::{ControlPlaneConsensus, ControlPlaneInput};
use crate::core::trace::recording::{Frame, RecordingError, digest};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Keeps the inputs of one engine.
pub trait Recorder: Send + 'static {
    /// The engine is about to get this input.
    ///
    /// # Errors
    /// [`RecorderError`]; nothing is recorded after that.
    fn record(
        &mut self,
        before: &dyn ControlPlaneConsensus,
        input: &ControlPlaneInput,
    ) -> Result<(), RecorderError>;

    /// The run is over, in this state.
    ///
    /// # Errors
    /// [`RecorderError`]
    fn end(&mut self, after: &dyn ControlPlaneConsensus) -> Result<(), RecorderError>;
}

/// A recording cannot be written.
#[derive(Debug, Error)]
pub enum RecorderError {
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An input cannot be encoded.
    #[error(transparent)]
    Encoding(#[from] RecordingError),
}

/// Bytes of one file, about.
const SEGMENT_BYTES: u64 = 8 << 20;
/// Files that are kept; each can be replayed alone.
const SEGMENTS: usize = 4;

/// A ring of files in a directory.
#[derive(Debug)]
pub struct FileRecorder {
    directory: PathBuf,
    next: u64,
    current: Option<(BufWriter<File>, PathBuf, u64)>,
    kept: VecDeque<PathBuf>,
}

impl FileRecorder {
    /// Records into a directory, which is made if it is not there. What is there already stays.
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
            // Flushed at once: what a process does last is what one wants to see.
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
