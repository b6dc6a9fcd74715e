//! The kinds of faults and clients that can be switched off. Each has its own random streams.

use crate::faults;
use crate::options::{Draw, Drawn, Options};

/// How to switch something off.
#[derive(Clone, Copy, Debug)]
pub enum LeaveOut {
    /// A kind of fault: its probability is set to 0.
    Fault(Drawn),
    /// A kind of client.
    Clients(fn(&mut Options)),
}

impl LeaveOut {
    /// Changes the options.
    pub fn of(self, options: &mut Options) {
        match self {
            Self::Fault(chance) => options.clear(&chance),
            Self::Clients(none) => none(options),
        }
    }
}

/// Kinds of clients that can be switched off; clients of numbered partitions always run.
const CLIENTS: [(&str, LeaveOut); 11] = [
    ("roaming", LeaveOut::Clients(|options| options.work.roaming = 0)),
    ("watchers", LeaveOut::Clients(|options| options.work.watchers = 0)),
    ("namers", LeaveOut::Clients(|options| options.work.namers = 0)),
    ("readers", LeaveOut::Clients(|options| options.work.readers = 0)),
    ("gateways", LeaveOut::Clients(|options| options.work.gateways = 0)),
    ("crowds", LeaveOut::Clients(|options| options.work.crowds = 0)),
    ("probers", LeaveOut::Clients(|options| options.work.probers = 0)),
    ("guests", LeaveOut::Clients(|options| options.work.guests = 0)),
    ("holders", LeaveOut::Clients(|options| options.work.holders = 0)),
    ("orders", LeaveOut::Clients(|options| options.data.orders = false)),
    ("store-wipes", LeaveOut::Clients(|options| options.data.wipes_ms = 0)),
];

/// All kinds that can be switched off, with their names.
pub fn kinds() -> impl Iterator<Item = (&'static str, LeaveOut)> {
    let chance = |option: &&Drawn| matches!(option.draw, Draw::Chance(_));
    let faults = faults::ALL
        .iter()
        .filter_map(move |kind| Some((kind.name(), LeaveOut::Fault(*kind.options().iter().find(chance)?))));
    faults.chain(CLIENTS)
}

/// Finds kinds by name.
///
/// # Errors
/// A text with the first unknown name and the names that exist.
pub fn named(names: &[String]) -> Result<Vec<LeaveOut>, String> {
    let kind = |name: &String| {
        let found = kinds().find(|(known, _)| known == name).map(|(_, leave_out)| leave_out);
        found.ok_or_else(|| {
            let known: Vec<&str> = kinds().map(|(name, _)| name).collect();
            format!("{name:?} is nothing that can be left out, expected {}", known.join(", "))
        })
    };
    names.iter().map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_a_name_of_its_own_and_can_be_left_out() {
        let names: BTreeSet<&str> = kinds().map(|(name, _)| name).collect();
        assert_eq!(names.len(), faults::ALL.len() + CLIENTS.len());
        for (name, leave_out) in kinds() {
            let differs = |seed| {
                let (with, mut without) = (expand::options(seed), expand::options(seed));
                leave_out.of(&mut without);
                with != without
            };
            assert!((0..100).any(differs), "{name} changes no options");
        }
    }
}
