//! Raft consensus as a deterministic state machine without I/O: inputs in, one ordered list of outputs out.
//!
//! One [`Node`] is one participant. A driver passes it [`Input`]s one at a time and performs the [`Output`]s in order,
//! through an [outbox](crate::core::outbox), which holds back what must wait for the disk. A node has no clock: it sets a
//! [`Timer`] and takes its firing as an input.
//!
//! Where the rules of the papers are (Raft: Ongaro and Ousterhout 2014, extended version; thesis: Ongaro 2014):
//!
//! | rule | source | implemented in |
//! | one vote in a term, durable before it is sent | Raft 5.2, figure 2 | `election.rs`, `on_vote` |
//! | the winner's log is at least as up to date as a quorum's | Raft 5.4.1 | `election.rs`, `on_vote`; [`LogPosition`]'s order |
//! | pre-vote; no election while in contact with a leader; a leader without a quorum's answers steps down | thesis 9.6, 6.2, 4.2.3 | `election.rs`, `receive` and `check_quorum` |
//! | append only after an entry that agrees; conflicts are overwritten, and nothing else | Raft 5.3 | `follower.rs`, `on_append` |
//! | back off by a whole term | Raft 5.3, the end | [`Log::last_no_higher`] |
//! | commit by counting only entries of the own term | Raft 5.4.2, figure 8 | `leader.rs`, `advance_commit` |
//! | one voter changed at a time, in effect once appended | thesis 4.1 | `membership.rs` |
//! | no change before a commit in the own term | Ongaro 2015, raft-dev | `membership.rs`, `check_change` |
//! | a leader that removed itself | thesis 4.2.2 | `leader.rs`, `after_commit` |
//! | learners, caught up before they vote | thesis 4.2.1 | `membership.rs`, `check_change` |
//! | transfer of leadership | thesis 3.10 | `transfer.rs` |
//! | reads without a log entry | thesis 6.4 | `read.rs` |
//! | each request of a session applied once | thesis 6.3 | `session.rs` |
//! | whose messages count, and which terms | thesis 4.1 | `sender.rs` |
//! | snapshots | Raft 7 | `durable.rs`; `follower.rs`, `on_install`; `turn.rs`, `compact` |
//!
//! Sets in the papers are sorted `Vec`s here. Left out on purpose: storage writes that complete out of order,
//! lease reads, pipelined snapshots, priorities, joint consensus.
//!
//! May import: `core::ids`, `core::marks`.

mod configuration;
mod durable;
mod election;
mod entry;
mod follower;
mod io;
mod leader;
mod limits;
mod log;
mod machine;
mod mark;
mod membership;
mod message;
mod node;
mod progress;
pub mod quorum;
mod read;
mod relabel;
mod role;
mod sender;
mod session;
mod snapshot_data;
mod start;
mod text;
mod transfer;
mod turn;

pub use configuration::{Change, ChangeRefusal, Configuration, Member, MemberRole, Peer};
pub use durable::{Batch, Durable, HardState, Snapshot, SnapshotError};
pub(crate) use entry::sealed;
pub use entry::{Content, Entry, LogPosition, Payload};
pub use io::{
    BatchNumber, Input, Outcome, Output, ProposalId, ReadId, ReadRefusal, Rejection, Timer, TransferRefusal,
};
pub use log::Log;
pub use machine::{Applied, Effect, Machine};
pub use mark::Mark;
pub use message::{Append, Body, Message, MessageError};
pub use node::{Config, Elections, Node, NodeLimits};
pub use progress::{Flow, Progress};
pub use role::RoleName;
pub use session::{Admission, SessionLimits, SessionRefusal, Sessions, Ticket};
pub use snapshot_data::SnapshotData;
pub use start::StartError;
