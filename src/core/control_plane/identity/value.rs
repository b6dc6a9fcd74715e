//! The value of an attribute: parsed from a subject, and written in canonical form.

use super::error::{IdentityError, count};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// The value of an attribute.
pub(super) enum Value {
    /// A text, unescaped, of characters that can be seen.
    Text(String),
    /// A value whose type is no text, or one whose character set depends on who reads it, such as `TeletexString`.
    Opaque {
        /// The ASN.1 tag: the first byte of the encoding.
        tag: u8,
        /// The complete DER encoding, with tag and length.
        der: Vec<u8>,
    },
}

impl Value {
    /// The text of these bytes, each given with the place where it is written.
    pub(super) fn from_utf8(written: &[(u8, usize)]) -> Result<Self, IdentityError> {
        let bytes: Vec<u8> = written.iter().map(|(byte, _)| *byte).collect();
        let place = |index: usize| written.get(index).copied().unwrap_or_default();
        let text = String::from_utf8(bytes).map_err(|error| {
            let (byte, at) = place(error.utf8_error().valid_up_to());
            IdentityError::NotUtf8 { at: count(at), byte }
        })?;
        for (index, character) in text.char_indices() {
            seen(character, place(index).1)?;
        }
        Ok(Self::Text(text))
    }

    /// The value that is encoded behind the `#` at `at`.
    ///
    /// Strings of one character set are read, so that it does not matter how a certificate encodes a name, nor how a
    /// tool prints it (RFC 5280 section 7.1). A certificate is DER: a length that is not the shortest is refused,
    /// since the encodings of one opaque value would be several identities.
    pub(super) fn from_der(der: Vec<u8>, at: usize) -> Result<Self, IdentityError> {
        let Some((tag, content)) = tag_and_content(&der) else {
            return Err(IdentityError::NotDer { at: count(at), have: count(der.len()) });
        };
        let text = match tag {
            // UTF8String.
            0x0c => String::from_utf8(content.to_vec()).ok(),
            // NumericString, PrintableString, IA5String, VisibleString: of ASCII, and no further rule is held against
            // them, since none tells two names apart.
            0x12 | 0x13 | 0x16 | 0x1a => {
                String::from_utf8(content.to_vec()).ok().filter(|text| text.is_ascii())
            }
            // UniversalString and BMPString: code points of four bytes, and of two.
            0x1c => code_points(content, 4),
            0x1e => code_points(content, 2),
            _ => return Ok(Self::Opaque { tag, der }),
        };
        let text = text.ok_or(IdentityError::NotText { at: count(at), tag })?;
        for character in text.chars() {
            seen(character, at)?;
        }
        Ok(Self::Text(text))
    }
}

/// The canonical form: exactly the characters that RFC 4514 section 2.4 requires to be escaped are escaped.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opaque { der, .. } => {
                f.write_char('#')?;
                der.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Text(text) => {
                let last = text.char_indices().next_back().map_or(0, |(index, _)| index);
                text.char_indices().try_for_each(|(index, character)| {
                    let escape = match character {
                        '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
                        ' ' => index == 0 || index == last,
                        '#' => index == 0,
                        _ => false,
                    };
                    if escape {
                        f.write_char('\\')?;
                    }
                    f.write_char(character)
                })
            }
        }
    }
}

/// The parts of one value in DER, or none if it is not one. What is longer than two bytes of length is not read.
fn tag_and_content(der: &[u8]) -> Option<(u8, &[u8])> {
    let (tag, length, content) = match der {
        [tag, length @ 0..=0x7f, content @ ..] => (*tag, usize::from(*length), content),
        [tag, 0x81, length @ 0x80..=0xff, content @ ..] => (*tag, usize::from(*length), content),
        [tag, 0x82, high @ 1..=0xff, low, content @ ..] => {
            (*tag, usize::from(u16::from_be_bytes([*high, *low])), content)
        }
        _ => return None,
    };
    // A tag of 31 continues in the bytes behind it; no string has such a one.
    (tag & 0x1f != 0x1f && content.len() == length).then_some((tag, content))
}

/// The text of code points of `width` bytes each, most significant first; none if one is no character.
fn code_points(content: &[u8], width: usize) -> Option<String> {
    let points = content.chunks_exact(width);
    let whole = points.remainder().is_empty();
    let number = |point: &[u8]| point.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    let text: Option<String> = points.map(|point| char::from_u32(number(point))).collect();
    text.filter(|_| whole)
}

/// Ranges of characters that are invisible, change the direction of text, or replace undecodable input: the bidirectional controls,
/// the default ignorable code points of Unicode 16, the blank Braille cell, and the specials.
const UNSEEN: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{ffff}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Refuses a character that people would not see, or not as what it is.
fn seen(character: char, at: usize) -> Result<(), IdentityError> {
    let (at, code) = (count(at), u32::from(character));
    if character.is_control() {
        return Err(IdentityError::Control { at, code });
    }
    let blank = character.is_whitespace() && character != ' ';
    let unseen = UNSEEN.iter().any(|(first, last)| (*first..=*last).contains(&character));
    if blank || unseen { Err(IdentityError::Unseen { at, code }) } else { Ok(()) }
}
