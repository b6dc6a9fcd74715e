//! The rows that the partition has before the load begins, and reading all back at its end.

use super::event::{key, ledger_row};
use super::gateway::{found, ledger_key, row_key, stored};
use crate::cli::{Failed, exit};
use crate::client::gateway::{Gateway, GatewayError, Written};
use crate::core::fence::{Cell, EFFECTS_MAX, Key, Value};
use crate::core::ids::{PartitionId, Position};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The batches under way at a time, and the reads.
const AT_ONCE: usize = 16;
const READS_AT_ONCE: usize = 64;
/// The rows that are in memory at a time when they are read back.
const READ_ROWS: u64 = 4096;
/// The most bytes of values in one batch, well below what a write may have.
const BATCH_BYTES: u64 = 512 << 10;

/// The rows before the load begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub(super) rows: u64,
    /// Bytes of each value.
    pub(super) value_bytes: u64,
}

/// The partition, through a gateway of the demo's own.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) gateway: Gateway,
    pub(super) partition: PartitionId,
}

fn row(number: u64, value_bytes: u64) -> Result<(Key, Value), Failed> {
    let name = format!("row {number:09}");
    let length = usize::try_from(value_bytes).unwrap_or(usize::MAX);
    let value = name.as_bytes().iter().copied().cycle().take(length).collect::<Vec<_>>();
    let value = Value::try_from(&*value).map_err(|error| Failed::new(exit::INTERNAL, error))?;
    Ok((row_key(&name)?, value))
}

impl Shape {
    /// The bytes of keys and values.
    pub(super) const fn bytes(self) -> u64 {
        self.rows * (self.value_bytes + 13)
    }

    /// The most rows in one batch.
    fn batch(self) -> u64 {
        (BATCH_BYTES / self.value_bytes.max(1)).clamp(1, EFFECTS_MAX as u64)
    }
}

fn internal(error: impl core::fmt::Display) -> Failed {
    Failed::new(exit::INTERNAL, error)
}

/// The results of tasks, in any order.
async fn all<T: Send + 'static>(mut tasks: JoinSet<Result<T, Failed>>) -> Result<Vec<T>, Failed> {
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result.map_err(internal)??);
    }
    Ok(results)
}

impl Table {
    /// Writes rows in batches. Returns the position of the last write.
    pub(super) async fn load(&self, shape: Shape) -> Result<Position, Failed> {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let (rows, size) = (shape.rows, shape.batch());
        let mut tasks = JoinSet::new();
        for batch in 0..rows.div_ceil(size) {
            let turn = Arc::clone(&room).acquire_owned().await.map_err(internal)?;
            let table = self.clone();
            tasks.spawn(async move {
                let _turn = turn;
                let numbers = batch * size..rows.min((batch + 1) * size);
                let cell = |number| {
                    row(number, shape.value_bytes).map(|(key, value)| Cell { key, value: Some(value) })
                };
                let cells: Result<Vec<Cell>, Failed> = numbers.map(cell).collect();
                table.write(cells?).await
            });
        }
        let last = all(tasks).await?.into_iter().max();
        // A table without rows.
        last.map_or_else(|| Err(Failed::new(exit::USAGE, "no rows")), Ok)
    }

    async fn write(&self, cells: Vec<Cell>) -> Result<Position, Failed> {
        // The first one waits until the store has stated that it is prepared.
        let gateway = self.gateway.with_deadline(Duration::from_secs(30));
        match gateway.batch(self.partition, None, cells).await {
            Ok(Written::Applied { position }) => Ok(position),
            Ok(Written::Differs { .. }) => Err(internal("a write that expects nothing differs")),
            Err(error) => Err(Failed::new(exit::UNSETTLED, format!("the table cannot be written: {error}"))),
        }
    }

    /// One more write. Returns its position.
    pub(super) async fn mark(&self) -> Result<Position, Failed> {
        self.write(vec![Cell { key: row_key("mark")?, value: Some(stored(1)?) }]).await
    }

    async fn read<T: Copy + Send + 'static, V: Send + 'static>(
        &self,
        what: Vec<(T, Key)>,
        cached: bool,
        of: fn(Option<Value>) -> V,
    ) -> Result<Vec<(T, V)>, Failed> {
        let room = Arc::new(Semaphore::new(READS_AT_ONCE));
        let mut tasks = JoinSet::new();
        for (name, key) in what {
            let turn = Arc::clone(&room).acquire_owned().await.map_err(internal)?;
            let table = self.clone();
            tasks.spawn(async move {
                let _turn = turn;
                let value = if cached {
                    table.gateway.get_cached(table.partition, key).await
                } else {
                    table.gateway.get(table.partition, key).await
                };
                let value = value.map_err(|error: GatewayError| {
                    Failed::new(exit::UNSETTLED, format!("a row cannot be read back: {error}"))
                })?;
                Ok((name, of(value)))
            });
        }
        all(tasks).await
    }

    /// What stands in the registers.
    pub(super) async fn registers(&self, many: u64) -> Result<BTreeMap<u64, Option<i64>>, Failed> {
        let keys: Result<_, Failed> = (0..many).map(|number| Ok((number, row_key(&key(number))?))).collect();
        let read = self.read(keys?, false, |value| found(value.as_ref())).await?;
        Ok(read.into_iter().collect())
    }

    /// What stands in the rows of the ledgers that these values were noted in.
    pub(super) async fn ledger(
        &self,
        values: impl Iterator<Item = i64>,
    ) -> Result<BTreeMap<(u64, u64), Option<i64>>, Failed> {
        let rows: std::collections::BTreeSet<_> = values.map(ledger_row).collect();
        let keys: Result<_, Failed> = rows.into_iter().map(|row| Ok((row, ledger_key(row)?))).collect();
        let read = self.read(keys?, false, |value| found(value.as_ref())).await?;
        Ok(read.into_iter().collect())
    }

    /// How many rows of the table are not as they were written. No other store has a copy, so only the owner can answer.
    pub(super) async fn missing(&self, shape: Shape) -> Result<u64, Failed> {
        let (mut missing, mut from) = (0, 0);
        while from < shape.rows {
            let to = shape.rows.min(from + READ_ROWS);
            let keys: Result<_, Failed> = (from..to).map(|number| Ok((number, row(number, 0)?.0))).collect();
            for (number, value) in self.read(keys?, true, |value| value).await? {
                missing += u64::from(value != Some(row(number, shape.value_bytes)?.1));
            }
            from = to;
        }
        Ok(missing)
    }
}
