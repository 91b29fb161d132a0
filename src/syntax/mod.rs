//! Text to tree. nom lives here and nowhere else.

pub mod ast;
pub mod codes;
pub mod lex;

mod expect;
mod format;
mod literal;
mod parse;
mod print;
mod slips;
mod tokens;
mod words;

pub use format::format;
pub use print::print;
pub use words::Word;

use crate::diagnostic::Diagnostic;
use crate::source::{Source, SourceId, Sources, Span};
use ast::{Ast, Expr, Name};

/// Reads a plan.
///
/// Never fails: the tree has holes where the text is wrong, and the diagnostics, by place, say why.
/// Takes time linear in the text's length.
pub fn parse(sources: &Sources, id: SourceId) -> (Ast, Vec<Diagnostic>) {
    read(sources, id, "plan", parse::plan)
}

/// Reads a text that is one expression, such as the argument of a command.
///
/// As [`parse`]: never fails, and leaves holes where the text is wrong.
pub fn parse_expression(sources: &Sources, id: SourceId) -> (Expr, Vec<Diagnostic>) {
    read(sources, id, expect::EXPRESSION, parse::lone_expression)
}

/// Reads a part of a text that is one expression, such as a value of a file in another language.
///
/// As [`parse`]; the part must be a whole number of characters.
pub fn parse_expression_at(sources: &Sources, place: Span) -> (Expr, Vec<Diagnostic>) {
    let part = sources.slice(place);
    let before = " ".repeat(place.range().start);
    read_text(place.source, &(before + part), expect::EXPRESSION, parse::lone_expression)
}

/// Reads a text that is one `NAME = EXPRESSION`.
///
/// As [`parse`]; the name is `None` where there is none.
pub fn parse_binding(sources: &Sources, id: SourceId) -> (Option<Name>, Expr, Vec<Diagnostic>) {
    let ((name, value), found) = read(sources, id, expect::EXPRESSION, parse::lone_binding);
    (name, value, found)
}

fn read<T>(
    sources: &Sources,
    id: SourceId,
    noun: &'static str,
    rule: impl FnOnce(tokens::Tokens<'_>) -> T,
) -> (T, Vec<Diagnostic>) {
    read_text(id, &sources.get(id).text, noun, rule)
}

fn read_text<T>(
    id: SourceId,
    text: &str,
    noun: &'static str,
    rule: impl FnOnce(tokens::Tokens<'_>) -> T,
) -> (T, Vec<Diagnostic>) {
    let is_too_large = text.len() > Source::LIMIT;
    let text = if is_too_large { "" } else { text };
    let tokens = lex::lex(text);
    let file = tokens::File::new(id, text, noun, &tokens, slips::slips(id, text, &tokens));
    let tree = rule(file.tokens());
    if is_too_large {
        let message = format!("the {noun} is larger than {} MiB", Source::LIMIT >> 20);
        return (tree, vec![Diagnostic::error(codes::TOO_LARGE, message).label(Span::new(id, 0, 0), "")]);
    }
    (tree, file.into_diagnostics())
}

#[cfg(test)]
mod tests;
