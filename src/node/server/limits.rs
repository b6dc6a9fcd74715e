//! Limits of a port: connections, calls, bytes of a message, seconds of a stream.

use super::StreamTimeouts;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Limits of a port, from the configuration's `[limits]`. Each is at least 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PortLimits {
    /// Open connections; a further one is closed at once.
    pub connections: usize,
    /// Open connections per certificate on the peer port; a further one is closed at once.
    pub connections_per_peer: usize,
    /// Open calls per connection.
    pub streams_per_connection: u32,
    /// Bytes of a request message from a client; a longer one is refused.
    pub message_bytes: usize,
    /// Seconds for which a watcher may leave a message unread before it is disconnected.
    pub watch_idle_s: u64,
    /// Seconds within which a backup must be read.
    pub backup_s: u64,
}

impl PortLimits {
    /// The limits on reading a stream, as durations.
    #[must_use]
    pub const fn timeouts(&self) -> StreamTimeouts {
        StreamTimeouts {
            watch_idle: Duration::from_secs(self.watch_idle_s),
            backup: Duration::from_secs(self.backup_s),
        }
    }
}

impl Default for PortLimits {
    fn default() -> Self {
        let StreamTimeouts { watch_idle, backup } = StreamTimeouts::default();
        Self {
            connections: 1_024,
            connections_per_peer: 8,
            streams_per_connection: 256,
            message_bytes: 64 << 10,
            watch_idle_s: watch_idle.as_secs(),
            backup_s: backup.as_secs(),
        }
    }
}
