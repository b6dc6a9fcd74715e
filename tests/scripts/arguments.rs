//! Parses the arguments of a script's command: `write w1.1 at=A token=1 k1=v1`.

use cutover::core::fence::{Cell, Frontier, Key, Mutation, Value};
use cutover::core::ids::{Epoch, MigrationId, Placement, Position, Serial, SessionId, WriteId};
use datadriven::TestCase;

/// The arguments of one command. Each can be taken once; those left over are an error.
pub struct Arguments<'a>(pub &'a mut TestCase);

impl Arguments<'_> {
    fn values(&mut self, name: &str) -> Option<Vec<String>> {
        self.0.args.remove(name)
    }

    /// The value of `name=text`, if present.
    pub fn maybe(&mut self, name: &str) -> Option<String> {
        let values = self.values(name)?;
        assert_eq!(values.len(), 1, "{name}= takes one value");
        values.into_iter().next()
    }

    /// The value of `name=text`.
    pub fn text(&mut self, name: &str) -> String {
        self.maybe(name).unwrap_or_else(|| panic!("{} needs {name}=", self.0.directive))
    }

    /// Whether a single word is present.
    pub fn flag(&mut self, name: &str) -> bool {
        self.values(name).is_some()
    }

    /// The values of `name=(text,text)`; empty if absent.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        self.values(name).unwrap_or_default()
    }

    /// The one remaining word.
    pub fn word(&mut self) -> String {
        self.maybe_word().unwrap_or_else(|| panic!("{} needs a word", self.0.directive))
    }

    /// The one remaining word, if there is one.
    pub fn maybe_word(&mut self) -> Option<String> {
        let word = self.0.args.iter().find(|(_, values)| values.is_empty()).map(|(name, _)| name.clone())?;
        self.0.args.remove(&word);
        Some(word)
    }

    /// The value of `name=number`, or the default.
    pub fn number(&mut self, name: &str, otherwise: Option<u64>) -> u64 {
        match self.maybe(name) {
            // A prefix such as in `e3`, `m2`, `i1` is optional.
            Some(text) => text.trim_start_matches(char::is_alphabetic).parse().unwrap(),
            None => otherwise.unwrap_or_else(|| panic!("{} needs {name}=", self.0.directive)),
        }
    }

    pub fn epoch(&mut self, name: &str) -> Epoch {
        Epoch(self.number(name, None))
    }

    pub fn migration(&mut self, name: &str) -> MigrationId {
        MigrationId(self.number(name, None))
    }

    pub fn position(&mut self, name: &str, otherwise: Option<u64>) -> Position {
        Position(self.number(name, otherwise))
    }

    pub fn placement(&mut self, name: &str) -> Placement {
        placement(&self.text(name))
    }

    /// A write id: `w1.2` is session 1, serial 2.
    pub fn write_id(&mut self) -> WriteId {
        write_id(&self.word())
    }

    /// How far a copy's rows go: `nothing`, `everything`, or a key.
    pub fn frontier(&mut self, name: &str) -> Option<Frontier> {
        let text = self.maybe(name)?;
        Some(match text.as_str() {
            "nothing" => Frontier::Nothing,
            "everything" => Frontier::Everything,
            last => Frontier::Through(key(last)),
        })
    }

    /// What a write does, once all other arguments are taken: `k1=v1` for each row that it sets, `del=(k2,k3)` for those that it
    /// deletes, `if=(k1,v0)` for the row that it expects, `if=(k1)` if there must be none.
    pub fn mutation(&mut self) -> Mutation {
        let expects = self
            .values("if")
            .map(|cell| Cell { key: key(&cell[0]), value: cell.get(1).map(|text| value(text)) });
        let deleted = self.values("del").unwrap_or_default();
        let deleted = deleted.iter().map(|text| Cell { key: key(text), value: None });
        let set: Vec<_> = self.0.args.drain().collect();
        let set = set
            .iter()
            .map(|(name, values)| Cell { key: key(name), value: values.first().map(|text| value(text)) });
        Mutation::new(expects, deleted.chain(set).collect()).unwrap()
    }
}

/// The key of a row.
pub fn key(text: &str) -> Key {
    Key::try_from(text.as_bytes()).unwrap()
}

/// The value of a row.
pub fn value(text: &str) -> Value {
    Value::try_from(text.as_bytes()).unwrap()
}

/// A placement: `A` to `Z`.
pub fn placement(text: &str) -> Placement {
    let [letter @ b'A'..=b'Z'] = text.as_bytes() else { panic!("{text} is no placement") };
    Placement(u64::from(letter - b'A'))
}

fn write_id(text: &str) -> WriteId {
    let (session, serial) = text.trim_start_matches('w').split_once('.').unwrap();
    WriteId { session: SessionId(session.parse().unwrap()), serial: Serial(serial.parse().unwrap()) }
}
