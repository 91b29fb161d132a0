//! Blocks and records: fields, ranges and requirements between braces.

use nom::{Input, Parser};

use super::expression::{hole, value};
use super::recover::{enter, leave, skip_entry};
use super::{Tall, Value, any_name, name};
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{Block, Entry, EntryKind, Expr, ExprKind, Goal, Name, Preference, Spacing};
use crate::syntax::expect::{Expected, Parsed, Want, expect, token, word};
use crate::syntax::lex::Kind;
use crate::syntax::tokens::Tokens;
use crate::syntax::words::Word;
use crate::syntax::{codes, literal};

/// `{ ... }`; entries end with their line, at `,` or at `;`.
pub(super) fn block(input: Tokens<'_>) -> Parsed<'_, Tall<Block>> {
    let (rest, open) = token(Kind::OpenBrace, Want::Body).parse(input)?;
    let mut entries = Tall { tree: Vec::new(), height: 0 };
    let rest = match enter(input, rest, open) {
        Ok(inside) => leave(fill(inside, &mut entries), input, open),
        Err(rest) => rest,
    };
    let block = Block { span: rest.since(input), entries: entries.tree };
    Ok((rest, Tall { tree: block, height: entries.height }))
}

/// `=` after a name; what is written for it is taken for it.
pub(super) fn equals(input: Tokens<'_>) -> Tokens<'_> {
    let (rest, token) = input.next();
    let place = input.span(token);
    match token.kind {
        Kind::Equals => rest,
        Kind::Colon | Kind::EqualEqual => {
            let is_walrus = token.kind == Kind::Colon && rest.raw(0).kind == Kind::Equals;
            let (rest, place) =
                if is_walrus { (rest.take_from(1), place.to(rest.span(rest.raw(0)))) } else { (rest, place) };
            input.report(input.at(), || {
                let message = format!("expected `=`, found `{}`", input.slice(place));
                Diagnostic::error(codes::WRONG_EQUALS, message).label(place, "expected `=`").fix(
                    "write `=`",
                    place,
                    "=",
                )
            });
            rest
        }
        _ => {
            let before = input.previous();
            input.report(input.at(), || {
                let message = format!("expected `=` after `{}`", input.slice(before));
                let diagnostic = Diagnostic::error(codes::MISSING_EQUALS, message);
                diagnostic.label(before.after(), "expected `=`").fix("write `=`", before.after(), " =")
            });
            input
        }
    }
}

/// Reads entries up to the closing brace, the end, or the next definition if the brace is missing.
fn fill<'a>(mut input: Tokens<'a>, entries: &mut Entries) -> Tokens<'a> {
    let mut was_nested = false;
    loop {
        while is_separator(input) {
            input = input.take_from(1);
        }
        if ends_block(input) {
            return input;
        }
        let before = entries.tree.len();
        let is_nested = input.looks_like_definition();
        // After one definition that stands inside, the rest of its line is no news.
        let is_known = is_nested && was_nested && !input.begins_line();
        input = if is_known { skip_entry(input) } else { entry(input, entries) };
        was_nested = is_nested;
        if is_separator(input) || ends_block(input) {
            continue;
        }
        let expected = Expected::at(input, Want::Separator);
        if input.looks_like_entry() {
            let end = input.previous().after();
            input.report(input.at(), || expected.diagnostic(input).fix("write `,` between fields", end, ","));
        } else {
            expected.report(input);
            // The value was cut short; what it says so far is nobody's mistake.
            if let Some(last) = entries.tree.get_mut(before..).and_then(<[Entry]>::last_mut) {
                spoil(last);
            }
            input = skip_entry(input);
        }
    }
}

/// Makes a hole of the last value of an entry.
fn spoil(entry: &mut Entry) {
    let last = match &mut entry.kind {
        EntryKind::Field { value, .. } => value,
        EntryKind::Range { high, spacing, .. } => match spacing {
            Some(spacing) => match &mut **spacing {
                Spacing::Step(value) | Spacing::By(value) => value,
            },
            None => high,
        },
        EntryKind::Require { predicate } => predicate,
        EntryKind::Prefer(preference) => {
            preference.goal = None;
            return;
        }
    };
    last.kind = ExprKind::Error;
}

fn is_separator(input: Tokens<'_>) -> bool {
    matches!(input.raw(0).kind, Kind::Newline | Kind::Comma | Kind::Semicolon)
}

fn ends_block(input: Tokens<'_>) -> bool {
    matches!(input.raw(0).kind, Kind::CloseBrace | Kind::End) || input.begins_definition()
}

/// One line of a block; reads at least one token.
fn entry<'a>(input: Tokens<'a>, entries: &mut Entries) -> Tokens<'a> {
    let (first, second) = (input.raw(0), input.raw(1));
    let is_field = matches!(second.kind, Kind::Equals | Kind::Colon | Kind::EqualEqual);
    match first.kind {
        Kind::Name if is_field => field(input, entries),
        Kind::Name if input.word(second) == Some(Word::In) => range(input, entries),
        Kind::Name if input.word(first) == Some(Word::Require) => require(input, entries),
        Kind::Name if input.word(first) == Some(Word::Prefer) => prefer(input, entries),
        Kind::Name if input.looks_like_definition() => nested(input),
        Kind::Name | Kind::Number if is_condition(input) => condition(input, entries),
        Kind::Name if is_sentence(input) => sentence(input, entries),
        Kind::Name => field(input, entries),
        Kind::Text if is_field => field(unquoted(input), entries),
        _ => {
            Expected::at(input, Want::Field).report(input);
            skip_entry(input)
        }
    }
}

/// A field; its name, in quotes or not, comes next.
fn field<'a>(input: Tokens<'a>, entries: &mut Entries) -> Tokens<'a> {
    let name = field_name(input);
    let named = input.take_from(1);
    let (rest, value) = value(equals(named));
    if rest.raw(0).kind != Kind::DotDot {
        entries.push(rest.since(input), value.height, EntryKind::Field { name, value: *value.tree });
        return rest;
    }
    rest.report(rest.at(), || {
        let (dots, sign) = (rest.span(rest.raw(0)), named.span(named.raw(0)));
        let message = format!("the range of `{}` is written with `in`", name.value);
        let diagnostic = Diagnostic::error(codes::WRONG_EQUALS, message);
        diagnostic.label(dots, "makes it a range").fix("write `in`", sign, "in")
    });
    range_from(input, rest, value, entries)
}

fn field_name(input: Tokens<'_>) -> Name {
    let token = input.raw(0);
    let text = input.text(token);
    let name = if token.kind == Kind::Text { literal::text(text).0 } else { text.to_owned() };
    Spanned::new(name, input.span(token))
}

fn range<'a>(input: Tokens<'a>, entries: &mut Entries) -> Tokens<'a> {
    let (rest, low) = value(input.take_from(2));
    range_from(input, rest, low, entries)
}

/// The rest of a range whose lowest value is read.
fn range_from<'a>(input: Tokens<'a>, rest: Tokens<'a>, low: Value, entries: &mut Entries) -> Tokens<'a> {
    let (rest, dots) = expect(token(Kind::DotDot, Want::DotDot)).parse(rest).unwrap_or((rest, None));
    let (rest, high) = if dots.is_some() { value(rest) } else { (rest, hole(rest)) };
    let make: Option<fn(Expr) -> Spacing> = match rest.word(rest.raw(0)) {
        Some(Word::Step) => Some(Spacing::Step),
        Some(Word::By) => Some(Spacing::By),
        _ => None,
    };
    let Some(make) = make else {
        entries.push_range(rest.since(input), field_name(input), [low, high], None, 0);
        return rest;
    };
    let (rest, spacing) = value(rest.take_from(1));
    let (height, spacing) = (spacing.height, Box::new(make(*spacing.tree)));
    entries.push_range(rest.since(input), field_name(input), [low, high], Some(spacing), height);
    rest
}

fn require<'a>(input: Tokens<'a>, entries: &mut Entries) -> Tokens<'a> {
    let (rest, predicate) = value(input.take_from(1));
    entries.push(rest.since(input), predicate.height, EntryKind::Require { predicate: *predicate.tree });
    rest
}

fn prefer<'a>(input: Tokens<'a>, entries: &mut Entries) -> Tokens<'a> {
    let (rest, goal) = goal(input.take_from(1));
    let (rest, share) = if rest.word(rest.raw(0)) == Some(Word::Within) {
        let (mut rest, share) = value(rest.take_from(1));
        for part in [Word::Of, Word::Best, Word::Loss] {
            rest = expect(word(part, Want::OfBestLoss)).parse(rest).map_or(rest, |(rest, _)| rest);
        }
        (rest, Some(share))
    } else {
        (rest, None)
    };
    let height = goal.height.max(share.as_ref().map_or(0, |share| share.height));
    let preference = Preference { goal: goal.tree, within: share.map(|share| *share.tree) };
    entries.push(rest.since(input), height, EntryKind::Prefer(Box::new(preference)));
    rest
}

/// `least EXPR`, `most EXPR`, or a word with an optional `on DEVICE`.
fn goal(input: Tokens<'_>) -> (Tokens<'_>, Tall<Option<Goal>>) {
    let make: Option<fn(Expr) -> Goal> = match input.word(input.raw(0)) {
        Some(Word::Least) => Some(Goal::Least),
        Some(Word::Most) => Some(Goal::Most),
        _ => None,
    };
    if let Some(make) = make {
        let (rest, value) = value(input.take_from(1));
        return (rest, Tall { tree: Some(make(*value.tree)), height: value.height });
    }
    let (rest, named) = expect(name(Want::Goal)).parse(input).unwrap_or((input, None));
    let is_on = named.is_some() && rest.word(rest.raw(0)) == Some(Word::On);
    let (rest, device) = if is_on {
        expect(any_name(Want::Device)).parse(rest.take_from(1)).unwrap_or((rest, None))
    } else {
        (rest, None)
    };
    // A device that is missing has been reported.
    let is_whole = !is_on || device.is_some();
    (rest, Tall { tree: named.filter(|_| is_whole).map(|name| Goal::Named { name, device }), height: 0 })
}

/// Whether a line compares, which only requirements do.
fn is_condition(input: Tokens<'_>) -> bool {
    let second = input.raw(1);
    let compares = [Kind::Less, Kind::LessEqual, Kind::Greater, Kind::GreaterEqual, Kind::NotEqual, Kind::Percent];
    compares.contains(&second.kind) || input.word(second) == Some(Word::Divides)
}

fn condition<'a>(input: Tokens<'a>, entries: &mut Entries) -> Tokens<'a> {
    let (rest, predicate) = value(input);
    let place = rest.since(input);
    input.report(input.at(), || {
        let diagnostic = Diagnostic::error(codes::UNEXPECTED, "the condition stands without `require`");
        let start = Span { end: place.start, ..place };
        diagnostic.label(place, "compares, but requires nothing").fix("write `require`", start, "require ")
    });
    entries.push(place, predicate.height, EntryKind::Require { predicate: *predicate.tree });
    rest
}

/// The entries of a block so far.
type Entries = Tall<Vec<Entry>>;

impl Entries {
    fn push(&mut self, span: Span, height: u16, kind: EntryKind) {
        self.height = self.height.max(height + 1);
        self.tree.push(Entry { span, kind });
    }

    fn push_range(&mut self, span: Span, name: Name, ends: [Value; 2], spacing: Option<Box<Spacing>>, height: u16) {
        let [low, high] = ends;
        let height = height.max(low.height).max(high.height);
        let (low, high) = (low.tree, high.tree);
        self.push(span, height, EntryKind::Range { name, low, high, spacing });
    }
}

/// A definition inside a block is reported and skipped.
fn nested(input: Tokens<'_>) -> Tokens<'_> {
    let (keyword, name) = (input.raw(0), input.raw(1));
    input.report(input.at(), || {
        let message = format!("the definition of `{}` stands inside another one", input.text(name));
        let diagnostic = Diagnostic::error(codes::NESTED_DEFINITION, message);
        let diagnostic = diagnostic.label(input.span(keyword), "belongs outside of the braces");
        diagnostic.help("move it out and name it here")
    });
    skip_entry(input)
}

/// Whether a line is words in a row, which no entry is.
fn is_sentence(input: Tokens<'_>) -> bool {
    let is_word = |n| {
        let token = input.raw(n);
        token.kind == Kind::Name && !input.is_reserved(token)
    };
    let is_meant = conditional(input).is_some();
    is_word(1) && (is_meant || is_word(2) || matches!(input.raw(2).kind, Kind::Number | Kind::Text))
}

/// The word that begins a line of a search and that the next one is probably meant to be.
fn conditional(input: Tokens<'_>) -> Option<Word> {
    nearest(input.text(input.raw(0)), [Word::Require.text(), Word::Prefer.text()]).and_then(Word::from_text)
}

fn sentence<'a>(input: Tokens<'a>, entries: &mut Entries) -> Tokens<'a> {
    let keyword = input.raw(0);
    let (text, place) = (input.text(keyword), input.span(keyword));
    let meant = conditional(input);
    input.report(input.at(), || {
        let message = format!("`{text}` is not in the language");
        let diagnostic = Diagnostic::error(codes::UNKNOWN_KEYWORD, message).label(place, "unknown word");
        match meant {
            Some(word) => diagnostic.fix(format!("did you mean `{word}`?"), place, word.text()),
            None => diagnostic.note("a line says `name = value`, `name in low..high` or `require condition`"),
        }
    });
    match meant {
        Some(Word::Require) => require(input, entries),
        Some(_) => prefer(input, entries),
        None => skip_entry(input),
    }
}

/// Says that names stand without quotes.
fn unquoted(input: Tokens<'_>) -> Tokens<'_> {
    input.report(input.at(), || {
        let name = field_name(input);
        let diagnostic = Diagnostic::error(codes::UNEXPECTED, format!("the name `{}` stands in quotes", name.value));
        diagnostic.label(name.span, "expected a field").fix("remove the quotes", name.span, name.value)
    });
    input
}
