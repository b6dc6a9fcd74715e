//! What the log has of a store. Every text is bounded and validated, so that the log can hold it (ADR 0003).

use super::super::Address;
use crate::core::control_plane::identity::ClusterVoterIdentity;
use crate::core::placement::Guarantee;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text or a list cannot be part of a store's entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum StoreValueError {
    /// The text is too short or too long.
    #[error("{what} has 1 to {limit} bytes, found {have}")]
    Length {
        /// The name of the text.
        what: &'static str,
        /// The length of the text, in bytes.
        have: usize,
        /// The longest length allowed, in bytes.
        limit: usize,
    },
    /// The text has a character that is not allowed.
    #[error("{what} has no {found:?} at byte {at}: {allowed}")]
    Character {
        /// The name of the text.
        what: &'static str,
        /// The character that is not allowed.
        found: char,
        /// The offset of that character, in bytes from 0.
        at: usize,
        /// The characters that are allowed.
        allowed: &'static str,
    },
    /// The name would be read as the number of a store.
    #[error("a name of digits alone is the number of a store")]
    Number,
    /// There are too few or too many endpoints.
    #[error("a store has 1 to {} endpoints, found {have}", StoreEndpoints::COUNT_MAX)]
    Endpoints {
        /// The number of endpoints.
        have: usize,
    },
    /// An endpoint is listed twice.
    #[error("endpoint {second} is endpoint {first} again")]
    Repeated {
        /// The number of the first of the two, from 1.
        first: usize,
        /// The number of the second.
        second: usize,
    },
}

/// Checks the length of a text and each of its characters; `inner` are those that may not be the first or the last.
fn check(
    what: &'static str,
    text: &str,
    limit: usize,
    allowed: &'static str,
    fits: impl Fn(char, bool) -> bool,
) -> Result<(), StoreValueError> {
    let have = text.len();
    if have == 0 || have > limit {
        return Err(StoreValueError::Length { what, have, limit });
    }
    for (at, found) in text.char_indices() {
        if !fits(found, at > 0 && at + found.len_utf8() < have) {
            return Err(StoreValueError::Character { what, found, at, allowed });
        }
    }
    Ok(())
}

const fn is_plain(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $limit:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The longest text, in bytes.
            pub const BYTES_MAX: usize = $limit;
        }

        impl TryFrom<String> for $name {
            type Error = StoreValueError;

            fn try_from(text: String) -> Result<Self, StoreValueError> {
                let check: fn(&str) -> Result<(), StoreValueError> = $check;
                check(&text).map(|()| Self(text))
            }
        }

        impl core::str::FromStr for $name {
            type Err = StoreValueError;

            fn from_str(text: &str) -> Result<Self, StoreValueError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// The name that operators give a store, unique among those that the log has.
    StoreName, 64, |text| {
        let allowed = "lower-case letters, digits, and '-', '_' or '.' inside";
        let inner = |c| matches!(c, '-' | '_' | '.');
        check("the name of a store", text, StoreName::BYTES_MAX, allowed, |c, inside| is_plain(c) || (inside && inner(c)))?;
        if text.chars().all(|c| c.is_ascii_digit()) { Err(StoreValueError::Number) } else { Ok(()) }
    }
);

text!(
    /// What software a store is, as one word: `reference`. The log asks nothing of it, so another kind needs no other log.
    StoreKind, 32, |text| {
        let allowed = "lower-case letters, digits, and '-' inside";
        check("the kind of a store", text, StoreKind::BYTES_MAX, allowed, |c, inside| is_plain(c) || (inside && c == '-'))
    }
);

text!(
    /// Who a store is, in its own words: the subject of its certificate and its store id. It stays the same over restarts and
    /// failovers, unlike the incarnation, which names one life of the store and is part of each of its statements.
    StoreIdentity, 256, |text| {
        let allowed = "one line that neither begins nor ends with a space";
        let fits = |c: char, inside: bool| !c.is_control() && (inside || !c.is_whitespace());
        check("the identity of a store", text, StoreIdentity::BYTES_MAX, allowed, fits)
    }
);

impl StoreIdentity {
    /// Whether a certificate with this subject may be the store's: the identity is the subject, alone or with the store's own id after a
    /// space. A comma does not end it, or the beginning of another subject would do.
    #[must_use]
    pub fn is_of(&self, subject: &ClusterVoterIdentity) -> bool {
        let rest = self.0.strip_prefix(&subject.to_string());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }
}

/// The addresses at which a store is reached, in the order in which they are tried.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Address>", into = "Vec<Address>")]
pub struct StoreEndpoints(Vec<Address>);

impl StoreEndpoints {
    /// The most addresses of one store.
    pub const COUNT_MAX: usize = 4;

    /// The addresses, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Address> {
        self.0.iter()
    }

    /// The number, from 1, of the first of these addresses that the other list has too.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> Option<u8> {
        let at = self.0.iter().position(|address| other.0.contains(address))?;
        u8::try_from(at + 1).ok()
    }
}

impl TryFrom<Vec<Address>> for StoreEndpoints {
    type Error = StoreValueError;

    fn try_from(all: Vec<Address>) -> Result<Self, StoreValueError> {
        let have = all.len();
        if have == 0 || have > Self::COUNT_MAX {
            return Err(StoreValueError::Endpoints { have });
        }
        for (at, address) in all.iter().enumerate() {
            let earlier = all.iter().take(at).position(|other| other == address);
            if let Some(earlier) = earlier {
                return Err(StoreValueError::Repeated { first: earlier + 1, second: at + 1 });
            }
        }
        Ok(Self(all))
    }
}

impl From<StoreEndpoints> for Vec<Address> {
    fn from(endpoints: StoreEndpoints) -> Self {
        endpoints.0
    }
}

impl fmt::Display for StoreEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, address) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{address}")?;
        }
        Ok(())
    }
}

/// A store, without what the log gives it: its number and its revision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StoreFacts {
    /// The name that operators use.
    pub name: StoreName,
    /// What software it is.
    pub kind: StoreKind,
    /// Where it is reached.
    pub endpoints: StoreEndpoints,
    /// The guarantee that it can give, as it states it.
    pub guarantee: Guarantee,
    /// Who it is, as it states it.
    pub identity: StoreIdentity,
}

/// What a store states of itself when it is asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StoreStatement {
    /// What software it is.
    pub kind: StoreKind,
    /// The guarantee that it can give.
    pub guarantee: Guarantee,
    /// Who it is.
    pub identity: StoreIdentity,
}

/// What a store states differs from what the log has of it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("the store states the {what} {found}, the log has {expected}")]
pub struct StoreMismatch {
    /// The name of what differs: `identity`, `kind` or `guarantee`.
    pub what: &'static str,
    /// What the store states.
    pub found: String,
    /// What the log has.
    pub expected: String,
}

impl StoreFacts {
    /// Compares what answers at an endpoint with what the log has. The identity comes first: if that differs, it is another
    /// store, and the rest says nothing.
    ///
    /// # Errors
    /// The first difference, with both values.
    pub fn check(&self, stated: &StoreStatement) -> Result<(), StoreMismatch> {
        let StoreStatement { kind, guarantee, identity } = stated;
        let differs = |what, found: &dyn fmt::Display, expected: &dyn fmt::Display| {
            let (found, expected) = (alloc::format!("{found}"), alloc::format!("{expected}"));
            Err(StoreMismatch { what, found, expected })
        };
        if *identity != self.identity {
            return differs("identity", identity, &self.identity);
        }
        if *kind != self.kind {
            return differs("kind", kind, &self.kind);
        }
        if *guarantee != self.guarantee {
            return differs("guarantee", guarantee, &self.guarantee);
        }
        Ok(())
    }
}
