//! Counts the open calls of each connection, so that a connection without one can be ended.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use http_body_util::BodyExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tonic::Extensions;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

/// The calls of one connection.
#[derive(Debug)]
pub(super) struct Calls(Mutex<Open>);

#[derive(Debug)]
struct Open {
    calls: usize,
    /// When the last call ended; at first, when the connection was accepted.
    last: Instant,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Open { calls: 0, last: Instant::now() }))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when no call is open; `None` if one is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let open = self.open();
        (open.calls == 0).then_some(open.last)
    }
}

/// How the connection of a request is identified.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The certificates of a TLS connection; `None` without TLS.
    pub(super) certificates: Option<TlsConnectInfo<TcpConnectInfo>>,
    pub(super) calls: Arc<Calls>,
    /// When the connection was accepted, before its handshake.
    pub(super) began: Instant,
}

/// When the connection of a request began.
#[must_use]
pub fn connection_began(extensions: &Extensions) -> Option<Instant> {
    extensions.get::<ConnectionInfo>().map(|info| info.began)
}

/// An open call; ended when dropped.
#[derive(Debug)]
struct Call(Arc<Calls>);

impl Call {
    fn begin(calls: &Arc<Calls>) -> Self {
        calls.open().calls += 1;
        Self(Arc::clone(calls))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut open = self.0.open();
        open.calls -= 1;
        open.last = Instant::now();
    }
}

/// The layer of a server that counts calls, from the request to the end of the answer.
#[derive(Clone, Copy, Debug)]
pub struct CountCalls;

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub struct Counted<S>(S);

impl<S> tower::Layer<S> for CountCalls {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted(inner)
    }
}

impl<S> tower::Service<Request<Body>> for Counted<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = request.extensions().get::<ConnectionInfo>().map(|info| Call::begin(&info.calls));
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _until_the_body_is_dropped = &call;
                    frame
                }))
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A long call keeps its connection: the time without one counts from the end of the last.
    #[test]
    fn a_connection_is_idle_since_its_last_call_has_ended() {
        let calls = Arc::new(Calls::new());
        let (one, two) = (Call::begin(&calls), Call::begin(&calls));
        drop(one);
        assert_eq!(calls.idle_since(), None, "another call is open");
        std::thread::sleep(core::time::Duration::from_millis(5));
        let ends = Instant::now();
        drop(two);
        assert!(calls.idle_since().is_some_and(|since| since >= ends));
    }
}
