//! Why a text is not a valid identity.

use core::fmt;
use thiserror::Error;

/// The longest canonical form, in bytes: an identity must fit into a log entry several times.
pub(super) const BYTES_MAX: u32 = 256;
/// The most RDNs in a subject.
pub(super) const RDNS_MAX: u32 = 16;
/// The longest input, in bytes: eight times the canonical limit, which is what a `UniversalString` in hex
/// needs.
pub(super) const WRITTEN_BYTES_MAX: u32 = 8 * BYTES_MAX;

/// Why a text is not the subject of a voter. Offsets are in bytes of the text, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum IdentityError {
    /// The text is empty or has only spaces.
    #[error("the subject is empty, a name with one CN is expected")]
    Empty,
    /// The input is longer than [`WRITTEN_BYTES_MAX`](super::ClusterVoterIdentity::WRITTEN_BYTES_MAX).
    #[error("the subject is written in {have} bytes, at most {} are read", WRITTEN_BYTES_MAX)]
    WrittenTooLong {
        /// The length of the input, in bytes.
        have: u32,
    },
    /// The canonical form is longer than [`BYTES_MAX`](super::ClusterVoterIdentity::BYTES_MAX).
    #[error("the canonical subject has {have} bytes, at most {} are allowed", BYTES_MAX)]
    TooLong {
        /// The length of the canonical form, in bytes.
        have: u32,
    },
    /// The subject has more than [`RDNS_MAX`](super::ClusterVoterIdentity::RDNS_MAX) RDNs.
    #[error("the subject has {have} RDNs, at most {} are allowed", RDNS_MAX)]
    TooManyRdns {
        /// The number of RDNs in the subject.
        have: u32,
    },
    /// The text is not UTF-8, before or after its hex pairs are decoded.
    #[error("byte {at}: found {byte:#04x}, expected UTF-8")]
    NotUtf8 {
        /// The offset of the first wrong byte, or of the hex pair that encodes it.
        at: u32,
        /// The byte that is not valid UTF-8 there.
        byte: u8,
    },
    /// The text violates the grammar of RFC 4514.
    #[error("byte {at}: found {}, expected {expected}", Found(*found))]
    Malformed {
        /// The offset of the violation.
        at: u32,
        /// The character found; `None` at the end.
        found: Option<char>,
        /// What the grammar allows at that offset.
        expected: &'static str,
    },
    /// A value has a control character, such as NUL.
    #[error("byte {at}: found the control character U+{code:04X}, expected none")]
    Control {
        /// The offset of the character.
        at: u32,
        /// The code point of the control character.
        code: u32,
    },
    /// A value has a character that is invisible or is displayed as another.
    #[error("byte {at}: found U+{code:04X}, expected characters that can be seen")]
    Unseen {
        /// The offset of the character.
        at: u32,
        /// The code point of the refused character.
        code: u32,
    },
    /// The bytes after `#` are not a single DER value.
    #[error(
        "byte {at}: found {have} bytes behind `#`, expected a tag below 31, a shortest length, and as many bytes"
    )]
    NotDer {
        /// The offset of the `#`.
        at: u32,
        /// The number of bytes after the `#`.
        have: u32,
    },
    /// The value after `#` has a string type, but its bytes are not valid for it.
    #[error("byte {at}: found a value of ASN.1 type {tag:#04x} that is no text, expected one")]
    NotText {
        /// The offset of the `#`.
        at: u32,
        /// The ASN.1 tag of the value.
        tag: u8,
    },
    /// The subject has no CN.
    #[error("the subject has no CN, exactly one is expected")]
    NoCommonName,
    /// The subject has several CNs, in one RDN or in several.
    #[error("the subject has {have} CNs, exactly one is expected")]
    SeveralCommonNames {
        /// The number of CNs in the subject.
        have: u32,
    },
    /// The CN is empty or has only spaces.
    #[error("byte {at}: the CN is empty, at least one visible character is expected")]
    EmptyCommonName {
        /// The offset of the CN's value.
        at: u32,
    },
    /// The CN has an ASN.1 type whose character set is not known.
    #[error("byte {at}: the CN has ASN.1 type {tag:#04x}, a string of a part of Unicode is expected")]
    UnreadableCommonName {
        /// The offset of the `#`.
        at: u32,
        /// The ASN.1 tag of the value.
        tag: u8,
    },
}

/// Converts a length or offset. Values above any limit are saturated.
pub(super) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The character found at an offset, for a message.
struct Found(Option<char>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(character) => write!(f, "{character:?}"),
            None => f.write_str("the end"),
        }
    }
}
