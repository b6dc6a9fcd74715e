//! The scopes of several protocols in one list, for a front end that does not know their types.
//!
//! Only calls to [`AnyScope`] are dispatched dynamically: each of its methods runs code compiled for one protocol.

use crate::check::{Checked, How, Observer, check};
use crate::protocol::{
    Bounds, Catalog, Invariant, OptionError, OptionSpec, Protocol, Scope, Set, all_goals, all_invariants,
    invariants_in,
};
use crate::replay::{Replayed, Unplayable, recorded_anew, replay};
use crate::walk::{Covered, Plan, Progress, Walked, WalkedText, walk};
use crate::witness::Witness;
use cutover::core::trace::{Trace, Unfit};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::SocketAddr;

/// A scope of any protocol: [`Scope`] without its type of bounds.
pub trait AnyScope: Debug {
    /// Stable name of the scope; traces refer to it.
    fn name(&self) -> &'static str;
    /// The purpose of the scope, in one sentence.
    fn about(&self) -> &'static str;
    /// The set that the scope belongs to.
    fn set(&self) -> Set;
    /// Who takes part and how often each thing may happen, on one line.
    fn bounds(&self) -> String;
    /// The faults of the environment, on one line.
    fn faults(&self) -> String;
    /// The invariant that a search must find violated, if the scope holds a design known to be unsafe.
    fn expect(&self) -> Option<&'static Invariant>;
    /// All invariants of the scope's protocol, judged in this scope or not.
    fn invariants(&self) -> &'static [Invariant];
    /// The invariants that a search of this scope judges.
    fn judged(&self) -> Vec<&'static Invariant>;
    /// The goals that a search of this scope judges.
    fn goals(&self) -> Vec<&'static Invariant>;
    /// Name and value of each option that was set to something other than the scope's own value.
    fn options(&self) -> &[(String, String)];
    /// Sets an option of the bounds by name.
    ///
    /// # Errors
    /// [`OptionError`] for an unknown option, a wrong value, or an option that these bounds do not use.
    fn set_option(&mut self, name: &str, value: &str) -> Result<(), OptionError>;
    /// Advice to print when this invariant is violated in this scope.
    fn remark(&self, broken: &Invariant) -> Option<&'static str>;
    /// Searches the scope. `observer` receives the progress.
    fn check(&self, how: &How, observer: &mut dyn Observer) -> Checked;
    /// The scope with these options set; `None` if it refuses one.
    fn drawn(&self, options: &[(String, String)]) -> Option<Box<dyn AnyScope>>;
    /// Walks through the scope at random. `progress` receives the progress a few times a second, and says whether to stop.
    fn walk(&self, plan: &Plan, progress: &mut dyn FnMut(Progress) -> bool) -> Walked;
    /// What the walks covered, in words.
    fn walked(&self, covered: &Covered) -> WalkedText;
    /// Converts a run of this scope to a trace.
    ///
    /// # Errors
    /// [`Unfit`] if the trace format cannot hold the run.
    fn trace(&self, witness: &Witness) -> Result<Trace, Unfit>;
    /// Replays a trace in this scope.
    ///
    /// # Errors
    /// [`Unplayable`] if the trace names an unknown invariant.
    fn replay(&self, trace: &Trace) -> Result<Replayed, Unplayable>;
    /// The trace with its choices kept and their effects replaced by those of this build.
    ///
    /// # Errors
    /// The number of the first step that cannot be taken any more, and why.
    fn recorded_anew(&self, trace: &Trace) -> Result<Trace, (usize, String)>;
    /// Serves the state browser at `listen` until the process ends.
    fn serve(&self, listen: SocketAddr);
}

/// A [`Scope`] of protocol `P`, as a trait object behind [`AnyScope`].
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

    fn goals(&self) -> Vec<&'static Invariant> {
        invariants_in(P::goals(), self.scope.goals(all_goals::<P>())).collect()
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

    fn drawn(&self, options: &[(String, String)]) -> Option<Box<dyn AnyScope>> {
        let mut scope = self.scope.clone();
        options.iter().try_for_each(|(name, value)| scope.set_option(name, value)).ok()?;
        Some(Box::new(Self { scope, protocol: PhantomData }))
    }

    fn walk(&self, plan: &Plan, progress: &mut dyn FnMut(Progress) -> bool) -> Walked {
        walk::<P>(&self.scope, plan, progress)
    }

    fn walked(&self, covered: &Covered) -> WalkedText {
        WalkedText::of::<P>(covered)
    }

    fn trace(&self, witness: &Witness) -> Result<Trace, Unfit> {
        witness.trace(&self.scope)
    }

    fn replay(&self, trace: &Trace) -> Result<Replayed, Unplayable> {
        replay::<P>(&self.scope, trace)
    }

    fn recorded_anew(&self, trace: &Trace) -> Result<Trace, (usize, String)> {
        recorded_anew::<P>(&self.scope, trace)
    }

    fn serve(&self, listen: SocketAddr) {
        crate::explorer::serve::<P>(&self.scope.bounds, listen);
    }
}

/// A tuple of one to five protocols, whose scopes, invariants and options are put together.
pub trait Protocols {
    /// The scopes of all protocols: those of the set [`Set::Pr`] first, then the nightly ones, then those for fixed bugs.
    fn scopes() -> Vec<Box<dyn AnyScope>>;
    /// The invariants of all protocols, without repetitions.
    fn invariants() -> Vec<&'static Invariant>;
    /// The goals of all protocols, without repetitions.
    fn goals() -> Vec<&'static Invariant>;
    /// The options of all protocols' bounds, without repetitions.
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

            fn goals() -> Vec<&'static Invariant> {
                let mut all = Vec::new();
                $(add_new(&mut all, $name::goals());)*
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
    A B C D E;
}

/// Finds the scope that a trace names, and sets the trace's options.
///
/// # Errors
/// [`Unplayable`] if there is no such scope, or it refuses an option.
pub fn scope_of<P: Protocols>(trace: &Trace) -> Result<Box<dyn AnyScope>, Unplayable> {
    let unknown = || Unplayable::UnknownScope { found: trace.scope().to_owned() };
    let mut scope =
        P::scopes().into_iter().find(|scope| scope.name() == trace.scope()).ok_or_else(unknown)?;
    for (name, value) in trace.options() {
        scope.set_option(name, value)?;
    }
    Ok(scope)
}
