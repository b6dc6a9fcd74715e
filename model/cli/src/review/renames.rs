//! A map of old names to new ones, so that runs before and after a renaming can be compared.
//!
//! A line is `KIND OLD -> NEW`; empty lines and lines that begin with `#` are ignored. The names in base are
//! replaced before the comparison. A map may name things that base does not have: it is kept for as long as files
//! with the old names are compared, and such a file need not contain all of them.

use super::wrong::{Unreadable, Wrong, text_of};
use cutover_report::{Line, Options};
use serde_json::Value;
use std::path::Path;

/// The kind of thing that a name belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Scope,
    Invariant,
    Mark,
    Mutant,
    Option,
    Fault,
    Bounds,
    Faults,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Scope,
        Self::Invariant,
        Self::Mark,
        Self::Mutant,
        Self::Option,
        Self::Fault,
        Self::Bounds,
        Self::Faults,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Invariant => "invariant",
            Self::Mark => "mark",
            Self::Mutant => "mutant",
            Self::Option => "option",
            Self::Fault => "fault",
            Self::Bounds => "bounds",
            Self::Faults => "faults",
        }
    }
}

/// A line of the map, and whether base contains its names.
#[derive(Debug)]
struct Entry {
    line: usize,
    kind: Kind,
    old: String,
    new: String,
    has_old: bool,
    has_new: bool,
}

/// A map of old names to new ones, as read from a file.
#[derive(Debug, Default)]
pub struct Renames {
    file: String,
    entries: Vec<Entry>,
    /// The kinds of which base contains any name.
    seen: Vec<Kind>,
}

impl Renames {
    /// Reads a map from a file.
    ///
    /// # Errors
    /// [`Unreadable`] with the first wrong line.
    pub fn read(path: &Path) -> Result<Self, Unreadable> {
        Self::parse(&path.display().to_string(), &text_of(path, FORM)?)
    }

    /// Reads a map from its text.
    ///
    /// # Errors
    /// [`Unreadable::Line`] with the first wrong line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Unreadable> {
        let mut map = Self { file: file.to_owned(), ..Self::default() };
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if !line.is_empty() && !line.starts_with('#') {
                map.push(number, line).map_err(|wrong| wrong.of(file))?;
            }
        }
        Ok(map)
    }

    fn push(&mut self, line: usize, text: &str) -> Result<(), Wrong> {
        let wrong = |expected: &str| Wrong::new(line, format!("{text:?}"), expected);
        let (kind, names) = text.split_once(char::is_whitespace).ok_or_else(|| wrong(FORM))?;
        let kind = Kind::ALL.into_iter().find(|known| known.word() == kind).ok_or_else(|| {
            let kinds = Kind::ALL.map(Kind::word).join(", ");
            wrong(&format!("one of the kinds {kinds}"))
        })?;
        let (old, new) = names.split_once(" -> ").ok_or_else(|| wrong(FORM))?;
        let (old, new) = (old.trim().to_owned(), new.trim().to_owned());
        if old.is_empty() || new.is_empty() || old == new {
            return Err(wrong("two different names"));
        }
        for other in self.entries.iter().filter(|other| other.kind == kind) {
            if other.old == old || other.new == new {
                let what = if other.old == old { "old" } else { "new" };
                return Err(wrong(&format!("another {what} name than that of line {}", other.line)));
            }
        }
        self.entries.push(Entry { line, kind, old, new, has_old: false, has_new: false });
        Ok(())
    }

    fn name(&mut self, kind: Kind, name: &mut String) {
        if !self.seen.contains(&kind) {
            self.seen.push(kind);
        }
        for entry in self.entries.iter_mut().filter(|entry| entry.kind == kind) {
            if entry.old == *name {
                entry.has_old = true;
                entry.new.clone_into(name);
                return;
            }
            entry.has_new |= entry.new == *name;
        }
    }

    fn names<'a>(&mut self, kind: Kind, names: impl IntoIterator<Item = &'a mut String>) {
        names.into_iter().for_each(|name| self.name(kind, name));
    }

    /// Replaces the name of a mutant, which lines give as a file name.
    fn patch(&mut self, patch: &mut String) {
        let end = if patch.ends_with(".patch") { ".patch" } else { "" };
        let mut name = patch.strip_suffix(end).unwrap_or(patch).to_owned();
        self.name(Kind::Mutant, &mut name);
        *patch = name + end;
    }

    fn options(&mut self, options: &mut Options) {
        let old = std::mem::take(options);
        for (mut name, mut value) in old {
            self.name(Kind::Option, &mut name);
            match (name.as_str(), &mut value) {
                ("scopes", Value::Array(scopes)) => {
                    for scope in scopes {
                        if let Value::String(scope) = scope {
                            self.name(Kind::Scope, scope);
                        }
                    }
                }
                ("stop_at", Value::String(invariant)) => self.name(Kind::Invariant, invariant),
                _ => {}
            }
            options.insert(name, value);
        }
    }

    /// Replaces the old names in a line of base.
    pub(super) fn apply(&mut self, line: &mut Line) {
        match line {
            Line::RunStarted(started) => self.options(&mut started.options),
            Line::Scope(line) => {
                self.name(Kind::Scope, &mut line.scope);
                self.names(Kind::Mark, &mut line.missing);
                self.names(Kind::Bounds, &mut line.bounds);
                self.name(Kind::Faults, &mut line.faults);
                self.names(Kind::Invariant, &mut line.expect);
            }
            Line::Verdict(line) => {
                self.name(Kind::Scope, &mut line.scope);
                self.name(Kind::Invariant, &mut line.invariant);
            }
            Line::Reached { scope, what } => {
                self.name(Kind::Scope, scope);
                self.name(Kind::Mark, what);
            }
            Line::Baseline(line) => {
                self.names(Kind::Scope, &mut line.scope);
                self.names(Kind::Invariant, &mut line.by);
            }
            Line::Mutant(line) => {
                self.patch(&mut line.patch);
                self.names(Kind::Scope, &mut line.scope);
                self.name(Kind::Invariant, &mut line.named);
                self.names(Kind::Invariant, &mut line.by);
            }
            Line::EngineTotal(line) => line.alone.iter_mut().for_each(|patch| self.patch(patch)),
            Line::Patch(line) => self.patch(&mut line.patch),
            Line::NotRun { patch, .. } | Line::Apply { patch, .. } => self.patch(patch),
            Line::Seed(line) => self.names(Kind::Invariant, &mut line.invariant),
            Line::Fault { kind, .. } => self.name(Kind::Fault, kind),
            Line::Mark { mark, .. } => self.name(Kind::Mark, mark),
            // Not compared.
            Line::RunFinished { .. }
            | Line::Listed(_)
            | Line::Walk(_)
            | Line::Invariant { .. }
            | Line::Trace(_)
            | Line::Recording(_)
            | Line::Count { .. }
            | Line::Change(_)
            | Line::Review(_)
            | Line::Touched(_)
            | Line::History(_)
            | Line::Coverage(_)
            | Line::Unexecuted(_)
            | Line::Untrue { .. }
            | Line::Transitions(_)
            | Line::Simulated { .. }
            | Line::Demo(_)
            | Line::Other => {}
        }
    }

    /// Refuses a map that gives two things in base the same name.
    ///
    /// # Errors
    /// [`Unreadable::Line`] with the line of the map.
    pub(super) fn finish(&self) -> Result<(), Unreadable> {
        let both = self.entries.iter().find(|entry| entry.has_old && entry.has_new);
        both.map_or(Ok(()), |Entry { line, kind, old, new, .. }| {
            let found = format!("{} {new:?}, which base has beside {old:?}", kind.word());
            Err(Wrong::new(*line, found, "a new name that base does not have").of(&self.file))
        })
    }

    /// A text for each line whose old name base does not have, if base has other names of that kind. Options,
    /// bounds and faults are left out: which of them a file contains depends on the verb and the scopes that ran.
    #[must_use]
    pub fn unused(&self) -> Vec<String> {
        let may_be_absent = |entry: &Entry| {
            matches!(entry.kind, Kind::Bounds | Kind::Faults)
                || (entry.kind == Kind::Option && !entry.has_new)
        };
        let unused =
            |entry: &&Entry| !entry.has_old && self.seen.contains(&entry.kind) && !may_be_absent(entry);
        let text = |entry: &Entry| {
            let why =
                if entry.has_new { "is called by its new name in base already" } else { "is not in base" };
            format!("{}: line {}: {} {:?} {why}", self.file, entry.line, entry.kind.word(), entry.old)
        };
        self.entries.iter().filter(unused).map(text).collect()
    }
}

const FORM: &str = "a line of the form `KIND OLD -> NEW`";
