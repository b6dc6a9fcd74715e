//! Who is responsible for a transition, and why.

use alloc::string::String;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why an operator's text is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum TextError {
    /// The text has no visible character.
    #[error("{what} is empty, at least one visible character is needed")]
    Empty {
        /// The name of the text.
        what: &'static str,
    },
    /// The text is too long.
    #[error("{what} has {have} bytes, at most {limit} are allowed")]
    TooLong {
        /// The name of the text.
        what: &'static str,
        /// The length of the text, in bytes.
        have: usize,
        /// The longest length allowed, in bytes.
        limit: usize,
    },
    /// The text holds a control character.
    #[error("{what} holds a control character")]
    Control {
        /// The name of the text.
        what: &'static str,
    },
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $limit:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                let what = $what;
                if text.len() > $limit {
                    return Err(TextError::TooLong { what, have: text.len(), limit: $limit });
                }
                if text.chars().any(char::is_control) {
                    return Err(TextError::Control { what });
                }
                if text.trim().is_empty() {
                    return Err(TextError::Empty { what });
                }
                Ok(Self(text))
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
    };
}

text!(
    /// The name of the operator who forced a migration: 1 to 64 bytes, without control characters.
    Operator, "the operator", 64
);
text!(
    /// The reason for forcing a migration: 1 to 256 bytes, without control characters.
    Reason, "the reason", 256
);
