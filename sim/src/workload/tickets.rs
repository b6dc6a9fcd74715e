//! A holder of sessions: it keeps several requests of a session open, sends them again in any order, long after others went on and
//! after leaders and processes have changed, and closes sessions or lets them expire. Whatever it is told of one ticket must be what the
//! log has under it.

use super::api::{Api, Attempt, ChangeRequest, Done, Failed};
use super::choice;
use super::names::FAR;
use crate::event_log::{lock, now_ns};
use crate::host::Hosts;
use crate::judge::{Told, is_of_the_attempt, own};
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::control_plane::PartitionName;
use cutover::core::ids::{Epoch, HistoryId, Index, PartitionId, Placement, Serial, SessionId};
use cutover::core::migration::Transition;
use cutover::core::placement::Guarantee;
use cutover::core::raft::Ticket;
use cutover::node::proto::PartitionSelector as By;
use tokio::time::sleep;

/// First number of partitions that holders of sessions create.
const OWN: u64 = 3 << 20;
/// Sessions that were closed or left, and are tried again now and then.
const LEFT_MAX: usize = 3;

/// A request that was sent under a ticket.
#[derive(Clone, Debug)]
struct Sent {
    serial: Serial,
    by: By,
    transition: Transition,
    /// Whether an attempt may have been applied.
    maybe: bool,
    /// Whether nodes have said of every attempt so far that they took nothing.
    untaken: bool,
    settled: bool,
}

/// A session with its requests that are not acknowledged.
#[derive(Clone, Debug)]
struct Held {
    id: SessionId,
    history: HistoryId,
    next: u64,
    acknowledged: u64,
    sent: Vec<Sent>,
    closed: bool,
}

/// A holder of sessions.
pub struct Holder {
    number: u8,
    hosts: Hosts,
    api: Api,
    chance: Stream,
    held: Option<Held>,
    left: Vec<Held>,
}

/// A change that the log may take or refuse: of one of a few partitions or names, or of a new one.
pub(super) fn some_change(number: u8, at: u64, hosts: &Hosts, chance: &mut Stream) -> (By, Transition) {
    let own = PartitionId(OWN + (u64::from(number) << 16) + chance.below(4));
    let fresh = PartitionId(OWN + (u64::from(number) << 16) + 8 + at);
    let create = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    if lock(&hosts.judge).table().state().table().record(FAR).is_none() {
        // Names get numbers above it, so none gets that of another client's partition.
        return (By::Id(FAR), create);
    }
    let name = |text: String| PartitionName::try_from(text).map_or(By::Id(fresh), By::Name);
    match chance.below(6) {
        0 => (By::Id(fresh), create),
        1 => (name(format!("ticket-{}", chance.below(3))), create),
        2 => (name(format!("ticket-{number}-{at}")), create),
        _ => {
            let record = lock(&hosts.judge).table().state().table().record(own).cloned();
            (By::Id(own), choice::next(record.as_ref(), &hosts.options.work, chance))
        }
    }
}

impl Holder {
    /// A holder that knows the initial nodes.
    #[must_use]
    pub fn new(number: u8, hosts: &Hosts) -> Self {
        let (seed, patience) = (hosts.options.seed, hosts.options.work.patience_ms);
        let mut chance = Stream::new(seed, "holder", number.into());
        // With little patience, many answers come too late.
        let patience = Duration::from_millis(if chance.below(2) == 0 { patience } else { 40 });
        let api = Api::new(hosts.all(), patience, Stream::new(seed, "api", 500 + u64::from(number)));
        Self { number, hosts: hosts.clone(), api, chance, held: None, left: Vec::new() }
    }

    /// Sends requests until the run is over.
    pub async fn run(mut self) {
        loop {
            sleep(Duration::from_millis(self.chance.below(250))).await;
            let Some(held) = self.held.take() else {
                self.open().await;
                continue;
            };
            let held = match self.chance.below(40) {
                0 => self.close(held).await,
                1 => self.leave(held),
                2..5 => {
                    self.haunt().await;
                    Some(held)
                }
                5..25 => self.again(held).await,
                _ => self.new_request(held).await,
            };
            self.held = held;
        }
    }

    async fn open(&mut self) {
        if let Ok(done) = self.api.ask(&ChangeRequest::Open, 6).await {
            let (id, history) = (SessionId(done.value), HistoryId(done.index));
            self.held = Some(Held { id, history, next: 1, acknowledged: 0, sent: Vec::new(), closed: false });
        }
    }

    fn leave(&mut self, mut held: Held) -> Option<Held> {
        let untaken = held.sent.extract_if(.., |sent| sent.untaken);
        for sent in untaken {
            let (request, why) = ((held.history, held.id, sent.serial), "to ask elsewhere".to_owned());
            lock(&self.hosts.judge).told(&format!("t{}", self.number), request, Told::NotDone(why));
        }
        self.left.push(held);
        if self.left.len() > LEFT_MAX {
            self.left.remove(0);
        }
        None
    }

    async fn close(&mut self, mut held: Held) -> Option<Held> {
        let closed = self.api.ask(&ChangeRequest::Close(held.id, held.history), 3).await;
        held.closed = closed.is_ok();
        self.leave(held)
    }

    /// Sends a request of a session that was closed or left.
    async fn haunt(&mut self) {
        let at = self.chance.below(u64::try_from(self.left.len()).unwrap_or(0));
        let Some(mut held) = usize::try_from(at).ok().and_then(|at| self.left.get(at)).cloned() else {
            return;
        };
        let known: Vec<usize> = (0..held.sent.len()).collect();
        if let Some(which) = self.chance.pick(&known) {
            self.send(&mut held, which).await;
        }
    }

    /// Sends one of the session's requests again, answered or not.
    async fn again(&mut self, mut held: Held) -> Option<Held> {
        let known: Vec<usize> = (0..held.sent.len()).collect();
        let which = self.chance.pick(&known)?;
        let goes_on = self.send(&mut held, which).await;
        if goes_on { Some(held) } else { self.leave(held) }
    }

    async fn new_request(&mut self, mut held: Held) -> Option<Held> {
        // As many requests as the session has places for, and now and then one more.
        let open = held.next - 1 - held.acknowledged;
        let room = u64::from(self.hosts.options.answers_max) + u64::from(self.chance.below(8) == 0);
        if open >= room {
            let settled = held.sent.iter().take_while(|sent| sent.settled).count();
            let keeps = self.chance.below(u64::try_from(settled).unwrap_or(0) + 1);
            held.acknowledged += keeps;
            let acknowledged = held.acknowledged;
            held.sent.retain(|sent| sent.serial.0 > acknowledged);
            return self.again(held).await;
        }
        let (by, transition) = some_change(self.number, held.next, &self.hosts, &mut self.chance);
        held.sent.push(Sent {
            serial: Serial(held.next),
            by,
            transition,
            maybe: false,
            untaken: false,
            settled: false,
        });
        held.next += 1;
        let last = held.sent.len() - 1;
        let goes_on = self.send(&mut held, last).await;
        if goes_on { Some(held) } else { self.leave(held) }
    }

    /// Makes one attempt. Returns whether the session is of further use.
    async fn send(&mut self, held: &mut Held, which: usize) -> bool {
        let Some(sent) = held.sent.get_mut(which) else { return true };
        let ticket =
            Ticket { session: held.id, serial: sent.serial, acknowledged_through: Serial(held.acknowledged) };
        let asked = ChangeRequest::Apply(
            sent.by.clone(),
            Box::new(sent.transition.clone()),
            Some((ticket, held.history)),
        );
        if std::mem::take(&mut sent.untaken) {
            let request = (held.history, held.id, sent.serial);
            lock(&self.hosts.judge).not_done_so_far(&format!("t{}", self.number), request);
        }
        if self.chance.below(4) == 0 {
            self.api.go_elsewhere(None);
        }
        let (node, asked_ns) = (self.api.node(), now_ns());
        let attempt = self.api.attempt(&asked).await;
        let told = match attempt {
            Attempt::Done(Done { index, value, partition, repeated }) => Told::Done {
                partition: PartitionId(partition),
                epoch: Epoch(value),
                index: Index(index),
                repeated,
            },
            Attempt::Failed(Failed::Refused(why)) if why.decided => Told::Refused(why.reason),
            Attempt::Failed(Failed::Refused(why)) if is_of_the_attempt(&why.reason) => {
                // The places may be taken by requests that arrive later; this one may still be sent again.
                return why.reason != "Acknowledged";
            }
            Attempt::Failed(Failed::Refused(why)) => Told::NotDone(why.reason),
            Attempt::Failed(Failed::SessionExpired) => return false,
            Attempt::Failed(Failed::NotCommitted | Failed::Indeterminate) | Attempt::Unknown => {
                sent.maybe = true;
                self.api.go_elsewhere(None);
                return true;
            }
            Attempt::Elsewhere(hint) => {
                sent.untaken = !sent.maybe && !sent.settled;
                if sent.untaken {
                    let request = (held.history, held.id, sent.serial);
                    lock(&self.hosts.judge).not_taken(&format!("t{}", self.number), node, request, asked_ns);
                }
                self.api.go_elsewhere(hint);
                return true;
            }
        };
        sent.settled = true;
        self.judge(held, which, told);
        true
    }

    fn judge(&self, held: &Held, which: usize, told: Told) {
        let Some(sent) = held.sent.get(which) else { return };
        let who = format!("t{}", self.number);
        self.hosts
            .event_log
            .note("t", self.number.into(), "is told", &[held.id.0, sent.serial.0], || format!("{told:?}"));
        let mut judge = lock(&self.hosts.judge);
        if held.closed {
            let against = "it has closed this session".to_owned();
            judge.find(
                own::ANSWER,
                format!("{who} is told {told:?} of {}.{}", held.id, sent.serial),
                against,
            );
        }
        // What an attempt is refused for settles nothing if an earlier one may have been applied.
        if !(sent.maybe && matches!(told, Told::NotDone(_))) {
            judge.told(&who, (held.history, held.id, sent.serial), told);
        }
    }
}
