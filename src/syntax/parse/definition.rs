//! Definitions: a keyword, a name, and what is said of it.

use nom::combinator::{map, opt};
use nom::{Input, Parser};

use super::block::{block, equals};
use super::expression::value;
use super::operand::{path, quoted};
use super::{Tall, any_name, name};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::ast::{BestOf, Block, Expr, Item, ItemKind, ModelFrom, Name};
use crate::syntax::codes;
use crate::syntax::expect::{Expected, Parsed, Want, expect, word};
use crate::syntax::lex::Kind;
use crate::syntax::tokens::Tokens;
use crate::syntax::words::Word;

/// One definition. Fails, and says nothing, where no keyword stands.
pub(super) fn definition(input: Tokens<'_>) -> Parsed<'_, Item> {
    let (rest, keyword) = any_name(Want::Definition)(input)?;
    // A field that is named like a definition is out of place, but no definition.
    let is_field = match rest.raw(0).kind {
        Kind::Equals => {
            let is_head = matches!(rest.word(rest.raw(2)), Some(Word::Fitted | Word::Of));
            !matches!(rest.raw(2).kind, Kind::OpenBrace) && !is_head
        }
        kind => kind == Kind::Colon,
    };
    match Word::from_text(&keyword.value).filter(|word| word.is_definition() && !is_field) {
        Some(word) => Ok(after_keyword(input, rest, word, keyword.span)),
        None => Expected::here(input, Want::Definition),
    }
}

/// The rest of the definition that `keyword` begins.
pub(super) fn after_keyword<'a>(input: Tokens<'a>, rest: Tokens<'a>, word: Word, keyword: Span) -> (Tokens<'a>, Item) {
    let (rest, kind) = match word {
        Word::Use => quoted_file(rest, |path| ItemKind::Use { path }),
        Word::Prices => quoted_file(rest, |path| ItemKind::Prices { path }),
        Word::Device => device(rest),
        Word::Let => named_value(rest, |name, value| ItemKind::Let { name, value }),
        Word::Results => results(rest),
        Word::Law => law(rest),
        Word::Budget => named_value(rest, |name, value| ItemKind::Budget { name, value }),
        Word::Emit => emit(rest),
        Word::Start => start(rest),
        Word::Recipe => named_block(rest, |name, body| ItemKind::Recipe { name, body }),
        Word::Search => named_block(rest, |name, body| ItemKind::Search { name, body }),
        _ => model(rest),
    };
    (rest, Item { span: rest.since(input), keyword, kind })
}

type Read<'a, T> = (Tokens<'a>, T);

fn named_block(input: Tokens<'_>, make: fn(Option<Name>, Option<Block>) -> ItemKind) -> Read<'_, ItemKind> {
    let (rest, name) = must(name(Want::Name), input);
    let (rest, body) = must(body(Want::Body), rest);
    (rest, make(name, body))
}

fn device(input: Tokens<'_>) -> Read<'_, ItemKind> {
    let (rest, name) = must(name(Want::Name), input);
    let Ok((rest, _)) = word(Word::From, Want::Body).parse(rest) else {
        let (rest, body) = must(body(Want::Body), rest);
        return (rest, ItemKind::Device { name, from: None, body });
    };
    let (rest, from) = must(self::name(Want::Device), rest);
    let (rest, body) = optional_body(rest);
    (rest, ItemKind::Device { name, from, body })
}

fn model(input: Tokens<'_>) -> Read<'_, ItemKind> {
    let (rest, name) = name_before_from(input);
    let Ok((rest, _)) = word(Word::From, Want::Body).parse(rest) else {
        let (rest, body) = must(body(Want::Body), rest);
        return (rest, ItemKind::Model { name, from: None, body });
    };
    let (rest, from) = if rest.raw(0).kind == Kind::Name {
        let (rest, published) = must(self::name(Want::FilePath), rest);
        (rest, published.map(ModelFrom::Published))
    } else {
        let (rest, path) = must(quoted(Want::FilePath), rest);
        (rest, path.map(ModelFrom::File))
    };
    let (rest, body) = optional_body(rest);
    (rest, ItemKind::Model { name, from, body })
}

/// The name before `from "FILE"`.
fn name_before_from(input: Tokens<'_>) -> Read<'_, Option<Name>> {
    let is_nameless = input.word(input.raw(0)) == Some(Word::From) && input.raw(1).kind == Kind::Text;
    if is_nameless {
        Expected::at(input, Want::Name).report(input);
        return (input, None);
    }
    must(name(Want::Name), input)
}

fn results(input: Tokens<'_>) -> Read<'_, ItemKind> {
    let (rest, name) = name_before_from(input);
    let (rest, _) = must(word(Word::From, Want::From), rest);
    let (rest, trainer) = match word(Word::Trainer, Want::FilePath).parse(rest) {
        Ok((rest, _)) => must(self::name(Want::Trainer), rest),
        Err(_) => (rest, None),
    };
    let (rest, path) = must(quoted(Want::FilePath), rest);
    let (rest, body) = must(body(Want::Body), rest);
    (rest, ItemKind::Results { name, trainer, path, body })
}

fn law(input: Tokens<'_>) -> Read<'_, ItemKind> {
    let (rest, name) = must(name(Want::Name), input);
    let rest = equals(rest);
    let (rest, form) = must(self::name(Want::Form), rest);
    let Ok((rest, _)) = word(Word::Fitted, Want::FittedTo).parse(rest) else {
        let (rest, body) = must(body(Want::FittedTo), rest);
        return (rest, ItemKind::Law { name, form, fitted_to: None, body });
    };
    let (rest, _) = must(word(Word::To, Want::To), rest);
    let (rest, fitted_to) = must(path(Want::TablePath), rest);
    let (rest, body) = optional_body(rest);
    (rest, ItemKind::Law { name, form, fitted_to, body })
}

fn start(input: Tokens<'_>) -> Read<'_, ItemKind> {
    let (rest, name) = must(name(Want::Name), input);
    let is_equal = matches!(rest.raw(0).kind, Kind::Equals | Kind::Colon | Kind::EqualEqual);
    if !(is_equal && rest.raw(1).kind != Kind::OpenBrace) && rest.word(rest.raw(0)) != Some(Word::Best) {
        let (rest, body) = must(body(Want::Body), rest);
        return (rest, ItemKind::Start { name, best_of: None, body });
    }
    let rest = equals(rest);
    let words = rest;
    let (rest, best) = must(word(Word::Best, Want::BestOf), rest);
    let rest = match best.map(|_| must(word(Word::Of, Want::Of), rest)) {
        // A word that stands where `of` does is meant for it.
        Some((rest, None)) if rest.raw(0).kind == Kind::Name && rest.raw(1).kind == Kind::Name => rest.take_from(1),
        Some((rest, _)) => rest,
        None => rest,
    };
    let span = rest.since(words);
    let (rest, data) = match rest.raw(0).kind {
        // Nothing follows that could be a path, and what was expected has been said.
        kind if best.is_none() && kind != Kind::Name => (rest, None),
        _ => must(path(Want::TablePath), rest),
    };
    let (rest, body) = optional_body(rest);
    (rest, ItemKind::Start { name, best_of: Some(BestOf { span, data }), body })
}

fn quoted_file(input: Tokens<'_>, make: fn(Option<Spanned<String>>) -> ItemKind) -> Read<'_, ItemKind> {
    let (rest, path) = must(quoted(Want::FilePath), input);
    (rest, make(path))
}

fn named_value(input: Tokens<'_>, make: fn(Option<Name>, Expr) -> ItemKind) -> Read<'_, ItemKind> {
    let (rest, name) = must(name(Want::Name), input);
    let rest = equals(rest);
    let (rest, value) = value(rest);
    (rest, make(name, *value.tree))
}

fn emit(input: Tokens<'_>) -> Read<'_, ItemKind> {
    let (rest, target) = must(name(Want::Target), input);
    let (rest, path) = must(quoted(Want::FilePath), rest);
    let (rest, to) = match word(Word::To, Want::To).parse(rest) {
        Ok((rest, _)) => must(quoted(Want::FilePath), rest),
        Err(_) => (rest, None),
    };
    let (rest, body) = optional_body(rest);
    (rest, ItemKind::Emit { target, path, to, body })
}

/// Runs a parser that must succeed; reports where it does not.
fn must<'a, T>(
    parser: impl Parser<Tokens<'a>, Output = T, Error = Expected>,
    input: Tokens<'a>,
) -> Read<'a, Option<T>> {
    expect(parser).parse(input).unwrap_or((input, None))
}

/// A block on the definition's line; `want` is what else might have stood there.
fn body(want: Want) -> impl Fn(Tokens<'_>) -> Parsed<'_, Block> {
    move |input| {
        let input = brace_on_next_line(input);
        if input.raw(0).kind == Kind::OpenBrace {
            return map(block, |block: Tall<Block>| block.tree).parse(input);
        }
        Expected::here(input, want).map_err(|error| {
            error.map(|expected: Expected| nom::error::ParseError::or(expected, Expected::at(input, Want::Body)))
        })
    }
}

fn optional_body(input: Tokens<'_>) -> Read<'_, Option<Block>> {
    let input = brace_on_next_line(input);
    opt(block).parse(input).map_or((input, None), |(rest, block)| (rest, block.map(|block| block.tree)))
}

/// Takes a block from the next line, and says that it belongs on this one.
fn brace_on_next_line(input: Tokens<'_>) -> Tokens<'_> {
    let next = input.take_from(1);
    if input.raw(0).kind != Kind::Newline || next.raw(0).kind != Kind::OpenBrace {
        return input;
    }
    input.report(input.at(), || {
        let brace = next.span(next.raw(0));
        let gap = Span { end: brace.start, ..input.previous().after() };
        let message = "`{` stands on a line of its own";
        let diagnostic =
            Diagnostic::error(codes::UNEXPECTED, message).label(brace, "belongs at the end of the line before");
        if input.slice(gap).trim().is_empty() { diagnostic.fix("move it up", gap, " ") } else { diagnostic }
    });
    next
}
