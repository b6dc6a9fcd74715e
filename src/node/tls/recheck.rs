//! Verifies the other end of a connection again while the connection is open.

use super::{OtherEnd, Tls, TlsError};
use core::future::Future as _;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How often.
const INTERVAL: Duration = Duration::from_secs(5);

/// The next verification of one connection's other end.
#[derive(Debug)]
pub struct Recheck {
    tls: Arc<Tls>,
    other: OtherEnd,
    next: Pin<Box<Sleep>>,
}

impl Recheck {
    /// For a connection whose other end was verified in its handshake just now.
    #[must_use]
    pub fn new(tls: Arc<Tls>, other: OtherEnd) -> Self {
        Self { tls, other, next: Box::pin(tokio::time::sleep(INTERVAL)) }
    }

    /// Verifies the other end if it is time to. The task is woken when it is time again.
    ///
    /// # Errors
    /// [`TlsError::NoLonger`]
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Result<(), TlsError> {
        while self.next.as_mut().poll(cx).is_ready() {
            self.next.as_mut().reset(Instant::now() + INTERVAL);
            self.tls.verify(&self.other)?;
        }
        Ok(())
    }
}

/// A connection that ends when its other end is no longer accepted.
#[derive(Debug)]
pub(super) struct Rechecked<S> {
    pub(super) stream: S,
    pub(super) recheck: Recheck,
}

impl<S: AsyncRead + Unpin> AsyncRead for Rechecked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Err(error) = self.recheck.poll(cx) {
            return Poll::Ready(Err(io::Error::other(error.to_string())));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rechecked<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
