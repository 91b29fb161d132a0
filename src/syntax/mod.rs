//! Text to tree. nom lives here and nowhere else.

pub mod ast;
pub mod codes;
pub mod lex;

mod expect;
mod literal;
mod parse;
mod print;
mod slips;
mod tokens;
mod words;

pub use print::print;
pub use words::Word;

use crate::diagnostic::Diagnostic;
use crate::source::{Source, SourceId, Sources, Span};
use ast::Ast;

/// Reads a plan.
///
/// Never fails: the tree has holes where the text is wrong, and the diagnostics, by place, say why.
/// Takes time linear in the text's length.
pub fn parse(sources: &Sources, id: SourceId) -> (Ast, Vec<Diagnostic>) {
    let text = &*sources.get(id).text;
    if text.len() > Source::LIMIT {
        let message = format!("the plan is larger than {} MiB", Source::LIMIT >> 20);
        let place = Span::new(id, 0, 0);
        return (Ast::default(), vec![Diagnostic::error(codes::TOO_LARGE, message).label(place, "")]);
    }
    let tokens = lex::lex(text);
    let file = tokens::File::new(id, text, &tokens, slips::slips(id, text, &tokens));
    let ast = parse::plan(file.tokens());
    (ast, file.into_diagnostics())
}

#[cfg(test)]
mod tests;
