//! The scopes of several protocols in one list, for a front door that does not know their types.
//!
//! Dynamic dispatch ends here: each method of [`AnyScope`] runs code that is compiled for its protocol.

use crate::check::{Checked, How, Observer, check};
use crate::protocol::{
    Bounds, Catalog, Invariant, OptionError, OptionSpec, Protocol, Scope, Set, all_invariants, invariants_in,
};
use crate::replay::{Replayed, Unplayable, recorded_anew, replay};
use crate::witness::Witness;
use cutover::core::trace::{Trace, Unfit};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::SocketAddr;

/// A scope of some protocol.
pub trait AnyScope: Debug {
    /// Stable name.
    fn name(&self) -> &'static str;
    /// What it is for.
    fn about(&self) -> &'static str;
    /// The set that it belongs to.
    fn set(&self) -> Set;
    /// Who takes part and how often, on one line.
    fn bounds(&self) -> String;
    /// What the environment does, on one line.
    fn faults(&self) -> String;
    /// The invariant that is known to break.
    fn expect(&self) -> Option<&'static Invariant>;
    /// All invariants of its protocol.
    fn invariants(&self) -> &'static [Invariant];
    /// The invariants that a search of it judges.
    fn judged(&self) -> Vec<&'static Invariant>;
    /// The options that differ from the scope as it is listed.
    fn options(&self) -> &[(String, String)];
    /// Sets an option by its name.
    ///
    /// # Errors
    /// [`OptionError`]
    fn set_option(&mut self, name: &str, value: &str) -> Result<(), OptionError>;
    /// What a reader should know when this invariant breaks in it.
    fn remark(&self, broken: &Invariant) -> Option<&'static str>;
    /// Searches it.
    fn check(&self, how: &How, observer: &mut dyn Observer) -> Checked;
    /// A run of it as a trace.
    ///
    /// # Errors
    /// [`Unfit`], if it does not fit into one.
    fn trace(&self, witness: &Witness) -> Result<Trace, Unfit>;
    /// Runs a trace in it.
    ///
    /// # Errors
    /// [`Unplayable`]
    fn replay(&self, trace: &Trace) -> Result<Replayed, Unplayable>;
    /// The same choices with what they do now; `None` where a choice is not there any more, or nothing differs.
    fn recorded_anew(&self, trace: &Trace) -> Option<Trace>;
    /// Serves the browser at an address until the process ends.
    fn serve(&self, listen: SocketAddr);
}

/// A scope that knows its protocol.
struct Of<P: Protocol> {
    scope: Scope<P::Bounds>,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Protocol> Debug for Of<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.scope.fmt(f)
    }
}

impl<P: Protocol> AnyScope for Of<P> {
    fn name(&self) -> &'static str {
        self.scope.name
    }

    fn about(&self) -> &'static str {
        self.scope.about
    }

    fn set(&self) -> Set {
        self.scope.set
    }

    fn bounds(&self) -> String {
        self.scope.bounds.text()
    }

    fn faults(&self) -> String {
        self.scope.bounds.faults()
    }

    fn expect(&self) -> Option<&'static Invariant> {
        let id = self.scope.expect?;
        P::invariants().iter().find(|invariant| invariant.id == id)
    }

    fn invariants(&self) -> &'static [Invariant] {
        P::invariants()
    }

    fn judged(&self) -> Vec<&'static Invariant> {
        invariants_in(P::invariants(), self.scope.judged(all_invariants::<P>())).collect()
    }

    fn options(&self) -> &[(String, String)] {
        &self.scope.options
    }

    fn set_option(&mut self, name: &str, value: &str) -> Result<(), OptionError> {
        self.scope.set_option(name, value)
    }

    fn remark(&self, broken: &Invariant) -> Option<&'static str> {
        self.scope.bounds.remark(broken.id)
    }

    fn check(&self, how: &How, observer: &mut dyn Observer) -> Checked {
        check::<P>(&self.scope, how, observer)
    }

    fn trace(&self, witness: &Witness) -> Result<Trace, Unfit> {
        witness.trace(&self.scope)
    }

    fn replay(&self, trace: &Trace) -> Result<Replayed, Unplayable> {
        replay::<P>(&self.scope, trace)
    }

    fn recorded_anew(&self, trace: &Trace) -> Option<Trace> {
        recorded_anew::<P>(&self.scope, trace)
    }

    fn serve(&self, listen: SocketAddr) {
        crate::explorer::serve::<P>(&self.scope.bounds, listen);
    }
}

/// One to four protocols, as a tuple.
pub trait Protocols {
    /// The scopes of all: first those for every pull request, then those for the night, then those for fixed bugs.
    fn scopes() -> Vec<Box<dyn AnyScope>>;
    /// The invariants of all, each once.
    fn invariants() -> Vec<&'static Invariant>;
    /// The options that scopes take, each once.
    fn options() -> Vec<&'static OptionSpec>;
}

fn scopes_of<P: Catalog>() -> impl Iterator<Item = Box<dyn AnyScope>> {
    let any = |scope| -> Box<dyn AnyScope> { Box::new(Of::<P> { scope, protocol: PhantomData }) };
    P::scopes().into_iter().map(any)
}

fn add_new<T: PartialEq>(all: &mut Vec<&'static T>, more: &'static [T]) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}

macro_rules! protocols {
    ($($($name:ident)*;)*) => {
        $(impl<$($name: Catalog),*> Protocols for ($($name,)*) {
            fn scopes() -> Vec<Box<dyn AnyScope>> {
                let mut all = Vec::new();
                $(all.extend(scopes_of::<$name>());)*
                all.sort_by_key(|scope: &Box<dyn AnyScope>| scope.set());
                all
            }

            fn invariants() -> Vec<&'static Invariant> {
                let mut all = Vec::new();
                $(add_new(&mut all, $name::invariants());)*
                all
            }

            fn options() -> Vec<&'static OptionSpec> {
                let mut all = Vec::new();
                $(add_new(&mut all, $name::Bounds::options());)*
                all
            }
        })*
    };
}

protocols! {
    A;
    A B;
    A B C;
    A B C D;
}

/// The scope of a trace, with its options.
///
/// # Errors
/// [`Unplayable`]
pub fn scope_of<P: Protocols>(trace: &Trace) -> Result<Box<dyn AnyScope>, Unplayable> {
    let unknown = || Unplayable::UnknownScope { found: trace.scope().to_owned() };
    let mut scope =
        P::scopes().into_iter().find(|scope| scope.name() == trace.scope()).ok_or_else(unknown)?;
    for (name, value) in trace.options() {
        scope.set_option(name, value)?;
    }
    Ok(scope)
}
