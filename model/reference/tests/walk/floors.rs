//! A table without the log around it, whose floors are raised now and then: what is in flight goes on.

use super::choose::Choice;
use super::dice::Dice;
use super::sinks::Sinks;
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use cutover::core::ids::{ClusterId, Epoch, MigrationId};
use cutover::core::migration::{Caps, Expected, PlacementTable};
use cutover_reference::beside::table::TableBeside;

const CAPS: Caps =
    Caps { migrations_per_placement: 3, migrations_overall: 3, partitions: 4, old_copies_per_partition: 3 };

/// Steps between two raised floors.
const RAISE_EVERY: u64 = 40;

/// Records that a late command may speak of.
const PAST: usize = 16;

/// What must have happened in a walk.
#[derive(Default)]
pub struct Raised {
    /// Floors raised over a record.
    pub over: u64,
    /// Of these, while writes might be blocked by a migration that drains.
    pub blocks: u64,
    /// Commands that were taken after that.
    pub taken: u64,
}

/// Commands and raised floors, each judged by the reference from the state before.
pub fn walk(seed: u64, steps: u64) -> Result<Raised, String> {
    let (mut dice, mut sinks, mut raised) = (Dice::new(seed, u64::MAX), Sinks::default(), Raised::default());
    let nobody = ControlPlaneState::new(ClusterId(1), CAPS, []);
    let mut table = PlacementTable::new(CAPS);
    let mut past: Vec<Expected> = Vec::new();
    for step in 0..steps {
        let before = table.clone();
        if dice.below(RAISE_EVERY) == 0 {
            let highest = table.records().map(|record| record.epoch).max().unwrap_or(Epoch::ZERO);
            let floor = (Epoch(highest.0.saturating_sub(3) + dice.below(6)), table.floor().1);
            let floor = (floor.0, MigrationId(floor.1.0.saturating_sub(2) + dice.below(4)));
            table.raise_floor(floor.0, floor.1);
            let judged = TableBeside::raised(&CAPS, &before, floor, &table);
            judged.map_err(|disagreement| format!("step {step}: raised to {floor:?}: {disagreement}"))?;
            let over: Vec<_> = before.records().filter(|record| record.epoch <= floor.0).collect();
            raised.over += u64::from(!over.is_empty());
            raised.blocks += u64::from(over.iter().any(|record| {
                record.may_block()
                    && record.placed.is_some_and(|placed| placed.state.write_placement().is_some())
            }));
            continue;
        }
        let directory = nobody.directory();
        let mut choice = Choice {
            dice: &mut dice,
            sinks: &mut sinks,
            table: &before,
            directory,
            stores: nobody.stores(),
            orders: nobody.orders(),
            changes_stores: false,
            past: &past,
        };
        let ControlPlaneEntry::OwnershipTransition(command) = choice.entry() else { continue };
        let outcome = table.apply(&command);
        let judged = TableBeside::transition(&CAPS, &before, &command, outcome, &table);
        judged.map_err(|disagreement| format!("step {step}: {disagreement}\ncommand: {command:?}"))?;
        if table != before {
            raised.taken += 1;
            past.extend(before.record(command.partition).map(|record| record.expected()));
            past.drain(..past.len().saturating_sub(PAST));
        }
    }
    Ok(raised)
}
