//! Names of partitions and addresses of nodes. Bounded and validated, so that the log can hold them (ADR 0003).

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a partition's name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum NameError {
    /// The name is too short or too long.
    #[error("a name has 1 to {} bytes, found {have}", PartitionName::BYTES_MAX)]
    Length {
        /// The length of the name, in bytes.
        have: usize,
    },
    /// The name has a character other than lower-case letters, digits and inner `-`, `_`, `.`.
    #[error(
        "a name has lower-case letters, digits, and '-', '_' or '.' inside, found {found:?} at byte {at}"
    )]
    Character {
        /// The character that is not allowed.
        found: char,
        /// The offset of that character, in bytes from 0.
        at: usize,
    },
    /// The name would be read as a number.
    #[error("a name of a 'p' and digits alone is the number of a partition")]
    Number,
}

/// The name of a partition, unique among those that exist. After a deletion it can be used for another one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartitionName(String);

impl PartitionName {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 64;
}

impl TryFrom<String> for PartitionName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let have = text.len();
        if have == 0 || have > Self::BYTES_MAX {
            return Err(NameError::Length { have });
        }
        for (at, found) in text.char_indices() {
            let inner = at > 0 && at + 1 < have;
            let fits = found.is_ascii_lowercase()
                || found.is_ascii_digit()
                || (inner && matches!(found, '-' | '_' | '.'));
            if !fits {
                return Err(NameError::Character { found, at });
            }
        }
        if text.strip_prefix('p').is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_digit())) {
            return Err(NameError::Number);
        }
        Ok(Self(text))
    }
}

/// Why a text is not an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum AddressError {
    /// The address is too long.
    #[error("an address has at most {} bytes, found {have}", Address::BYTES_MAX)]
    Length {
        /// The length of the address, in bytes.
        have: usize,
    },
    /// The address has no port, or port 0.
    #[error("an address is host:port with a port from 1 to 65535")]
    Port,
    /// The address has no host.
    #[error("the host of an address is a name, an IPv4 address, or an IPv6 address in brackets")]
    Host,
}

/// The address of a node: `host:port`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

impl Address {
    /// The longest address, in bytes.
    pub const BYTES_MAX: usize = 128;
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        if text.len() > Self::BYTES_MAX {
            return Err(AddressError::Length { have: text.len() });
        }
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::Port)?;
        let digits = !port.is_empty() && port.chars().all(|digit| digit.is_ascii_digit());
        if !digits || port.parse::<u16>().unwrap_or(0) == 0 {
            return Err(AddressError::Port);
        }
        let host_fits = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']').is_some_and(|inner| {
                !inner.is_empty() && inner.chars().all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.')
            }),
            None => {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
                !host.is_empty() && host.chars().all(fits)
            }
        };
        if host_fits { Ok(Self(text)) } else { Err(AddressError::Host) }
    }
}

/// The addresses of a node. A node that is embedded in a process has none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    /// The address of the peer port; `None` if the node has none.
    pub peer: Option<Address>,
    /// The address of the client port; `None` if clients cannot connect.
    pub client: Option<Address>,
}

impl Endpoints {
    /// A node without addresses, as one that is embedded in a process.
    pub const NONE: Self = Self { peer: None, client: None };
}

macro_rules! text {
    ($name:ident, $error:ident) => {
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

        impl core::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::try_from(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(PartitionName, NameError);
text!(Address, AddressError);

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<String, NameError> {
        text.parse::<PartitionName>().map(String::from)
    }

    #[test]
    fn names_are_short_and_plain() {
        for good in ["acme", "a", "p", "p7x", "tenant-7.eu_1", "0"] {
            let refused = good == "p";
            assert_eq!(name(good).is_err(), refused, "{good}");
        }
        assert_eq!(name("p12"), Err(NameError::Number));
        assert_eq!(name(""), Err(NameError::Length { have: 0 }));
        assert_eq!(name(&"a".repeat(65)), Err(NameError::Length { have: 65 }));
        assert_eq!(name("Acme"), Err(NameError::Character { found: 'A', at: 0 }));
        assert_eq!(name("a-"), Err(NameError::Character { found: '-', at: 1 }));
        assert_eq!(name("a b"), Err(NameError::Character { found: ' ', at: 1 }));
    }

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for good in ["localhost:1", "10.0.0.1:65535", "[::1]:7001", "n1.example.org:7001"] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("localhost", AddressError::Port),
            ("localhost:0", AddressError::Port),
            ("localhost:70000", AddressError::Port),
            ("localhost:+1", AddressError::Port),
            (":7001", AddressError::Host),
            ("::1:7001", AddressError::Host),
            ("a/b:1", AddressError::Host),
        ] {
            assert_eq!(bad.parse::<Address>(), Err(why), "{bad}");
        }
    }
}
