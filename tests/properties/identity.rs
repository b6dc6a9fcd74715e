//! The spellings of the subject of a voter's certificate.

use super::cases;
use cutover::core::control_plane::{ClusterVoterIdentity, IdentityError};
use proptest::prelude::*;
use proptest::sample::select;

/// A subject: its RDNs, each with attribute types and unescaped values.
type Name = Vec<Vec<(&'static str, String)>>;

/// Attribute types by canonical name, with their other names.
const TYPES: [(&str, &[&str]); 4] = [
    ("CN", &["2.5.4.3", "cn", "Cn", "commonName"]),
    ("O", &["2.5.4.10", "o", "ORGANIZATIONNAME"]),
    ("DC", &["0.9.2342.19200300.100.1.25", "dc", "domainComponent"]),
    ("X-9", &["x-9"]),
];

const SPECIAL: &str = " \"#+,;<=>\\";

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[ab=,+ #]{0,2}", "[ -~]{0,6}", "[ -~äč中😀]{0,4}"]
}

/// A subject with one CN, at any position.
fn name() -> impl Strategy<Value = Name> {
    let other = (select(&["O", "DC", "X-9"][..]), text());
    let rdns = prop::collection::vec(prop::collection::vec(other, 1..3), 0..3);
    let common = text().prop_map(|text| format!("{text}n"));
    (rdns, common, any::<prop::sample::Index>(), any::<bool>()).prop_map(|(mut rdns, common, at, own)| {
        let at = at.index(rdns.len() + 1);
        if own || at == rdns.len() {
            rdns.insert(at, Vec::new());
        }
        rdns[at].push(("CN", common));
        rdns
    })
}

/// Random choices of spelling; when they are used up they repeat.
#[derive(Clone, Debug)]
struct Style(Vec<u8>, usize);

fn style() -> impl Strategy<Value = Style> {
    prop::collection::vec(any::<u8>(), 1..64).prop_map(|choices| Style(choices, 0))
}

impl Style {
    /// A number below `bound`.
    fn pick(&mut self, bound: usize) -> usize {
        self.1 += 1;
        usize::from(self.0[self.1 % self.0.len()]) % bound
    }

    fn spaces(&mut self) -> String {
        " ".repeat(self.pick(6).saturating_sub(3))
    }

    fn hex(&mut self, bytes: &[u8], before: &str) -> String {
        let digits = |byte: &u8| {
            if self.pick(2) == 0 { format!("{before}{byte:02x}") } else { format!("{before}{byte:02X}") }
        };
        bytes.iter().map(digits).collect()
    }

    /// The value as `#` and DER, in a string type that can represent it.
    fn der(&mut self, value: &str) -> String {
        let units: Vec<u32> = value.chars().map(u32::from).collect();
        let (tag, content): (u8, Vec<u8>) = match self.pick(4) {
            0 if value.is_ascii() => (0x13, value.into()),
            1 if units.iter().all(|unit| *unit <= 0xffff) => {
                (0x1e, units.iter().flat_map(|unit| unit.to_be_bytes()[2..].to_vec()).collect())
            }
            2 => (0x1c, units.iter().flat_map(|unit| unit.to_be_bytes()).collect()),
            _ => (0x0c, value.into()),
        };
        let length = u8::try_from(content.len()).expect("values are short");
        format!("#{}", self.hex(&[&[tag, length], content.as_slice()].concat(), ""))
    }

    fn value(&mut self, value: &str) -> String {
        if self.pick(5) == 0 {
            return self.der(value);
        }
        let last = value.chars().count().saturating_sub(1);
        let mut written = String::new();
        for (index, character) in value.chars().enumerate() {
            let edge = index == 0 && "# ".contains(character) || index == last && character == ' ';
            let bare = !edge && (!SPECIAL.contains(character) || "#= ".contains(character));
            match self.pick(4) {
                0 | 1 if bare => written.push(character),
                0..=2 if SPECIAL.contains(character) => written.extend(['\\', character]),
                _ => written.push_str(&self.hex(character.to_string().as_bytes(), "\\")),
            }
        }
        written
    }

    fn attribute(&mut self, name: &str, value: &str) -> String {
        let others = TYPES.iter().find(|(known, _)| *known == name).expect("a type of the list").1;
        let name = match self.pick(2) {
            0 => name,
            _ => others[self.pick(others.len())],
        };
        let value = self.value(value);
        [&self.spaces(), name, &self.spaces(), "=", &self.spaces(), &value, &self.spaces()].concat()
    }

    /// The subject in this spelling; all spellings have the same meaning.
    fn write(&mut self, name: &Name) -> String {
        let rdns = name.iter().map(|rdn| {
            let first = self.pick(rdn.len());
            let turned = rdn[first..].iter().chain(&rdn[..first]);
            turned.map(|(name, value)| self.attribute(name, value)).collect::<Vec<_>>().join("+")
        });
        rdns.collect::<Vec<_>>().join(",")
    }
}

fn read(subject: &str) -> Result<ClusterVoterIdentity, IdentityError> {
    ClusterVoterIdentity::from_certificate_subject(subject)
}

/// Two subjects are equal if these are: attributes of an RDN in any order, RDNs in the given order.
fn sorted(name: &Name) -> Name {
    let mut name = name.clone();
    name.iter_mut().for_each(|rdn| rdn.sort());
    name
}

/// Checks that parsing the identity's canonical form gives the same identity.
fn is_canonical(identity: &ClusterVoterIdentity) -> Result<(), TestCaseError> {
    let text = identity.as_str();
    prop_assert_eq!(read(text), Ok(identity.clone()));
    prop_assert_eq!(identity.to_string(), text);
    prop_assert!((4..=256).contains(&text.len()) && !text.contains(char::is_control), "{text}");
    prop_assert!(!identity.common_name().trim().is_empty(), "{text}");
    Ok(())
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn however_a_subject_is_written_it_is_one_identity(name in name(), mut one in style(), mut other in style()) {
        let (one, other) = (one.write(&name), other.write(&name));
        let identity = read(&one);
        prop_assert!(identity.is_ok(), "{one}: {identity:?}");
        prop_assert_eq!(&identity, &read(&other), "{} and {}", one, other);
        let identity = identity?;
        is_canonical(&identity)?;
        let common = name.iter().flatten().find(|(name, _)| *name == "CN");
        prop_assert_eq!(common.map(|(_, value)| value.as_str()), Some(identity.common_name()));
    }

    /// Escapes, spaces and order are significant: another subject is another voter.
    #[test]
    fn two_names_are_two_identities(one in name(), other in name(), mut style in style()) {
        let same = sorted(&one) == sorted(&other);
        let identities = (read(&style.write(&one))?, read(&style.write(&other))?);
        prop_assert_eq!(identities.0 == identities.1, same, "{:?}", identities);
        prop_assert_eq!(identities.0.as_str() == identities.1.as_str(), same, "{:?}", identities);
    }

    #[test]
    fn one_letter_more_or_another_is_another_identity(
        name in name(),
        (rdn, part, at) in any::<(prop::sample::Index, prop::sample::Index, prop::sample::Index)>(),
        letter in select(&['a', 'A', ' ', ',', '+', '=', '\\', '#', '"', 'ä'][..]),
        mut style in style(),
    ) {
        let mut changed = name.clone();
        let rdn = rdn.get_mut(&mut changed);
        let value = &mut part.get_mut(rdn).1;
        let mut letters: Vec<char> = value.chars().collect();
        letters.insert(at.index(letters.len() + 1), letter);
        *value = letters.into_iter().collect();
        prop_assert_ne!(read(&style.write(&name))?, read(&style.write(&changed))?);
    }

    #[test]
    fn a_second_cn_is_refused_wherever_it_is(name in name(), at in any::<prop::sample::Index>(), mut style in style()) {
        let mut two = name.clone();
        let at = at.index(two.len() + 1);
        two.insert(at, vec![("CN", "b".to_owned())]);
        prop_assert_eq!(read(&style.write(&two)), Err(IdentityError::SeveralCommonNames { have: 2 }));
        let mut none = name;
        none.iter_mut().for_each(|rdn| rdn.retain(|(name, _)| *name != "CN"));
        none.retain(|rdn| !rdn.is_empty());
        let refusal = if none.is_empty() { IdentityError::Empty } else { IdentityError::NoCommonName };
        prop_assert_eq!(read(&style.write(&none)), Err(refusal));
    }

    #[test]
    fn an_identity_survives_its_bytes(name in name(), mut style in style()) {
        let written = style.write(&name);
        let identity = read(&written)?;
        let bytes = postcard::to_allocvec(&identity)?;
        prop_assert_eq!(postcard::from_bytes(&bytes), Ok(identity.clone()));
        // An identity is stored as its canonical text; any spelling of it is accepted when read.
        prop_assert_eq!(&bytes, &postcard::to_allocvec(identity.as_str())?);
        prop_assert_eq!(postcard::from_bytes(&postcard::to_allocvec(&written)?), Ok(identity.clone()));
        prop_assert_eq!(ClusterVoterIdentity::try_from(String::from(identity.clone())), Ok(identity));
    }

    /// A text that is refused as an identity is also refused when decoded from a log.
    #[test]
    fn a_text_that_is_refused_does_not_come_in_by_its_bytes(written in "[CNcn=,+\\\\#0-2a ]{0,12}") {
        let bytes = postcard::to_allocvec(&written)?;
        let decoded: Option<ClusterVoterIdentity> = postcard::from_bytes(&bytes).ok();
        prop_assert_eq!(decoded, read(&written).ok());
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn arbitrary_bytes_are_refused_or_canonical(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(identity) = ClusterVoterIdentity::from_certificate_subject_bytes(&bytes) {
            is_canonical(&identity)?;
        }
    }

    /// The same, with texts that look more like a subject.
    #[test]
    fn arbitrary_texts_are_refused_or_canonical(
        before in "[CNOcn=,+ \\\\#\"ä\u{0}\u{202e}0-9a-f.]{0,12}",
        tail in "[CNOcn=,+ \\\\#\";0-9a-fxä]{0,24}",
        der in "(#(0c|13|1c|1e|04)0[0-4]([0-9a-f]{2}){0,4})?",
    ) {
        for subject in [format!("{before}{tail}"), format!("CN={tail}"), format!("CN=a{before},O={der}{tail}")] {
            if let Ok(identity) = read(&subject) {
                is_canonical(&identity)?;
            }
            let bytes = ClusterVoterIdentity::from_certificate_subject_bytes(subject.as_bytes());
            prop_assert_eq!(bytes, read(&subject));
        }
    }
}
