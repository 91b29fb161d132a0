//! What the grammar wanted and did not find.
//!
//! The commit rule: before the token that decides which rule applies, a parser fails and says nothing;
//! after it, [`expect`] reports what is missing and goes on as if it had been there.

use std::cmp::Ordering;

use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult, Parser};

use super::codes;
use super::lex::{Kind, Token};
use super::tokens::Tokens;
use super::words::Word;
use crate::diagnostic::Diagnostic;

/// What a parser of the grammar returns.
pub(super) type Parsed<'a, T> = IResult<Tokens<'a>, T, Expected>;

/// Makes a parser that cannot fail: where `parser` does, reports it and consumes nothing.
pub(super) fn expect<'a, T>(
    mut parser: impl Parser<Tokens<'a>, Output = T, Error = Expected>,
) -> impl Parser<Tokens<'a>, Output = Option<T>, Error = Expected> {
    move |input: Tokens<'a>| match parser.parse(input) {
        Ok((rest, value)) => Ok((rest, Some(value))),
        Err(Err::Error(expected) | Err::Failure(expected)) => {
            expected.report(input);
            Ok((input, None))
        }
        Err(Err::Incomplete(_)) => Ok((input, None)),
    }
}

/// A token of this kind.
pub(super) fn token<'a>(kind: Kind, want: Want) -> impl Parser<Tokens<'a>, Output = Token, Error = Expected> {
    move |input: Tokens<'a>| {
        let (rest, token) = input.next();
        if token.kind == kind { Ok((rest, token)) } else { Expected::here(input, want) }
    }
}

/// This word.
pub(super) fn word<'a>(word: Word, want: Want) -> impl Parser<Tokens<'a>, Output = Token, Error = Expected> {
    move |input: Tokens<'a>| {
        let (rest, token) = input.next();
        if input.word(token) == Some(word) { Ok((rest, token)) } else { Expected::here(input, want) }
    }
}

/// What a text is called that is one expression.
pub(super) const EXPRESSION: &str = "expression";

/// Things that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Definition,
    Name,
    Target,
    Form,
    Field,
    Value,
    Equals,
    In,
    Body,
    CloseParen,
    CloseBracket,
    CloseBrace,
    Comma,
    DotDot,
    From,
    FittedTo,
    To,
    BestOf,
    Of,
    Goal,
    Device,
    OfBestLoss,
    Trainer,
    TablePath,
    FilePath,
    ComputeKind,
    Quantile,
    Column,
    Exponent,
    EndOfLine,
    EndOfExpression,
    Separator,
}

impl Want {
    const ALL: [(Self, &'static str); 32] = [
        (Self::Definition, "a definition"),
        (Self::Name, "a name"),
        (Self::Target, "a target such as `timm`"),
        (Self::Form, "a law's form such as `sovit`"),
        (Self::Field, "a field"),
        (Self::Value, "a value"),
        (Self::Equals, "`=`"),
        (Self::In, "`in`"),
        (Self::Body, "`{`"),
        (Self::CloseParen, "`)`"),
        (Self::CloseBracket, "`]`"),
        (Self::CloseBrace, "`}`"),
        (Self::Comma, "`,`"),
        (Self::DotDot, "`..`"),
        (Self::From, "`from`"),
        (Self::FittedTo, "`fitted to`"),
        (Self::To, "`to`"),
        (Self::BestOf, "`best of`"),
        (Self::Of, "`of`"),
        (Self::Goal, "a goal such as `fast` or `least params`"),
        (Self::Device, "a device such as `h200`"),
        (Self::OfBestLoss, "`of best loss`"),
        (Self::Trainer, "a trainer such as `timm`"),
        (Self::TablePath, "a table's metric such as `star.error`"),
        (Self::FilePath, "a path in quotes"),
        (Self::ComputeKind, "a kind of compute such as `forward`"),
        (Self::Quantile, "a quantile such as `median` or `p90`"),
        (Self::Column, "a column's name"),
        (Self::Exponent, "a whole exponent up to 127"),
        (Self::EndOfLine, "the end of the line"),
        (Self::EndOfExpression, "the end of the expression"),
        (Self::Separator, "a new line, `,` or `;`"),
    ];

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Where the grammar could not go on, and what it would have taken there.
///
/// The error that got furthest wins; at the same place the wants are united.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    at: u32,
    wants: u32,
}

impl Expected {
    /// At the next token.
    pub(super) fn at(input: Tokens<'_>, want: Want) -> Self {
        Self { at: input.at(), wants: want.bit() }
    }

    /// Fails at the next token.
    pub(super) fn here<T>(input: Tokens<'_>, want: Want) -> Parsed<'_, T> {
        Err(Err::Error(Self::at(input, want)))
    }

    /// Reports this in general words; `input` is any place in the same text.
    pub(super) fn report(self, input: Tokens<'_>) {
        input.report(self.at, || self.diagnostic(input));
    }

    /// This in general words.
    pub(super) fn diagnostic(self, input: Tokens<'_>) -> Diagnostic {
        let token = input.token_at(self.at);
        let wants = self.words();
        let found = found(input, token);
        let code = if self.wants == Want::Value.bit() { codes::MISSING_VALUE } else { codes::UNEXPECTED };
        let previous = input.before(self.at);
        // A thing that is missing at the end of a line is missing after its last token.
        let place = match token.kind {
            Kind::Newline | Kind::End | Kind::CloseBrace | Kind::CloseParen | Kind::CloseBracket => previous.after(),
            _ => input.span(token),
        };
        let diagnostic = Diagnostic::error(code, format!("expected {wants}, found {found}"))
            .label(place, format!("expected {wants}"));
        self.advise(input, token, diagnostic)
    }

    /// Adds what is known about a token that is often written in the wrong place.
    fn advise(self, input: Tokens<'_>, token: Token, diagnostic: Diagnostic) -> Diagnostic {
        let ends_entry = [Want::Separator, Want::EndOfExpression].iter().any(|want| self.wants == want.bit());
        // `=>` and `=<`
        let next = input.token_at(self.at + 1);
        let turned = match next.kind {
            Kind::Greater => Some((">=", input.span(token).to(input.span(next)))),
            Kind::Less => Some(("<=", input.span(token).to(input.span(next)))),
            _ => None,
        };
        match (token.kind, input.word(token)) {
            (_, Some(word)) if word.is_reserved() && self.wants == Want::Value.bit() && input.noun() == EXPRESSION => {
                diagnostic.fix("put a column of that name in backquotes", input.span(token), format!("`{word}`"))
            }
            (_, Some(Word::Not)) => diagnostic.help("put `not` and its operand in parentheses"),
            (Kind::Caret, _) => diagnostic.help("multiply a value by itself; `^` belongs to units only, as in `s^2`"),
            (Kind::Colon, _) => diagnostic.help("write `=` between a name and its value"),
            (Kind::Equals, _) if ends_entry => match turned {
                Some((symbol, place)) => diagnostic.fix(format!("write `{symbol}`"), place, symbol),
                None => diagnostic.fix("compare with `==`", input.span(token), "=="),
            },
            (Kind::Dot, _) => diagnostic.help("a number has digits on both sides of its point"),
            (Kind::Comma, _) if self.wants == Want::CloseParen.bit() => diagnostic.help("a list stands in `[ ]`"),
            (Kind::Plus | Kind::Minus | Kind::Star | Kind::Slash, _) if self.wants == Want::Field.bit() => {
                diagnostic.help("put an expression that goes on over lines in parentheses")
            }
            _ => diagnostic,
        }
    }

    fn words(self) -> String {
        let wants: Vec<_> =
            Want::ALL.iter().filter(|(want, _)| self.wants & want.bit() != 0).map(|&(_, words)| words).collect();
        match wants.as_slice() {
            [] => "something else".to_owned(),
            [one] => (*one).to_owned(),
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
        }
    }
}

impl<'a> ParseError<Tokens<'a>> for Expected {
    fn from_error_kind(input: Tokens<'a>, _: ErrorKind) -> Self {
        Self { at: input.at(), wants: 0 }
    }

    fn append(_: Tokens<'a>, _: ErrorKind, other: Self) -> Self {
        other
    }

    fn or(self, other: Self) -> Self {
        match self.at.cmp(&other.at) {
            Ordering::Greater => self,
            Ordering::Less => other,
            Ordering::Equal => Self { at: self.at, wants: self.wants | other.wants },
        }
    }
}

/// A token in words.
pub(super) fn found(input: Tokens<'_>, token: Token) -> String {
    match token.kind {
        Kind::Newline => "the end of the line".to_owned(),
        Kind::End => format!("the end of the {}", input.noun()),
        _ => {
            let text = input.text(token);
            let short: String = text.chars().take(40).collect();
            let dots = if short.len() < text.len() { "…" } else { "" };
            format!("`{short}{dots}`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_want_has_its_words() {
        for (index, (want, _)) in Want::ALL.into_iter().enumerate() {
            assert_eq!(want as usize, index);
        }
    }

    #[test]
    fn the_furthest_error_wins_and_equals_unite() {
        let near = Expected { at: 1, wants: Want::Name.bit() };
        let far = Expected { at: 2, wants: Want::Value.bit() };
        let also = Expected { at: 2, wants: Want::CloseParen.bit() };
        assert_eq!(near.or(far), far);
        assert_eq!(far.or(near), far);
        assert_eq!(far.or(also).words(), "a value or `)`");
    }
}
