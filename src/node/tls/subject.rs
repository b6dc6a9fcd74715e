//! The subject of a certificate as a text of RFC 4514.

use crate::core::control_plane::{ClusterVoterIdentity, IdentityError};
use core::fmt::Write as _;
use thiserror::Error;
use x509_parser::der_parser::asn1_rs::ToDer as _;

/// A certificate whose subject is none of a participant.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SubjectError {
    /// Not a certificate.
    #[error("not a certificate: {0}")]
    Certificate(String),
    /// Not a subject with one CN.
    #[error("the certificate's subject is no participant's: {0}")]
    Identity(#[from] IdentityError),
}

/// Reads it. RFC 4514 begins with the RDN that the certificate has last. Types and values are given by their numbers and
/// their bytes, so that no printer's opinion comes between the certificate and the canonical text.
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
