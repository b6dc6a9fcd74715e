//! The header of a patch: lines `# key: value` above the diff. A value continues on the following lines if they
//! begin with `#` and three spaces.
//!
//! ```text
//! # bug: 112
//! # mechanism: the watermark is read
//! #   before writes stop
//! # invariant: migration.no-lost-write
//! # scope: migration/moves
//! diff --git a/src/migration.rs b/src/migration.rs
//! ```
//!
//! A bug that breaks no invariant, such as an answer that never comes, is found by a stored trace instead: `trace` and `step`
//! stand in place of `invariant` and `scope`, and the mutant is killed when the trace diverges at that very step.
//!
//! ```text
//! # trace: traces/regress/read-by-a-sole-voter.trace
//! # step: 5
//! ```
//!
//! With `invariant: any`, and neither scope nor trace, every engine judges the mutant, and whatever it finds kills.

use super::error::Error;

/// A key of a patch's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Number in the list of published bugs.
    Bug,
    /// The rule of the protocol that the patch leaves out.
    Rule,
    /// Where the bug was published.
    Source,
    /// What the patch changes, in one line.
    Mechanism,
    /// Id of the invariant that must fail.
    Invariant,
    /// Name of the scope in which it must fail.
    Scope,
    /// File of the stored trace that must diverge, instead of an invariant that must fail in a scope.
    Trace,
    /// Number of the step at which the trace must diverge.
    Step,
    /// The verdict that the mutant must get.
    Expect,
    /// A remark of the author.
    Note,
    /// The kind of bug, which mutants elsewhere in the code share.
    Kind,
    /// A run in which the bug does harm.
    Harm,
    /// Why the patch changes nothing that anybody could notice, so that nothing has to find it.
    Equivalent,
}

impl Key {
    const ALL: [Self; 13] = [
        Self::Bug,
        Self::Rule,
        Self::Source,
        Self::Mechanism,
        Self::Invariant,
        Self::Scope,
        Self::Trace,
        Self::Step,
        Self::Expect,
        Self::Note,
        Self::Kind,
        Self::Harm,
        Self::Equivalent,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Bug => "bug",
            Self::Rule => "rule",
            Self::Source => "source",
            Self::Mechanism => "mechanism",
            Self::Invariant => "invariant",
            Self::Scope => "scope",
            Self::Trace => "trace",
            Self::Step => "step",
            Self::Expect => "expect",
            Self::Note => "note",
            Self::Kind => "kind",
            Self::Harm => "harm",
            Self::Equivalent => "equivalent",
        }
    }

    fn known() -> String {
        let words: Vec<_> = Self::ALL.into_iter().map(Self::word).collect();
        format!("`# key: value` with a key among {}", words.join(", "))
    }
}

#[derive(Debug)]
struct Field {
    key: Key,
    line: usize,
    value: String,
}

/// The fields of a header, with their line numbers.
#[derive(Debug)]
pub struct Fields<'a> {
    file: &'a str,
    fields: Vec<Field>,
    /// Number of lines of the header.
    lines: usize,
    /// Number of bytes of the header.
    end: usize,
}

impl<'a> Fields<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a line without a known key, a repeated key, or a key without a value.
    pub fn read(file: &'a str, text: &str) -> Result<Self, Error> {
        let mut header = Self { file, fields: Vec::new(), lines: 0, end: 0 };
        for line in text.split_inclusive('\n') {
            let Some(content) = line.strip_prefix('#') else {
                break;
            };
            header.lines += 1;
            header.end += line.len();
            header.line(content.trim_end())?;
        }
        match header.fields.iter().find(|field| field.value.is_empty()) {
            Some(empty) => Err(header.wrong(empty.key, "a value")),
            None => Ok(header),
        }
    }

    fn line(&mut self, content: &str) -> Result<(), Error> {
        if content.is_empty() {
            return Ok(());
        }
        if let (Some(more), Some(field)) = (content.strip_prefix("   "), self.fields.last_mut()) {
            if !field.value.is_empty() {
                field.value.push(' ');
            }
            field.value.push_str(more.trim());
            return Ok(());
        }
        let pair = content.strip_prefix(' ').and_then(|content| content.split_once(':'));
        let known = pair.and_then(|(word, value)| {
            let key = Key::ALL.into_iter().find(|key| key.word() == word)?;
            Some((key, value.trim()))
        });
        let found = format!("`#{content}`");
        let Some((key, value)) = known else {
            return Err(self.unreadable(self.lines, found, &Key::known()));
        };
        if let Some(first) = self.fields.iter().find(|field| field.key == key) {
            let expected = format!("no second `{}` after line {}", key.word(), first.line);
            return Err(self.unreadable(self.lines, found, &expected));
        }
        self.fields.push(Field { key, line: self.lines, value: value.to_owned() });
        Ok(())
    }

    /// Offset of the diff in the text, in bytes.
    #[must_use]
    pub fn end(&self) -> usize {
        self.end
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.key == key)?;
        Some(&field.value)
    }

    /// The value of a key, as an owned string.
    #[must_use]
    pub fn owned(&self, key: Key) -> Option<String> {
        self.get(key).map(str::to_owned)
    }

    /// The value of a required key.
    ///
    /// # Errors
    /// [`Error::Unreadable`] at the header's last line, if the key is missing.
    pub fn required(&self, key: Key) -> Result<String, Error> {
        self.owned(key).ok_or_else(|| self.missing(&format!("`# {}: ...`", key.word())))
    }

    /// The error for a header that lacks `expected`.
    #[must_use]
    pub fn missing(&self, expected: &str) -> Error {
        self.unreadable(self.lines + 1, "the end of the header".to_owned(), expected)
    }

    /// The error for a key whose value should be `expected`.
    #[must_use]
    pub fn wrong(&self, key: Key, expected: &str) -> Error {
        let field = self.fields.iter().find(|field| field.key == key);
        let (line, value) = field.map_or((1, ""), |field| (field.line, &field.value));
        let found = format!("`{}: {value}`", key.word());
        self.unreadable(line, found, expected)
    }

    fn unreadable(&self, line: usize, found: String, expected: &str) -> Error {
        Error::Unreadable { file: self.file.to_owned(), line, found, expected: expected.to_owned() }
    }
}
