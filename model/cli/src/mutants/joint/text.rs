//! The text of a file that has several mutants of its functions in it.

use proc_macro2::Span;
use std::ops::Range;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

/// A function with a body, which is in no other function.
struct Function {
    name: String,
    /// The word `const`, if it has it: a mutant is chosen at run time.
    constant: Option<Range<usize>>,
    body: Range<usize>,
}

#[derive(Default)]
struct Finder(Vec<Function>);

impl Finder {
    fn add(&mut self, signature: &Signature, block: &Block) {
        let braces = block.brace_token.span;
        let body = braces.open().byte_range().start..braces.close().byte_range().end;
        let constant = signature.constness.map(|word| bytes(word.span));
        self.0.push(Function { name: signature.ident.to_string(), constant, body });
    }
}

fn bytes(span: Span) -> Range<usize> {
    span.byte_range()
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add(&function.sig, &function.block);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig, &function.block);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        match &function.default {
            Some(block) => self.add(&function.sig, block),
            None => visit::visit_trait_item_fn(self, function),
        }
    }
}

fn functions(text: &str) -> Option<Vec<Function>> {
    let mut finder = Finder::default();
    finder.visit_file(&syn::parse_file(text).ok()?);
    Some(finder.0)
}

/// Another body of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mutants) struct Body {
    /// Which function of the file, from 0.
    pub(in crate::mutants) function: usize,
    pub(super) text: String,
}

/// The bodies in which a mutated file differs; `None` if it differs elsewhere.
pub(super) fn bodies(before: &str, after: &str) -> Option<Vec<Body>> {
    let (old, new) = (functions(before)?, functions(after)?);
    if old.len() != new.len() {
        return None;
    }
    let (mut from, mut to) = (0, 0);
    let mut found = Vec::new();
    for (function, (one, other)) in old.iter().zip(&new).enumerate() {
        if before.get(from..one.body.start)? != after.get(to..other.body.start)? {
            return None;
        }
        let text = after.get(other.body.clone())?;
        if before.get(one.body.clone())? != text {
            found.push(Body { function, text: text.to_owned() });
        }
        (from, to) = (one.body.end, other.body.end);
    }
    (before.get(from..)? == after.get(to..)?).then_some(found)
}

/// A file with all mutants of its functions in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) text: String,
    /// The lines, from 1, at which a compiler's error is about these mutants.
    pub(super) lines: Vec<(Range<usize>, Vec<u32>)>,
    /// The functions that are not `const` any more, with their mutants.
    pub(super) constants: Vec<(String, Vec<u32>)>,
}

impl Joined {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn line(&self) -> usize {
        1 + self.text.matches('\n').count()
    }

    fn branch(&mut self, body: &str, numbers: Vec<u32>) {
        let first = self.line();
        self.push(body);
        self.lines.push((first..self.line() + 1, numbers));
    }
}

/// Puts bodies, each with its mutant's number, into a file: a function runs the body of the mutant that is switched on, else its own.
pub(super) fn join(before: &str, mutants: &[(u32, Body)]) -> Option<Joined> {
    let mut joined = Joined::default();
    let mut from = 0;
    for (number, function) in functions(before)?.into_iter().enumerate() {
        let own: Vec<_> = mutants.iter().filter(|(_, body)| body.function == number).collect();
        if own.is_empty() {
            continue;
        }
        let numbers: Vec<_> = own.iter().map(|(mutant, _)| *mutant).collect();
        match function.constant {
            Some(word) => {
                joined.push(before.get(from..word.start)?);
                joined.push(before.get(word.end..function.body.start)?);
                joined.constants.push((function.name, numbers.clone()));
            }
            None => joined.push(before.get(from..function.body.start)?),
        }
        joined.push("{\n");
        for (mutant, body) in own {
            joined.push(&format!("if crate::mutant::is_on({mutant})\n"));
            joined.branch(&body.text, vec![*mutant]);
            joined.push("\nelse\n");
        }
        joined.branch(before.get(function.body.clone())?, numbers);
        joined.push("\n}");
        from = function.body.end;
    }
    joined.push(before.get(from..)?);
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::{Body, bodies, join};

    const FILE: &str = "\
use a::b;

impl A {
    const fn one(&self) -> u8 { 1 }

    fn two(&self) -> u8 {
        if self.one() > 1 { return 2; }
        3
    }
}
";

    fn body(function: usize, text: &str) -> Body {
        Body { function, text: text.to_owned() }
    }

    #[test]
    fn a_mutant_is_the_bodies_in_which_it_differs() {
        assert_eq!(bodies(FILE, FILE), Some(vec![]));
        assert_eq!(bodies(FILE, &FILE.replace("{ 1 }", "{ 2 }")), Some(vec![body(0, "{ 2 }")]));
        let both = FILE.replace("{ 1 }", "{ 2 }").replace("        3\n", "");
        let second = "{\n        if self.one() > 1 { return 2; }\n    }";
        assert_eq!(bodies(FILE, &both), Some(vec![body(0, "{ 2 }"), body(1, second)]));
    }

    #[test]
    fn what_differs_elsewhere_is_no_such_mutant() {
        for (from, to) in [
            ("a::b", "a::c"),
            ("-> u8 {\n", "-> u16 {\n"),
            ("impl A {", "impl A { fn new() {}"),
            ("}\n}", "}"),
        ] {
            assert_eq!(bodies(FILE, &FILE.replace(from, to)), None, "{from}");
        }
    }

    #[test]
    fn a_function_runs_the_body_that_is_switched_on() {
        let joined = join(FILE, &[(4, body(0, "{ 2 }")), (7, body(0, "{ 3 }"))]).unwrap_or_default();
        let function = "\
     fn one(&self) -> u8 {
if crate::mutant::is_on(4)
{ 2 }
else
if crate::mutant::is_on(7)
{ 3 }
else
{ 1 }
}

    fn two";
        assert!(joined.text.contains(function), "{}", joined.text);
        assert_eq!(joined.lines, [(6..7, vec![4]), (9..10, vec![7]), (11..12, vec![4, 7])]);
        assert_eq!(joined.constants, [("one".to_owned(), vec![4, 7])]);
    }
}
