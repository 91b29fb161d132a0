//! What the tokens themselves give reason to say: stray characters, wrong quotes, wrong comments.

use super::codes;
use super::lex::{Kind, Token};
use super::literal;
use super::tokens::DIAGNOSTIC_LIMIT;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};

/// The slips of a text, by place; a few more than are shown at most.
pub(super) fn slips(source: SourceId, text: &str, tokens: &[Token]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&token) = tokens.get(at) {
        if found.len() > DIAGNOSTIC_LIMIT {
            break;
        }
        // Stray characters side by side are one slip.
        let strays = tokens[at..].iter().take_while(|token| token.kind == Kind::Unknown).count();
        at += strays.max(1);
        let end = tokens.get(at - 1).map_or(token.end, |last| last.end);
        let span = Span::new(source, token.start, end);
        let piece = text.get(span.range()).unwrap_or("");
        match token.kind {
            Kind::Unknown => found.push(stray(span, piece)),
            Kind::Comment => found.extend(comment(span, piece)),
            Kind::Text => string(span, piece, &mut found),
            Kind::Name => found.extend(name(span, piece)),
            Kind::Number => found.extend(number(span, piece)),
            // Only letters beyond ASCII look like others.
            _ if piece.is_ascii() => {}
            kind => found.extend(lookalike(span, piece, kind)),
        }
    }
    found
}

fn stray(span: Span, piece: &str) -> Diagnostic {
    let shown: String = piece.chars().take(20).flat_map(visible).collect();
    let diagnostic = Diagnostic::error(codes::STRAY_CHARACTER, format!("`{shown}` is not in the language"));
    let diagnostic = diagnostic.label(span, "not in the language");
    match piece {
        "!" => diagnostic.fix("write `not`", span, "not "),
        "&" | "&&" => diagnostic.fix("write `and`", span, "and"),
        "|" | "||" => diagnostic.fix("write `or`", span, "or"),
        "`" => diagnostic.help("write a column's name between two backquotes on one line: `` `NAME` ``"),
        "'" | "“" | "”" | "‘" | "’" => diagnostic.help("write strings as \"...\""),
        _ => diagnostic.fix("remove it", span, ""),
    }
}

/// A character as it may stand in a message.
fn visible(c: char) -> Vec<char> {
    if c.is_control() { c.escape_unicode().collect() } else { vec![c] }
}

fn comment(span: Span, piece: &str) -> Option<Diagnostic> {
    if piece.starts_with("//") {
        return None;
    }
    let mark = Span::new(span.source, span.start, span.start + if piece.starts_with('#') { 1 } else { 2 });
    let diagnostic = Diagnostic::error(codes::WRONG_COMMENT, "comments begin with `//` and end with their line");
    let diagnostic = diagnostic.label(mark, "begins a comment elsewhere");
    Some(match piece.strip_prefix('#') {
        Some(_) => diagnostic.fix("write `//`", mark, "//"),
        None => diagnostic.help("write `//` before each line"),
    })
}

fn string(span: Span, piece: &str, found: &mut Vec<Diagnostic>) {
    let (value, wrong) = literal::text(piece);
    if !piece.starts_with('"') {
        let plain = value.replace('\\', "\\\\").replace('"', "\\\"");
        found.push(
            Diagnostic::error(codes::WRONG_QUOTES, "strings stand in straight double quotes")
                .label(span, "in other quotes")
                .fix("write `\"`", span, format!("\"{plain}\"")),
        );
    } else if !literal::is_closed(piece) {
        found.push(
            Diagnostic::error(codes::UNTERMINATED_STRING, "the string does not end on its line")
                .label(span, "expected `\"` at its end")
                .fix("close the string", span.after(), "\""),
        );
    }
    for range in wrong {
        let place = Span::new(span.source, span.start + range.start as u32, span.start + range.end as u32);
        let escape: String = piece.get(range).unwrap_or("").chars().flat_map(visible).collect();
        found.push(
            Diagnostic::error(codes::BAD_ESCAPE, format!("strings have no escape `{escape}`"))
                .label(place, "unknown escape")
                .help("the escapes are `\\\"`, `\\\\`, `\\n`, `\\t` and `\\u{1F600}`; write a backslash as `\\\\`"),
        );
    }
}

fn name(span: Span, piece: &str) -> Option<Diagnostic> {
    let wrong = piece.chars().find(|c| !c.is_ascii())?;
    let message = format!("`{piece}` has `{wrong}`, but names are made of ASCII letters, digits and `_`");
    Some(Diagnostic::error(codes::STRAY_CHARACTER, message).label(span, "not a name"))
}

fn number(span: Span, piece: &str) -> Option<Diagnostic> {
    literal::number(piece).is_infinite().then(|| {
        Diagnostic::error(codes::BAD_NUMBER, format!("`{piece}` is larger than any number here"))
            .label(span, "larger than about 1.8e308")
    })
}

fn lookalike(span: Span, piece: &str, kind: Kind) -> Option<Diagnostic> {
    let symbol = kind.symbol().filter(|&symbol| symbol != piece)?;
    Some(
        Diagnostic::error(codes::STRAY_CHARACTER, format!("`{piece}` is not in the language, `{symbol}` is"))
            .label(span, format!("read as `{symbol}`"))
            .fix(format!("write `{symbol}`"), span, symbol),
    )
}
