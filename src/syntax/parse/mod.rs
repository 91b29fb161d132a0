//! The grammar of `grammar/sov.ebnf`, rule by rule.

mod alone;
mod block;
mod definition;
mod expression;
mod operand;
mod recover;
mod unit;

use nom::Input;

use super::ast::{Ast, Expr, ExprKind, Item, ItemKind, Name};
use super::codes;
use super::expect::{Expected, Parsed, Want, found};
use super::lex::Kind;
use super::tokens::Tokens;
use super::words::Word;
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::{Span, Spanned};
pub(super) use alone::{lone_binding, lone_expression};
use definition::{after_keyword, definition};
use recover::skip_definition;

/// A whole plan: definitions that end with their line or at `;`.
pub(super) fn plan(mut input: Tokens<'_>) -> Ast {
    let mut ast = Ast::default();
    let mut lost = false;
    loop {
        while matches!(input.raw(0).kind, Kind::Newline | Kind::Semicolon) {
            input = input.take_from(1);
        }
        if input.kind() == Kind::End {
            return ast;
        }
        input = input.with_margin();
        input.forget_blocks();
        // After a line that made no sense, fields are the rest of a block that was closed too early.
        let (rest, item) = if lost && input.looks_like_entry() {
            (skip_definition(input), None)
        } else {
            match definition(input) {
                Ok((rest, item)) => (rest, Some(item)),
                Err(_) => not_a_definition(input, lost),
            }
        };
        lost = item.is_none();
        ast.items.extend(item);
        input = if ends_definition(rest) {
            rest
        } else {
            // The value was cut short; what it says so far is nobody's mistake.
            if let Some(Item { kind: ItemKind::Budget { value, .. } | ItemKind::Let { value, .. }, .. }) =
                ast.items.last_mut()
                && !lost
            {
                value.kind = ExprKind::Error;
            }
            junk_after_definition(rest, lost)
        };
    }
}

/// A tree and how high it is, so that no tree is too high to walk.
#[derive(Clone, Debug)]
struct Tall<T> {
    tree: T,
    height: u16,
}

/// An expression; on the heap, for brackets nest on the stack.
type Value = Tall<Box<Expr>>;

impl Value {
    fn new(span: Span, height: u16, kind: ExprKind) -> Self {
        Self { tree: Box::new(Expr { span, kind }), height }
    }
}

/// A name that is no reserved word; a reserved one is reported and taken.
fn name(want: Want) -> impl Fn(Tokens<'_>) -> Parsed<'_, Name> {
    move |input| {
        let (rest, name) = any_name(want)(input)?;
        if Word::from_text(&name.value).is_some_and(Word::is_reserved) {
            input.report(input.at(), || {
                let message = format!("`{}` is a word of the language and cannot be a name", name.value);
                Diagnostic::error(codes::RESERVED_WORD, message)
                    .label(name.span, "reserved")
                    .help("choose another name")
            });
        }
        Ok((rest, name))
    }
}

/// A name, reserved or not.
fn any_name(want: Want) -> impl Fn(Tokens<'_>) -> Parsed<'_, Name> {
    move |input| {
        let (rest, token) = input.next();
        if token.kind == Kind::Name {
            Ok((rest, Spanned::new(input.text(token).to_owned(), input.span(token))))
        } else {
            Expected::here(input, want)
        }
    }
}

fn ends_definition(input: Tokens<'_>) -> bool {
    matches!(input.raw(0).kind, Kind::Newline | Kind::Semicolon | Kind::End) || input.begins_line()
}

fn junk_after_definition(input: Tokens<'_>, lost: bool) -> Tokens<'_> {
    if !lost {
        Expected::at(input, Want::EndOfLine).report(input);
    }
    if input.looks_like_definition() { input } else { skip_definition(input) }
}

/// Says what is wrong with a line that begins no definition; reads it as the definition it seems to be.
///
/// After one such line, others are reported only where they look like a definition themselves.
fn not_a_definition(input: Tokens<'_>, lost: bool) -> (Tokens<'_>, Option<Item>) {
    let (rest, token) = input.next();
    let is_head = token.kind == Kind::Name && matches!(rest.raw(0).kind, Kind::Name | Kind::Text);
    if lost && !is_head {
        return (skip_definition(input), None);
    }
    let text = input.text(token);
    let place = input.span(token);
    let unknown = |message: String| Diagnostic::error(codes::UNKNOWN_KEYWORD, message);
    let known = "a plan is made of `device`, `prices`, `model`, `results`, `law`, `start`, `budget`, `recipe`, `search` and `emit`";
    let diagnostic = match token.kind {
        Kind::Name if is_head => {
            let message = format!("`{text}` is not in the language");
            let guess = nearest(text, Word::DEFINITIONS.map(Word::text)).and_then(Word::from_text);
            if let Some(word) = guess {
                input.report(input.at(), || {
                    let fix = format!("did you mean `{word}`?");
                    unknown(message).label(place, "begins no definition").fix(fix, place, word.text())
                });
                let (rest, item) = after_keyword(input, rest, word, place);
                return (rest, Some(item));
            }
            unknown(message).label(place, "begins no definition").note(known)
        }
        Kind::Name if matches!(rest.raw(0).kind, Kind::Equals | Kind::Colon) || input.looks_like_entry() => {
            unknown(format!("the field `{text}` stands outside of a definition"))
                .label(place, "belongs inside `{ ... }`")
                .note(known)
        }
        Kind::CloseBrace | Kind::CloseParen | Kind::CloseBracket => Diagnostic::error(
            codes::UNOPENED,
            format!("`{text}` closes nothing"),
        )
        .label(place, "never opened")
        .fix("remove it", place, ""),
        _ => unknown(format!("expected a definition, found {}", found(input, token)))
            .label(place, "expected a definition")
            .note(known),
    };
    input.report(input.at(), || diagnostic);
    // A stray bracket may stand before a definition.
    let skipped = if token.kind == Kind::Name || !rest.looks_like_definition() { skip_definition(input) } else { rest };
    (skipped, None)
}
