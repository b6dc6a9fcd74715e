//! Uses any stateright model as a [`Protocol`].
//!
//! A property `always` becomes an invariant, a property `sometimes` a required mark. `eventually` is not checked,
//! since stateright does not check it soundly. The text of an action is its `Debug` output. Symmetry comes from
//! [`Models::representative`].

use crate::protocol::{Bounds, Catalog, Choice, Invariant, Notes, Protocol, Scope};
use ::stateright::{Expectation, Model, Property};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// A stateright model with its instances, each of which becomes a scope. All must have the same properties.
pub trait Models:
    Model<
        State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
        Action: Clone + Debug + PartialEq + Send + Sync + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// Stable name, purpose and model of each scope.
    fn models() -> Vec<(&'static str, &'static str, Self)>;

    /// A canonical state for all states that differ only in interchangeable names. The default treats no names as
    /// interchangeable.
    #[must_use]
    fn representative(state: &Self::State) -> Self::State {
        state.clone()
    }
}

/// A stateright model `M` as a protocol under check.
#[derive(Clone)]
pub struct Adapted<M>(M);

impl<M> Debug for Adapted<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<M>())
    }
}

impl<M: Models> Bounds for Adapted<M> {
    fn text(&self) -> String {
        format!("a stateright model, {self:?}")
    }

    fn faults(&self) -> String {
        "those of the model".to_owned()
    }
}

/// A state of the adapted model. A [`Protocol`] has one initial state, a stateright model several: the first step
/// chooses one.
#[derive(Clone, PartialEq, Hash, Debug)]
pub enum At<S> {
    /// Before an initial state is chosen.
    Outside,
    /// The model is in this state.
    State(S),
}

/// A step of the adapted model.
#[derive(Clone, PartialEq, Debug)]
pub enum Step<A> {
    /// Chooses the initial state with this number.
    Begin(usize),
    /// Takes an action of the model.
    Take(A),
}

/// The invariants and marks of each adapted model. They are leaked on purpose: [`Protocol::invariants`] returns `'static`
/// references.
static TABLES: Mutex<BTreeMap<TypeId, Table>> = Mutex::new(BTreeMap::new());

type Table = (&'static [Invariant], &'static [&'static str]);

fn table<M: Models>() -> Table {
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    *tables.entry(TypeId::of::<M>()).or_insert_with(|| {
        let source = std::any::type_name::<M>();
        let invariants = of_all::<M>(&Expectation::Always).into_iter();
        let invariants = invariants.map(|id| Invariant::new(id, id, source)).collect::<Vec<_>>();
        (invariants.leak(), of_all::<M>(&Expectation::Sometimes).leak())
    })
}

fn properties<M: Models>(model: &M, expectation: &Expectation) -> Vec<Property<M>> {
    let all = model.properties().into_iter();
    all.filter(|property| property.expectation == *expectation).collect()
}

fn of_all<M: Models>(expectation: &Expectation) -> Vec<&'static str> {
    let first = M::models().into_iter().next();
    let named = first.map(|(_, _, model)| properties(&model, expectation)).unwrap_or_default();
    named.into_iter().map(|property| property.name).collect()
}

impl<M: Models> Protocol for Adapted<M> {
    type Bounds = Self;
    type State = At<M::State>;
    type Action = Step<M::Action>;

    fn invariants() -> &'static [Invariant] {
        table::<M>().0
    }

    fn marks() -> &'static [&'static str] {
        table::<M>().1
    }

    fn new(bounds: &Self) -> Self {
        bounds.clone()
    }

    fn initial(&self) -> At<M::State> {
        At::Outside
    }

    fn enabled(&self, state: &At<M::State>, into: &mut Vec<Step<M::Action>>) {
        match state {
            At::Outside => into.extend((0..self.0.init_states().len()).map(Step::Begin)),
            At::State(state) => {
                let mut actions = Vec::new();
                self.0.actions(state, &mut actions);
                into.extend(actions.into_iter().map(Step::Take));
            }
        }
    }

    fn step(
        &self,
        state: &At<M::State>,
        action: &Step<M::Action>,
        notes: &mut Notes,
    ) -> Option<At<M::State>> {
        let next = match (state, action) {
            (At::Outside, Step::Begin(number)) => self.0.init_states().into_iter().nth(*number),
            (At::State(state), Step::Take(action)) => self.0.next_state(state, action.clone()),
            (At::Outside, Step::Take(_)) | (At::State(_), Step::Begin(_)) => None,
        }?;
        if !self.0.within_boundary(&next) {
            return None;
        }
        for property in properties(&self.0, &Expectation::Always) {
            let invariant = Invariant::new(property.name, property.name, "");
            let facts = || (format!("{next:?}"), property.name);
            notes.demand((property.condition)(&self.0, &next), &invariant, facts);
        }
        for property in properties(&self.0, &Expectation::Sometimes) {
            notes.mark((property.condition)(&self.0, &next), property.name);
        }
        Some(At::State(next))
    }

    fn choice(&self, _: &At<M::State>, action: &Step<M::Action>) -> Option<Choice> {
        Some(Choice::new(
            "model",
            match action {
                Step::Begin(number) => format!("begin in state {number}"),
                Step::Take(action) => format!("{action:?}"),
            },
        ))
    }

    fn representative(state: &At<M::State>) -> At<M::State> {
        match state {
            At::Outside => At::Outside,
            At::State(state) => At::State(M::representative(state)),
        }
    }
}

impl<M: Models> Catalog for Adapted<M> {
    fn scopes() -> Vec<Scope<Self>> {
        let scope = |(name, about, model)| {
            Scope::new(name, about, Self(model)).reaching(Self::marks().iter().copied())
        };
        M::models().into_iter().map(scope).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{all_invariants, invariant_named};
    use crate::search::{Order, Searched, Watcher};
    use std::sync::Arc;

    /// A clock with this many hours, as an example model.
    #[derive(Clone)]
    struct Clock(u8);

    impl Model for Clock {
        type State = u8;
        type Action = &'static str;

        fn init_states(&self) -> Vec<u8> {
            vec![0, 1]
        }

        fn actions(&self, _: &u8, actions: &mut Vec<&'static str>) {
            actions.push("tick");
        }

        fn next_state(&self, hour: &u8, _: &'static str) -> Option<u8> {
            Some((hour + 1) % self.0)
        }

        fn properties(&self) -> Vec<Property<Self>> {
            vec![
                Property::always("before noon", |_, hour| *hour < 12),
                Property::sometimes("eleven", |_, hour| *hour == 11),
            ]
        }
    }

    impl Models for Clock {
        fn models() -> Vec<(&'static str, &'static str, Self)> {
            vec![("twelve", "holds", Self(12)), ("thirteen", "breaks", Self(13))]
        }
    }

    #[test]
    fn always_is_an_invariant_and_sometimes_a_mark() {
        let clock = |at: usize| {
            let scope = Adapted::<Clock>::scopes().remove(at);
            let protocol = Arc::new(Adapted::new(&scope.bounds));
            let searched = Searched::new(Arc::clone(&protocol), all_invariants::<Adapted<Clock>>());
            let mut watcher =
                Watcher { until: None, memory: None, interrupted: &|| false, progress: &mut |_| {} };
            let found = searched.run(Order::BreadthFirst, &mut watcher);
            (found, searched.reached(), protocol)
        };
        let (found, reached, _) = clock(0);
        assert!(found.covered.complete && found.witness.is_none());
        assert_eq!(
            (found.covered.unique, reached),
            (13, vec!["eleven"]),
            "twelve hours, and before the first"
        );
        let (found, _, protocol) = clock(1);
        let actions = found.witness.unwrap();
        assert_eq!(actions.len(), 12, "from one o'clock");
        let number = invariant_named::<Adapted<Clock>>("before noon").unwrap();
        let witness = crate::witness::Witness::run(&*protocol, &actions, number).unwrap();
        assert_eq!(
            (witness.violation.found.as_str(), witness.steps[1].choice.text.as_str()),
            ("12", "\"tick\"")
        );
    }
}
