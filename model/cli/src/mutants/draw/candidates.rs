//! The edits of a file that the rules allow, from its syntax tree.

#![allow(clippy::wildcard_enum_match_arm, reason = "the syntax of Rust has many kinds that no rule is about")]

use super::rules::Rule;
use proc_macro2::Span;
use std::ops::Range;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, ImplItemFn, ItemFn, ItemImpl, ItemMod, Stmt, TraitItemFn};

/// Traits whose implementations show something to people, or only rename for the search.
const SHOWN: [&str; 5] = ["Display", "Debug", "Relabel", "Error", "Visitor"];
/// Macros that check, count or log; they are neither dropped nor looked into.
const ASIDE: [&str; 10] =
    ["enforce", "debug_assert", "assert", "counter", "gauge", "histogram", "info", "warn", "error", "debug"];

/// An edit of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Path of the file, relative to the root.
    pub(super) file: String,
    /// The function, with the type that it is of.
    pub(super) function: String,
    /// The rule.
    pub(super) rule: Rule,
    /// Line of the place, from 1.
    pub(super) line: usize,
    /// The bytes that are replaced.
    range: Range<usize>,
    /// What is there.
    old: String,
    /// What comes there.
    new: String,
}

impl Candidate {
    /// The source after the edit.
    pub(super) fn applied(&self, source: &str) -> String {
        let (head, tail) = (source.get(..self.range.start), source.get(self.range.end..));
        [head.unwrap_or_default(), &self.new, tail.unwrap_or_default()].concat()
    }

    /// The edit in words, on one line.
    pub(super) fn what(&self) -> String {
        let short = |text: &str| {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if line.chars().count() <= 60 {
                line
            } else {
                line.chars().take(57).chain("...".chars()).collect()
            }
        };
        let (old, new) = (short(&self.old), short(&self.new));
        let rule = self.rule.text();
        if new.is_empty() { format!("{rule}: `{old}`") } else { format!("{rule}: `{old}` becomes `{new}`") }
    }

    /// The place and the edit, for a draw.
    pub(super) fn place(&self) -> String {
        format!("{} {}", self.range.start, self.new)
    }
}

/// The edits of a file, in order of their places; none if it cannot be parsed.
pub(super) fn candidates(file: &str, text: &str) -> Vec<Candidate> {
    let Ok(syntax) = syn::parse_file(text) else { return Vec::new() };
    let mut finder = Finder { file, text, of: Vec::new(), function: None, found: Vec::new() };
    finder.visit_file(&syntax);
    let mut found = finder.found;
    found.sort_by_key(|one| (one.range.start, one.range.end, one.rule));
    found
}

struct Finder<'t> {
    file: &'t str,
    text: &'t str,
    /// The type whose methods are visited.
    of: Vec<String>,
    function: Option<String>,
    found: Vec<Candidate>,
}

impl Finder<'_> {
    fn source(&self, span: Span) -> &str {
        self.text.get(span.byte_range()).unwrap_or_default()
    }

    fn add(&mut self, rule: Rule, span: Span, new: String) {
        let Some(function) = self.function.clone() else { return };
        let old = self.source(span).to_owned();
        if old.is_empty() || old == new {
            return;
        }
        let (file, line, range) = (self.file.to_owned(), span.start().line, span.byte_range());
        self.found.push(Candidate { file, function, rule, line, range, old, new });
    }

    fn inside(&mut self, name: &str, visit: impl FnOnce(&mut Self)) {
        let of: Vec<_> = self.of.iter().map(String::as_str).chain([name]).collect();
        let before = self.function.replace(of.join("::"));
        visit(self);
        self.function = before;
    }

    /// A condition of an `if`, a `while` or a guard.
    fn condition(&mut self, condition: &Expr) {
        if let Expr::Let(_) = condition {
            return;
        }
        let text = self.source(condition.span()).to_owned();
        let negated = match condition {
            Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Not(_)) => {
                self.source(unary.expr.span()).to_owned()
            }
            _ => format!("!({text})"),
        };
        // A `let` in a chain cannot be negated.
        if !text.contains("let ") {
            self.add(Rule::Negate, condition.span(), negated);
            self.add(Rule::Skip, condition.span(), "true".to_owned());
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        let span = statement.span();
        match statement {
            Stmt::Expr(Expr::Assign(_), Some(_)) => self.add(Rule::Older, span, String::new()),
            Stmt::Expr(Expr::If(check), _) if check.else_branch.is_none() && leaves(&check.then_branch) => {
                self.add(Rule::Skip, span, String::new());
            }
            Stmt::Expr(Expr::If(branch), _) if branch.else_branch.is_none() => {
                self.add(Rule::Drop, span, String::new());
            }
            Stmt::Expr(Expr::Try(_), Some(_)) => self.add(Rule::Skip, span, String::new()),
            Stmt::Expr(Expr::MethodCall(_) | Expr::Call(_) | Expr::Binary(_), Some(_))
            | Stmt::Expr(Expr::ForLoop(_), _) => {
                self.add(Rule::Drop, span, String::new());
            }
            Stmt::Local(_) | Stmt::Item(_) | Stmt::Expr(..) | Stmt::Macro(_) => {}
        }
    }

    fn swap(&mut self, one: &Expr, other: &Expr) {
        let (a, b) = (one.span(), other.span());
        if a.byte_range().end > b.byte_range().start {
            return;
        }
        let between = self.text.get(a.byte_range().end..b.byte_range().start).unwrap_or_default();
        let new = format!("{}{between}{}", self.source(b), self.source(a));
        if let Some(both) = a.join(b) {
            self.add(Rule::Swap, both, new);
        }
    }
}

/// Whether the last statement of a block returns from the function, or goes on with the next turn of a loop.
fn leaves(block: &Block) -> bool {
    matches!(block.stmts.last(), Some(Stmt::Expr(Expr::Return(_) | Expr::Continue(_) | Expr::Break(_), _)))
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string().contains("test"),
        syn::Meta::NameValue(_) => false,
    })
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let shown = item.trait_.as_ref().and_then(|(path, _)| path.segments.last());
        if shown.is_some_and(|last| SHOWN.iter().any(|name| last.ident == name)) {
            return;
        }
        let name = self.source(item.self_ty.span()).split('<').next().unwrap_or_default().to_owned();
        self.of.push(name);
        visit::visit_item_impl(self, item);
        self.of.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_test(&item.attrs) {
            self.inside(&item.sig.ident.to_string(), |finder| finder.visit_block(&item.block));
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.inside(&item.sig.ident.to_string(), |finder| finder.visit_block(&item.block));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.inside(&item.sig.ident.to_string(), |finder| finder.visit_block(block));
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        // The last expression of a block is its value, and cannot be left out.
        for statement in &block.stmts {
            self.statement(statement);
        }
        visit::visit_block(self, block);
    }

    fn visit_expr_if(&mut self, branch: &'ast syn::ExprIf) {
        self.condition(&branch.cond);
        visit::visit_expr_if(self, branch);
    }

    fn visit_pat_guard(&mut self, guarded: &'ast syn::PatGuard) {
        self.condition(&guarded.guard);
        visit::visit_pat_guard(self, guarded);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let other = match binary.op {
            BinOp::Lt(_) => Some("<="),
            BinOp::Le(_) => Some("<"),
            BinOp::Gt(_) => Some(">="),
            BinOp::Ge(_) => Some(">"),
            _ => None,
        };
        if let Some(other) = other {
            self.add(Rule::OffByOne, binary.op.span(), other.to_owned());
        }
        let negated = match binary.op {
            BinOp::Eq(_) => Some("!="),
            BinOp::Ne(_) => Some("=="),
            BinOp::And(_) => Some("||"),
            BinOp::Or(_) => Some("&&"),
            _ => None,
        };
        if let Some(negated) = negated {
            self.add(Rule::Negate, binary.op.span(), negated.to_owned());
        }
        if let BinOp::And(_) = binary.op {
            let (left, right) =
                (self.source(binary.left.span()).to_owned(), self.source(binary.right.span()).to_owned());
            if !left.contains("let ") && !right.contains("let ") {
                self.add(Rule::Skip, binary.span(), left);
                self.add(Rule::Skip, binary.span(), right);
            }
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let receiver = self.source(call.receiver.span()).to_owned();
        match call.method.to_string().as_str() {
            // One more or one less of what is counted.
            "next" | "previous" if call.args.is_empty() => self.add(Rule::OffByOne, call.span(), receiver),
            "max" if call.args.len() == 1 => self.add(Rule::Older, call.method.span(), "min".to_owned()),
            "min" if call.args.len() == 1 => self.add(Rule::Older, call.method.span(), "max".to_owned()),
            _ => {}
        }
        let arguments: Vec<_> = call.args.iter().collect();
        for pair in arguments.windows(2) {
            if let [one, other] = pair {
                self.swap(one, other);
            }
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        let arguments: Vec<_> = call.args.iter().collect();
        for pair in arguments.windows(2) {
            if let [one, other] = pair {
                self.swap(one, other);
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_struct(&mut self, made: &'ast syn::ExprStruct) {
        let named: Vec<_> = made.fields.iter().filter(|field| field.colon_token.is_some()).collect();
        for pair in named.windows(2) {
            if let [one, other] = pair {
                self.swap(&one.expr, &other.expr);
            }
        }
        visit::visit_expr_struct(self, made);
    }

    fn visit_expr_lit(&mut self, literal: &'ast syn::ExprLit) {
        if let syn::Lit::Int(number) = &literal.lit
            && let Ok(value) = number.base10_parse::<u64>()
        {
            self.add(
                Rule::OffByOne,
                number.span(),
                format!("{}{}", value.saturating_add(1), number.suffix()),
            );
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let aside = call.path.segments.last().is_some_and(|last| ASIDE.iter().any(|name| last.ident == name));
        if !aside {
            visit::visit_macro(self, call);
        }
    }
}
