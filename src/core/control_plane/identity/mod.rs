//! Who a voter is: the subject of its X.509 certificate, as one canonical RFC 4514 string.
//!
//! A certificate holds its subject in DER. Tools print it as a text, and one subject has many: `cn=node-a, O=x`,
//! `CN=node\2da,O=x` and `2.5.4.3=#0c066e6f64652d61,o=x` are one. Whatever is compared, stored or voted for is the
//! canonical text, so that a name admitted in one spelling is the same member in another.
//!
//! | part | canonical |
//! | --- | --- |
//! | attribute type | upper case; the types of RFC 4514 section 3 by their short name, whatever they were given by |
//! | white space around `,` `+` `=` | none; RFC 2253 and RFC 1779 let tools print it |
//! | value | only what must be escaped is, with a `\` and the character itself: never a hex pair |
//! | value as `#` and BER | a string of a known character set becomes that text; all else stays, in lower case |
//! | attributes of one RDN | sorted, because an RDN is a set |
//! | RDNs | as given, because a name is a sequence; RFC 4514 begins with the certificate's last, and the caller must |
//!
//! **Values compare exactly.** A directory folds case and runs of spaces (RFC 4518); this does not. To a certificate
//! authority that does not fold either, `CN=node-a` and `CN=Node-A` are two holders, and folding would let the one
//! vote as the other. To take one name for two costs a refused connection; to take two for one costs the cluster. For
//! the same reason nothing is normalised: `é` as one code point and as two are two names.
//!
//! **What cannot be seen is refused.** People read identities when they admit a member. So no control character, none
//! that turns the direction of a text or takes no room (that includes the joiners of Persian and Indic scripts, and
//! variation selectors), no white space other than U+0020, and no U+FFFD, which is what a lossy decoder leaves of two
//! different names. Letters of other scripts that look like Latin ones are let through: only the certificate authority
//! can tell whom it names so.
//!
//! RFC 4514 is the whole grammar: neither `;` between RDNs, nor values in quotes, nor `OID.` in front of a type, nor
//! `/CN=a` is read. A descriptor outside of the table is not resolved, and its OID in its place is another identity;
//! so the subjects of one cluster come from one printer.

mod error;
mod parse;
#[cfg(test)]
mod tests;
mod value;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::{fmt, str};
pub use error::IdentityError;
use error::count;
use parse::{Attribute, COMMON_NAME};
use serde::{Deserialize, Serialize};
use value::Value;

/// The identity of a voter: the subject of its certificate in canonical form, with exactly one CN.
///
/// ```
/// use cutover::core::control_plane::ClusterVoterIdentity;
/// let one = ClusterVoterIdentity::from_certificate_subject("cn = node-a, o = Example\\2c Inc.")?;
/// assert_eq!(one.as_str(), "CN=node-a,O=Example\\, Inc.");
/// assert_eq!(one.common_name(), "node-a");
/// # Ok::<(), cutover::core::control_plane::IdentityError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterVoterIdentity {
    canonical: String,
    common_name: String,
}

impl ClusterVoterIdentity {
    /// Bytes of the canonical form, at most, so that an identity fits into a log entry several times.
    pub const BYTES_MAX: u32 = error::BYTES_MAX;
    /// RDNs of a subject, at most.
    pub const RDNS_MAX: u32 = error::RDNS_MAX;
    /// Bytes that are read, at most: eight for each canonical one, as many as a `UniversalString` in hex takes.
    pub const WRITTEN_BYTES_MAX: u32 = error::WRITTEN_BYTES_MAX;

    /// The voter whose certificate has this subject, in any spelling of RFC 4514.
    ///
    /// # Errors
    /// [`IdentityError`]: it is no such text, has not exactly one CN, holds what cannot be seen, or is too long.
    pub fn from_certificate_subject(subject: &str) -> Result<Self, IdentityError> {
        let have = count(subject.len());
        if have > Self::WRITTEN_BYTES_MAX {
            return Err(IdentityError::WrittenTooLong { have });
        }
        if subject.bytes().all(|byte| byte == b' ') {
            return Err(IdentityError::Empty);
        }
        let rdns = parse::subject(subject)?;
        let have = count(rdns.len());
        if have > Self::RDNS_MAX {
            return Err(IdentityError::TooManyRdns { have });
        }
        let common_name = common_name(&rdns)?.to_owned();
        let canonical = rdns.iter().map(|rdn| rdn_text(rdn)).collect::<Vec<_>>().join(",");
        let have = count(canonical.len());
        if have > Self::BYTES_MAX {
            return Err(IdentityError::TooLong { have });
        }
        Ok(Self { canonical, common_name })
    }

    /// The same for bytes, which may not be UTF-8.
    ///
    /// # Errors
    /// [`IdentityError::NotUtf8`], and those of [`ClusterVoterIdentity::from_certificate_subject`].
    pub fn from_certificate_subject_bytes(subject: &[u8]) -> Result<Self, IdentityError> {
        let have = count(subject.len());
        if have > Self::WRITTEN_BYTES_MAX {
            return Err(IdentityError::WrittenTooLong { have });
        }
        match str::from_utf8(subject) {
            Ok(text) => Self::from_certificate_subject(text),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = subject.get(at).copied().unwrap_or_default();
                Err(IdentityError::NotUtf8 { at: count(at), byte })
            }
        }
    }

    /// The canonical form: 4 to [`ClusterVoterIdentity::BYTES_MAX`] bytes. It is read as this very identity.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// The value of the CN, with nothing escaped. To show, not to compare: two subjects may share it.
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.common_name
    }
}

impl fmt::Display for ClusterVoterIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.canonical)
    }
}

/// Any spelling is accepted and becomes the canonical one, so bytes of another spelling decode too. Where one encoding
/// is required, as in a log entry, the decoded value is encoded again and compared.
impl TryFrom<String> for ClusterVoterIdentity {
    type Error = IdentityError;

    fn try_from(subject: String) -> Result<Self, IdentityError> {
        Self::from_certificate_subject(&subject)
    }
}

impl From<ClusterVoterIdentity> for String {
    fn from(identity: ClusterVoterIdentity) -> Self {
        identity.canonical
    }
}

/// The only CN, in any RDN.
fn common_name(rdns: &[Vec<Attribute>]) -> Result<&str, IdentityError> {
    let all: Vec<&Attribute> = rdns.iter().flatten().filter(|part| part.name == COMMON_NAME).collect();
    let [one] = all.as_slice() else {
        let have = count(all.len());
        return Err(if have == 0 {
            IdentityError::NoCommonName
        } else {
            IdentityError::SeveralCommonNames { have }
        });
    };
    let at = count(one.at);
    match &one.value {
        Value::Opaque { tag, .. } => Err(IdentityError::UnreadableCommonName { at, tag: *tag }),
        Value::Text(text) if text.trim().is_empty() => Err(IdentityError::EmptyCommonName { at }),
        Value::Text(text) => Ok(text),
    }
}

/// An RDN in canonical form.
fn rdn_text(rdn: &[Attribute]) -> String {
    let mut parts: Vec<(&str, String)> =
        rdn.iter().map(|part| (part.name.as_str(), part.value.to_string())).collect();
    parts.sort();
    parts.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("+")
}
