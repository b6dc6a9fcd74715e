//! The identity of a voter: the subject of its X.509 certificate, as a canonical RFC 4514 string.
//!
//! A certificate holds its subject in DER. Tools print it as text, and the same subject has many spellings:
//! `cn=node-a, O=x`, `CN=node\2da,O=x` and `2.5.4.3=#0c066e6f64652d61,o=x` are the same. Identities are
//! compared and stored in canonical form, so a member that was admitted in one spelling is recognised in
//! every other.
//!
//! | part | canonical |
//! | --- | --- |
//! | attribute type | upper case; the types of RFC 4514 section 3 by their short names, however they were given |
//! | white space around `,` `+` `=` | removed; RFC 2253 and RFC 1779 allow tools to print it |
//! | value | escaped only where required, as `\` and the character itself, never as a hex pair |
//! | value as `#` and BER | decoded if it is a string of a known character set; otherwise kept, in lower case |
//! | attributes of one RDN | sorted, since an RDN is a set |
//! | RDNs | in the given order, since a name is a sequence; RFC 4514 text begins with the certificate's last RDN |
//!
//! **Values are compared exactly.** Directories ignore case and runs of spaces (RFC 4518); this module does
//! not. A certificate authority that distinguishes them could issue `CN=node-a` and `CN=Node-A` to two
//! holders; if they were equal here, one could vote as the other. Treating one name as two costs a refused
//! connection; treating two names as one costs the cluster its safety. For the same reason Unicode is not
//! normalised: `é` as one code point and as two are different names.
//!
//! **Invisible characters are refused**, because people read identities when they admit a member: control
//! characters, characters that change the direction of text or have no width (including the joiners of
//! Persian and Indic scripts, and variation selectors), white space other than U+0020, and U+FFFD, to which a
//! lossy decoder maps different names. Letters of other scripts that look like Latin ones are allowed: only
//! the certificate authority can know which name is meant.
//!
//! The grammar is that of RFC 4514 only: `;` between RDNs, values in quotes, `OID.` before a type, and
//! `/CN=a` are refused. An attribute type that is not in the table is not converted to or from its OID, so
//! the two spellings are different identities: all subjects of a cluster should be printed by the same tool.

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
    /// The longest canonical form, in bytes: an identity must fit into a log entry several times.
    pub const BYTES_MAX: u32 = error::BYTES_MAX;
    /// The most RDNs in a subject.
    pub const RDNS_MAX: u32 = error::RDNS_MAX;
    /// The longest input, in bytes: eight times the canonical limit, which is what a `UniversalString` in hex
    /// needs.
    pub const WRITTEN_BYTES_MAX: u32 = error::WRITTEN_BYTES_MAX;

    /// Parses a certificate's subject, in any spelling that RFC 4514 allows.
    ///
    /// # Errors
    /// [`IdentityError`] if the text is not a subject, does not have exactly one CN, has invisible
    /// characters, or is too long.
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

    /// As [`ClusterVoterIdentity::from_certificate_subject`], for bytes that may not be UTF-8.
    ///
    /// # Errors
    /// [`IdentityError::NotUtf8`], or an error of [`ClusterVoterIdentity::from_certificate_subject`].
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

    /// The canonical form, 4 to [`ClusterVoterIdentity::BYTES_MAX`] bytes. Parsing it gives the same
    /// identity.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// The value of the CN, unescaped. For display only: two identities may have the same CN.
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

/// Accepts any spelling. Where a unique encoding is required, as for a log entry, the caller encodes the
/// decoded value again and compares.
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

/// The value of the CN; an error unless the subject has exactly one, in any RDN.
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

/// The canonical form of an RDN.
fn rdn_text(rdn: &[Attribute]) -> String {
    let mut parts: Vec<(&str, String)> =
        rdn.iter().map(|part| (part.name.as_str(), part.value.to_string())).collect();
    parts.sort();
    parts.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("+")
}
