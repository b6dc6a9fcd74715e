//! Sets of certificate subjects.

use super::{ClusterVoterIdentity, IdentityError};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use thiserror::Error;

/// A set of certificate subjects: one subject, or all subjects with the same last RDNs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subjects {
    /// This subject only.
    Only(ClusterVoterIdentity),
    /// Every subject that consists of a CN and these RDNs, in canonical form.
    Below(String),
}

/// Why a text is not a set of subjects.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{text:?} is neither a subject with a CN nor the end of one, as in OU=gateway,O=example: {source}")]
pub struct SubjectsError {
    text: String,
    source: IdentityError,
}

const ANY_CN: &str = "CN=x,";

impl Subjects {
    /// Parses a whole subject, or the RDNs that subjects end in.
    ///
    /// # Errors
    /// [`SubjectsError`]
    pub fn parse(text: &str) -> Result<Self, SubjectsError> {
        match ClusterVoterIdentity::from_certificate_subject(text) {
            Ok(only) => Ok(Self::Only(only)),
            Err(_) => match ClusterVoterIdentity::from_certificate_subject(&format!("{ANY_CN}{text}")) {
                Ok(any) => Ok(Self::Below(any.as_str().get(ANY_CN.len()..).unwrap_or_default().to_owned())),
                Err(source) => Err(SubjectsError { text: text.to_owned(), source }),
            },
        }
    }

    /// The set of subjects that differ from this one in the CN only. `None` if the CN is not the first RDN,
    /// or the only one.
    #[must_use]
    pub fn beside(identity: &ClusterVoterIdentity) -> Option<Self> {
        let text = identity.as_str();
        let rest = text.strip_prefix("CN=")?;
        let comma = rest.char_indices().find(|(at, c)| *c == ',' && !is_escaped(rest, *at))?.0;
        let rest = rest.get(comma + 1..)?;
        (!rest.is_empty()).then(|| Self::Below(rest.to_owned()))
    }

    /// Whether the set contains a subject.
    #[must_use]
    pub fn contain(&self, identity: &ClusterVoterIdentity) -> bool {
        match self {
            Self::Only(only) => only == identity,
            Self::Below(end) => {
                let text = identity.as_str();
                // A comma inside a value is escaped, and does not begin an RDN.
                text.strip_suffix(end.as_str())
                    .and_then(|head| head.strip_suffix(',').map(|cut| (head, cut)))
                    .is_some_and(|(head, cut)| !is_escaped(head, cut.len()))
            }
        }
    }
}

/// Whether the character at this byte offset is escaped: an odd number of backslashes precedes it.
fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

impl fmt::Display for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only(only) => write!(f, "{only}"),
            Self::Below(end) => write!(f, "CN=…,{end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClusterVoterIdentity {
        ClusterVoterIdentity::from_certificate_subject(text).unwrap()
    }

    #[test]
    fn a_set_of_subjects_ends_where_an_rdn_begins() {
        let gateways = Subjects::parse("ou = gateway, o=example").unwrap();
        assert!(gateways.contain(&id("CN=gw1,OU=gateway,O=example")));
        assert!(!gateways.contain(&id("CN=gw1,OU=gateway,O=other")));
        assert!(!gateways.contain(&id("CN=gw1,OU=not-a-gateway,O=example")));
        assert!(!gateways.contain(&id("CN=gw1\\,OU=gateway,O=example")), "a comma within a value");
        assert!(gateways.contain(&id("CN=gw1\\\\,OU=gateway,O=example")), "a backslash within a value");
        assert!(Subjects::parse("gateway").is_err());
    }

    #[test]
    fn peers_differ_in_their_common_name_alone() {
        let peers = Subjects::beside(&id("CN=n\\,1,OU=control-plane,O=example")).unwrap();
        assert_eq!(peers, Subjects::Below("OU=control-plane,O=example".to_owned()));
        assert!(peers.contain(&id("CN=n2,OU=control-plane,O=example")));
        assert!(!peers.contain(&id("CN=n2,OU=gateway,O=example")));
        assert_eq!(Subjects::beside(&id("CN=n1")), None, "then every subject would do");
    }
}
