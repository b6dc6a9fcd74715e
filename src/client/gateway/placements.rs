//! Where a gateway sends reads and writes: views that a watch keeps, and views that the control plane is asked for.

use crate::client::{Client, ClientError, GateTable};
use crate::core::gate::Freshness;
use crate::core::ids::{Epoch, PartitionId};
use crate::core::placement::{Guarantee, Resolution};
use crate::node::proto::PartitionSelector;
use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;

/// The most questions for views that turned out to be of no use, at a time. The others wait, and may find that the watch has been faster.
const REFRESHES_MAX: usize = 16;

/// The views of a gateway.
#[derive(Debug)]
pub(super) struct Placements {
    client: Client,
    table: GateTable,
    /// Held while the table is changed.
    writing: Mutex<()>,
    refreshing: Semaphore,
    /// How long a question for another view may take.
    patience: Duration,
}

/// A view, or what was in the way of one.
pub(super) type Resolved = Result<Resolution, String>;

impl Placements {
    pub(super) fn new(client: Client, patience: Duration) -> Self {
        let (table, refreshing) = (GateTable::default(), Semaphore::new(REFRESHES_MAX));
        Self { client, table, writing: Mutex::new(()), refreshing, patience }
    }

    /// Follows the changes of all partitions, for ever.
    pub(super) async fn follow(&self) {
        let mut watch = self.client.watch();
        for failures in 0_u32.. {
            while let Ok(update) = watch.next().await {
                let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
                self.table.update(&update);
            }
            tokio::time::sleep(self.client.wait(failures)).await;
        }
    }

    /// The guarantee of a partition, as far as it is known.
    pub(super) fn guarantee(&self, partition: PartitionId) -> Guarantee {
        self.table.view(partition).map_or(Guarantee::Sealed, |view| view.guarantee)
    }

    /// Resolves a partition. `useless`: the epoch of a cached view that the operation has tried already.
    pub(super) async fn resolve(
        &self,
        partition: PartitionId,
        freshness: Freshness,
        useless: Option<Epoch>,
    ) -> Resolved {
        match freshness {
            Freshness::Fresh => self.ask(partition).await,
            Freshness::Cached => self.cached(partition, useless).await,
        }
    }

    fn useful(&self, partition: PartitionId, useless: Option<Epoch>) -> Option<Resolution> {
        self.table.view(partition).filter(|view| useless.is_none_or(|epoch| view.epoch > epoch))
    }

    /// The cached view. If there is none, or the operation has tried it in vain, the control plane is asked; if it does not answer, the
    /// cached view is all there is.
    async fn cached(&self, partition: PartitionId, useless: Option<Epoch>) -> Resolved {
        if let Some(view) = self.useful(partition, useless) {
            return Ok(view);
        }
        let asked = tokio::time::timeout(self.patience, async {
            let _turn = self.refreshing.acquire().await;
            match self.useful(partition, useless) {
                Some(view) => Ok(view),
                None => self.ask(partition).await,
            }
        });
        let why = match asked.await {
            Ok(Ok(view)) => return Ok(view),
            Ok(Err(why)) => why,
            Err(_) => format!("the control plane did not say in {:?} where {partition} is", self.patience),
        };
        self.table.view(partition).ok_or(why)
    }

    /// A linearizable read of the record.
    async fn ask(&self, partition: PartitionId) -> Resolved {
        let found = self.client.resolve(PartitionSelector::Id(partition)).await;
        let found = found.map_err(|error| said(partition, &error))?;
        let view = found.resolution.ok_or_else(|| match found.record.placed {
            Some(_) => format!("{partition} is not open yet"),
            None => format!("{partition} is deleted"),
        })?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.table.view(partition).is_none_or(|known| known.epoch < view.epoch) {
            self.table.change(self.table.revision(), partition, Some(view));
        }
        Ok(view)
    }
}

fn said(partition: PartitionId, error: &ClientError) -> String {
    format!("the control plane does not say where {partition} is: {error}")
}
