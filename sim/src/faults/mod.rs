//! Kinds of faults, a file and a line of [`ALL`] each. A new kind also needs its chance in `options.rs`, where a seed draws it.
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
pub use drift::Rate;
pub use injector::{Cluster, End, Errand, Fate, Injector, Lasting, LeaveOut};

/// All kinds, in the order in which their hooks are called.
pub const ALL: [&dyn Injector; 18] = [
    &lose::Lose,
    &duplicate::Duplicate,
    &delay::Delay,
    &slow_disk::SlowDisk,
    &crash_in_write::CrashInWrite,
    &disk_error::DiskError,
    &blackout::Blackout,
    &crash::Crash,
    &kill::Kill,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_a_name_of_its_own_and_can_be_left_out() {
        let names: BTreeSet<&str> = ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ALL.len());
        for kind in ALL {
            let differs = |seed| {
                let (with, mut without) = (Options::of(seed), Options::of(seed));
                kind.leave_out()(&mut without);
                with != without
            };
            assert!((0..100).any(differs), "{} changes no options", kind.name());
        }
    }
}
