//! TCP listeners: accept connections within limits, and do the TLS handshake.

mod connection_limit;

use self::connection_limit::{ConnectionLimit, ConnectionPermit};
use crate::node::server::PortLimits;
use crate::node::server::api::access::{Caller, Identify};
use crate::node::server::log_limiter::LogLimiter;
use crate::node::tls::{Security, subject_of};
use core::time::Duration;
use metrics::counter;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};
use tonic::{Extensions, Status};

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

    /// Accepts connections of clients. The port is closed when the stream is dropped.
    #[must_use]
    pub fn incoming(self, security: Security, limits: PortLimits) -> Incoming {
        self.listen(security, ConnectionLimit::new(limits.connections, None))
    }

    /// Accepts connections of peers, with a limit per certificate: a member needs one connection, and must
    /// not use up the connections of the others. The port is closed when the stream is dropped.
    #[must_use]
    pub fn incoming_peers(self, security: Security, limits: PortLimits) -> Incoming {
        self.listen(security, ConnectionLimit::new(limits.connections, Some(limits.connections_per_peer)))
    }

    fn listen(self, security: Security, limit: ConnectionLimit) -> Incoming {
        let (sender, receiver) = mpsc::channel(ACCEPTED);
        tokio::spawn(accept(self.tcp, security, limit, sender));
        ReceiverStream::new(receiver)
    }
}

type Incoming = ReceiverStream<Result<Connection, std::io::Error>>;
type Accepted = mpsc::Sender<Result<Connection, std::io::Error>>;

async fn accept(tcp: TcpListener, security: Security, limit: ConnectionLimit, accepted: Accepted) {
    loop {
        let stream = tokio::select! {
            biased;
            () = accepted.closed() => return,
            stream = tcp.accept() => stream,
        };
        let stream = match stream {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Most likely out of file descriptors; wait for a connection to close.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(permit) = limit.acquire() else {
            counter!("cutover_refused_total", "reason" => "connections").increment(1);
            continue;
        };
        tokio::spawn(handshake(stream, permit, limit.clone(), security.clone(), accepted.clone()));
    }
}

async fn handshake(
    stream: TcpStream,
    mut permit: ConnectionPermit,
    limit: ConnectionLimit,
    security: Security,
    accepted: Accepted,
) {
    let _faster = stream.set_nodelay(true);
    let from = stream.peer_addr().map_or_else(|_| "unknown".to_owned(), |address| address.to_string());
    let stream = match security {
        Security::Plain => Stream::Plain(stream),
        Security::Mutual(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => Stream::Mutual(Box::new(stream)),
            Ok(Err(error)) => return refuse("handshake", &from, &error.to_string()),
            Err(_) => return refuse("handshake", &from, "the TLS handshake took too long"),
        },
    };
    if let Stream::Mutual(stream) = &stream {
        let counted =
            stream.get_ref().1.peer_certificates().and_then(|all| all.first()).map_or(Ok(()), |first| {
                let subject = subject_of(first).map_err(|error| ("handshake", error.to_string()))?;
                limit.count(&mut permit, subject).map_err(|error| ("connections", error))
            });
        if let Err((reason, error)) = counted {
            return refuse(reason, &from, &error);
        }
    }
    let _closed = accepted.send(Ok(Connection { stream, _permit: permit })).await;
}

fn refuse(reason: &'static str, from: &str, error: &str) {
    static LINES: LogLimiter = LogLimiter::new();
    counter!("cutover_refused_total", "reason" => reason).increment(1);
    if let Some(left_out) = LINES.now() {
        tracing::warn!(from, error, left_out, "refused a connection");
    }
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Mutual(Box<TlsStream<TcpStream>>),
}

/// An accepted connection. It holds its permit of the connection limit.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    _permit: ConnectionPermit,
}

/// How the connection of a request is identified.
#[derive(Clone, Debug)]
pub enum ConnectionInfo {
    /// A connection without TLS.
    Plain,
    /// The certificates of a TLS connection.
    Mutual(TlsConnectInfo<TcpConnectInfo>),
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        match &self.stream {
            Stream::Plain(_) => ConnectionInfo::Plain,
            Stream::Mutual(stream) => ConnectionInfo::Mutual(stream.connect_info()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Mutual(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Mutual(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Mutual(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Mutual(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Identifies a caller by the certificate of its connection, and as [`Caller::Anybody`] without TLS.
#[derive(Clone, Copy, Debug)]
pub struct Certificates;

impl Identify for Certificates {
    fn caller(&self, extensions: &Extensions, _: &MetadataMap) -> Result<Caller, Status> {
        let certificates = match extensions.get::<ConnectionInfo>() {
            Some(ConnectionInfo::Plain) => return Ok(Caller::Anybody),
            Some(ConnectionInfo::Mutual(info)) => info.peer_certs(),
            None => None,
        };
        let first = certificates.as_ref().and_then(|all| all.first());
        let first = first.ok_or_else(|| Status::unauthenticated("the connection has no certificate"))?;
        subject_of(first).map(Caller::Holder).map_err(|error| Status::unauthenticated(error.to_string()))
    }
}
