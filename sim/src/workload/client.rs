//! A client of numbered partitions: it reads them, and changes them according to what it has read.

use super::api::{Api, ChangeRequest, Done, Failed, Found};
use super::choice;
use super::deadline::Deadline;
use super::library::{self, Library};
use crate::event_log::{EventLog, lock, now_ns};
use crate::host::Hosts;
use crate::judge::{Judge, Moment, own};
use crate::options::Options;
use crate::read_pause::ReadPause;
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::ids::{Epoch, HistoryId, Index, MigrationId, PartitionId, Revision, Serial, SessionId};
use cutover::core::invariant::Id;
use cutover::core::invariant::history::{Answer, Invocation, Operation, Refusal, Seen};
use cutover::core::migration::{Expected, PartitionRecord, Transition};
use cutover::core::raft::Ticket;
use cutover::node::proto::{PartitionSelector as By, v1};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::time::sleep;

/// Clients with this number or a higher one are roaming. The number is even, so that they use gRPC directly.
pub const ROAMING: u8 = 200;

/// First number of partitions that clients number themselves. Named partitions get lower numbers from the log.
const NUMBERED: u64 = 1 << 16;
/// First number of partitions that a single client uses alone.
const FRESH: u64 = 1 << 20;

/// An operation of a client.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The operation.
    pub operation: Operation,
    /// The history that its ticket names, if it has one.
    pub under: Option<HistoryId>,
    /// When the client gave up on it, without knowing its outcome.
    pub over_ns: Option<u64>,
}

/// The operations of all clients of a run.
pub type History = Arc<Mutex<Vec<Asked>>>;

/// A client of numbered partitions.
pub struct Client {
    number: u8,
    api: Api,
    options: Arc<Options>,
    judge: Arc<Mutex<Judge>>,
    event_log: EventLog,
    history: History,
    lull: ReadPause,
    chance: Stream,
    /// The production client library, which half of the clients use.
    library: Option<Library>,
    /// Whether it makes frequent requests at random nodes, and so meets leaders that have been deposed and do not
    /// know it.
    roams: bool,
    session: Option<(SessionId, HistoryId)>,
    serial: u64,
    known: BTreeMap<PartitionId, Option<PartitionRecord>>,
    /// Number of partitions that this client has created for its own use.
    fresh: u64,
}

impl Client {
    /// A client of these nodes.
    #[must_use]
    pub fn new(number: u8, hosts: &Hosts, nodes: Vec<u8>, history: History) -> Self {
        let options = Arc::clone(&hosts.options);
        let roams = number >= ROAMING;
        // Every second roaming client starts without a pause.
        let hasty = roams && number.is_multiple_of(4);
        let patience = Duration::from_millis(if hasty { 100 } else { options.work.patience_ms });
        let library = library::client(&nodes, patience, options.seed ^ u64::from(number));
        let api = Api::new(nodes, patience, Stream::new(options.seed, "api", number.into()));
        let chance = Stream::new(options.seed, "client", number.into());
        let (session, serial, known) = (None, 0, BTreeMap::new());
        let library = library.filter(|_| number % 2 == 1);
        let library = library.map(|client| Library::new(client, Deadline::new(hosts, patience)));
        Self {
            number,
            api,
            options,
            judge: Arc::clone(&hosts.judge),
            event_log: hosts.event_log.clone(),
            history,
            lull: hosts.lull.clone(),
            chance,
            library,
            roams,
            session,
            serial,
            known,
            fresh: 0,
        }
    }

    /// Makes requests until the run is over.
    pub async fn run(mut self) {
        let work = self.options.work.clone();
        let every_us = if self.roams {
            100_000
        } else {
            u64::from(work.clients) * 1_000_000 / work.requests_per_s.max(1)
        };
        loop {
            let wait = self.chance.below(2 * every_us);
            sleep(Duration::from_micros(wait)).await;
            // During a pause of reads, a client that is not roaming makes no requests; a roaming one only writes.
            if self.lull.holds() {
                if self.roams {
                    self.fresh += 1;
                    self.change(PartitionId(FRESH + 1_000 * u64::from(self.number) + self.fresh)).await;
                }
                continue;
            }
            let number = self.chance.below(work.partitions.into());
            let partition = PartitionId(NUMBERED + number);
            let reads = self.chance.below(100) < if self.roams { 60 } else { work.reads_pc };
            if reads || !self.known.contains_key(&partition) {
                self.read(partition).await;
            } else {
                self.change(partition).await;
            }
        }
    }

    fn begin(&self, partition: PartitionId, call: Invocation) -> usize {
        let mut history = lock(&self.history);
        let operation =
            Operation { client: self.number.into(), partition, invoked: now_ns(), completed: None, call };
        history.push(Asked { operation, under: None, over_ns: None });
        history.len() - 1
    }

    /// Changes what is noted of an operation.
    fn note(&self, at: usize, change: impl FnOnce(&mut Asked)) {
        if let Some(asked) = lock(&self.history).get_mut(at) {
            change(asked);
        }
    }

    fn end(&self, at: usize, call: Invocation) {
        self.note(at, |asked| {
            asked.operation.completed = Some(now_ns());
            asked.operation.call = call;
        });
    }

    async fn read(&mut self, partition: PartitionId) {
        let at = self.begin(partition, Invocation::Read { seen: Seen::Nothing, revision: None });
        let before = lock(&self.judge).moment();
        let answer = match &self.library {
            Some(library) => library.resolve(By::Id(partition)).await,
            None if self.roams => {
                self.api.go_elsewhere(None);
                self.api.resolve(&By::Id(partition), 1).await
            }
            None => self.api.resolve(&By::Id(partition), 4).await,
        };
        let Some(answer) = answer else {
            self.event_log.count("client", "reads without an answer");
            return;
        };
        self.event_log.count("client", "reads");
        let revision = answer.as_ref().map(|found| found.revision);
        let record = answer.map(|found: Found| found.record);
        let facts =
            [partition.0, revision.map_or(0, |at| at.0), record.as_ref().map_or(0, |found| found.epoch.0)];
        self.event_log.note("c", self.number.into(), "reads", &facts, || {
            let epoch = record.as_ref().map_or("nothing".to_owned(), |found| found.epoch.to_string());
            format!("{partition}: {epoch} at {}", revision.unwrap_or(Revision::ZERO))
        });
        self.check_read(partition, before, revision, record.as_ref());
        self.known.insert(partition, record.clone());
        self.end(at, Invocation::Read { seen: record.map_or(Seen::Nothing, Seen::Record), revision });
    }

    /// Checks that a read is as new as everything committed before it was invoked, and agrees with the table at its
    /// revision.
    fn check_read(
        &self,
        partition: PartitionId,
        before: Moment,
        revision: Option<Revision>,
        record: Option<&PartitionRecord>,
    ) {
        let mut judge = lock(&self.judge);
        let before = judge.committed_before(before);
        let Some(revision) = revision else { return };
        let of_then = judge.table().record_at(partition, revision);
        if revision < before {
            let id = Id::ReadLinearizable.entry().id;
            let against = format!("{before} was committed before it was asked for");
            judge.find(id, format!("c{} reads {partition} at {revision}", self.number), against);
        } else if of_then.as_ref() != record {
            let found = format!("c{} reads {partition} at {revision}: {record:?}", self.number);
            judge.find(Id::ReadLinearizable.entry().id, found, format!("the log says {of_then:?}"));
        }
    }

    async fn change(&mut self, partition: PartitionId) {
        let known = self.known.get(&partition).cloned().flatten();
        let transition = choice::next(known.as_ref(), &self.options.work, &mut self.chance);
        let bare = self.chance.below(100) < self.options.work.bare_pc;
        let call = Invocation::Apply { transition: transition.clone(), answer: Answer::Indeterminate };
        let at = self.begin(partition, call);
        let before = lock(&self.judge).before(partition);
        let answer = self.ask(at, partition, transition.clone(), bare).await;
        if let Err(Failed::Refused(why)) = &answer {
            lock(&self.judge).refused(&format!("c{}", self.number), why, before);
        }
        let facts = match &answer {
            Ok(done) => [0, done.index, done.value, u64::from(done.repeated)],
            Err(Failed::Refused(_)) => [1, 0, 0, 0],
            Err(Failed::NotCommitted) => [2, 0, 0, 0],
            Err(Failed::Indeterminate) => [3, 0, 0, 0],
            Err(Failed::SessionExpired) => [4, 0, 0, 0],
        };
        self.event_log.note("c", self.number.into(), "changes", &facts, || {
            let done = answer.as_ref().map(|done| format!("{} at {}", Epoch(done.value), Index(done.index)));
            format!("{partition} {transition:?}: {done:?}")
        });
        self.event_log.count(
            "client",
            match &answer {
                Ok(Done { repeated: true, .. }) => "changes answered again",
                Ok(Done { repeated: false, .. }) => "changes",
                Err(Failed::Refused(_)) => "changes refused",
                Err(Failed::NotCommitted) => "changes not committed",
                Err(Failed::Indeterminate) => "changes without an outcome",
                Err(Failed::SessionExpired) => "changes of an expired session",
            },
        );
        if matches!(answer, Err(Failed::SessionExpired)) {
            let of_before = self.session.take().is_some_and(|(_, of)| of != lock(&self.judge).history());
            if of_before {
                self.event_log.count("client", "sessions told of a new history");
            }
        }
        if let Ok(Done { index, value, repeated, .. }) = &answer {
            self.check_change(partition, Index(*index), Epoch(*value), *repeated);
        }
        self.known.remove(&partition);
        // An operation with an unknown outcome has no end in the history.
        let answer = match answer {
            Ok(done) => Answer::Ok { epoch: Epoch(done.value) },
            Err(Failed::Refused(why)) => refusal(why),
            Err(Failed::NotCommitted | Failed::SessionExpired) => Answer::NotCommitted,
            Err(Failed::Indeterminate) => {
                return self.note(at, |asked| asked.over_ns = Some(now_ns()));
            }
        };
        self.end(at, Invocation::Apply { transition, answer });
    }

    /// Checks that an acknowledged change is committed and had the effect that the answer gives.
    fn check_change(&self, partition: PartitionId, index: Index, epoch: Epoch, repeated: bool) {
        let mut judge = lock(&self.judge);
        let found = judge.table().epoch_at(index);
        let fits = if repeated { index <= judge.table().through() } else { found == Some(epoch) };
        if !fits {
            let said =
                format!("c{} is told that its change of {partition} at {index} gives {epoch}", self.number);
            judge.find(own::ANSWER, said, format!("the log gives {found:?} there"));
        }
    }

    async fn ask(
        &mut self,
        at: usize,
        partition: PartitionId,
        wanted: Transition,
        bare: bool,
    ) -> Result<Done, Failed> {
        if let Some(library) = &mut self.library {
            let under = if bare { None } else { library.session().await };
            if let Some(asked) = lock(&self.history).get_mut(at) {
                asked.under = under;
            }
            return library.change(By::Id(partition), wanted, under.is_none()).await;
        }
        let ticket = if bare { None } else { self.ticket().await };
        self.note(at, |asked| asked.under = ticket.map(|(_, history)| history));
        if self.roams {
            self.api.go_elsewhere(None);
        }
        self.api.ask(&ChangeRequest::Apply(By::Id(partition), Box::new(wanted), ticket), 6).await
    }

    async fn ticket(&mut self) -> Option<(Ticket, HistoryId)> {
        if self.session.is_none()
            && let Ok(done) = self.api.ask(&ChangeRequest::Open, 6).await
        {
            self.session = Some((SessionId(done.value), HistoryId(done.index)));
            self.serial = 0;
            self.event_log.count("client", "sessions");
        }
        let (session, history) = self.session?;
        let acknowledged_through = Serial(self.serial);
        self.serial += 1;
        Some((Ticket { session, serial: Serial(self.serial), acknowledged_through }, history))
    }

    /// Whether a change of a new partition is committed.
    pub async fn goes_through(&mut self) -> bool {
        let Ok(done) = self.api.ask(&ChangeRequest::Open, 50).await else { return false };
        self.api.ask(&ChangeRequest::Close(SessionId(done.value), HistoryId(done.index)), 50).await.is_ok()
            && self.api.resolve(&By::Id(PartitionId(0)), 50).await.is_some()
    }
}

/// Decodes a record from a message.
pub(super) fn record_of(wire: Option<&v1::Record>) -> Option<PartitionRecord> {
    wire.and_then(|record| PartitionRecord::try_from(record).ok())
}

/// Converts a refusal. One that the log has not decided means that nothing was done.
fn refusal(why: v1::Refused) -> Answer {
    if !why.decided {
        return Answer::NotCommitted;
    }
    let have =
        why.have.map(|have| Expected { migration: MigrationId(have.migration), epoch: Epoch(have.epoch) });
    Answer::Refused(Refusal { reason: why.reason, have })
}
