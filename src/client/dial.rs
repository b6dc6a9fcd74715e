//! Opens connections: with TLS in production, on a simulated network in a simulator.

use crate::core::control_plane::Address;
use core::fmt::Debug;
use core::future::Future;
use core::pin::Pin;
use tonic::transport::Channel;

/// A connection that is being opened; the error is a text.
pub type Dialing = Pin<Box<dyn Future<Output = Result<Channel, String>> + Send>>;

/// Opens connections.
pub trait Dial: Debug + Send + Sync + 'static {
    /// Opens a connection to this address.
    fn channel(&self, address: Address) -> Dialing;
}

#[cfg(not(madsim))]
impl Dial for crate::node::tls::Security {
    fn channel(&self, address: Address) -> Dialing {
        let security = self.clone();
        Box::pin(async move {
            crate::node::tls::channel(&address, &security).await.map_err(|error| error.to_string())
        })
    }
}
