//! Units: `TFLOP/s/gpu`, `s^2`, `%`. One unit holds no white space.

use nom::Input;

use crate::source::{Span, Spanned};
use crate::syntax::ast::{Name, Unit};
use crate::syntax::expect::{Expected, Want};
use crate::syntax::lex::{Kind, Token};
use crate::syntax::tokens::Tokens;

/// The unit of the number just read, if one follows on its line.
pub(super) fn unit(input: Tokens<'_>) -> (Tokens<'_>, Option<Unit>) {
    if !begins_unit(input) {
        return (input, None);
    }
    let mut factors = Vec::new();
    let mut sign = 1;
    let mut rest = input;
    loop {
        let symbol = rest.raw(0);
        let name = Name { value: rest.text(symbol).to_owned(), span: rest.span(symbol) };
        let (after, power) = exponent(rest.take_from(1));
        factors.push((name, sign * power));
        rest = after;
        sign = match rest.raw(0).kind {
            Kind::Slash => -1,
            Kind::Star => 1,
            _ => break,
        };
        if !is_adjacent(rest) || !is_adjacent(rest.take_from(1)) || !is_symbol(rest, rest.raw(1)) {
            break;
        }
        rest = rest.take_from(1);
    }
    let first: Span = input.span(input.raw(0));
    (rest, Some(Unit { span: first.to(rest.previous()), factors }))
}

fn begins_unit(input: Tokens<'_>) -> bool {
    let (token, next) = (input.raw(0), input.raw(1));
    match token.kind {
        // Between two values `%` is no unit but a wish.
        Kind::Percent => {
            let is_operand = matches!(next.kind, Kind::Number | Kind::OpenParen) || is_symbol(input, next);
            !is_operand
        }
        // In `{ a = 1 b = 2 }` it is the next field.
        Kind::Name => is_symbol(input, token) && !input.looks_like_entry(),
        kind => kind == Kind::Dollar,
    }
}

fn is_symbol(input: Tokens<'_>, token: Token) -> bool {
    let is_name = token.kind == Kind::Name && !input.is_reserved(token);
    is_name || token.kind == Kind::Dollar
}

/// Whether nothing stands between the next token and the one before it.
fn is_adjacent(input: Tokens<'_>) -> bool {
    input.previous().end == input.raw(0).start
}

/// `^2` or `^-2` right after a symbol; 1 where there is none.
fn exponent(input: Tokens<'_>) -> (Tokens<'_>, i8) {
    if input.raw(0).kind != Kind::Caret || !is_adjacent(input) {
        return (input, 1);
    }
    let caret = input.take_from(1);
    let minus = caret.raw(0).kind == Kind::Minus && is_adjacent(caret);
    let digits = if minus { caret.take_from(1) } else { caret };
    let token = digits.raw(0);
    let value = match token.kind {
        Kind::Number if is_adjacent(digits) => digits.text(token).parse::<i8>().ok(),
        _ => None,
    };
    if let Some(value) = value {
        return (digits.take_from(1), if minus { -value } else { value });
    }
    Expected::at(digits, Want::Exponent).report(digits);
    (if token.kind == Kind::Number { digits.take_from(1) } else { digits }, 1)
}

/// The digits of `column 10shot` as the column's name they must be.
pub(super) fn glued(input: Tokens<'_>) -> (Tokens<'_>, Spanned<String>) {
    let first = input.span(input.raw(0));
    let mut rest = input.take_from(1);
    while is_adjacent(rest) && matches!(rest.raw(0).kind, Kind::Name | Kind::Number) {
        rest = rest.take_from(1);
    }
    let span = first.to(rest.previous());
    (rest, Spanned::new(input.slice(span).to_owned(), span))
}
