//! A client of named partitions: it creates them, finds them by name, and lists all partitions.

use super::api::{Api, ChangeRequest, Done, Failed, Found};
use super::choice;
use super::deadline::Deadline;
use super::library::{self, Library};
use crate::event_log::{EventLog, lock};
use crate::host::Hosts;
use crate::judge::{Judge, Moment, own};
use crate::options::Options;
use crate::read_pause::ReadPause;
use crate::stream::Stream;
use crate::table::{Table, TableChange};
use core::time::Duration;
use cutover::core::control_plane::{Answer, PartitionName};
use cutover::core::ids::{Epoch, Index, PartitionId, Placement, Revision};
use cutover::core::invariant::Id;
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::Guarantee;
use cutover::node::proto::{PartitionSelector as By, v1};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::time::sleep;

/// Number of names that all clients share.
const NAMES: u64 = 5;

/// A number beyond all that clients create by number.
pub(super) const FAR: PartitionId = PartitionId(1 << 48);

/// A client of named partitions.
pub struct NamedClient {
    number: u8,
    api: Api,
    options: Arc<Options>,
    judge: Arc<Mutex<Judge>>,
    event_log: EventLog,
    lull: ReadPause,
    chance: Stream,
    /// The production client library, which every second client uses.
    library: Option<Library>,
    known: BTreeMap<PartitionName, PartitionRecord>,
}

/// A violation: id of the invariant, the observed fact, the fact that it contradicts.
type Wrong = Option<(&'static str, String, String)>;

impl NamedClient {
    /// A client that knows the initial nodes.
    #[must_use]
    pub fn new(number: u8, hosts: &Hosts) -> Self {
        let (options, nodes) = (Arc::clone(&hosts.options), hosts.all());
        let patience = Duration::from_millis(options.work.patience_ms);
        let library = library::client(&nodes, patience, options.seed ^ (u64::from(number) << 8));
        let library = library.filter(|_| number % 2 == 1);
        let library = library.map(|client| Library::new(client, Deadline::new(hosts, patience)));
        let api = Api::new(nodes, patience, Stream::new(options.seed, "api", 300 + u64::from(number)));
        let chance = Stream::new(options.seed, "names", number.into());
        let (judge, event_log) = (Arc::clone(&hosts.judge), hosts.event_log.clone());
        let lull = hosts.lull.clone();
        Self { number, api, options, judge, event_log, lull, chance, library, known: BTreeMap::new() }
    }

    /// Makes requests until the run is over.
    pub async fn run(mut self) {
        self.keep_apart().await;
        loop {
            sleep(Duration::from_millis(self.chance.below(600))).await;
            let Ok(name) = PartitionName::try_from(format!("tenant-{}", self.chance.below(NAMES))) else {
                return;
            };
            match self.chance.below(10) {
                0..5 if self.lull.holds() => {}
                0..3 => self.find(name).await,
                3..5 => self.list().await,
                _ => self.change(name).await,
            }
        }
    }

    /// Creates a partition with a number beyond those that other clients create by number. Names get higher ones, so no client
    /// finds that somebody else has created its partition under a name.
    async fn keep_apart(&mut self) {
        let create = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        let far = ChangeRequest::Apply(By::Id(FAR), Box::new(create), None);
        while !matches!(self.api.ask(&far, 6).await, Ok(_) | Err(Failed::Refused(_))) {
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn find_wrong(&self, wrong: Wrong) {
        if let Some((id, found, against)) = wrong {
            lock(&self.judge).find(id, format!("m{} {found}", self.number), against);
        }
    }

    fn moment(&self) -> Moment {
        lock(&self.judge).moment()
    }

    async fn find(&mut self, name: PartitionName) {
        let before = self.moment();
        let by = By::Name(name.clone());
        let answer = match &self.library {
            Some(library) => library.resolve(by).await,
            None => self.api.resolve(&by, 4).await,
        };
        let Some(answer) = answer else { return };
        self.event_log.count("client", "names resolved");
        let number = answer.as_ref().map_or(0, |found| found.record.partition.0);
        self.event_log.note("m", self.number.into(), "resolves", &[number], || name.to_string());
        let wrong = resolved(&lock(&self.judge), &name, before, answer.as_ref());
        self.find_wrong(wrong);
        match answer {
            Some(found) => self.known.insert(name, found.record),
            None => self.known.remove(&name),
        };
    }

    async fn list(&mut self) {
        let before = self.moment();
        let (page, limit, after) = match &self.library {
            Some(library) => (library.list(None).await, u32::MAX, None),
            None => {
                let limit = u32::try_from(self.chance.between(1, 12)).unwrap_or(1);
                let after = (self.chance.below(2) == 0).then_some(1);
                (self.api.list(after, limit, 4).await, limit, after)
            }
        };
        let Some(page) = page else { return };
        self.event_log.count("client", "pages listed");
        self.event_log.note("m", self.number.into(), "lists", &[page.revision], String::new);
        let wrong = listed(&lock(&self.judge), &page, before, after, limit);
        self.find_wrong(wrong);
    }

    async fn change(&mut self, name: PartitionName) {
        let known = self.known.remove(&name);
        let transition = choice::next(known.as_ref(), &self.options.work, &mut self.chance);
        let creates = matches!(transition, Transition::Create { .. });
        // The name may belong to another partition when the command arrives, so an existing partition is named by
        // its number.
        let by = match known {
            Some(record) if !creates => By::Id(record.partition),
            Some(_) | None => By::Name(name.clone()),
        };
        let before = lock(&self.judge).before(FAR);
        let answer = match &mut self.library {
            Some(library) => library.change(by, transition, true).await,
            None => self.api.ask(&ChangeRequest::Apply(by, Box::new(transition), None), 6).await,
        };
        if let Ok(done) = answer {
            self.event_log
                .count("client", if creates { "partitions named" } else { "changes of named ones" });
            let facts = [done.index, done.value, done.partition];
            self.event_log.note("m", self.number.into(), "changes", &facts, || name.to_string());
            let wrong = changed(lock(&self.judge).table(), &name, creates, done);
            self.find_wrong(wrong);
        } else if let Err(Failed::Refused(why)) = answer {
            lock(&self.judge).refused(&format!("m{}", self.number), &why, before);
            self.event_log.count("client", "changes of named ones refused");
        }
    }
}

fn stale(found: String, before: Revision) -> (&'static str, String, String) {
    let against = format!("{before} was committed before it was asked for");
    (Id::ReadLinearizable.entry().id, found, against)
}

/// Checks that an acknowledged change is in the log, for the partition in the answer.
fn changed(table: &Table, name: &PartitionName, creates: bool, done: Done) -> Wrong {
    let (at, partition) = (Index(done.index), PartitionId(done.partition));
    let fits = match table.answer_at(at) {
        Some(Answer::Named { partition: of, epoch }) => {
            let named =
                table.named_at(name, Revision(at.0)).is_some_and(|change| change.partition == partition);
            creates && named && *of == partition && *epoch == Epoch(done.value)
        }
        Some(Answer::Epoch(epoch)) => !creates && *epoch == Epoch(done.value),
        Some(
            Answer::Noted
            | Answer::Refused(_)
            | Answer::Store { .. }
            | Answer::StoreRefused(_)
            | Answer::OrderRefused(_),
        )
        | None => false,
    };
    let said = format!("is told that {name} is {partition}, in {} by {at}", Epoch(done.value));
    (!fits).then(|| (own::ANSWER, said, format!("the log says {:?}", table.answer_at(at))))
}

/// Checks that a name resolves to the partition that the log gave it to, and that the answer is fresh.
fn resolved(judge: &Judge, name: &PartitionName, before: Moment, answer: Option<&Found>) -> Wrong {
    let (table, before) = (judge.table(), judge.committed_before(before));
    let Some(found) = answer else {
        let throughout = table.named_throughout(name, before, table.state().revision());
        let against = format!("from {before} on it was there all the time");
        return throughout.then(|| (own::DIRECTORY, format!("is told that there is no {name}"), against));
    };
    if found.name != name.to_string() {
        return Some((
            own::DIRECTORY,
            format!("asks for {name}"),
            format!("and is told of {:?}", found.name),
        ));
    }
    let revision = found.revision;
    if revision < before {
        return Some(stale(format!("reads {name} at {revision}"), before));
    }
    let of_then = table.named_at(name, revision);
    let same = of_then.is_some_and(|change| change.record.as_ref() == Some(&found.record));
    let said = format!("is told that {name} is {:?}", found.record);
    (!same).then(|| (own::DIRECTORY, said, format!("the log says {of_then:?}")))
}

/// Checks that a page contains the partitions of the table at its revision, in order and completely.
fn listed(judge: &Judge, page: &v1::ListResponse, before: Moment, after: Option<u64>, limit: u32) -> Wrong {
    let (table, before) = (judge.table(), judge.committed_before(before));
    let revision = Revision(page.revision);
    if revision < before {
        return Some(stale(format!("lists everything at {revision}"), before));
    }
    let text = |change: &TableChange| change.name.as_ref().map(ToString::to_string).unwrap_or_default();
    let all = table.all_at(revision);
    let wanted = all.values().filter(|change| after.is_none_or(|after| change.partition.0 > after));
    let mut wanted: Vec<_> = wanted.map(|change| (change.record.clone(), text(change))).collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = wanted.len() > limit;
    wanted.truncate(limit);
    let found: Vec<_> = page
        .records
        .iter()
        .map(|record| (PartitionRecord::try_from(record).ok(), record.name.clone()))
        .collect();
    (found != wanted || page.more != more).then(|| {
        let said = format!("lists {} at {revision}, more: {}: {found:?}", found.len(), page.more);
        (own::DIRECTORY, said, format!("the log says {}, more: {more}: {wanted:?}", wanted.len()))
    })
}
