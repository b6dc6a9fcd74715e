//! The numbers that everything is named by, and what every module needs: [`Halt`] and [`Relabel`].
//!
//! All are small integers with a name of their own; the names that people use live in a directory of the control
//! plane (ADR 0003). None has a `Default`: a forgotten epoch must not compile into epoch 0.
//!
//! May import: nothing.

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
    /// Version of one partition's placement, from 1; it advances with every change of the placement and never
    /// repeats, not even after the partition was deleted and created again. 0 is below every epoch.
    Epoch(u64), "e"
);
number!(
    /// Names one migration, or one creation, of any partition; from 1, never used twice. 0 is below every id.
    MigrationId(u64), "m"
);
number!(
    /// Place of a write in a copy, from 1; 0 is "before the first". A copy's *watermark* is its last position.
    Position(u64), ""
);
number!(
    /// One continuous life of a durable state, a sink's or a node's, from 1. Whoever comes back without it has a new
    /// one.
    Incarnation(u64), "i"
);
number!(
    /// One cluster of the control plane. Nodes of different clusters do not hear one another.
    ClusterId(u64), "cluster "
);
number!(
    /// A node of the control plane. The committed directory maps it to the subject of a certificate.
    NodeId(u8), "n"
);
number!(
    /// Term of the replicated log, from 1; 0 is "none". At most one node leads in a term.
    Term(u64), "t"
);
number!(
    /// Place in the replicated log, from 1; 0 is "none", the place before the first entry.
    Index(u64), ""
);
number!(
    /// Position of a committed change in the control plane's log, from 1.
    Revision(u64), "r"
);
number!(
    /// A partition: the unit of placement.
    PartitionId(u32), "p"
);
number!(
    /// A session: of a gateway at the sinks, or of a client at the control plane. Sessions are issued in increasing
    /// order.
    SessionId(u64), "s"
);
number!(
    /// A session's own count of what it asks for, from 1.
    Serial(u64), ""
);

impl Epoch {
    /// Below every epoch.
    pub const ZERO: Self = Self(0);

    /// The epoch after this one; saturates, so that arithmetic cannot wrap a fence around.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The epoch before this one, or [`Epoch::ZERO`].
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl MigrationId {
    /// Below every migration.
    pub const ZERO: Self = Self(0);

    /// The id after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Position {
    /// Before the first write.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The position `count` further on.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The position `count` earlier, not before [`Position::ZERO`].
    #[must_use]
    pub const fn minus(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }
}

impl Incarnation {
    /// The next life.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Term {
    /// Before the first election.
    pub const GENESIS: Self = Self(0);

    /// The term after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Index {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The place before this one, or [`Index::ZERO`].
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The place `count` further on.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// How many places this one is after `other`; 0 if it is not after it.
    #[must_use]
    pub const fn since(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }
}

impl Serial {
    /// Before the first.
    pub const ZERO: Self = Self(0);
}

impl Revision {
    /// Before the first committed change.
    pub const ZERO: Self = Self(0);

    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Where a partition lives: names a sink, the store behind it. Printed as a letter, `A` to `Z`, then `P26`, `P27`, …
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Placement(pub u16);

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u8::try_from(self.0) {
            Ok(small @ 0..=25) => write!(f, "{}", char::from(b'A' + small)),
            _ => write!(f, "P{}", self.0),
        }
    }
}

/// Names one client write. A retry carries the same id, so that the write takes effect once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct WriteId {
    /// The session that issued the write.
    pub session: SessionId,
    /// Its number within the session.
    pub serial: Serial,
}

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}.{}", self.session.0, self.serial)
    }
}

/// A machine found an invariant broken: it takes no further input, and whoever drives it stops the node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Halt {
    /// The invariant's id in the registry.
    pub invariant: &'static str,
    /// The two facts in conflict.
    pub facts: String,
}

/// Pushes `Halt` onto a queue of outputs unless the condition holds. The machine must then refuse further input.
///
/// ```
/// # use cutover::{core::ids::Halt, enforce};
/// let mut halt: Option<Halt> = None;
/// enforce!(halt, "sink.fence-monotone", 3 >= 5, "sealed through {} after {}", 3, 5);
/// assert_eq!(halt.map(|h| h.facts), Some("sealed through 3 after 5".to_owned()));
/// ```
#[macro_export]
macro_rules! enforce {
    ($slot:expr, $invariant:literal, $holds:expr, $($facts:tt)+) => {
        if !$holds && $slot.is_none() {
            $slot = Some($crate::core::ids::Halt { invariant: $invariant, facts: $crate::core::ids::__format!($($facts)+) });
        }
    };
}

/// `format!` for [`enforce!`], which is expanded where `alloc` may not be in scope.
#[doc(hidden)]
pub use alloc::format as __format;

/// New names for what is interchangeable: sessions, and nodes. What has no new name keeps its own.
pub trait Names {
    /// A session's new name.
    fn session(&self, session: SessionId) -> SessionId {
        session
    }

    /// A node's new name.
    fn node(&self, node: NodeId) -> NodeId {
        node
    }
}

/// A value under new names, under which the protocol must behave the same: what symmetry reduction needs.
pub trait Relabel: Clone {
    /// The same value with everything renamed.
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
