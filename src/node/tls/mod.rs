//! Mutual TLS: authenticated and encrypted connections.
//!
//! Both ends present a certificate, and both must be signed by the cluster's authority. The files can be
//! reloaded while the process runs: open connections keep the old certificate, new connections use the new
//! one.
//!
//! May import: `core::control_plane`.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the edge: files and sockets")]

mod dial;
mod subject;

pub use dial::{DialError, Expected, Security, channel};
pub use subject::{SubjectError, subject_of};

use crate::core::control_plane::ClusterVoterIdentity;
use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// Paths of the certificates and the private key, in PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// Certificate of the authority that signs the certificates of nodes and clients.
    pub ca: PathBuf,
    /// Certificate of this process, followed by the intermediate ones.
    pub cert: PathBuf,
    /// The private key of this process's certificate.
    pub key: PathBuf,
}

/// Why certificates cannot be loaded, or a TLS connection not be made.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read as PEM of the expected kind.
    #[error("{}: {found}, expected {expected}", path.display())]
    File {
        /// Path of the file that cannot be used.
        path: PathBuf,
        /// What the file holds, or why it cannot be read.
        found: String,
        /// What the file should hold.
        expected: &'static str,
    },
    /// The certificate does not match the private key, or uses an algorithm that is not supported.
    #[error("{}: the certificate cannot be used with the key: {source}", path.display())]
    Pair {
        /// Path of the certificate.
        path: PathBuf,
        /// The error of the TLS library.
        source: rustls::Error,
    },
    /// The subject of the certificate cannot serve as an identity.
    #[error("{}: {source}", path.display())]
    Subject {
        /// Path of the certificate.
        path: PathBuf,
        /// What is wrong with the subject.
        source: SubjectError,
    },
    /// The host name to connect to is invalid.
    #[error("{host:?} is not a valid server name")]
    Host {
        /// The host name given.
        host: String,
    },
    /// The TLS handshake with the other end failed.
    #[error("the TLS handshake failed: {0}")]
    Handshake(#[from] std::io::Error),
}

struct Material {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    subject: ClusterVoterIdentity,
    read: [Vec<u8>; 3],
}

/// The certificates in use. [`Tls::reload`] replaces them.
pub struct Tls {
    files: TlsFiles,
    current: ArcSwap<Material>,
}

impl core::fmt::Debug for Tls {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Loads and checks the certificates.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(material(&files, read(&files)?)?);
        Ok(Self { files, current })
    }

    /// Loads the files again. Returns whether they have changed; on an error the current certificates stay in
    /// use.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn reload(&self) -> Result<bool, TlsError> {
        let read = read(&self.files)?;
        if read == self.current.load().read {
            return Ok(false);
        }
        let next = material(&self.files, read)?;
        self.current.store(Arc::new(next));
        Ok(true)
    }

    /// The subject of the current certificate of this process.
    #[must_use]
    pub fn subject(&self) -> ClusterVoterIdentity {
        self.current.load().subject.clone()
    }

    /// Does the server's side of a handshake.
    ///
    /// # Errors
    /// [`TlsError::Handshake`]
    pub async fn accept(&self, stream: TcpStream) -> Result<server::TlsStream<TcpStream>, TlsError> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current.load().server));
        Ok(acceptor.accept(stream).await?)
    }

    /// Does the client's side of a handshake. `host` is the name that the server's certificate must have.
    ///
    /// # Errors
    /// [`TlsError`]
    pub async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<client::TlsStream<TcpStream>, TlsError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name =
            ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::Host { host: host.to_owned() })?;
        let connector = TlsConnector::from(Arc::clone(&self.current.load().client));
        Ok(connector.connect(name, stream).await?)
    }
}

fn read(files: &TlsFiles) -> Result<[Vec<u8>; 3], TlsError> {
    let one = |path: &Path, expected| {
        std::fs::read(path).map_err(|error| TlsError::File {
            path: path.to_owned(),
            found: error.to_string(),
            expected,
        })
    };
    Ok([
        one(&files.ca, "the authority's certificate in PEM")?,
        one(&files.cert, "a certificate in PEM")?,
        one(&files.key, "a private key in PEM")?,
    ])
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong =
        |found: String| TlsError::File { path: path.to_owned(), found, expected: "a certificate in PEM" };
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|error| wrong(error.to_string()))?;
    if all.is_empty() { Err(wrong("no certificate".to_owned())) } else { Ok(all) }
}

fn material(files: &TlsFiles, read: [Vec<u8>; 3]) -> Result<Material, TlsError> {
    let [ca, cert, key] = &read;
    let mut roots = RootCertStore::empty();
    for root in certificates(&files.ca, ca)? {
        roots.add(root).map_err(|source| TlsError::Pair { path: files.ca.clone(), source })?;
    }
    let chain = certificates(&files.cert, cert)?;
    let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
    let subject =
        subject_of(first).map_err(|source| TlsError::Subject { path: files.cert.clone(), source })?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::File {
        path: files.key.clone(),
        found: error.to_string(),
        expected: "a private key in PEM",
    })?;
    let pair = |source| TlsError::Pair { path: files.cert.clone(), source };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(roots);
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
        .build()
        .map_err(|error| TlsError::File {
            path: files.ca.clone(),
            found: error.to_string(),
            expected: "the authority's certificate in PEM",
        })?;
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key.clone_key())
        .map_err(pair)?;
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(pair)?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    client.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Material { server: Arc::new(server), client: Arc::new(client), subject, read })
}
