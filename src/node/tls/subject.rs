//! Reads the subject of a certificate as RFC 4514 text.

use crate::core::control_plane::{ClusterVoterIdentity, IdentityError};
use core::fmt::Write as _;
use thiserror::Error;
use x509_parser::der_parser::asn1_rs::ToDer as _;

/// Why a certificate's subject cannot serve as an identity.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SubjectError {
    /// The bytes are not an X.509 certificate.
    #[error("not a certificate: {0}")]
    Certificate(String),
    /// The subject does not have exactly one CN, or cannot be parsed.
    #[error("the certificate's subject cannot be an identity: {0}")]
    Identity(#[from] IdentityError),
}

/// Reads the subject of a DER certificate. RFC 4514 text begins with the RDN that comes last in the
/// certificate. Types are written as object identifiers and values as bytes, so that the result does not
/// depend on how a library prints them.
///
/// # Errors
/// [`SubjectError`]
pub fn subject_of(certificate: &[u8]) -> Result<ClusterVoterIdentity, SubjectError> {
    let wrong = |error: &dyn core::fmt::Display| SubjectError::Certificate(error.to_string());
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).map_err(|error| wrong(&error))?;
    let mut text = String::new();
    let rdns: Vec<_> = certificate.subject().iter_rdn().collect();
    for (at, rdn) in rdns.iter().rev().enumerate() {
        for (part, attribute) in rdn.iter().enumerate() {
            if at + part > 0 {
                text.push(if part > 0 { '+' } else { ',' });
            }
            let value = attribute.attr_value().to_der_vec().map_err(|error| wrong(&error))?;
            let _written = write!(text, "{}=#", attribute.attr_type().to_id_string());
            for byte in value {
                let _written = write!(text, "{byte:02x}");
            }
        }
    }
    Ok(ClusterVoterIdentity::from_certificate_subject(&text)?)
}
