//! The deadlines of the client library's calls: each call ends by its own, whoever answers late or not at all.

use crate::event_log::lock;
use crate::host::Hosts;
use crate::judge::{Judge, own};
use core::time::Duration;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use tokio::time::timeout;

/// So much later a call may end: the simulated time of its last steps.
const LATE: Duration = Duration::from_millis(20);

/// The deadline of a client's calls, and who judges whether they are kept.
#[derive(Clone)]
pub struct Deadline {
    judge: Arc<Mutex<Judge>>,
    of: Duration,
}

impl Deadline {
    /// The deadline that [`super::library::client`] gives to a client with this patience.
    #[must_use]
    pub fn new(hosts: &Hosts, patience: Duration) -> Self {
        Self { judge: Arc::clone(&hosts.judge), of: of(patience) }
    }

    /// Waits for a call, and judges whether it ends in time.
    pub async fn keep<T>(&self, what: &'static str, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        if let Ok(done) = timeout(self.of + LATE, &mut call).await {
            return done;
        }
        let against = format!("its deadline is {:?}", self.of);
        lock(&self.judge).find(own::DEADLINE, format!("a call goes on: {what}"), against);
        call.await
    }
}

/// The deadline of a call with this patience for each attempt.
pub(super) fn of(patience: Duration) -> Duration {
    patience * 4
}
