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
pub use tcp::Dialer;

#[cfg(not(madsim))]
mod tcp {
    use super::{Dial, Dialing};
    use crate::core::control_plane::{Address, Subjects};
    use crate::node::tls::{Expected, Security, Tls, channel};
    use std::sync::Arc;

    /// Connections over TCP. With certificates, only a node is spoken to: another holder of a certificate of the
    /// authority could answer with records that it made up.
    #[derive(Clone, Debug)]
    pub enum Dialer {
        /// Without TLS: whoever answers is taken for a node.
        Plain,
        /// With mutual TLS.
        Mutual {
            /// This process's certificate, and the authority that signed those of the nodes.
            tls: Arc<Tls>,
            /// The subjects of the nodes' certificates.
            nodes: Subjects,
        },
    }

    impl Dial for Dialer {
        fn channel(&self, address: Address) -> Dialing {
            let dialer = self.clone();
            Box::pin(async move {
                let (security, nodes) = match dialer {
                    Self::Plain => (Security::Plain, None),
                    Self::Mutual { tls, nodes } => (Security::Mutual(tls), Some(nodes)),
                };
                let expected: Expected = Arc::new(move |found| match &nodes {
                    Some(nodes) if !nodes.contain(found) => {
                        Err(format!("the certificate there is of {found}, expected one of {nodes}"))
                    }
                    Some(_) | None => Ok(()),
                });
                channel(&address, &security, &expected).await.map_err(|error| error.to_string())
            })
        }
    }
}
