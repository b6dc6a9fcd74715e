//! The conformance suite of stores: what `sink.proto` demands of any implementation, asked over the wire.
//!
//! Each check has a partition of its own. The other end of a copy is the machine of [`core::fence`](crate::core::fence) in memory, so what a store hands
//! over, takes and states is judged by the machine that the checker judges.
//!
//! | part | what it asks |
//! | --- | --- |
//! | `writes.rs` | tokens, duplicates, conditions, batches, the memory of write ids |
//! | `moves.rs` | creation, the seal under concurrent writes, statements that are repeated, what is dropped |
//! | `copies.rs` | copies out of the store and into it: no gap, no row twice, digests, ids |
//! | `restarts.rs` | what a killed store still has |
//! | `link.rs`, `near.rs` | the wire to the store; the machine in memory |
//!
//! May import: `core::ids`, `core::fence`, `node::proto`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the edge: tasks, sockets and processes"
)]
#![allow(clippy::result_large_err, reason = "the status of gRPC is large")]

mod copies;
mod link;
mod moves;
mod near;
mod restarts;
mod writes;

pub use link::Link;

use core::future::Future;
use core::pin::Pin;

/// What came of a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The store does what the contract says.
    Holds,
    /// It does something else: what was found, and what was expected.
    Broken(String),
    /// A call got no answer, so nothing is known.
    Unknown(String),
    /// The store does not offer what is asked for, and says so. Why that is allowed.
    NotOffered(String),
}

/// A check with its verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// A stable name.
    pub check: &'static str,
    /// What the contract demands.
    pub claim: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

/// Why a check ends early.
#[derive(Debug)]
enum Ends {
    Broken(String),
    Unknown(String),
    NotOffered(String),
}

type Check<'s> = Pin<Box<dyn Future<Output = Result<(), Ends>> + Send + 's>>;

/// Restarts the store as a power failure would, and returns when it serves again.
pub type Restart = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// A check: its name, its claim, and how it is made.
struct Entry {
    check: &'static str,
    claim: &'static str,
    makes: for<'s> fn(&'s Suite) -> Check<'s>,
}

macro_rules! checks {
    ($($name:literal: $claim:literal, $makes:path;)+) => {
        const CHECKS: &[Entry] = &[$(Entry { check: $name, claim: $claim, makes: |suite| Box::pin($makes(suite)) }),+];
    };
}

checks! {
    "describe": "it says who it is, and whether it checks tokens", moves::describe;
    "create": "a partition is created empty and whole; asked again, it says the same; an older migration is refused", moves::create;
    "unknown-partition": "of a partition that it never held, it takes nothing and hands out nothing", moves::unknown;
    "tokens": "what carries a token up to a fence is refused, and what carries a greater one is not", writes::tokens;
    "duplicates": "a write that was applied is answered as it was then, and has no second effect", writes::duplicates;
    "conditions": "a write whose condition fails changes nothing and is not remembered; a retry of one that was applied is not judged again", writes::conditions;
    "batches": "rows of one write are set and deleted together", writes::batches;
    "concurrent-writes": "positions rise, no two writes share one, and each acknowledged write is there", writes::concurrent;
    "bounded-memory": "what is forgotten is refused as forgotten, and never applied a second time", writes::memory;
    "atomic-seal": "of concurrent writes, those up to the watermark were acknowledged or may be; none above it ever is; the receipt stays the same", moves::seal;
    "export": "a copy that is made while clients write has each row once and no gap, and the digest that the receipt states", copies::export;
    "take": "parts are taken in their order, all or nothing, each once; the evidence has the source's digest", copies::take;
    "ids-move": "a copy remembers the writes that its source remembers", copies::ids;
    "end": "a copy that was ended takes no more parts", copies::end;
    "drop": "a dropped copy is gone, its fences stay, and a later migration may come", moves::drop_copy;
    "restart": "a store that is killed has what it acknowledged: rows, ids, fences, receipts", restarts::killed;
}

/// What the checks share.
struct Suite {
    link: Link,
    restart: Option<Restart>,
}

/// The names of all checks, in their order.
pub fn checks() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|entry| entry.check)
}

/// Makes the checks of a store, but those that are left out. `done` is called after each. With `restart`, those as well that need one.
///
/// The store must not be in use: the checks make partitions of their own, with numbers above 2^62, and drop them again.
pub async fn conform(
    link: Link,
    restart: Option<Restart>,
    without: &[String],
    mut done: impl FnMut(&Checked),
) -> Vec<Checked> {
    let suite = Suite { link, restart };
    let mut all = Vec::new();
    for entry in CHECKS.iter().filter(|entry| !without.iter().any(|name| name == entry.check)) {
        let verdict = match (entry.makes)(&suite).await {
            Ok(()) => Verdict::Holds,
            Err(Ends::Broken(why)) => Verdict::Broken(why),
            Err(Ends::Unknown(why)) => Verdict::Unknown(why),
            Err(Ends::NotOffered(why)) => Verdict::NotOffered(why),
        };
        let checked = Checked { check: entry.check, claim: entry.claim, verdict };
        done(&checked);
        all.push(checked);
    }
    all
}

impl Suite {
    /// Ends a check of what only a store can do that checks tokens.
    fn must_enforce(&self) -> Result<(), Ends> {
        if self.link.enforces() {
            return Ok(());
        }
        Err(Ends::NotOffered("it checks no tokens, so its guarantee is `timed`".to_owned()))
    }
}

/// Ends a check unless this is so.
fn demand(is_so: bool, found: impl FnOnce() -> String) -> Result<(), Ends> {
    if is_so { Ok(()) } else { Err(Ends::Broken(found())) }
}
