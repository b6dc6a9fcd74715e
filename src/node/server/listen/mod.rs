//! TCP listeners: accept connections within limits, do the TLS handshake, and end what is idle or no longer allowed.

mod calls;
mod connection;
mod connection_limit;

pub use self::calls::{CountCalls, connection_began};
pub use self::connection::{Certificates, Connection};

use self::connection::Stream;
use self::connection_limit::ConnectionLimit;
use crate::core::control_plane::ClusterVoterIdentity;
use crate::node::server::PortLimits;
use crate::node::server::log_limiter::LogLimiter;
use crate::node::server::quota::{Place, Privileged, Quota, QuotaLimits};
use crate::node::tls::{OtherEnd, Recheck, Security, subject_of};
use core::time::Duration;
use metrics::counter;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

/// A port cannot be opened: its address, and the error of the operating system.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Limit on the duration of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Accepted connections that the gRPC server has not taken yet.
const ACCEPTED: usize = 16;

/// An open TCP port.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Opens a port.
    ///
    /// # Errors
    /// [`ListenError`]
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let wrong = |source| ListenError { address, source };
        let tcp = TcpListener::bind(address).await.map_err(wrong)?;
        let address = tcp.local_addr().map_err(wrong)?;
        Ok(Self { tcp, address })
    }

    /// The local address. If port 0 was asked for, it has the port that the system chose.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections of clients. `privileged`: who may use the reserved ones. The port is closed when the stream
    /// is dropped.
    #[must_use]
    pub fn incoming(
        self,
        security: Security,
        limits: PortLimits,
        privileged: impl Fn(&ClusterVoterIdentity) -> bool + Send + Sync + 'static,
    ) -> Incoming {
        self.listen(security, limits, limits.connections_per_client, Arc::new(privileged))
    }

    /// Accepts connections of peers: a member needs one connection. `privileged`: who may use the reserved ones. The
    /// port is closed when the stream is dropped.
    #[must_use]
    pub fn incoming_peers(
        self,
        security: Security,
        limits: PortLimits,
        privileged: impl Fn(&ClusterVoterIdentity) -> bool + Send + Sync + 'static,
    ) -> Incoming {
        self.listen(security, limits, limits.connections_per_peer, Arc::new(privileged))
    }

    fn listen(self, security: Security, limits: PortLimits, each: usize, privileged: Privileged) -> Incoming {
        let (sender, receiver) = mpsc::channel(ACCEPTED);
        let PortLimits { connections: all, connections_reserved: reserved, half_open, .. } = limits;
        let reserved = reserved.min(all / 2);
        let open = Quota::new("connections", QuotaLimits { all, reserved, each }, privileged);
        let limit = ConnectionLimit::new(open, half_open);
        let idle = Duration::from_secs(limits.idle_s);
        tokio::spawn(accept(self.tcp, Port { security, limit, idle, accepted: sender }));
        ReceiverStream::new(receiver)
    }
}

type Incoming = ReceiverStream<Result<Connection, std::io::Error>>;
type Accepted = mpsc::Sender<Result<Connection, std::io::Error>>;

/// What a handshake needs to know of its port.
#[derive(Clone)]
struct Port {
    security: Security,
    limit: ConnectionLimit,
    idle: Duration,
    accepted: Accepted,
}

async fn accept(tcp: TcpListener, port: Port) {
    loop {
        let stream = tokio::select! {
            biased;
            () = port.accepted.closed() => return,
            stream = tcp.accept() => stream,
        };
        match stream {
            Ok((stream, from)) => {
                // Before anything else, so that earlier connections have earlier times.
                let began = Instant::now();
                let half_open = port.limit.begin();
                let port = port.clone();
                tokio::spawn(async move {
                    let mut half_open = half_open;
                    let opened = tokio::select! {
                        biased;
                        opened = tokio::time::timeout(HANDSHAKE, handshake(stream, began, &port)) => {
                            opened.unwrap_or_else(|_| Err(("handshake", "the TLS handshake took too long".to_owned())))
                        }
                        _ = &mut half_open.displaced => {
                            Err(("handshake", "too many handshakes are under way".to_owned()))
                        }
                    };
                    drop(half_open);
                    match opened {
                        Ok(connection) => {
                            let _closed = port.accepted.send(Ok(connection)).await;
                        }
                        Err((reason, error)) => refuse(reason, &from.to_string(), &error),
                    }
                });
            }
            Err(error) => {
                // Most likely out of file descriptors; wait for a connection to close.
                refuse("accept", "unknown", &error.to_string());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn handshake(
    stream: TcpStream,
    began: Instant,
    port: &Port,
) -> Result<Connection, (&'static str, String)> {
    let _faster = stream.set_nodelay(true);
    let place = |subject| -> Result<Place, (&'static str, String)> {
        port.limit.admit(subject).map_err(|error| ("connections", error))
    };
    let Security::Mutual(tls) = &port.security else {
        return Ok(Connection::new(Stream::Plain(stream), began, None, place(None)?, port.idle));
    };
    let wrong = |error: &dyn core::fmt::Display| ("handshake", error.to_string());
    let stream = tls.accept(stream).await.map_err(|error| wrong(&error))?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
    let subject = subject_of(first).map_err(|error| wrong(&error))?;
    let place = place(Some(subject))?;
    let recheck = Recheck::new(Arc::clone(tls), OtherEnd::Client(chain));
    Ok(Connection::new(Stream::Mutual(Box::new(stream)), began, Some(recheck), place, port.idle))
}

/// One limit of lines for all reasons: whoever causes one can cause the others.
fn refuse(reason: &'static str, from: &str, error: &str) {
    static LINES: LogLimiter = LogLimiter::new();
    counter!("cutover_refused_total", "reason" => reason).increment(1);
    if let Some(left_out) = LINES.now() {
        tracing::warn!(from, error, left_out, "refused a connection");
    }
}
