//! The rows and changes of a copy in memory, as the outputs of a fence leave them.

use super::{Cell, Change, Key, Output, Row, Rows, View};
use crate::core::ids::{Names, Position, Relabel};
use alloc::vec::Vec;
use core::convert::Infallible;
use core::ops::Bound;

/// The rows and the log of changes of one copy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Contents {
    rows: Rows,
    log: Vec<Change>,
}

impl Contents {
    /// The rows, by key.
    #[must_use]
    pub const fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The changes in the log, by position.
    #[must_use]
    pub fn log(&self) -> &[Change] {
        &self.log
    }

    /// Performs an output that changes the data. Others do not.
    pub fn perform(&mut self, output: &Output) {
        match output {
            Output::Append(change) => {
                for Cell { key, value } in change.effects.iter() {
                    let position = change.position;
                    self.set(key, value.clone().map(|value| Row { value, position }));
                }
                self.log.push(change.clone());
            }
            Output::Import { rows } => rows.iter().for_each(|(key, row)| self.set(key, row.clone())),
            Output::Trim { through } => self.log.retain(|change| change.position > *through),
            Output::Erase => *self = Self::default(),
            Output::Persist
            | Output::Admitted(_)
            | Output::Serve(_)
            | Output::Hand(_)
            | Output::Pull { .. }
            | Output::Reply(_)
            | Output::Halt(_) => {}
        }
    }

    fn set(&mut self, key: &Key, row: Option<Row>) {
        match row {
            Some(row) => self.rows.insert(key.clone(), row),
            None => self.rows.remove(key),
        };
    }
}

impl View for Contents {
    type Error = Infallible;

    fn rows_after(&self, key: Option<&Key>) -> impl Iterator<Item = Result<(Key, Row), Infallible>> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.rows.range((from, Bound::Unbounded)).map(|(key, row)| Ok((key.clone(), row.clone())))
    }

    fn changes_after(&self, position: Position) -> impl Iterator<Item = Result<Change, Infallible>> {
        self.log.iter().filter(move |change| change.position > position).map(|change| Ok(change.clone()))
    }
}

impl Relabel for Contents {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { rows: self.rows.clone(), log: self.log.relabel(names) }
    }
}
