//! The grammar of RFC 4514 section 3, and the optional spaces of RFC 2253 section 4.

use super::error::{IdentityError, count};
use super::value::Value;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;
use core::str::Chars;

/// The canonical name of the attribute that names a voter.
pub(super) const COMMON_NAME: &str = "CN";

/// The attribute types of RFC 4514 section 3 with their aliases: the OID, and the long name in RFC 4519 or
/// X.520. Without the long names, `commonName=b,CN=a` would have two CNs and be accepted.
const TYPES: [(&str, &[&str]); 9] = [
    (COMMON_NAME, &["2.5.4.3", "COMMONNAME"]),
    ("L", &["2.5.4.7", "LOCALITYNAME"]),
    ("ST", &["2.5.4.8", "STATEORPROVINCENAME"]),
    ("O", &["2.5.4.10", "ORGANIZATIONNAME"]),
    ("OU", &["2.5.4.11", "ORGANIZATIONALUNITNAME"]),
    ("C", &["2.5.4.6", "COUNTRYNAME"]),
    ("STREET", &["2.5.4.9", "STREETADDRESS"]),
    ("DC", &["0.9.2342.19200300.100.1.25", "DOMAINCOMPONENT"]),
    ("UID", &["0.9.2342.19200300.100.1.1", "USERID"]),
];

/// An attribute type with its value.
pub(super) struct Attribute {
    /// The canonical name of the attribute type, or its OID if it has none.
    pub(super) name: String,
    /// The value of the attribute, unescaped and decoded.
    pub(super) value: Value,
    /// The offset of the value in the text.
    pub(super) at: usize,
}

/// Parses a subject: its RDNs in the given order, each with at least one attribute.
pub(super) fn subject(text: &str) -> Result<Vec<Vec<Attribute>>, IdentityError> {
    let mut reader = Reader { text, rest: text.chars() };
    let mut rdns = Vec::new();
    let mut rdn = Vec::new();
    loop {
        rdn.push(reader.attribute()?);
        match reader.peek() {
            None => {
                rdns.push(rdn);
                return Ok(rdns);
            }
            Some(',') => rdns.push(mem::take(&mut rdn)),
            Some('+') => {}
            Some(_) => return Err(reader.malformed("`,`, `+` or the end")),
        }
        reader.rest.next();
    }
}

/// Reads a text character by character.
struct Reader<'a> {
    text: &'a str,
    rest: Chars<'a>,
}

impl Reader<'_> {
    fn at(&self) -> usize {
        self.text.len() - self.rest.as_str().len()
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn malformed(&self, expected: &'static str) -> IdentityError {
        IdentityError::Malformed { at: count(self.at()), found: self.peek(), expected }
    }

    /// Consumes the next character if it is accepted.
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let next = self.peek().filter(|next| wanted(*next))?;
        self.rest.next();
        Some(next)
    }

    /// Consumes characters while they are accepted.
    fn take_all(&mut self, into: &mut String, wanted: impl Fn(char) -> bool) {
        while let Some(next) = self.take(&wanted) {
            into.push(next);
        }
    }

    fn skip_spaces(&mut self) {
        while self.take(|next| next == ' ').is_some() {}
    }

    /// Parses `attributeType EQUALS attributeValue`, with spaces around each.
    fn attribute(&mut self) -> Result<Attribute, IdentityError> {
        self.skip_spaces();
        let name = match self.peek() {
            Some(next) if next.is_ascii_alphabetic() => self.descriptor(),
            Some(next) if next.is_ascii_digit() => self.oid()?,
            Some(_) | None => return Err(self.malformed("an attribute type")),
        };
        self.skip_spaces();
        self.take(|next| next == '=').ok_or_else(|| self.malformed("`=`"))?;
        self.skip_spaces();
        let at = self.at();
        let value = match self.take(|next| next == '#') {
            Some(_) => self.hex_string(at)?,
            None => self.string()?,
        };
        Ok(Attribute { name, value, at })
    }

    fn descriptor(&mut self) -> String {
        let mut written = String::new();
        self.take_all(&mut written, |next| next.is_ascii_alphanumeric() || next == '-');
        canonical_type(&written)
    }

    /// Parses an OID: numbers between dots, without leading zeros.
    fn oid(&mut self) -> Result<String, IdentityError> {
        let mut written = String::new();
        loop {
            let digit = self.take(|next| next.is_ascii_digit()).ok_or_else(|| self.malformed("a digit"))?;
            written.push(digit);
            if digit != '0' {
                self.take_all(&mut written, |next| next.is_ascii_digit());
            }
            if self.take(|next| next == '.').is_none() {
                return Ok(canonical_type(&written));
            }
            written.push('.');
        }
    }

    /// Parses `1*hexpair` after the `#` at offset `sharp`.
    fn hex_string(&mut self, sharp: usize) -> Result<Value, IdentityError> {
        let mut bytes = vec![self.hex_pair("two hex digits")?];
        while self.peek().is_some_and(|next| next.is_ascii_hexdigit()) {
            bytes.push(self.hex_pair("two hex digits")?);
        }
        self.skip_spaces();
        Value::from_der(bytes, sharp)
    }

    /// Parses a `string`, up to a `,`, a `+` or the end. Unescaped spaces at its end are dropped.
    fn string(&mut self) -> Result<Value, IdentityError> {
        // Each byte with the offset where it is written, for messages.
        let mut bytes: Vec<(u8, usize)> = Vec::new();
        let mut kept = 0;
        loop {
            let at = self.at();
            match self.peek() {
                None | Some(',' | '+') => break,
                Some('"' | '<' | '>' | ';') => {
                    return Err(self.malformed("a `\\` in front of this character"));
                }
                Some('\\') => {
                    self.rest.next();
                    bytes.push((self.escaped()?, at));
                    kept = bytes.len();
                }
                Some(next) => {
                    self.rest.next();
                    bytes.extend(next.encode_utf8(&mut [0; 4]).bytes().map(|byte| (byte, at)));
                    kept = if next == ' ' { kept } else { bytes.len() };
                }
            }
        }
        bytes.truncate(kept);
        Value::from_utf8(&bytes)
    }

    /// Parses what follows a `\`: a character that may be escaped, or a hex pair.
    fn escaped(&mut self) -> Result<u8, IdentityError> {
        let plain = self.take(|next| " \"#+,;<=>\\".contains(next));
        match plain.and_then(|plain| u8::try_from(plain).ok()) {
            Some(byte) => Ok(byte),
            None => self.hex_pair("one of ` \"#+,;<=>\\` or two hex digits"),
        }
    }

    fn hex_pair(&mut self, expected: &'static str) -> Result<u8, IdentityError> {
        let high = self.hex_digit(expected)?;
        let low = self.hex_digit("a second hex digit")?;
        Ok(high << 4 | low)
    }

    fn hex_digit(&mut self, expected: &'static str) -> Result<u8, IdentityError> {
        let digit = self.peek().and_then(|next| next.to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        let digit = digit.ok_or_else(|| self.malformed(expected))?;
        self.rest.next();
        Ok(digit)
    }
}

/// The canonical name of a type. Types are compared without case (RFC 4512 section 1.4).
fn canonical_type(written: &str) -> String {
    let upper = written.to_ascii_uppercase();
    let known = TYPES.iter().find(|(name, others)| *name == upper || others.contains(&upper.as_str()));
    known.map_or_else(|| upper.clone(), |(name, _)| (*name).to_owned())
}
