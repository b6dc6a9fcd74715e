//! Every change of every record, in order and without a gap, across broken streams and other nodes.

use super::calls::{record, unexpected};
use super::{Client, ClientError, GateTable, Repeat};
use crate::api::v1;
use crate::ids::{PartitionId, Revision};
use crate::migration::PartitionRecord;
use tonic::Streaming;

/// What a watcher learns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Update {
    /// Everything there is. What was told before counts no more.
    Everything {
        /// All records, by partition.
        records: Vec<PartitionRecord>,
        /// As of.
        revision: Revision,
    },
    /// One record has changed; none: the partition is gone.
    Changed {
        /// Which.
        partition: PartitionId,
        /// Its record.
        record: Option<PartitionRecord>,
        /// As of.
        revision: Revision,
    },
}

/// A stream of changes that opens itself again.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    /// The last revision that was told.
    seen: Revision,
    /// Whether everything before it was told.
    whole: bool,
    stream: Option<Streaming<v1::WatchResponse>>,
    pages: Vec<PartitionRecord>,
}

impl Client {
    /// Watches from the beginning, with everything there is first.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch { client: self.clone(), seen: Revision::ZERO, whole: false, stream: None, pages: Vec::new() }
    }
}

impl Watch {
    /// The last revision that was told.
    #[must_use]
    pub const fn seen(&self) -> Revision {
        self.seen
    }

    /// The next change. Waits as long as there is none.
    ///
    /// # Errors
    /// [`ClientError`], if no node gave a stream before the deadline; the next call tries again.
    pub async fn next(&mut self) -> Result<Update, ClientError> {
        loop {
            let told = match &mut self.stream {
                Some(stream) => stream.message().await,
                None => {
                    self.open().await?;
                    continue;
                }
            };
            match told {
                Ok(Some(message)) => {
                    if let Some(update) = self.take(message)? {
                        return Ok(update);
                    }
                }
                // The node went away, or this watcher was too slow: another stream goes on where this one ended.
                Ok(None) | Err(_) => {
                    self.stream = None;
                    self.pages.clear();
                    tokio::time::sleep(self.client.options.backoff).await;
                }
            }
        }
    }

    async fn open(&mut self) -> Result<(), ClientError> {
        // A stream that has told nothing yet begins with everything, whatever there was before.
        let after_revision = if self.whole { self.seen.0 } else { 0 };
        let call = self.client.call(
            None,
            Repeat::Harmless,
            v1::WatchRequest { after_revision },
            |channel, request| async move {
                let (metadata, extensions, message) = request.into_parts();
                let mut endless = tonic::Request::from_parts(metadata, extensions, message);
                endless.metadata_mut().remove("grpc-timeout");
                v1::placements_client::PlacementsClient::new(channel).watch(endless).await
            },
        );
        self.stream = Some(call.await?);
        Ok(())
    }

    fn take(&mut self, message: v1::WatchResponse) -> Result<Option<Update>, ClientError> {
        use v1::watch_response::What;
        match message.what.ok_or_else(|| unexpected(&"an empty answer of a watch"))? {
            What::Progress(_) => Ok(None),
            What::Resync(page) => {
                for wire in &page.records {
                    self.pages.push(record(wire)?.0);
                }
                if !page.last {
                    return Ok(None);
                }
                let records = std::mem::take(&mut self.pages);
                let revision = Revision(page.revision);
                // A node that is behind has less to tell than was told already.
                if revision < self.seen {
                    self.stream = None;
                    return Ok(None);
                }
                (self.seen, self.whole) = (revision, true);
                Ok(Some(Update::Everything { records, revision }))
            }
            What::Change(change) => {
                let revision = Revision(change.revision);
                if revision <= self.seen {
                    return Ok(None);
                }
                if Revision(change.after_revision) > self.seen {
                    // A gap: everything, from the beginning.
                    (self.whole, self.stream) = (false, None);
                    return Ok(None);
                }
                let record =
                    change.record.as_ref().map(|wire| record(wire).map(|(record, _)| record)).transpose()?;
                (self.seen, self.whole) = (revision, true);
                Ok(Some(Update::Changed { partition: PartitionId(change.partition), record, revision }))
            }
        }
    }
}

impl GateTable {
    /// Takes what a watcher learned.
    pub fn update(&self, update: &Update) {
        match update {
            Update::Everything { records, revision } => {
                self.reset(*revision, records.iter().filter_map(|record| record.resolution(*revision)));
            }
            Update::Changed { partition, record, revision } => {
                let resolution = record.as_ref().and_then(|record| record.resolution(*revision));
                self.change(*revision, *partition, resolution);
            }
        }
    }
}
