//! Ids and counters, each a type of its own, and what every module needs: [`Halt`] and [`Relabel`].
//!
//! All are small integers; the names that people use are in a directory of the control plane (ADR 0003). None has a
//! `Default`: a forgotten epoch must not compile into epoch 0.
//!
//! May import: `core::registry`.

use crate::core::registry::Id;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

number!(
    /// The version of one partition's placement, from 1. It advances with every change of the placement and never
    /// repeats, even if the partition is deleted and created again. 0 is below every epoch.
    Epoch(u64), "e"
);
number!(
    /// The id of a migration or creation of any partition, from 1, never used twice. 0 is below every id.
    MigrationId(u64), "m"
);
number!(
    /// The position of a write in a copy, from 1; 0 is before the first. A copy's *watermark* is its last position.
    Position(u64), ""
);
number!(
    /// One continuous lifetime of a sink's durable state, from 1. It advances when that state is lost.
    Incarnation(u64), "i"
);
number!(
    /// A node of the control plane. The committed directory maps it to the subject of a certificate.
    NodeId(u8), "n"
);
number!(
    /// A term of the replicated log, from 1; 0 is none. At most one node leads in a term.
    Term(u64), "t"
);
number!(
    /// An index in the replicated log, from 1; 0 is before the first entry.
    Index(u64), ""
);
number!(
    /// The log index of a committed change of the control plane, from 1.
    Revision(u64), "r"
);
number!(
    /// A partition: the unit of placement. Numbers that the log gives out are never given out twice.
    PartitionId(u64), "p"
);
number!(
    /// A session of a gateway at the sinks, or of a client at the control plane. Sessions are issued in increasing
    /// order.
    SessionId(u64), "s"
);
number!(
    /// A request number within a session, from 1.
    Serial(u64), ""
);

/// Defines the methods that step a counter. They saturate, so that a counter cannot wrap around to a number that was used.
macro_rules! steps {
    ($($name:ident: $($step:ident)+;)+) => { $(impl $name { $(steps!($step);)+ })+ };
    (next) => {
        /// The next number, saturating at the largest one.
        #[must_use]
        pub const fn next(self) -> Self {
            Self(self.0.saturating_add(1))
        }
    };
    (previous) => {
        /// The previous number, or 0.
        #[must_use]
        pub const fn previous(self) -> Self {
            Self(self.0.saturating_sub(1))
        }
    };
    (plus) => {
        /// The number that is greater by `count`, saturating at the largest one.
        #[must_use]
        pub const fn plus(self, count: u64) -> Self {
            Self(self.0.saturating_add(count))
        }
    };
}

/// An id that is drawn at random: nobody counts or compares it, and none is given out twice. The checker uses small numbers,
/// which print as numbers; others print as 16 hexadecimal digits.
macro_rules! drawn {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if self.0 <= u64::from(u16::MAX) { write!(f, "{}", self.0) } else { write!(f, "{:016x}", self.0) }
            }
        }
    };
}

drawn!(
    /// A node's data directory, drawn when the directory is made. A node whose directory is lost, emptied or not mounted has
    /// another one, and is not the member that it was.
    DirectoryId
);
drawn!(
    /// A cluster, drawn when it is founded. It stays the same through a restore and a recovery.
    ClusterId
);
drawn!(
    /// A history of a cluster's log, drawn when the cluster is founded, restored or recovered. Log indexes, revisions and
    /// sessions mean something within one history only; nodes drop messages of another.
    HistoryId
);

impl ClusterId {
    /// No cluster: that of a node that has joined none.
    pub const NONE: Self = Self(0);
}

impl HistoryId {
    /// No history: that of a data directory that no leader has sent anything to.
    pub const NONE: Self = Self(0);
}

steps! {
    Epoch: next previous;
    MigrationId: next;
    Position: next plus;
    Incarnation: next;
    DirectoryId: next;
    Term: next;
    Index: next previous plus;
    Revision: next;
}

impl Epoch {
    /// The number below every epoch: "none".
    pub const ZERO: Self = Self(0);
}

impl MigrationId {
    /// The number below every migration id: "none".
    pub const ZERO: Self = Self(0);
}

impl Position {
    /// The position before the first write: "none".
    pub const ZERO: Self = Self(0);

    /// The position that comes `count` earlier, at least [`Position::ZERO`].
    #[must_use]
    pub const fn minus(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }
}

impl Term {
    /// The term before the first election.
    pub const GENESIS: Self = Self(0);
}

impl Index {
    /// The index before the first entry: "none".
    pub const ZERO: Self = Self(0);

    /// How many entries this index is after `other`; 0 if it is not after it.
    #[must_use]
    pub const fn since(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }
}

impl Serial {
    /// The number before the first request: "none".
    pub const ZERO: Self = Self(0);
}

impl Revision {
    /// Before the first committed change.
    pub const ZERO: Self = Self(0);
}

/// A placement: the id of a sink, the store that holds the partition. Printed as a letter, `A` to `Z`, then `P26`,
/// `P27`, …
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Placement(pub u64);

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u8::try_from(self.0) {
            Ok(small @ 0..=25) => write!(f, "{}", char::from(b'A' + small)),
            _ => write!(f, "P{}", self.0),
        }
    }
}

/// The id of a client write. A retry carries the same id, so that the write takes effect once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct WriteId {
    /// The session that issued the write.
    pub session: SessionId,
    /// The request's number within the session, from 1.
    pub serial: Serial,
}

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}.{}", self.session.0, self.serial)
    }
}

/// A state machine found a violated invariant. It accepts no further input, and its driver stops the node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Halt {
    /// The invariant that is violated.
    pub invariant: Id,
    /// The two facts in conflict.
    pub facts: String,
}

/// Sets an `Option<Halt>` unless the condition holds or it is set already. The machine must then refuse further input.
///
/// ```
/// # use cutover::{core::ids::Halt, enforce};
/// let mut halt: Option<Halt> = None;
/// enforce!(halt, FenceMonotone, 3 >= 5, "sealed through {} after {}", 3, 5);
/// assert_eq!(halt.map(|h| h.facts), Some("sealed through 3 after 5".to_owned()));
/// ```
///
/// The invariant is one of the registry:
///
/// ```compile_fail,E0599
/// # use cutover::{core::ids::Halt, enforce};
/// # let mut halt: Option<Halt> = None;
/// enforce!(halt, FenceMonotony, 3 >= 5, "sealed through {} after {}", 3, 5);
/// ```
#[macro_export]
macro_rules! enforce {
    ($slot:expr, $invariant:ident, $holds:expr, $($facts:tt)+) => {
        if !$holds && $slot.is_none() {
            let invariant = $crate::core::registry::Id::$invariant;
            $slot = Some($crate::core::ids::Halt { invariant, facts: $crate::core::ids::__format!($($facts)+) });
        }
    };
}

/// `format!` for [`enforce!`], which is expanded where `alloc` may not be in scope.
#[doc(hidden)]
pub use alloc::format as __format;

/// A renaming of interchangeable ids, used for symmetry reduction. An id that is not renamed keeps its value.
pub trait Names {
    /// The new name of a session.
    fn session(&self, session: SessionId) -> SessionId {
        session
    }

    /// The new name of a node.
    fn node(&self, node: NodeId) -> NodeId {
        node
    }

    /// Is told what a digest of ids is once these are renamed. Whoever has only the digest cannot know it.
    fn digest(&self, _was: u128, _is: u128) {}
}

/// A value that can be renamed. The protocol behaves the same under every renaming, which symmetry reduction relies on.
pub trait Relabel: Clone {
    /// The value with all its ids renamed.
    #[must_use]
    fn relabel(&self, names: &dyn Names) -> Self;
}

impl Relabel for WriteId {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { session: names.session(self.session), serial: self.serial }
    }
}

impl<T: Relabel> Relabel for Vec<T> {
    fn relabel(&self, names: &dyn Names) -> Self {
        self.iter().map(|value| value.relabel(names)).collect()
    }
}

impl<T: Relabel> Relabel for Option<T> {
    fn relabel(&self, names: &dyn Names) -> Self {
        self.as_ref().map(|value| value.relabel(names))
    }
}
