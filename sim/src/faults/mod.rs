//! Kinds of faults, a file and a line of [`ALL`] each: when it strikes, what it does, and the options that a seed draws for it.
//!
//! May import `disk`, `options` and `stream`. A kind acts on the cluster through [`Cluster`], which the nemesis implements.

mod blackout;
mod crash;
mod crash_in_write;
mod cut;
mod delay;
mod disk_error;
mod drift;
mod duplicate;
mod grow;
mod injector;
mod isolate;
mod kill;
mod lag;
mod lose;
mod lull;
mod pause;
mod slow_disk;
mod transfer;
mod wipe;

pub use crash::down;
pub use delay::USUAL_US_MAX;
pub use drift::Rate;
pub use injector::{Cluster, End, Errand, Fate, Injector, Lasting};

/// All kinds, in the order in which their hooks are called, and in which a seed draws their options: a new kind comes last.
pub const ALL: [&dyn Injector; 18] = [
    &lose::Lose,
    &duplicate::Duplicate,
    &delay::Delay,
    &slow_disk::SlowDisk,
    &crash_in_write::CrashInWrite,
    &disk_error::DiskError,
    &crash::Crash,
    &kill::Kill,
    &blackout::Blackout,
    &pause::Pause,
    &cut::Cut,
    &isolate::Isolate,
    &lag::Lag,
    &drift::Drift,
    &transfer::Transfer,
    &wipe::Wipe,
    &grow::Grow,
    &lull::Lull,
];
