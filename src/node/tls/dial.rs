//! Outgoing connections to nodes.

use super::{Tls, TlsError};
use crate::core::control_plane::Address;
use core::time::Duration;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use thiserror::Error;
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint, Uri};

/// Whether a connection is encrypted and authenticated.
#[derive(Clone, Debug)]
pub enum Security {
    /// Neither: on loopback, or where the operator sets `insecure`.
    Plain,
    /// Both, with certificates on both ends.
    Mutual(Arc<Tls>),
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum DialError {
    /// The text is not an address.
    #[error("{0}")]
    Address(String),
    /// No connection in time.
    #[error("{0}")]
    Connect(String),
    /// The handshake failed: the other end has no acceptable certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The time limit for connecting, the handshake included.
const CONNECT: Duration = Duration::from_secs(3);
/// The interval between keepalives; a connection without an answer for this long is closed.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Opens a connection to an address.
///
/// # Errors
/// [`DialError`]
pub async fn channel(address: &Address, security: &Security) -> Result<Channel, DialError> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| DialError::Address(error.to_string()))?
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true);
    let connected = match security {
        Security::Plain => endpoint.connect().await,
        Security::Mutual(tls) => {
            let tls = Arc::clone(tls);
            let connector = tower::service_fn(move |uri: Uri| secure(Arc::clone(&tls), uri));
            endpoint.connect_with_connector(connector).await
        }
    };
    connected.map_err(|error| DialError::Connect(reasons(&error)))
}

async fn secure(
    tls: Arc<Tls>,
    uri: Uri,
) -> Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>, std::io::Error> {
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or_default());
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, port)).await?;
    tcp.set_nodelay(true)?;
    let failed = |error: TlsError| std::io::Error::other(error.to_string());
    let stream = tls.connect(host, tcp).await.map_err(failed)?;
    Ok(TokioIo::new(stream))
}

/// An error with its sources, without repeated texts.
fn reasons(error: &dyn core::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        next = source.source();
    }
    said
}
