//! A watch: all changes of records, in order and without a gap, across broken streams.

use super::calls::{record, unexpected};
use super::{Client, ClientError, GateTable};
use crate::core::control_plane::Address;
use crate::core::gate::{self, Step, WatchCache, WatchEvent};
use crate::core::ids::{HistoryId, PartitionId, Revision};
use crate::core::migration::PartitionRecord;
use crate::core::retry::{Call, Repeat};
use crate::node::proto::v1;
use tonic::Streaming;

/// An update for a watcher: one changed record, or all records.
pub type Update = gate::Update<PartitionRecord>;

/// A watch of all partitions. It opens a new stream when one breaks.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    cache: WatchCache<PartitionRecord>,
    stream: Option<(Address, Streaming<v1::WatchResponse>)>,
    /// A message of the stream that is to be handled next.
    held: Option<v1::WatchResponse>,
    /// Consecutive streams that ended without an update.
    ended: u32,
}

impl Client {
    /// Watches all partitions. The first update has all records.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch { client: self.clone(), cache: WatchCache::default(), stream: None, held: None, ended: 0 }
    }

    async fn open_watch(
        &self,
        after: Revision,
        history: HistoryId,
    ) -> Result<(Address, Streaming<v1::WatchResponse>), ClientError> {
        let message = v1::WatchRequest { after_revision: after.0, history: history.0 };
        self.call_somewhere(None, Call::new(Repeat::Harmless), message, |channel, request| async move {
            let (metadata, extensions, message) = request.into_parts();
            let mut endless = tonic::Request::from_parts(metadata, extensions, message);
            endless.metadata_mut().remove("grpc-timeout");
            v1::placements_client::PlacementsClient::new(channel).watch(endless).await
        })
        .await
    }
}

impl Watch {
    /// The revision of the latest update; 0 before the first one.
    #[must_use]
    pub const fn seen(&self) -> Revision {
        self.cache.seen()
    }

    /// Waits for the next update, as long as it takes.
    ///
    /// # Errors
    /// [`ClientError`] if no node opened a stream before the deadline. A later call tries again.
    pub async fn next(&mut self) -> Result<Update, ClientError> {
        loop {
            let Some((address, stream)) = &mut self.stream else {
                self.stream = Some(self.client.open_watch(self.cache.resume(), self.cache.history()).await?);
                continue;
            };
            let message = match self.held.take() {
                Some(message) => Ok(Some(message)),
                None => stream.message().await,
            };
            let step = match message {
                Ok(Some(message)) => {
                    let history = WatchEvent::History(HistoryId(message.history));
                    if let Step::Apply(update) = self.cache.handle(history) {
                        self.held = Some(message);
                        return Ok(update);
                    }
                    self.heard(message)?
                }
                Ok(None) => self.cache.handle(WatchEvent::Ended),
                Err(status) => {
                    self.client.stream_ended(address, &status);
                    self.cache.handle(WatchEvent::Ended)
                }
            };
            match step {
                Step::Wait => {}
                Step::Apply(update) => {
                    self.ended = 0;
                    return Ok(update);
                }
                Step::Reopen => {
                    self.stream = None;
                    let wait = self.client.wait(self.ended);
                    self.ended = self.ended.saturating_add(1);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}

impl Watch {
    /// Handles a message. After one that cannot be decoded, the stream is given up, since what it said is missing.
    fn heard(&mut self, message: v1::WatchResponse) -> Result<Step<PartitionRecord>, ClientError> {
        match event(message) {
            Ok(event) => Ok(event.map_or(Step::Wait, |event| self.cache.handle(event))),
            Err(error) => {
                self.stream = None;
                let _reopened_by_the_next_call = self.cache.handle(WatchEvent::Ended);
                Err(error)
            }
        }
    }
}

fn event(message: v1::WatchResponse) -> Result<Option<WatchEvent<PartitionRecord>>, ClientError> {
    use v1::watch_response::What;
    Ok(match message.what.ok_or_else(|| unexpected(&"an empty answer of a watch"))? {
        What::Progress(_) => None,
        What::Resync(page) => {
            let records = page.records.iter().map(|wire| record(wire).map(|(record, _)| record));
            let records = records.collect::<Result<_, _>>()?;
            Some(WatchEvent::Page { records, revision: Revision(page.revision), last: page.last })
        }
        What::Change(change) => {
            let record = change.record.as_ref().map(|wire| record(wire).map(|(record, _)| record));
            Some(WatchEvent::Changed {
                after: Revision(change.after_revision),
                revision: Revision(change.revision),
                partition: PartitionId(change.partition),
                record: record.transpose()?,
            })
        }
    })
}

impl GateTable {
    /// Applies an update of a watch to the table.
    pub fn update(&self, update: &Update) {
        match update {
            Update::Everything { records, revision, history: _ } => {
                self.reset(*revision, records.iter().filter_map(|record| record.resolution(*revision)));
            }
            Update::Changed { partition, record, revision } => {
                let resolution = record.as_ref().and_then(|record| record.resolution(*revision));
                self.change(*revision, *partition, resolution);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Dial, Dialing, Options};
    use crate::core::ids::Placement;
    use crate::core::migration::{Caps, Command, PlacementTable, Transition};
    use crate::core::placement::Guarantee;
    use v1::watch_response::What;

    #[derive(Debug)]
    struct Nobody;

    impl Dial for Nobody {
        fn channel(&self, _: Address) -> Dialing {
            Box::pin(async { Err("nobody".to_owned()) })
        }
    }

    /// A page that cannot be decoded is missing from all that the stream says later.
    #[test]
    fn a_page_that_cannot_be_decoded_ends_the_stream() {
        let address = Address::try_from("localhost:1".to_owned()).unwrap();
        let client = Client::new(vec![address], std::sync::Arc::new(Nobody), Options::default()).unwrap();
        let mut watch = client.watch();
        let mut table = PlacementTable::new(Caps::PRODUCTION);
        for partition in [1, 2] {
            let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
            table.apply(&Command { partition: PartitionId(partition), transition }).unwrap();
        }
        let good: Vec<v1::Record> = table.records().map(|record| v1::Record::of(record, None)).collect();
        let mut bad = good[0].clone();
        bad.placed.as_mut().unwrap().phase = 0;
        let page = |record: &v1::Record, last| {
            let resync = v1::Resync { records: vec![record.clone()], revision: 9, last };
            v1::WatchResponse { history: 0, what: Some(What::Resync(resync)) }
        };
        assert_eq!(watch.heard(page(&good[0], false)), Ok(Step::Wait));
        watch.heard(page(&bad, false)).unwrap_err();
        assert_eq!(watch.cache.resume(), Revision::ZERO, "the next stream begins anew");
        assert_eq!(watch.heard(page(&good[1], false)), Ok(Step::Wait));
        let Ok(Step::Apply(Update::Everything { records, .. })) = watch.heard(page(&good[0], true)) else {
            panic!("a new stream is complete")
        };
        assert_eq!(records.len(), 2, "the pages of the new stream alone");
    }
}
