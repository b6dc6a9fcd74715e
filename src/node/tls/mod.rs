//! Mutual TLS: authenticated and encrypted connections.
//!
//! Both ends present a certificate, and both must be signed by the cluster's authority and not be revoked. The files
//! can be reloaded while the process runs. New connections use the new certificate; the other end of each open
//! connection is verified again, and the connection ends if its certificate has expired, is revoked, or has lost its
//! authority.
//!
//! May import: `core::control_plane`.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the edge: files and sockets")]

mod dial;
mod recheck;
mod subject;

pub use dial::{DialError, Expected, Security, channel};
pub use recheck::Recheck;
pub use subject::{SubjectError, subject_of};

use crate::core::control_plane::ClusterVoterIdentity;
use arc_swap::ArcSwap;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
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
    /// Certificates that the authority has revoked: one or more CRLs. `None`: none is revoked.
    pub crl: Option<PathBuf>,
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
    /// The file holds a certificate of another subject. A running process keeps its subject: others know it by that.
    #[error("{}: a certificate of {found}, expected {expected}, which this process runs as", path.display())]
    OtherSubject {
        /// Path of the certificate.
        path: PathBuf,
        /// The subject of the certificate in the file.
        found: ClusterVoterIdentity,
        /// The subject of the certificate in use.
        expected: ClusterVoterIdentity,
    },
    /// The certificate of the other end of an open connection is no longer accepted.
    #[error("the certificate of the other end is no longer accepted: {0}")]
    NoLonger(rustls::Error),
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
    clients: Arc<dyn ClientCertVerifier>,
    servers: Arc<WebPkiServerVerifier>,
    subject: ClusterVoterIdentity,
    read: Read,
}

/// The bytes of the files.
#[derive(PartialEq, Eq)]
struct Read {
    ca: Vec<u8>,
    cert: Vec<u8>,
    key: Vec<u8>,
    crl: Option<Vec<u8>>,
}

/// The other end of a connection, as verified in the handshake.
#[derive(Clone, Debug)]
pub enum OtherEnd {
    /// A client, with its certificate and the intermediate ones.
    Client(Vec<CertificateDer<'static>>),
    /// A server, with the name by which it was dialled.
    Server(Vec<CertificateDer<'static>>, ServerName<'static>),
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
    /// use. A certificate of another subject is an error.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn reload(&self) -> Result<bool, TlsError> {
        let read = read(&self.files)?;
        if read == self.current.load().read {
            return Ok(false);
        }
        let next = material(&self.files, read)?;
        let expected = self.subject();
        if next.subject != expected {
            let (path, found) = (self.files.cert.clone(), next.subject);
            return Err(TlsError::OtherSubject { path, found, expected });
        }
        self.current.store(Arc::new(next));
        Ok(true)
    }

    /// The subject of the current certificate of this process.
    #[must_use]
    pub fn subject(&self) -> ClusterVoterIdentity {
        self.current.load().subject.clone()
    }

    /// Verifies the other end of an open connection with the files in use now.
    ///
    /// # Errors
    /// [`TlsError::NoLonger`]
    pub fn verify(&self, other: &OtherEnd) -> Result<(), TlsError> {
        let (current, now) = (self.current.load(), UnixTime::now());
        let verified = match other {
            OtherEnd::Client(chain) => chain
                .split_first()
                .map(|(first, others)| current.clients.verify_client_cert(first, others, now).map(|_| ())),
            OtherEnd::Server(chain, name) => chain.split_first().map(|(first, others)| {
                current.servers.verify_server_cert(first, others, name, &[], now).map(|_| ())
            }),
        };
        verified.unwrap_or(Err(rustls::Error::NoCertificatesPresented)).map_err(TlsError::NoLonger)
    }

    /// Does the server's side of a handshake.
    ///
    /// # Errors
    /// [`TlsError::Handshake`]
    pub async fn accept(&self, stream: TcpStream) -> Result<server::TlsStream<TcpStream>, TlsError> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current.load().server));
        Ok(acceptor.accept(stream).await?)
    }

    /// Does the client's side of a handshake. `host` is the name that the server's certificate must have; it is
    /// returned in its parsed form.
    ///
    /// # Errors
    /// [`TlsError`]
    pub async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<(ServerName<'static>, client::TlsStream<TcpStream>), TlsError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name =
            ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::Host { host: host.to_owned() })?;
        let connector = TlsConnector::from(Arc::clone(&self.current.load().client));
        let stream = connector.connect(name.clone(), stream).await?;
        Ok((name, stream))
    }
}

fn read(files: &TlsFiles) -> Result<Read, TlsError> {
    let one = |path: &Path, expected| {
        std::fs::read(path).map_err(|error| TlsError::File {
            path: path.to_owned(),
            found: error.to_string(),
            expected,
        })
    };
    Ok(Read {
        ca: one(&files.ca, "the authority's certificate in PEM")?,
        cert: one(&files.cert, "a certificate in PEM")?,
        key: one(&files.key, "a private key in PEM")?,
        crl: files.crl.as_deref().map(|path| one(path, REVOKED)).transpose()?,
    })
}

const REVOKED: &str = "certificate revocation lists in PEM";

fn revoked(path: &Path, pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let wrong = |found: String| TlsError::File { path: path.to_owned(), found, expected: REVOKED };
    let all: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|error| wrong(error.to_string()))?;
    // An empty file would revoke nothing, without a word.
    if all.is_empty() { Err(wrong("no list".to_owned())) } else { Ok(all) }
}

/// The verifiers of clients and of servers, with the same authority and the same revocations.
fn verifiers(
    files: &TlsFiles,
    read: &Read,
) -> Result<(Arc<dyn ClientCertVerifier>, Arc<WebPkiServerVerifier>), TlsError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(&files.ca, &read.ca)? {
        roots.add(root).map_err(|source| TlsError::Pair { path: files.ca.clone(), source })?;
    }
    let crls = match (&files.crl, &read.crl) {
        (Some(path), Some(pem)) => revoked(path, pem)?,
        (_, _) => Vec::new(),
    };
    let wrong = |error: rustls::server::VerifierBuilderError| TlsError::File {
        path: files.crl.clone().unwrap_or_else(|| files.ca.clone()),
        found: error.to_string(),
        expected: if files.crl.is_some() { REVOKED } else { "the authority's certificate in PEM" },
    };
    let (roots, provider) = (Arc::new(roots), Arc::new(rustls::crypto::ring::default_provider()));
    let mut clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
    let mut servers = WebPkiServerVerifier::builder_with_provider(roots, provider);
    if !crls.is_empty() {
        // A certificate of an issuer without a list here is not revoked.
        clients = clients.with_crls(crls.clone()).allow_unknown_revocation_status();
        servers = servers.with_crls(crls).allow_unknown_revocation_status();
    }
    Ok((clients.build().map_err(wrong)?, servers.build().map_err(wrong)?))
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong =
        |found: String| TlsError::File { path: path.to_owned(), found, expected: "a certificate in PEM" };
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|error| wrong(error.to_string()))?;
    if all.is_empty() { Err(wrong("no certificate".to_owned())) } else { Ok(all) }
}

fn material(files: &TlsFiles, read: Read) -> Result<Material, TlsError> {
    let (clients, servers) = verifiers(files, &read)?;
    let chain = certificates(&files.cert, &read.cert)?;
    let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
    let subject =
        subject_of(first).map_err(|source| TlsError::Subject { path: files.cert.clone(), source })?;
    let key = PrivateKeyDer::from_pem_slice(&read.key).map_err(|error| TlsError::File {
        path: files.key.clone(),
        found: error.to_string(),
        expected: "a private key in PEM",
    })?;
    let pair = |source| TlsError::Pair { path: files.cert.clone(), source };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_client_cert_verifier(Arc::clone(&clients))
        .with_single_cert(chain.clone(), key.clone_key())
        .map_err(pair)?;
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_webpki_verifier(Arc::clone(&servers))
        .with_client_auth_cert(chain, key)
        .map_err(pair)?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    client.alpn_protocols = vec![b"h2".to_vec()];
    let (server, client) = (Arc::new(server), Arc::new(client));
    Ok(Material { server, client, clients, servers, subject, read })
}
