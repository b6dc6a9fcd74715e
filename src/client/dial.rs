//! How a client opens connections: over TCP or TLS in production, on a simulated network in the simulator.

use crate::core::control_plane::{Address, StoreIdentity};
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

/// Who a store is, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreAt {
    /// Who it is, as the log says.
    pub identity: StoreIdentity,
    /// One of its endpoints.
    pub endpoint: Address,
}

/// Opens connections to stores, for a gateway.
pub trait DialStore: Debug + Send + Sync + 'static {
    /// Opens a connection to a store. Another process that answers there is not spoken to.
    fn channel(&self, store: StoreAt) -> Dialing;
}

#[cfg(not(madsim))]
pub use tcp::Dialer;

#[cfg(not(madsim))]
mod tcp {
    use super::{Dial, DialStore, Dialing, StoreAt};
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

    /// Stores are identified by what the log says of each, not by the subjects of nodes.
    impl DialStore for Dialer {
        fn channel(&self, StoreAt { identity, endpoint }: StoreAt) -> Dialing {
            let security = match self {
                Self::Plain => Security::Plain,
                Self::Mutual { tls, nodes: _ } => Security::Mutual(Arc::clone(tls)),
            };
            let expected: Expected = Arc::new(move |found| {
                if identity.is_of(found) {
                    Ok(())
                } else {
                    Err(format!("the certificate there is of {found}, expected that of {identity}"))
                }
            });
            Box::pin(async move {
                channel(&endpoint, &security, &expected).await.map_err(|error| error.to_string())
            })
        }
    }

    #[cfg(test)]
    mod tests {
        use crate::core::control_plane::{ClusterVoterIdentity, StoreIdentity};

        #[test]
        fn a_store_is_known_by_the_subject_that_its_identity_begins_with() {
            let subject = ClusterVoterIdentity::from_certificate_subject("CN=eu-1,O=example").unwrap();
            for (identity, same) in [
                ("CN=eu-1,O=example", true),
                ("CN=eu-1,O=example store 7", true),
                ("CN=eu-1,O=example,store=7", false),
                ("CN=eu-1,O=example2", false),
                ("CN=eu-1", false),
                ("CN=eu-2,O=example store 7", false),
            ] {
                let identity: StoreIdentity = identity.parse().unwrap();
                assert_eq!(identity.is_of(&subject), same, "{identity}");
            }
        }
    }
}
