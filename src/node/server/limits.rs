//! Limits of a port: connections, calls, bytes of a message, seconds of a stream.

use super::{QuotaLimits, StreamTimeouts};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Limits of a port, from the configuration's `[limits]`. Each is at least 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PortLimits {
    /// Open connections; a further one is closed at once. At most what the process may open.
    pub connections: usize,
    /// Of these, those that only admins and nodes may use; at most half.
    pub connections_reserved: usize,
    /// Open connections per certificate on the client port; a further one is closed at once.
    pub connections_per_client: usize,
    /// Open connections per certificate on the peer port; a further one is closed at once.
    pub connections_per_peer: usize,
    /// Connections in their handshake; for a further one, the oldest of them is closed.
    pub half_open: usize,
    /// Seconds after which a connection without an open call is closed.
    pub idle_s: u64,
    /// Open calls per connection.
    pub streams_per_connection: u32,
    /// Open watches per certificate; a further one is refused.
    pub watches_per_client: usize,
    /// Of the watches of the node, those that only admins may use; at most half.
    pub watches_reserved: usize,
    /// Bytes of a request message from a client; a longer one is refused.
    pub message_bytes: usize,
    /// Seconds for which a watcher may leave a message unread before it is disconnected.
    pub watch_idle_s: u64,
    /// Seconds within which a backup must be read.
    pub backup_s: u64,
}

/// Descriptors for files, connections to peers, the metrics port and the runtime.
const OTHER_DESCRIPTORS: u64 = 128;
/// Fewer connections than that are of no use.
const CONNECTIONS_MIN: usize = 8;

impl PortLimits {
    /// These limits, with fewer connections if the process may not open that many descriptors on so many ports. `None`:
    /// it may open too few for any use.
    #[must_use]
    pub fn fitting(self, ports: u64, descriptors: u64) -> Option<Self> {
        let each = descriptors.saturating_sub(OTHER_DESCRIPTORS) / ports.max(1);
        let each = usize::try_from(each).unwrap_or(usize::MAX);
        let half_open = self.half_open.min(each / 4).max(1);
        let connections = self.connections.min(each.saturating_sub(half_open));
        let enough = connections >= CONNECTIONS_MIN.min(self.connections);
        enough.then_some(Self { connections, half_open, ..self })
    }

    /// The limits of the watches of a node that takes this many.
    #[must_use]
    pub fn watches(&self, all: usize) -> QuotaLimits {
        QuotaLimits { all, reserved: self.watches_reserved.min(all / 2), each: self.watches_per_client }
    }

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
            connections_reserved: 32,
            connections_per_client: 128,
            connections_per_peer: 8,
            half_open: 256,
            idle_s: 600,
            streams_per_connection: 256,
            watches_per_client: 256,
            watches_reserved: 32,
            message_bytes: 64 << 10,
            watch_idle_s: watch_idle.as_secs(),
            backup_s: backup.as_secs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_has_its_own_time_limit() {
        let limits = PortLimits { watch_idle_s: 3, backup_s: 7, ..PortLimits::default() };
        let StreamTimeouts { watch_idle, backup } = limits.timeouts();
        assert_eq!((watch_idle, backup), (Duration::from_secs(3), Duration::from_secs(7)));
    }

    #[test]
    fn limits_fit_the_descriptors_of_the_process() {
        let limits = PortLimits::default();
        let of = |fitting: PortLimits| (fitting.connections, fitting.half_open);
        assert_eq!(limits.fitting(2, 1 << 20).map(of), Some((1_024, 256)));
        assert_eq!(limits.fitting(2, 1_024).map(of), Some((336, 112)));
        assert_eq!(limits.fitting(1, 256).map(of), Some((96, 32)));
        assert_eq!(limits.fitting(2, 140), None, "6 for each port");
        let few = PortLimits { connections: 4, ..limits };
        assert_eq!(few.fitting(2, 1_024).map(of), Some((4, 112)), "as the operator wants it");
    }
}
