//! The kinds of faults, with a file and a line of [`ALL`] for each: when it strikes, its effect, and the options
//! that a seed draws for it.
//!
//! May import `disk`, `options` and `stream`. A kind acts on the cluster through [`Cluster`], which the nemesis
//! implements.

mod blackout;
mod crash;
mod crash_in_write;
mod cut;
mod delay;
mod disk_error;
mod drift;
mod duplicate;
mod full_disk;
mod grow;
mod injector;
mod isolate;
mod kill;
mod lag;
mod lose;
mod lose_answer;
mod lull;
mod outage;
mod pause;
mod recover;
mod restore;
mod slow_disk;
mod stand_still;
mod stop;
mod stranger;
mod transfer;
mod twin;
mod wipe;

pub use crash::down;
pub use delay::USUAL_US_MAX;
pub use drift::Rate;
pub use full_disk::FULL_DISK;
pub use injector::{Cluster, ControlNode, End, Fate, Injector, Lasting, OperatorTask};
pub use lose_answer::ANSWER_PPM;

/// All kinds of faults, in the order in which hooks are called and options are drawn. A new kind must be added at
/// the end.
pub const ALL: [&dyn Injector; 27] = [
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
    &stranger::Stranger,
    &twin::Twin,
    &restore::Restore,
    &recover::Recover,
    &stand_still::StandStill,
    &lose_answer::LoseAnswer,
    &stop::Stop,
    &full_disk::FullDisk,
    &outage::Outage,
];
