//! Moving a partition: what the log records, which transitions it allows, and the controller that takes the steps.
//!
//! ```text
//!   create ──▶ Active(A) ──begin──▶ Draining(A>B) ──enter cutover──▶ Cutover(A>B) ──complete──▶ Active(B)
//!                 ▲                     │    │                           │    │                    ▲
//!                 └───────── abort ─────┴────┼───────────────────────────┘    │                    │
//!                                            └──────────── force ─────────────┴────────────────────┘
//! ```
//!
//! - `begin` commits `Draining@e1`; the target is *prepared* for the migration's id and closed through e1; the mover
//!   copies. `start block` commits that writes may be blocked; the source is *sealed* through e1 and its receipt states where its writes ended.
//! - `enter cutover` commits the receipt. No client write can take effect anywhere.
//! - `complete` commits the target's evidence that it reaches that position. This commit is the flip.
//!
//! Every command is a compare-and-swap on the migration's id and the epoch, checked when it is applied, so it does not
//! matter which controller sends it, how late, or how often.
//!
//! May import: `core::ids`, `core::map`, `core::fence`, `core::placement`.

mod abort;
mod advice;
mod command;
mod controller;
mod copies;
mod flight;
mod io;
mod operator;
mod plan;
mod record;
mod records;
mod recovery;
mod refusal;
mod refused;
mod release;
mod store;
mod table;
mod text;
mod transitions;
mod waits;

pub use abort::AbortReason;
pub use advice::{Owner, Said, Unclear};
pub use command::{
    COMMAND_BYTES_MAX, CodecError, Command, Expected, Release, Settlement, Transition, TransitionKind,
};
pub use controller::Controller;
pub use io::{Event, Output, Timer};
pub use operator::{Operator, Reason, TextError};
pub use plan::{Plan, Policy, PolicyError, Step};
pub use record::{CutoverFacts, Debt, Held, Kept, OldCopy, PartitionRecord, Placed};
pub use recovery::{EPOCH_LEAP, MIGRATION_LEAP};
pub use refusal::{BackendFailure, MigrationError};
pub use store::MigrationStore;
pub use table::{Caps, PlacementTable};
