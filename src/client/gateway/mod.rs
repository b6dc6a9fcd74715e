//! Reads and writes rows of partitions that may be moving.
//!
//! A [`Gateway`] finds the store that a partition is at, sends each request there with its token, and tries again where that is safe until the
//! deadline. A move of the partition is waited out: nobody who uses the library sees more of it than a write that takes longer.
//! What is sent, tried again and reported is decided by [`Operation`](crate::core::gate::Operation), the machine that the
//! checker searches; the library performs what it says.
//!
//! ```no_run
//! use cutover::client::gateway::{Gateway, GatewayError, GatewayOptions, Written};
//! use cutover::client::{Client, Dialer, Options};
//! use cutover::core::fence::{Key, Value};
//! use cutover::node::proto::PartitionSelector;
//! use std::sync::Arc;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(vec!["127.0.0.1:7200".parse()?], Arc::new(Dialer::Plain), Options::default())?;
//! let gateway = Gateway::new(client, Arc::new(Dialer::Plain), GatewayOptions::default());
//! let acme = gateway.partition(PartitionSelector::Name("acme".to_owned().try_into()?)).await?;
//!
//! let (key, one, two) = (Key::try_from(&b"k"[..])?, Value::try_from(&b"1"[..])?, Value::try_from(&b"2"[..])?);
//! gateway.put(acme, key.clone(), one.clone()).await?;
//! assert_eq!(gateway.get(acme, key.clone()).await?, Some(one.clone()));
//! match gateway.cas(acme, key.clone(), Some(one), Some(two)).await {
//!     Ok(Written::Applied { position }) => println!("done, at {position}"),
//!     Ok(Written::Differs { found }) => println!("not done: there is {found:?}"),
//!     Err(unknown @ GatewayError::Unknown { .. }) => println!("done or not: {unknown}"),
//!     Err(not_done) => println!("{not_done}"),
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod placements;
mod run;
mod sessions;
mod stores;

pub use error::{GatewayError, Written};

use super::{Client, ClientError, DialStore};
use crate::core::fence::{Cell, Key, Mutation, Value};
use crate::core::gate::{Consistency, Outcome, Work};
use crate::core::ids::{PartitionId, Position};
use crate::node::proto::PartitionSelector;
use core::time::Duration;
use placements::Placements;
use run::{Told, Tools, run};
use sessions::Sessions;
use std::sync::Arc;
use stores::Stores;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Time limits and bounds of a gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatewayOptions {
    /// Time limit of a read or a write, with all its attempts and all waits. A move blocks writes for a part of a second: with less than
    /// that, a write may fail because its partition moves.
    pub deadline: Duration,
    /// Time limit of one attempt. For a partition whose store cannot refuse late writes, it is a part of the longest time until a write
    /// takes effect, which the control plane's policy states.
    pub attempt: Duration,
    /// The most operations under way; more are refused at once.
    pub operations_max: usize,
    /// The most writes under way, and sessions; more wait. A store remembers some thousand sessions of a partition, of all gateways together.
    pub writes_max: usize,
    /// Whether it follows all changes of placements. If not, it learns that a partition has moved when the old store refuses a request.
    pub follows: bool,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            attempt: Duration::from_secs(2),
            operations_max: 1024,
            writes_max: 256,
            follows: true,
        }
    }
}

/// What the clones of a gateway share.
#[derive(Debug)]
struct Shared {
    tools: Tools,
    sessions: Arc<Sessions>,
    room: Semaphore,
    following: Option<JoinHandle<()>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(following) = &self.following {
            following.abort();
        }
    }
}

/// Reads and writes rows. Clones share connections, sessions, and what is known of placements.
#[derive(Clone, Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
    options: GatewayOptions,
}

impl Gateway {
    /// A gateway that asks this client's cluster where partitions are. It follows changes in a task of its own, which ends with the last
    /// clone; so it is made in a runtime.
    #[must_use]
    pub fn new(client: Client, stores: Arc<dyn DialStore>, options: GatewayOptions) -> Self {
        let placements = Arc::new(Placements::new(client.clone(), options.attempt));
        let following = options.follows.then(|| {
            let placements = Arc::clone(&placements);
            tokio::spawn(async move { placements.follow().await })
        });
        let sessions = Sessions::new(client.clone(), options.writes_max);
        let room = Semaphore::new(options.operations_max.min(Semaphore::MAX_PERMITS));
        let stores = Arc::new(Stores::new(client.clone(), stores));
        let tools = Tools { client, placements, stores, attempt: options.attempt };
        Self { shared: Arc::new(Shared { tools, sessions, room, following }), options }
    }

    /// The same gateway with another deadline.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        let options = GatewayOptions { deadline, ..self.options };
        Self { shared: Arc::clone(&self.shared), options }
    }

    /// The number of a partition. It stays the same as long as there is the partition; another one may get its name afterwards.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn partition(&self, partition: PartitionSelector) -> Result<PartitionId, ClientError> {
        Ok(self.shared.tools.client.resolve(partition).await?.record.partition)
    }

    /// Reads a row: the value of the last write that was acknowledged before the call, or of a later one. `None`: there is no such row.
    /// Asks the control plane where the partition is, each time.
    ///
    /// # Errors
    /// [`GatewayError::Busy`], [`GatewayError::NotDone`]
    pub async fn get(&self, partition: PartitionId, key: Key) -> Result<Option<Value>, GatewayError> {
        self.read(partition, key, Consistency::Strong).await
    }

    /// Reads a row where the cache says that the partition is. The value may be of an earlier state: after a move, until the old copy is
    /// dropped, or for as long as the control plane cannot be reached.
    ///
    /// # Errors
    /// As for [`Gateway::get`].
    pub async fn get_cached(&self, partition: PartitionId, key: Key) -> Result<Option<Value>, GatewayError> {
        self.read(partition, key, Consistency::StaleOk).await
    }

    /// Sets a row. Returns the position of the write in its partition.
    ///
    /// # Errors
    /// [`GatewayError`]
    pub async fn put(
        &self,
        partition: PartitionId,
        key: Key,
        value: Value,
    ) -> Result<Position, GatewayError> {
        self.applied(partition, Mutation::put(key, value)).await
    }

    /// Deletes a row, if there is one. Returns the position of the write in its partition.
    ///
    /// # Errors
    /// [`GatewayError`]
    pub async fn delete(&self, partition: PartitionId, key: Key) -> Result<Position, GatewayError> {
        self.applied(partition, Mutation::delete(key)).await
    }

    /// Sets or deletes a row that has the expected value; `None`: that is not there.
    ///
    /// # Errors
    /// [`GatewayError`]. A row that is not as expected is no error, see [`Written::Differs`].
    pub async fn cas(
        &self,
        partition: PartitionId,
        key: Key,
        expected: Option<Value>,
        value: Option<Value>,
    ) -> Result<Written, GatewayError> {
        self.write(partition, Mutation::cas(key, expected, value)).await
    }

    /// Sets and deletes rows of one partition, all or none: if `expects` is given, only if that row is so.
    ///
    /// # Errors
    /// [`GatewayError`]
    pub async fn batch(
        &self,
        partition: PartitionId,
        expects: Option<Cell>,
        effects: Vec<Cell>,
    ) -> Result<Written, GatewayError> {
        self.write(partition, Mutation::new(expects, effects)?).await
    }

    async fn read(
        &self,
        partition: PartitionId,
        key: Key,
        consistency: Consistency,
    ) -> Result<Option<Value>, GatewayError> {
        let until = Instant::now() + self.options.deadline;
        let _room = self.room()?;
        let work = Work::Read(consistency, key);
        let told = run(self.shared.tools.clone(), partition, work, until).await;
        match told.outcome {
            Outcome::Served(_) => Ok(told.found),
            // A read changes nothing, so that it was sent is of no interest.
            Outcome::NotSent | Outcome::Indeterminate | Outcome::Acknowledged | Outcome::Differs => {
                Err(GatewayError::NotDone { last: told.last })
            }
        }
    }

    /// A write that expects nothing.
    async fn applied(&self, partition: PartitionId, mutation: Mutation) -> Result<Position, GatewayError> {
        match self.write(partition, mutation).await? {
            Written::Applied { position } => Ok(position),
            Written::Differs { .. } => {
                let last =
                    "the store says that the row is not as expected, and nothing was expected".to_owned();
                Err(GatewayError::Unknown { last })
            }
        }
    }

    async fn write(&self, partition: PartitionId, mutation: Mutation) -> Result<Written, GatewayError> {
        let until = Instant::now() + self.options.deadline;
        let _room = self.room()?;
        let (lease, id) = self.shared.sessions.lease(until).await?;
        let work = Work::Write(id, mutation);
        let told = run(self.shared.tools.clone(), partition, work, until).await;
        if told.is_forgotten {
            lease.is_forgotten();
        }
        written(told)
    }

    /// Room for one more operation.
    fn room(&self) -> Result<tokio::sync::SemaphorePermit<'_>, GatewayError> {
        let limit = self.options.operations_max;
        self.shared.room.try_acquire().map_err(|_| GatewayError::Busy { limit })
    }
}

/// The outcome of a write for its caller.
fn written(told: Told) -> Result<Written, GatewayError> {
    match told.outcome {
        Outcome::Acknowledged => Ok(Written::Applied { position: told.position }),
        Outcome::Differs => Ok(Written::Differs { found: told.found }),
        Outcome::NotSent => Err(GatewayError::NotDone { last: told.last }),
        Outcome::Indeterminate | Outcome::Served(_) => Err(GatewayError::Unknown { last: told.last }),
    }
}
