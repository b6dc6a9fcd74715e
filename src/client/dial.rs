//! How a client opens connections: over TCP or TLS in production, on a simulated network in the simulator.

use crate::core::control_plane::Address;
use core::fmt::Debug;
use core::future::Future;
use core::pin::Pin;
use tonic::transport::Channel;

/// A connection being opened. The error is the message.
pub type Dialing = Pin<Box<dyn Future<Output = Result<Channel, String>> + Send>>;

/// Opens connections for a client.
pub trait Dial: Debug + Send + Sync + 'static {
    /// Opens a connection to the client port of a node.
    fn channel(&self, address: Address) -> Dialing;
}

#[cfg(not(madsim))]
impl Dial for crate::node::tls::Security {
    fn channel(&self, address: Address) -> Dialing {
        let security = self.clone();
        Box::pin(async move {
            let anybody: crate::node::tls::Expected = std::sync::Arc::new(|_| Ok(()));
            crate::node::tls::channel(&address, &security, &anybody).await.map_err(|error| error.to_string())
        })
    }
}
