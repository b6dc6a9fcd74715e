//! Limits of a port: connections, calls, bytes of a message, seconds of a stream.

use super::StreamTimeouts;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Limits of one port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PortLimits {
    /// Open connections; further ones are closed at once.
    pub connections: usize,
    /// Open connections with one certificate, on the peer port; further ones are closed at once.
    pub connections_per_peer: usize,
    /// Open calls on one connection.
    pub streams_per_connection: u32,
    /// Bytes of one message from a client.
    pub message_bytes: usize,
    /// Seconds after which a watcher that takes nothing is cut off.
    pub watch_idle_s: u64,
    /// Seconds after which a backup that was not taken is given up.
    pub backup_s: u64,
}

impl PortLimits {
    /// The timeouts of streams.
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
