//! A reader: it asks any node whatever the services offer to read, and has each answer judged.

use super::api::Api;
use crate::event_log::{lock, now_ns};
use crate::host::{Hosts, registered};
use crate::judge::{Judge, Wrong, own};
use crate::stream::Stream;
use core::future::Future;
use core::time::Duration;
use cutover::core::ids::{Index, PartitionId};
use cutover::node::proto::detail_of;
use cutover::node::proto::v1::{
    self, cluster_client::ClusterClient, migrations_client::MigrationsClient,
    placements_client::PlacementsClient,
};
use cutover::node::store::backup;
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// A reader of everything.
pub struct Reader {
    number: u8,
    hosts: Hosts,
    api: Api,
    chance: Stream,
    patience: Duration,
    /// The node that was asked last, and when.
    asked: (u8, u64),
}

/// The bytes of a backup, read to its end.
///
/// # Errors
/// The status with which it was refused, or ended.
pub async fn download(channel: Channel, within: Duration) -> Result<Vec<u8>, Status> {
    let mut request = Request::new(v1::BackupRequest {});
    request.set_timeout(within);
    let mut chunks = ClusterClient::new(channel).backup(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.message().await? {
        bytes.extend_from_slice(&chunk.data);
    }
    Ok(bytes)
}

impl Reader {
    /// A reader of these nodes.
    #[must_use]
    pub fn new(number: u8, hosts: &Hosts) -> Self {
        let (seed, patience) = (hosts.options.seed, Duration::from_millis(hosts.options.work.patience_ms));
        let api = Api::new(hosts.all(), patience, Stream::new(seed, "api", 400 + u64::from(number)));
        let chance = Stream::new(seed, "reader", number.into());
        Self { number, hosts: hosts.clone(), api, chance, patience, asked: (0, 0) }
    }

    /// Asks until the run is over.
    pub async fn run(mut self) {
        loop {
            sleep(Duration::from_millis(self.chance.below(500))).await;
            let question = self.chance.below(12);
            if self.hosts.lull.holds() {
                continue;
            }
            // Most questions go to whoever leads, the others to anybody.
            let any = self.chance.pick(&self.hosts.all()).unwrap_or(1);
            let node = if self.chance.below(3) == 0 { any } else { self.leader().unwrap_or(any) };
            let Some(channel) = self.api.channel(node) else { return };
            self.asked = (node, now_ns());
            match question {
                0..2 => self.floor(channel).await,
                2..4 => self.members(channel).await,
                4..7 => self.backup(channel).await,
                7 => self.plan(channel).await,
                8 => self.audit(channel).await,
                _ => self.status(any).await,
            }
        }
    }

    fn leader(&mut self) -> Option<u8> {
        use cutover::core::raft::RoleName::Leader;
        // There may be several: all but one were deposed and do not know it.
        let judge = lock(&self.hosts.judge);
        let leaders: Vec<u8> =
            judge.nodes().filter(|(_, now)| now.node.role() == Leader).map(|(node, _)| node).collect();
        drop(judge);
        self.chance.pick(&leaders)
    }

    fn partition(&mut self) -> PartitionId {
        let judge = lock(&self.hosts.judge);
        let changes = judge.table().changes();
        let at = self.chance.below(u64::try_from(changes.len()).unwrap_or(0));
        let change = usize::try_from(at).ok().and_then(|at| changes.get(at));
        change.map_or(PartitionId(0), |change| change.partition)
    }

    /// The answer to a request, if one came in time.
    async fn answer<T>(&self, call: impl Future<Output = Result<Response<T>, Status>>) -> Option<T> {
        let answer = timeout(self.patience, call).await.ok()?.ok()?.into_inner();
        self.hosts.event_log.count("client", "other reads");
        Some(answer)
    }

    fn wire<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.patience);
        request
    }

    /// Judges an answer that has all that was committed when it was asked for.
    fn judged_read(&self, what: &'static str, judge: impl FnOnce(&Judge) -> Wrong) {
        let (node, asked_ns) = self.asked;
        self.judged(what, |judged| judge(judged).or_else(|| judged.rests_on_a_read(node, asked_ns)));
    }

    fn judged(&self, what: &'static str, judge: impl FnOnce(&Judge) -> Wrong) {
        let mut judged = lock(&self.hosts.judge);
        let wrong = judge(&judged);
        self.hosts.event_log.note("r", self.number.into(), what, &[u64::from(wrong.is_some())], String::new);
        if let Some((id, found, against)) = wrong {
            judged.find(id, format!("r{} {found}", self.number), against);
        }
    }

    async fn floor(&mut self, channel: Channel) {
        let partition = self.partition();
        let before = lock(&self.hosts.judge).before(partition);
        let wire = self.wire(v1::FloorRequest { partition: partition.0 });
        let Some(told) = self.answer(PlacementsClient::new(channel).floor(wire)).await else { return };
        self.judged_read("asks for a floor", |judge| judge.floor(partition, &told, before));
    }

    async fn members(&mut self, channel: Channel) {
        let before = lock(&self.hosts.judge).before(PartitionId(0));
        let wire = self.wire(v1::MembersRequest {});
        let Some(told) = self.answer(ClusterClient::new(channel).members(wire)).await else { return };
        self.judged_read("asks for the members", |judge| judge.members_as(&told, before, registered));
    }

    async fn backup(&mut self, channel: Channel) {
        let before = lock(&self.hosts.judge).before(PartitionId(0));
        let Ok(Ok(bytes)) = timeout(self.patience, download(channel, self.patience)).await else { return };
        self.hosts.event_log.count("client", "backups");
        self.judged_read("has a backup", |judge| {
            let decoded = backup::decode(&bytes).map_err(|error| error.to_string());
            let applied = decoded.and_then(|file| file.snapshot.applied().map_err(|error| error.to_string()));
            match applied {
                Ok(applied) => judge.backup(&applied, before),
                Err(error) => {
                    Some((own::ANSWER, "has a backup".to_owned(), format!("it cannot be read: {error}")))
                }
            }
        });
    }

    async fn plan(&mut self, channel: Channel) {
        let partition = self.partition();
        let before = lock(&self.hosts.judge).before(partition);
        let asked = cutover::node::proto::PartitionSelector::Id(partition);
        let wire = self.wire(v1::PlanRequest { partition: Some(asked.into()), to: 1 });
        let Some(told) = self.answer(MigrationsClient::new(channel).plan(wire)).await else { return };
        self.judged_read("asks for a plan", |judge| judge.plan(partition, &told, before));
    }

    async fn audit(&mut self, channel: Channel) {
        let through = lock(&self.hosts.judge).table().through();
        let after = Index(self.chance.below(through.0 + 1));
        let before = lock(&self.hosts.judge).before(PartitionId(0));
        let wire = self.wire(v1::AuditRequest { after_index: after.0, limit: 0 });
        let Some(told) = self.answer(MigrationsClient::new(channel).audit(wire)).await else { return };
        self.judged_read("asks for the audit", |judge| judge.audit(after, &told, before));
    }

    /// The status of a node: its own, whoever leads.
    async fn status(&mut self, node: u8) {
        let Some(channel) = self.api.channel(node) else { return };
        let (boot, up) = (self.hosts.boot_of(node), self.hosts.handle(node).is_some());
        let before = lock(&self.hosts.judge).look(node);
        let wire = self.wire(v1::StatusRequest {});
        let told = timeout(self.patience, ClusterClient::new(channel).status(wire)).await;
        let same =
            boot == self.hosts.boot_of(node) && up && self.hosts.is_up(node) && !self.hosts.is_stopping(node);
        let after = lock(&self.hosts.judge).look(node);
        let (Ok(told), Some(before), Some(after), true) = (told, before, after, same) else { return };
        self.judged("asks for a status", |_| match told {
            Ok(told) => {
                let (found, against) = before.told(&after, told.get_ref())?;
                Some((own::ANSWER, format!("asks n{node} for its status and {found}"), against))
            }
            // Without a detail, it is a time limit of this end.
            Err(status) => {
                detail_of(&status)?;
                Some((own::ANSWER, format!("n{node} gives no status"), status.to_string()))
            }
        });
    }
}
