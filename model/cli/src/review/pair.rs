//! Pairs the searches of base with those of head.

use super::side::{Ending, Key, Searched, Side};
use std::collections::{BTreeMap, BTreeSet};

/// A scope with the search of each side.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    /// Name of the scope; with its options, if a side searched it with several.
    pub(super) name: String,
    pub(super) base: Option<Half<'a>>,
    pub(super) head: Option<Half<'a>>,
}

/// One side of a pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half<'a> {
    pub(super) options: &'a BTreeMap<String, String>,
    pub(super) found: &'a Searched,
}

/// A scope of either side, and how its search ended, for the table of scopes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Name of the scope.
    pub scope: String,
    /// The search in base, if there was one.
    pub base: Option<Cell>,
    /// The search in head, if there was one.
    pub head: Option<Cell>,
    /// Whether both searches have the same options, bounds and faults, so that their numbers can be compared.
    pub comparable: bool,
}

/// How a search ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// The kind of ending.
    pub ending: Ending,
    /// The limit that ended the search, if one did.
    pub ended_by: Option<String>,
    /// Number of unique states, if the search was complete.
    pub unique: Option<u64>,
}

impl Pair<'_> {
    /// Whether both searches have the same options, bounds and faults.
    pub(super) fn is_comparable(&self) -> bool {
        let (Some(base), Some(head)) = (self.base, self.head) else { return true };
        let same_setup = match (&base.found.setup, &head.found.setup) {
            (Some(base), Some(head)) => (&base.bounds, &base.faults) == (&head.bounds, &head.faults),
            (None, _) | (_, None) => true,
        };
        base.options == head.options && same_setup
    }

    pub(super) fn row(&self) -> Row {
        let cell = |half: Half<'_>| Cell {
            ending: half.found.ending,
            ended_by: half.found.ended_by.clone(),
            unique: half.found.unique,
        };
        Row {
            scope: self.name.clone(),
            base: self.base.map(cell),
            head: self.head.map(cell),
            comparable: self.is_comparable(),
        }
    }
}

/// Pairs the searches with the same options. Then pairs the remaining searches of each scope, if each side has one.
pub(super) fn pairs<'a>(base: &'a Side, head: &'a Side) -> Vec<Pair<'a>> {
    let names: BTreeSet<&str> =
        base.scopes.keys().chain(head.scopes.keys()).map(|key| key.scope.as_str()).collect();
    let mut all = Vec::new();
    for name in names {
        let of = |side: &'a Side| side.scopes.iter().filter(move |(key, _)| key.scope == name);
        let half = |(key, found): (&'a Key, &'a Searched)| Half { options: &key.options, found };
        let mut both = Vec::new();
        let mut only_base: Vec<_> =
            of(base).filter(|(key, _)| !head.scopes.contains_key(*key)).map(half).collect();
        let mut only_head = Vec::new();
        for (key, found) in of(head) {
            match base.scopes.get(key) {
                Some(before) => both.push((Some(half((key, before))), Some(half((key, found))))),
                None => only_head.push(half((key, found))),
            }
        }
        if only_base.len() == 1 && only_head.len() == 1 {
            both.push((only_base.pop(), only_head.pop()));
        }
        both.extend(only_base.into_iter().map(|half| (Some(half), None)));
        both.extend(only_head.into_iter().map(|half| (None, Some(half))));
        let several = both.len() > 1;
        for (base, head) in both {
            // The smaller of the two, so that exchanging base and head does not change the order.
            let options = base.into_iter().chain(head).map(|half: Half<'_>| half.options).min();
            let options = options.filter(|_| several);
            all.push(Pair { name: named(name, options), base, head });
        }
    }
    all
}

/// Number of invariants with a verdict on both sides, in any scope.
pub(super) fn invariants(pairs: &[Pair<'_>]) -> usize {
    let both = pairs.iter().filter_map(|pair| Some((pair.base?.found, pair.head?.found)));
    let judged =
        both.flat_map(|(base, head)| base.rulings.keys().filter(|id| head.rulings.contains_key(*id)));
    judged.collect::<BTreeSet<_>>().len()
}

fn named(scope: &str, options: Option<&BTreeMap<String, String>>) -> String {
    let Some(options) = options else { return scope.to_owned() };
    let options: Vec<String> = options.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("{scope} ({})", options.join(", "))
}
