//! A recording of one partition: in the order of a run, all that its machines were given, from the log, at its stores and by the callers
//! of gateways; and the violations that the run's judge found.
//!
//! ```text
//! "cutover-partition" version u32 | frame …        (frames as in a node's recording)
//! ```
//!
//! The first frame is the state of the control plane with which the log begins, the last one the state of each store's machine at the
//! end. The entries of the log are all there, since what becomes of one partition depends on the others. If the last frame is missing or
//! cut off, the process ended during the recording.

use super::framing;
use super::recording::RecordingError;
use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::fence::{Config, Contents, Fence, Input, Key};
use crate::core::ids::{Epoch, Index, MigrationId, PartitionId, Placement};
use crate::core::invariant::history::registers::{Call, Outcome};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The first bytes of a recording.
pub const MAGIC: &[u8; 17] = b"cutover-partition";
/// The version of the format that is written.
pub const VERSION: u32 = 1;

/// A frame of a recording.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Frame {
    /// What is recorded: the first frame.
    Start {
        /// The partition.
        partition: PartitionId,
        /// What the log begins with.
        state: Box<ControlPlaneState>,
    },
    /// What happened next.
    Step(Step),
    /// The judge of the run found an invariant violated by the step before.
    Found {
        /// The invariant's id.
        id: String,
    },
    /// The digest of each store's machine and rows at the end: the last frame.
    End {
        /// By store.
        stores: Vec<(Placement, u64)>,
    },
}

/// What the machines of a partition were given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Step {
    /// The log has a further entry, which is applied for the first time.
    Entry {
        /// Its index.
        at: Index,
        /// The entry.
        entry: ControlPlaneEntry,
    },
    /// A store that has nothing of the partition is about to get its first input.
    Store {
        /// The store, with its limits.
        config: Config,
        /// It begins closed to tokens up to this epoch.
        closed_through: Epoch,
        /// The newest migration that it may have seen.
        newest: MigrationId,
    },
    /// A store's machine gets inputs, which take effect together.
    Group {
        /// The store.
        store: Placement,
        /// The inputs, in order.
        inputs: Vec<Input>,
        /// Whether the store answers. It does not if the group was durable, and its answers were lost with the process.
        answered: bool,
    },
    /// A store starts from what is durable.
    Opened {
        /// The store.
        store: Placement,
    },
    /// A store has lost its disk. It begins anew before its next input.
    Lost {
        /// The store.
        store: Placement,
    },
    /// The partition is about to be given to a store without a seal of the one before, so that its rows are not judged.
    Forced,
    /// A caller of a gateway begins an operation.
    Invoked {
        /// A number of the operation.
        process: u64,
        /// The row.
        key: Key,
        /// What is asked for.
        call: Call,
    },
    /// An operation ends.
    Returned {
        /// The number of the operation.
        process: u64,
        /// How it ends.
        outcome: Outcome,
    },
    /// From here on nothing is judged: the log was recovered, two processes were answered as one member, or the rows were lost with a store.
    Unjudged,
}

impl Step {
    /// Who acts.
    #[must_use]
    pub fn lane(&self) -> String {
        match self {
            Self::Entry { .. } => "log".to_string(),
            Self::Store { config: Config { store, .. }, .. }
            | Self::Group { store, .. }
            | Self::Opened { store }
            | Self::Lost { store } => store.to_string(),
            Self::Forced => "operator".to_string(),
            Self::Invoked { process, .. } | Self::Returned { process, .. } => format!("c{process}"),
            Self::Unjudged => "judge".to_string(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry { at, entry: ControlPlaneEntry::OwnershipTransition(command) } => {
                write!(f, "{at}: {command}")
            }
            Self::Entry { at, .. } => write!(f, "{at}: an entry about something else"),
            Self::Store { closed_through, newest, .. } => {
                write!(f, "has nothing, closed through {closed_through}, newest {newest}")
            }
            Self::Group { inputs, answered, .. } => {
                let inputs: Vec<String> = inputs.iter().map(input).collect();
                let lost = if *answered { "" } else { ", and its answers are lost" };
                write!(f, "{}{lost}", inputs.join("; "))
            }
            Self::Opened { .. } => f.write_str("starts from what is durable"),
            Self::Lost { .. } => f.write_str("loses its disk"),
            Self::Forced => f.write_str("forces a move"),
            Self::Invoked { key, call, .. } => write!(f, "{key}: {call}"),
            Self::Returned { outcome, .. } => write!(f, "ends: {outcome}"),
            Self::Unjudged => f.write_str("judges nothing from here on"),
        }
    }
}

fn input(input: &Input) -> String {
    match input {
        Input::Request(request) => request.to_string(),
        Input::Apply(write) => format!("apply {} token {} {}", write.id, write.token, write.mutation),
        Input::Trim { through } => format!("trim through {through}"),
        Input::Stuck { migration, why } => format!("the copy of {migration} cannot go on: {why}"),
    }
}

/// The digest of a store's machine and of its rows.
///
/// # Errors
/// [`RecordingError::Codec`]
pub fn digest(fence: &Fence, data: &Contents) -> Result<u64, RecordingError> {
    let state = (fence.config(), fence.durable(), data.rows(), data.log());
    let bytes = postcard::to_allocvec(&state).map_err(|source| RecordingError::Codec { frame: 0, source })?;
    Ok(framing::fnv(&bytes))
}

/// The bytes of a recording.
///
/// # Errors
/// [`RecordingError::Codec`]
pub fn encode<'f>(frames: impl IntoIterator<Item = &'f Frame>) -> Result<Vec<u8>, RecordingError> {
    let mut bytes = framing::header(MAGIC, VERSION);
    frames.into_iter().try_for_each(|frame| framing::write(frame, &mut bytes))?;
    Ok(bytes)
}

/// Decodes the frames of a recording. A last frame that is cut off is dropped.
///
/// # Errors
/// [`RecordingError`]
pub fn frames(bytes: &[u8]) -> Result<Vec<Frame>, RecordingError> {
    framing::read(bytes, MAGIC, VERSION)
}
