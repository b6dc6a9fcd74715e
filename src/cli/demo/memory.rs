//! The most memory that the processes of a demo had resident.

use core::cell::Cell;
use std::fs;

/// The most KiB that any process of a kind had resident so far; 0: not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Resident {
    pub(super) node: u64,
    pub(super) store: u64,
    pub(super) gateway: u64,
}

/// The kind of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Node,
    Store,
    Gateway,
}

/// What was seen of all processes, with those that were killed.
#[derive(Default)]
pub(super) struct Memory(Cell<Resident>);

impl Memory {
    /// Looks at a process. Where the system does not tell, nothing is known.
    pub(super) fn look(&self, kind: Kind, process: u32) {
        let said = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let Some(kib) = peak(&said) else { return };
        let mut seen = self.0.get();
        let most = match kind {
            Kind::Node => &mut seen.node,
            Kind::Store => &mut seen.store,
            Kind::Gateway => &mut seen.gateway,
        };
        *most = kib.max(*most);
        self.0.set(seen);
    }

    pub(super) const fn seen(&self) -> Resident {
        self.0.get()
    }
}

/// The peak of the resident set in KiB, as Linux tells it.
fn peak(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{Kind, Memory, Resident, peak};

    #[test]
    fn the_peak_is_told_by_the_system() {
        assert_eq!(peak("VmPeak:\t  90 kB\nVmHWM:\t   1234 kB\nVmRSS:\t 10 kB\n"), Some(1234));
        assert_eq!(peak("VmRSS:\t 10 kB\n"), None);
        let memory = Memory::default();
        memory.look(Kind::Store, std::process::id());
        memory.look(Kind::Node, u32::MAX);
        let Resident { node, store, gateway } = memory.seen();
        assert_eq!((node, gateway), (0, 0));
        assert_eq!(store > 1024, cfg!(target_os = "linux"), "{store} KiB");
    }
}
