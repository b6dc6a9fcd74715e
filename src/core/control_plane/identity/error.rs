//! Why a text is not the subject of a voter.

use core::fmt;
use thiserror::Error;

/// Bytes of the canonical form, at most, so that an identity fits into a log entry several times.
pub(super) const BYTES_MAX: u32 = 256;
/// RDNs of a subject, at most.
pub(super) const RDNS_MAX: u32 = 16;
/// Bytes that are read, at most: eight for each canonical one, as many as a `UniversalString` in hex takes.
pub(super) const WRITTEN_BYTES_MAX: u32 = 8 * BYTES_MAX;

/// A text is not the subject of a voter. Places are bytes from the beginning of the text, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum IdentityError {
    /// Nothing, or nothing but spaces.
    #[error("the subject is empty, a name with one CN is expected")]
    Empty,
    /// Longer than anything that is read.
    #[error("the subject is written in {have} bytes, at most {} are read", WRITTEN_BYTES_MAX)]
    WrittenTooLong {
        /// Its length.
        have: u32,
    },
    /// Too long once it is canonical.
    #[error("the canonical subject has {have} bytes, at most {} are allowed", BYTES_MAX)]
    TooLong {
        /// Its length.
        have: u32,
    },
    /// Too many RDNs.
    #[error("the subject has {have} RDNs, at most {} are allowed", RDNS_MAX)]
    TooManyRdns {
        /// How many.
        have: u32,
    },
    /// The text is not UTF-8, before or after its hex pairs are decoded.
    #[error("byte {at}: found {byte:#04x}, expected UTF-8")]
    NotUtf8 {
        /// Where the first wrong byte is written.
        at: u32,
        /// That byte.
        byte: u8,
    },
    /// Not the grammar of RFC 4514.
    #[error("byte {at}: found {}, expected {expected}", Found(*found))]
    Malformed {
        /// Where.
        at: u32,
        /// The character found; `None` at the end.
        found: Option<char>,
        /// What may stand there.
        expected: &'static str,
    },
    /// A control character in a value, NUL among them.
    #[error("byte {at}: found the control character U+{code:04X}, expected none")]
    Control {
        /// Where it is written.
        at: u32,
        /// Its code point.
        code: u32,
    },
    /// A character in a value that does not show, or not as what it is.
    #[error("byte {at}: found U+{code:04X}, expected characters that can be seen")]
    Unseen {
        /// Where it is written.
        at: u32,
        /// Its code point.
        code: u32,
    },
    /// The bytes behind `#` are not one value in DER.
    #[error(
        "byte {at}: found {have} bytes behind `#`, expected a tag below 31, a shortest length, and as many bytes"
    )]
    NotDer {
        /// Where the `#` is.
        at: u32,
        /// How many bytes there are.
        have: u32,
    },
    /// The value behind `#` says that it is a text, and is not.
    #[error("byte {at}: found a value of ASN.1 type {tag:#04x} that is no text, expected one")]
    NotText {
        /// Where the `#` is.
        at: u32,
        /// The type that it claims.
        tag: u8,
    },
    /// No CN.
    #[error("the subject has no CN, exactly one is expected")]
    NoCommonName,
    /// Several CNs, in one RDN or in several.
    #[error("the subject has {have} CNs, exactly one is expected")]
    SeveralCommonNames {
        /// How many.
        have: u32,
    },
    /// A CN of nothing, or of nothing but spaces.
    #[error("byte {at}: the CN is empty, at least one visible character is expected")]
    EmptyCommonName {
        /// Where its value is, or would be.
        at: u32,
    },
    /// A CN of a type whose characters are not known.
    #[error("byte {at}: the CN has ASN.1 type {tag:#04x}, a string of a part of Unicode is expected")]
    UnreadableCommonName {
        /// Where the `#` is.
        at: u32,
        /// Its type.
        tag: u8,
    },
}

/// Lengths and places beyond any bound are as good as the largest.
pub(super) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The character at a place, as a message shows it.
struct Found(Option<char>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(character) => write!(f, "{character:?}"),
            None => f.write_str("the end"),
        }
    }
}
