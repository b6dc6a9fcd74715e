//! The machine of a watcher and its reference, beside a watcher's stream; and what it was told beside the log.

use super::client::record_of;
use crate::judge::Judge;
use crate::table::Table;
use cutover::client::Update;
use cutover::core::gate::{Step, WatchCache, WatchEvent};
use cutover::core::ids::{HistoryId, PartitionId, Revision};
use cutover::core::migration::PartitionRecord;
use cutover::node::proto::v1::{self, watch_response::What};
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::watch::WatchBeside;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// All that was told is compared with the log after so many changes.
const WHOLE: u64 = 16;

type Event = WatchEvent<PartitionRecord>;
type Records = BTreeMap<PartitionId, PartitionRecord>;

/// The machine and the reference beside a watcher.
#[derive(Debug)]
pub(super) struct Beside {
    cache: WatchCache<PartitionRecord>,
    reference: WatchBeside<PartitionRecord>,
    changes: u64,
    /// Whether they have disagreed.
    over: bool,
}

impl Default for Beside {
    fn default() -> Self {
        let reference = WatchBeside::new(|record: &PartitionRecord| record.partition);
        Self { cache: WatchCache::default(), reference, changes: 0, over: false }
    }
}

/// A message of a stream as an event; `None`: it has none, or a record that cannot be decoded.
fn event(what: &What) -> Option<Event> {
    match what {
        What::Resync(page) => {
            let records = page.records.iter().map(|record| record_of(Some(record)));
            let (records, revision) = (records.collect::<Option<_>>()?, Revision(page.revision));
            Some(WatchEvent::Page { records, revision, last: page.last })
        }
        What::Change(change) => Some(WatchEvent::Changed {
            after: Revision(change.after_revision),
            revision: Revision(change.revision),
            partition: PartitionId(change.partition),
            record: record_of(change.record.as_ref()),
        }),
        What::Progress(_) => None,
    }
}

impl Beside {
    /// Beside a watcher that has this table, of this revision.
    pub(super) fn having(history: HistoryId, revision: Revision, records: &Records) -> Self {
        let mut beside = Self::default();
        if revision > Revision::ZERO {
            let records = records.values().cloned().collect();
            for event in [WatchEvent::History(history), WatchEvent::Page { records, revision, last: true }] {
                // It was told nothing yet, so both take it.
                beside.over |= beside.handle(event).is_err();
            }
        }
        beside
    }

    fn handle(&mut self, event: Event) -> Result<Step<PartitionRecord>, Disagreement> {
        let step = self.cache.handle(event.clone());
        self.reference.handled(&event, &step, &self.cache)?;
        Ok(step)
    }

    /// The stream has ended.
    pub(super) fn ended(&mut self) -> Option<(String, String)> {
        let judged = self.handle(WatchEvent::Ended).map(|_| ());
        self.told(judged)
    }

    /// A message of the stream.
    pub(super) fn heard(
        &mut self,
        history: HistoryId,
        what: &What,
        judge: &Judge,
    ) -> Option<(String, String)> {
        let judged = self.hear(history, what, judge);
        self.told(judged)
    }

    fn hear(&mut self, history: HistoryId, what: &What, judge: &Judge) -> Result<(), Disagreement> {
        self.handle(WatchEvent::History(history))?;
        if let What::Progress(v1::Progress { revision }) = what {
            let reference = self.reference.watcher();
            let whole = reference.is_whole && reference.told <= Revision(*revision);
            return if whole { self.compare(judge, true) } else { Ok(()) };
        }
        let Some(event) = event(what) else { return Ok(()) };
        match self.handle(event)? {
            Step::Apply(update) => self.applied(&update, judge),
            Step::Wait | Step::Reopen => Ok(()),
        }
    }

    /// An update of the production library: it has to be what a stream makes that is told this.
    pub(super) fn updated(&mut self, update: &Update, judge: &Judge) -> Option<(String, String)> {
        let judged = self.update(update, judge);
        self.told(judged)
    }

    fn update(&mut self, update: &Update, judge: &Judge) -> Result<(), Disagreement> {
        let told = self.reference.watcher().told;
        let (history, event) = match update.clone() {
            Update::Everything { revision: Revision::ZERO, history, .. }
                if self.reference.watcher().history.is_some_and(|known| known != history) =>
            {
                (None, WatchEvent::History(history))
            }
            Update::Everything { records, revision, history } => {
                (Some(history), WatchEvent::Page { records, revision, last: true })
            }
            Update::Changed { partition, record, revision } => {
                (None, WatchEvent::Changed { after: told, revision, partition, record })
            }
        };
        if let Some(history) = history {
            self.handle(WatchEvent::History(history))?;
        }
        let step = self.handle(event)?;
        if step != Step::Apply(update.clone()) {
            return Err(Disagreement::new("W2, W4, W7", update, step));
        }
        self.applied(update, judge)
    }

    /// What was told is compared with the log: everything, and changes now and then.
    fn applied(&mut self, update: &Update, judge: &Judge) -> Result<(), Disagreement> {
        match update {
            Update::Everything { revision: Revision::ZERO, .. } => Ok(()),
            Update::Everything { .. } => self.compare(judge, true),
            Update::Changed { .. } => {
                self.changes += 1;
                if self.changes.is_multiple_of(WHOLE) { self.compare(judge, false) } else { Ok(()) }
            }
        }
    }

    fn compare(&self, judge: &Judge, is_still: bool) -> Result<(), Disagreement> {
        let last: RefCell<Option<(HistoryId, Revision, Records)>> = RefCell::default();
        let truth = |history: HistoryId, revision: Revision| -> Option<Records> {
            let mut last = last.borrow_mut();
            if let Some((of, at, records)) = last.as_ref()
                && (*of, *at) == (history, revision)
            {
                return Some(records.clone());
            }
            let records = records(judge.table_of(history)?, revision);
            *last = Some((history, revision, records.clone()));
            Some(records)
        };
        self.reference.compare(&truth, is_still)
    }

    /// The reference is of no use after a disagreement.
    fn told(&mut self, judged: Result<(), Disagreement>) -> Option<(String, String)> {
        let Err(Disagreement { machine, reference, rule }) = judged else { return None };
        if std::mem::replace(&mut self.over, true) {
            return None;
        }
        Some((machine, format!("by {rule}: {reference}")))
    }
}

/// The records of the table at a revision.
fn records(table: &Table, revision: Revision) -> Records {
    let all = table.all_at(revision).into_iter();
    all.filter_map(|(partition, change)| Some((partition, change.record.clone()?))).collect()
}
