//! An accepted connection, which ends itself when it is idle or its certificate is no longer accepted.

use super::calls::{Calls, ConnectionInfo};
use super::refuse;
use crate::node::server::api::access::{Caller, Identify};
use crate::node::server::quota::Place;
use crate::node::tls::{Recheck, subject_of};
use core::future::Future as _;
use core::time::Duration;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;
use tonic::metadata::MetadataMap;
use tonic::transport::server::Connected;
use tonic::{Extensions, Status};

/// How long a connection may take to say anything after its handshake.
const SILENT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Mutual(Box<TlsStream<TcpStream>>),
}

/// An accepted connection. It holds its place among the connections of the port.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    calls: Arc<Calls>,
    began: Instant,
    recheck: Option<Recheck>,
    /// Whether the other end has sent anything.
    spoke: bool,
    idle: Duration,
    next: Pin<Box<Sleep>>,
    _place: Place,
}

impl Connection {
    /// `began`: before the handshake.
    pub(super) fn new(
        stream: Stream,
        began: Instant,
        recheck: Option<Recheck>,
        place: Place,
        idle: Duration,
    ) -> Self {
        let next = Box::pin(tokio::time::sleep(SILENT.min(idle)));
        let calls = Arc::new(Calls::new());
        Self { stream, calls, began, recheck, spoke: false, idle, next, _place: place }
    }

    /// Why the connection is to end now. The task is woken when that may have changed.
    fn over(&mut self, cx: &mut Context<'_>) -> Option<(&'static str, String)> {
        if let Some(Err(error)) = self.recheck.as_mut().map(|recheck| recheck.poll(cx)) {
            return Some(("certificate", error.to_string()));
        }
        while self.next.as_mut().poll(cx).is_ready() {
            let (now, since) = (Instant::now(), self.calls.idle_since());
            let idle = since.map(|since| now.duration_since(since));
            if !self.spoke || idle.is_some_and(|idle| idle >= self.idle) {
                let what = if self.spoke { "no call" } else { "nothing" };
                return Some(("idle", format!("it sent {what} for {:?}", idle.unwrap_or_default())));
            }
            self.next.as_mut().reset(now + self.idle.saturating_sub(idle.unwrap_or_default()));
        }
        None
    }

    fn from(&self) -> String {
        let stream = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Mutual(stream) => stream.get_ref().0,
        };
        stream.peer_addr().map_or_else(|_| "unknown".to_owned(), |address| address.to_string())
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        let certificates = match &self.stream {
            Stream::Plain(_) => None,
            Stream::Mutual(stream) => Some(stream.connect_info()),
        };
        ConnectionInfo { certificates, calls: Arc::clone(&self.calls), began: self.began }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if let Some((reason, error)) = self.over(cx) {
            if reason == "certificate" {
                refuse(reason, &self.from(), &error);
            }
            return Poll::Ready(Err(std::io::Error::other(error)));
        }
        let before = buffer.filled().len();
        let read = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Mutual(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        self.spoke |= buffer.filled().len() > before;
        read
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
            Some(ConnectionInfo { certificates: None, .. }) => return Ok(Caller::Anybody),
            Some(ConnectionInfo { certificates: Some(info), .. }) => info.peer_certs(),
            None => None,
        };
        let first = certificates.as_ref().and_then(|all| all.first());
        let first = first.ok_or_else(|| Status::unauthenticated("the connection has no certificate"))?;
        subject_of(first).map(Caller::Holder).map_err(|error| Status::unauthenticated(error.to_string()))
    }
}
