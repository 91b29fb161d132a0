//! Ways out of text that makes no sense. Each reads at least one token unless it stands at its goal.

use nom::Input;

use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::codes;
use crate::syntax::expect::{Expected, Want};
use crate::syntax::lex::{Kind, Token};
use crate::syntax::tokens::{DEPTH_LIMIT, Tokens};

/// Skips what is left of a field: to the end of its line, `;`, the next field after `,`, or the block's brace.
pub(super) fn skip_entry(input: Tokens<'_>) -> Tokens<'_> {
    skip(input, true)
}

/// Skips what is left of a definition: to the end of its line, or of the line that closes its brace.
pub(super) fn skip_definition(input: Tokens<'_>) -> Tokens<'_> {
    skip(input, false)
}

fn skip(mut input: Tokens<'_>, in_block: bool) -> Tokens<'_> {
    let (mut braces, mut others) = (0u32, 0u32);
    loop {
        let next = input.take_from(1);
        let begins_entry = next.looks_like_entry() || next.raw(0).kind == Kind::CloseBrace;
        let ends_line = next.raw(0).kind == Kind::Newline;
        match input.raw(0).kind {
            Kind::End => return input,
            Kind::Newline if next.begins_definition() => return input,
            Kind::Newline if braces == 0 && (others == 0 || (in_block && begins_entry)) => return input,
            Kind::Semicolon if braces == 0 && others == 0 => return input,
            Kind::Comma if in_block && braces == 0 && others == 0 && (begins_entry || ends_line) => return input,
            Kind::CloseBrace if in_block && braces == 0 => return input,
            Kind::OpenBrace => braces += 1,
            Kind::CloseBrace => braces = braces.saturating_sub(1),
            Kind::OpenParen | Kind::OpenBracket => others += 1,
            Kind::CloseParen | Kind::CloseBracket => others = others.saturating_sub(1),
            _ => {}
        }
        input = next;
    }
}

/// Enters the bracket `open` that was just read; `Err` holds what follows one that nests too deeply.
pub(super) fn enter<'a>(outer: Tokens<'a>, rest: Tokens<'a>, open: Token) -> Result<Tokens<'a>, Tokens<'a>> {
    rest.inside(open.kind).ok_or_else(|| {
        too_deep(outer, outer.at(), outer.span(open));
        let mut rest = rest;
        let mut depth = 1u32;
        while depth > 0 {
            let next = rest.take_from(1);
            match rest.raw(0).kind {
                Kind::OpenBrace | Kind::OpenParen | Kind::OpenBracket => depth += 1,
                Kind::CloseBrace | Kind::CloseParen | Kind::CloseBracket => depth -= 1,
                Kind::Newline if !next.begins_definition() => {}
                Kind::Newline | Kind::End => {
                    rest.hush();
                    break;
                }
                _ => {}
            }
            rest = next;
        }
        rest
    })
}

/// Reports nesting beyond the limit.
pub(super) fn too_deep(input: Tokens<'_>, at: u32, place: Span) {
    input.report(at, || {
        let message = format!("nested more than {DEPTH_LIMIT} deep");
        let diagnostic = Diagnostic::error(codes::TOO_DEEP, message).label(place, "too deep");
        diagnostic.note("operators in a row nest as brackets do").help("take brackets and operators away")
    });
}

/// Leaves the bracket `open` of `outer`: past its closing bracket, or where that is missing, past what stands for it.
pub(super) fn leave<'a>(input: Tokens<'a>, outer: Tokens<'a>, open: Token) -> Tokens<'a> {
    let (close, want, opposite) = match open.kind {
        Kind::OpenParen => (Kind::CloseParen, Want::CloseParen, Kind::OpenBracket),
        Kind::OpenBracket => (Kind::CloseBracket, Want::CloseBracket, Kind::OpenParen),
        _ => (Kind::CloseBrace, Want::CloseBrace, Kind::End),
    };
    let (rest, token) = input.next();
    if token.kind == close {
        if close == Kind::CloseBrace && input.begins_line() {
            input.note_block(open, token);
        }
        return rest.back_to(outer);
    }
    let is_next_line = input.raw(0).kind == Kind::Newline || input.begins_line();
    let (symbol, opened) = (close.symbol().unwrap_or(""), outer.text(open));
    match token.kind {
        // The other bracket stands here, and closes nothing else.
        Kind::CloseParen | Kind::CloseBracket if open.kind != Kind::OpenBrace && outer.within() != opposite => {
            input.report(input.at(), || {
                let message = format!("`{opened}` is closed by `{}`", input.text(token));
                Diagnostic::error(codes::UNCLOSED, message)
                    .label(input.span(token), format!("expected `{symbol}`"))
                    .label(outer.span(open), "opened here")
                    .fix(format!("write `{symbol}`"), input.span(token), symbol)
            });
            rest.back_to(outer)
        }
        Kind::End | Kind::Newline | Kind::CloseBrace | Kind::CloseParen | Kind::CloseBracket => {
            unclosed(input, outer, open, symbol);
            input.back_to(outer)
        }
        _ if is_next_line => {
            unclosed(input, outer, open, symbol);
            input.back_to(outer)
        }
        _ => {
            Expected::at(input, want).report(input);
            skip_to(input, close).back_to(outer)
        }
    }
}

fn unclosed(input: Tokens<'_>, outer: Tokens<'_>, open: Token, symbol: &str) {
    input.report(input.at(), || {
        let end = input.previous().after();
        let opened = outer.text(open);
        let is_tall = outer.slice(outer.span(open).to(end)).contains('\n');
        let message = format!("`{opened}` is never closed");
        if let Some((inner, closing)) = outer.askew().filter(|(inner, _)| inner.start > open.start) {
            return Diagnostic::error(codes::UNCLOSED, message)
                .label(inner, "perhaps this one is not closed")
                .label(closing, "further left than what it closes")
                .label(outer.span(open), "never closed");
        }
        let text = match open.kind {
            Kind::OpenBrace if is_tall => "\n}",
            Kind::OpenBrace => " }",
            _ => symbol,
        };
        Diagnostic::error(codes::UNCLOSED, message)
            .label(outer.span(open), "never closed")
            .label(end, format!("expected `{symbol}`"))
            .fix(format!("close it with `{symbol}`"), end, text)
    });
}

/// Past the closing bracket if it follows on this line, else to the end of the line.
fn skip_to(mut input: Tokens<'_>, close: Kind) -> Tokens<'_> {
    let mut depth = 0u32;
    loop {
        match input.raw(0).kind {
            Kind::End | Kind::Newline => return input,
            kind if kind == close && depth == 0 => return input.take_from(1),
            Kind::CloseBrace | Kind::CloseParen | Kind::CloseBracket if depth == 0 => return input,
            Kind::OpenBrace | Kind::OpenParen | Kind::OpenBracket => depth += 1,
            Kind::CloseBrace | Kind::CloseParen | Kind::CloseBracket => depth -= 1,
            _ => {}
        }
        input = input.take_from(1);
    }
}
