//! Operands: numbers, strings, names, calls, columns, and what stands in brackets.

use nom::branch::alt;
use nom::combinator::map;
use nom::{Input, Parser};

use super::block::block;
use super::expression::{hole, value};
use super::recover::{enter, leave};
use super::unit::{glued, unit};
use super::{Tall, Value, any_name};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::ast::{Expr, ExprKind, Name, Path};
use crate::syntax::expect::{Expected, Parsed, Want, token, word};
use crate::syntax::lex::{Kind, Token};
use crate::syntax::tokens::Tokens;
use crate::syntax::words::Word;
use crate::syntax::{codes, literal};

/// What an operator stands before or between.
pub(super) fn operand(input: Tokens<'_>) -> Parsed<'_, Value> {
    match input.kind() {
        // Brackets are entered directly, for their stack.
        Kind::OpenParen => group(input),
        Kind::OpenBracket => list(input),
        Kind::OpenBrace => record(input),
        Kind::Name if !input.is_reserved(input.first()) => path_or_call(input),
        _ => alt((number, text, truth, column, bare_column)).parse(input),
    }
}

/// `a.b.c`; the first name is not reserved.
pub(super) fn path(want: Want) -> impl Fn(Tokens<'_>) -> Parsed<'_, Path> {
    move |input| {
        let (first, token) = input.next();
        if token.kind != Kind::Name || input.is_reserved(token) {
            return Expected::here(input, want);
        }
        let mut names = vec![Spanned::new(input.text(token).to_owned(), input.span(token))];
        let mut rest = first;
        while rest.raw(0).kind == Kind::Dot {
            let dot = rest.take_from(1);
            let Ok((after, name)) = any_name(Want::Name)(dot) else {
                Expected::at(dot, Want::Name).report(dot);
                rest = dot;
                break;
            };
            names.push(name);
            rest = after;
        }
        Ok((rest, Path { span: rest.since(input), names }))
    }
}

/// A string in quotes, its escapes resolved.
pub(super) fn quoted(want: Want) -> impl Fn(Tokens<'_>) -> Parsed<'_, Spanned<String>> {
    move |input| {
        let (rest, found) = token(Kind::Text, want).parse(input)?;
        Ok((rest, Spanned::new(literal::text(input.text(found)).0, input.span(found))))
    }
}

fn text(input: Tokens<'_>) -> Parsed<'_, Value> {
    let (rest, text) = quoted(Want::Value)(input)?;
    Ok((rest, Value::new(text.span, 1, ExprKind::Text(text.value))))
}

fn number(input: Tokens<'_>) -> Parsed<'_, Value> {
    let (rest, digits) = token(Kind::Number, Want::Value).parse(input)?;
    let value = literal::number(input.text(digits));
    let (rest, unit) = unit(rest);
    let kind = if value.is_finite() { ExprKind::Number { value, unit } } else { ExprKind::Error };
    Ok((rest, Value::new(rest.since(input), 1, kind)))
}

fn truth(input: Tokens<'_>) -> Parsed<'_, Value> {
    let yes = map(word(Word::True, Want::Value), |token| (token, true));
    let no = map(word(Word::False, Want::Value), |token| (token, false));
    let (rest, (token, value)) = alt((yes, no)).parse(input)?;
    Ok((rest, Value::new(input.span(token), 1, ExprKind::Bool(value))))
}

/// `column NAME`, where the name may be any word, `column "NAME"`, or a name in backquotes.
fn column(input: Tokens<'_>) -> Parsed<'_, Value> {
    let (rest, keyword) = word(Word::Column, Want::Value).parse(input)?;
    let span = input.span(keyword);
    let named: Parsed<'_, Name> = alt((any_name(Want::Column), quoted(Want::Column), backquoted)).parse(rest);
    let (rest, name) = match named {
        Ok(named) => named,
        Err(_) if rest.kind() == Kind::Number => {
            let (after, name) = glued(rest);
            rest.report(rest.at(), || {
                let message = format!("the column's name `{}` needs quotes", name.value);
                let diagnostic = Diagnostic::error(codes::UNEXPECTED, message).label(name.span, "begins with a digit");
                diagnostic.fix("put it in quotes", name.span, format!("\"{}\"", name.value))
            });
            (after, name)
        }
        Err(_) => {
            Expected::at(rest, Want::Column).report(rest);
            return Ok((rest, Value::new(span, 1, ExprKind::Error)));
        }
    };
    Ok((rest, Value::new(rest.since(input), 1, ExprKind::Column(name))))
}

/// A name in backquotes is a column's without the word before it.
fn bare_column(input: Tokens<'_>) -> Parsed<'_, Value> {
    let (rest, name) = backquoted(input)?;
    Ok((rest, Value::new(name.span, 1, ExprKind::Column(name))))
}

fn backquoted(input: Tokens<'_>) -> Parsed<'_, Name> {
    let (rest, found) = token(Kind::Column, Want::Value).parse(input)?;
    Ok((rest, Spanned::new(input.text(found).trim_matches('`').to_owned(), input.span(found))))
}

fn path_or_call(input: Tokens<'_>) -> Parsed<'_, Value> {
    let (rest, mut path) = path(Want::Value)(input)?;
    let open = rest.raw(0);
    if open.kind != Kind::OpenParen || path.names.len() > 1 {
        return Ok((rest, Value::new(path.span, 1, ExprKind::Path(path))));
    }
    let Some(function) = path.names.pop() else { return Expected::here(input, Want::Value) };
    let (rest, arguments) = sequence(rest, rest.take_from(1), open);
    let kind = ExprKind::Call { function, arguments: arguments.tree };
    Ok((rest, Value::new(rest.since(input), arguments.height + 1, kind)))
}

fn list(input: Tokens<'_>) -> Parsed<'_, Value> {
    let (rest, open) = token(Kind::OpenBracket, Want::Value).parse(input)?;
    let (rest, values) = sequence(input, rest, open);
    Ok((rest, Value::new(rest.since(input), values.height + 1, ExprKind::List(values.tree))))
}

fn record(input: Tokens<'_>) -> Parsed<'_, Value> {
    let (rest, block) = block(input)?;
    Ok((rest, Value::new(block.tree.span, block.height + 1, ExprKind::Record(block.tree))))
}

fn group(input: Tokens<'_>) -> Parsed<'_, Value> {
    let (rest, open) = token(Kind::OpenParen, Want::Value).parse(input)?;
    match enter(input, rest, open) {
        Ok(inside) => {
            let (rest, mut inner) = value(inside);
            let rest = leave(rest, input, open);
            // With its parentheses, so that the text of a larger expression is whole.
            inner.tree.span = rest.since(input);
            Ok((rest, inner))
        }
        Err(rest) => Ok((rest, hole(input))),
    }
}

/// Values with `,` between and perhaps after them, to the closing bracket.
fn sequence<'a>(outer: Tokens<'a>, rest: Tokens<'a>, open: Token) -> (Tokens<'a>, Tall<Vec<Expr>>) {
    let mut values = Tall { tree: Vec::new(), height: 0 };
    let mut input = match enter(outer, rest, open) {
        Ok(inside) => inside,
        Err(rest) => return (rest, values),
    };
    while !ends_sequence(input) {
        let (rest, one) = value(input);
        values.height = values.height.max(one.height);
        values.tree.push(*one.tree);
        let (next, token) = rest.next();
        if token.kind == Kind::Comma {
            input = next;
            continue;
        }
        // Without a comma, what can be a value is the next one.
        let goes_on = rest.at() > input.at() && rest.raw(0).kind != Kind::Newline;
        input = rest;
        if !goes_on || !matches!(token.kind, Kind::Number | Kind::Text | Kind::Column | Kind::Name | Kind::OpenBrace) {
            break;
        }
        Expected::at(rest, Want::Comma).report(rest);
    }
    (leave(input, outer, open), values)
}

fn ends_sequence(input: Tokens<'_>) -> bool {
    matches!(
        input.kind(),
        Kind::CloseBracket | Kind::CloseParen | Kind::CloseBrace | Kind::End | Kind::Newline | Kind::Semicolon
    )
}
