//! A prober of watches: it opens one at any node as a watcher that saw some earlier revision elsewhere, reads for a while, at once or
//! late, and closes it. What it is told must bring its table to the present.

use super::watch::{WatchProgress, Watcher};
use crate::event_log::{lock, now_ns};
use crate::host::Hosts;
use crate::judge::own;
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::ids::Revision;
use tokio::time::{sleep, timeout};

/// A prober.
pub struct Prober {
    number: u8,
    hosts: Hosts,
    watcher: Watcher,
    chance: Stream,
}

impl Prober {
    /// A prober that knows the initial nodes.
    #[must_use]
    pub fn new(number: u8, hosts: &Hosts) -> Self {
        let watcher = Watcher::new(100 + number, hosts, WatchProgress::default());
        let chance = Stream::new(hosts.options.seed, "prober", number.into());
        Self { number, hosts: hosts.clone(), watcher, chance }
    }

    /// Opens watches until the run is over.
    pub async fn run(mut self) {
        loop {
            sleep(Duration::from_millis(self.chance.below(800))).await;
            let node = self.chance.pick(&self.hosts.all()).unwrap_or(1);
            self.begin_at_some_revision();
            let (asked_ns, before) = (now_ns(), lock(&self.hosts.judge).look(node));
            let opened = self.watcher.begin_at(node).await;
            let after = lock(&self.hosts.judge).look(node);
            let Some(stream) = opened else { continue };
            self.hosts.event_log.count("client", "watches probed");
            if let (Some(before), Some(after)) = (before, after)
                && before.leader().is_none()
                && after.leader().is_none()
                && before.term() == after.term()
                && !lock(&self.hosts.judge).was_led(node, asked_ns)
            {
                let found = format!("p{} watches at n{node}", self.number);
                lock(&self.hosts.judge).find(
                    own::WATCH,
                    found,
                    "the node has no contact with a leader".to_owned(),
                );
            }
            let late_ms = if self.chance.below(3) == 0 { self.chance.below(3_000) } else { 0 };
            sleep(Duration::from_millis(late_ms)).await;
            let for_ms = self.chance.pick(&[0, 100, 1_000, 6_000]).unwrap_or(100);
            let _closed = timeout(Duration::from_millis(for_ms), self.watcher.follow(stream)).await;
        }
    }

    /// Takes the table of some revision for what the watcher has: the first, the present one, or one of some changes ago.
    fn begin_at_some_revision(&mut self) {
        let judge = lock(&self.hosts.judge);
        let table = judge.table();
        let changes = table.changes();
        let most = 3 * self.hosts.options.watch_history.min(100);
        let ago = match self.chance.below(5) {
            0 => changes.len(),
            1 => 0,
            _ => usize::try_from(self.chance.below(u64::try_from(most).unwrap_or(1))).unwrap_or(0),
        };
        let last = changes.len().checked_sub(ago + 1).and_then(|at| changes.get(at));
        let revision = last.map_or(Revision::ZERO, |change| change.revision);
        let all = table.all_at(revision).into_iter();
        let records =
            all.filter_map(|(partition, change)| Some((partition, change.record.clone()?))).collect();
        self.watcher.has_seen(judge.history(), revision, records);
    }
}
