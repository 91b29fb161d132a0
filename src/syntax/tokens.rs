//! The grammar's input: the tokens of one text without trivia, and the sink of its diagnostics.

use std::cell::RefCell;
use std::iter::Enumerate;

use nom::{Input, Needed};

use super::codes;
use super::lex::{Kind, Token};
use super::words::Word;
use crate::diagnostic::{self, Diagnostic};
use crate::source::{SourceId, Span};

/// How deep brackets may nest, and how high the tree of an expression may be.
pub(super) const DEPTH_LIMIT: u16 = 128;

/// How many diagnostics one text may have.
pub(super) const DIAGNOSTIC_LIMIT: usize = 100;

/// One text on its way to a tree.
pub(super) struct File<'a> {
    text: &'a str,
    /// What the text is, as messages call it.
    noun: &'static str,
    source: SourceId,
    /// Without trivia and stray characters. A run of newlines is one token that ends where the next line begins;
    /// the last token is [`Kind::End`].
    tokens: Vec<Token>,
    /// Tokens right after something that was reported and dropped.
    strays: Vec<u32>,
    sink: RefCell<Sink>,
}

/// Findings, and the token up to which there is nothing more to say.
#[derive(Default)]
struct Sink {
    found: Vec<Diagnostic>,
    quiet: Option<u32>,
    /// The first block of this definition whose braces are not indented alike.
    askew: Option<(Span, Span)>,
}

impl<'a> File<'a> {
    /// Drops what the grammar does not see; `found` is what the tokens themselves gave reason to say.
    pub(super) fn new(
        source: SourceId,
        text: &'a str,
        noun: &'static str,
        all: &[Token],
        found: Vec<Diagnostic>,
    ) -> Self {
        let mut tokens: Vec<Token> = Vec::with_capacity(all.len() / 2 + 1);
        let mut strays = Vec::new();
        for &token in all {
            match (token.kind, tokens.last_mut()) {
                (kind, _) if kind.is_trivia() => {}
                (Kind::Unknown, _) => strays.push(tokens.len() as u32),
                (Kind::Newline, Some(last)) if last.kind == Kind::Newline => last.end = token.end,
                _ => tokens.push(token),
            }
        }
        let end = text.len() as u32;
        tokens.push(Token { kind: Kind::End, start: end, end });
        strays.dedup();
        Self { text, noun, source, tokens, strays, sink: RefCell::new(Sink { found, ..Sink::default() }) }
    }

    /// The whole input.
    pub(super) fn tokens(&'a self) -> Tokens<'a> {
        let end = self.tokens.len() as u32 - 1;
        Tokens { file: self, at: 0, end, margin: 0, depth: 0, within: Kind::End }
    }

    /// The findings by place, at most [`DIAGNOSTIC_LIMIT`].
    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut found = self.sink.into_inner().found;
        diagnostic::sort(&mut found);
        if found.len() > DIAGNOSTIC_LIMIT {
            let more = found.split_off(DIAGNOSTIC_LIMIT - 1);
            let message = format!("more than {DIAGNOSTIC_LIMIT} mistakes; the rest is not shown");
            let place = more.first().and_then(Diagnostic::span).unwrap_or_default();
            found.push(Diagnostic::error(codes::TOO_MANY, message).label(place, ""));
        }
        found
    }

    fn get(&self, at: u32) -> Token {
        let end = self.text.len() as u32;
        self.tokens.get(at as usize).copied().unwrap_or(Token { kind: Kind::End, start: end, end })
    }
}

/// The tokens still to be read, and what surrounds them.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'a> {
    file: &'a File<'a>,
    at: u32,
    end: u32,
    /// The column of the definition being read; another one begins at most there.
    margin: u32,
    /// How many brackets are open.
    depth: u16,
    /// The innermost open bracket; [`Kind::End`] outside of all. Inside `(` and `[` newlines are blank.
    within: Kind,
}

impl<'a> Tokens<'a> {
    /// The next token; inside parentheses and lists the one after the line's end.
    pub(super) fn first(self) -> Token {
        self.past_fold().raw(0)
    }

    /// The kind of the next token.
    pub(super) fn kind(self) -> Kind {
        self.first().kind
    }

    /// The `n`th token from here, newlines counted.
    pub(super) fn raw(self, n: u32) -> Token {
        self.file.get((self.at + n).min(self.end))
    }

    /// The next token, and what follows it.
    pub(super) fn next(self) -> (Self, Token) {
        let here = self.past_fold();
        (Self { at: (here.at + 1).min(self.end), ..self }, here.raw(0))
    }

    /// Where the next token stands in the list.
    pub(super) fn at(self) -> u32 {
        self.past_fold().at
    }

    /// The token that stands at a place in the list.
    pub(super) fn token_at(self, at: u32) -> Token {
        self.file.get(at)
    }

    /// Here, but past a newline that means nothing.
    fn past_fold(self) -> Self {
        if !matches!(self.within, Kind::OpenParen | Kind::OpenBracket) || self.raw(0).kind != Kind::Newline {
            return self;
        }
        let next = Self { at: (self.at + 1).min(self.end), ..self };
        let is_field = next.raw(0).kind == Kind::Name && next.raw(1).kind == Kind::Equals;
        // Whoever forgot a `)` has gone on with the next line.
        if is_field || next.begins_definition() { self } else { next }
    }

    /// Inside a bracket of this kind; `None` where brackets nest too deeply.
    pub(super) fn inside(self, within: Kind) -> Option<Self> {
        (self.depth < DEPTH_LIMIT).then_some(Self { depth: self.depth + 1, within, ..self })
    }

    /// The innermost open bracket; [`Kind::End`] outside of all.
    pub(super) fn within(self) -> Kind {
        self.within
    }

    /// Here, with the surroundings of `outer`.
    pub(super) fn back_to(self, outer: Self) -> Self {
        Self { at: self.at, ..outer }
    }

    /// Here, inside the definition whose keyword is the next token.
    pub(super) fn with_margin(self) -> Self {
        if self.begins_line() { Self { margin: self.column(), ..self } } else { self }
    }

    /// The bytes between the line's start and the next token; exact at the start of a line only.
    fn column(self) -> u32 {
        let line = if self.at == 0 { 0 } else { self.file.get(self.at - 1).end };
        self.raw(0).start - line
    }

    /// Whether a line begins here.
    pub(super) fn begins_line(self) -> bool {
        self.at == 0 || self.file.get(self.at - 1).kind == Kind::Newline
    }

    /// Whether a line begins here with the head of a definition, not further right than the one being read.
    pub(super) fn begins_definition(self) -> bool {
        self.begins_line() && self.column() <= self.margin && self.looks_like_definition()
    }

    /// Whether the tokens from here are the head of a definition.
    pub(super) fn looks_like_definition(self) -> bool {
        let is_head = self.word(self.raw(0)).is_some_and(Word::is_definition);
        if matches!(self.word(self.raw(0)), Some(Word::Use | Word::Prices)) {
            return self.raw(1).kind == Kind::Text;
        }
        let is_named = self.raw(1).kind == Kind::Name && !self.is_reserved(self.raw(1));
        let third = self.raw(2);
        let goes_on = matches!(third.kind, Kind::OpenBrace | Kind::Equals | Kind::Text);
        is_head && is_named && (goes_on || self.word(third) == Some(Word::From))
    }

    /// Whether the tokens from here are the beginning of a field or a range.
    pub(super) fn looks_like_entry(self) -> bool {
        let second = self.raw(1);
        let is_named = matches!(self.raw(0).kind, Kind::Name | Kind::Text);
        is_named && (matches!(second.kind, Kind::Equals | Kind::Colon) || self.word(second) == Some(Word::In))
    }

    /// What the whole text is, as messages call it.
    pub(super) fn noun(self) -> &'static str {
        self.file.noun
    }

    /// The text of a token.
    pub(super) fn text(self, token: Token) -> &'a str {
        self.file.text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    /// The text of a span.
    pub(super) fn slice(self, span: Span) -> &'a str {
        self.file.text.get(span.range()).unwrap_or("")
    }

    /// Which word of the language a token is.
    pub(super) fn word(self, token: Token) -> Option<Word> {
        if token.kind == Kind::Name { Word::from_text(self.text(token)) } else { None }
    }

    /// Whether a token is a word that names nothing.
    pub(super) fn is_reserved(self, token: Token) -> bool {
        self.word(token).is_some_and(Word::is_reserved)
    }

    /// The place of a token.
    pub(super) fn span(self, token: Token) -> Span {
        Span::new(self.file.source, token.start, token.end)
    }

    /// The place of the last token before this point that is no newline.
    pub(super) fn previous(self) -> Span {
        self.before(self.at)
    }

    /// The place of the last token before the `at`th that is no newline.
    pub(super) fn before(self, at: u32) -> Span {
        let last = (at.saturating_sub(2)..at).rev().map(|at| self.file.get(at)).find(|t| t.kind != Kind::Newline);
        last.map_or(Span::new(self.file.source, 0, 0), |token| self.span(token))
    }

    /// From the first token of `start` to the last one read.
    pub(super) fn since(self, start: Self) -> Span {
        if self.at <= start.at() { start.previous().after() } else { self.span(start.first()).to(self.previous()) }
    }

    /// Says something about the `at`th token, unless there is nothing more to say there.
    pub(super) fn report(self, at: u32, diagnostic: impl FnOnce() -> Diagnostic) {
        let before = self.file.sink.borrow().quiet;
        self.file.sink.borrow_mut().quiet = before.max(Some(at));
        if before.is_none_or(|before| at > before) && self.file.strays.binary_search(&at).is_err() {
            self.remark(diagnostic);
        }
    }

    /// Says something that silences nothing else.
    pub(super) fn remark(self, diagnostic: impl FnOnce() -> Diagnostic) {
        let is_full = self.file.sink.borrow().found.len() >= 2 * DIAGNOSTIC_LIMIT;
        if !is_full {
            let diagnostic = diagnostic();
            self.file.sink.borrow_mut().found.push(diagnostic);
        }
    }

    /// Notes a block that was closed, in case one that holds it is not.
    ///
    /// A closing brace further left than the line of its opening one closes something else in the writer's eyes.
    pub(super) fn note_block(self, open: Token, close: Token) {
        let line = |token: Token| {
            let before = self.file.text.get(..token.start as usize).unwrap_or("");
            before.get(before.rfind('\n').map_or(0, |at| at + 1)..).unwrap_or("")
        };
        let indent = line(open).len() - line(open).trim_start().len();
        if line(close).len() < indent {
            self.file.sink.borrow_mut().askew.get_or_insert((self.span(open), self.span(close)));
        }
    }

    /// The first block of this definition whose braces are not indented alike: where they stand.
    pub(super) fn askew(self) -> Option<(Span, Span)> {
        self.file.sink.borrow().askew
    }

    /// Forgets blocks of the definition before.
    pub(super) fn forget_blocks(self) {
        self.file.sink.borrow_mut().askew = None;
    }

    /// There is nothing more to say up to the next token.
    pub(super) fn hush(self) {
        let mut sink = self.file.sink.borrow_mut();
        sink.quiet = sink.quiet.max(Some(self.at()));
    }
}

impl<'a> Input for Tokens<'a> {
    type Item = Token;
    type Iter = std::iter::Copied<std::slice::Iter<'a, Token>>;
    type IterIndices = Enumerate<Self::Iter>;

    fn input_len(&self) -> usize {
        (self.end - self.at) as usize
    }

    fn take(&self, index: usize) -> Self {
        Self { end: (self.at + index as u32).min(self.end), ..*self }
    }

    fn take_from(&self, index: usize) -> Self {
        Self { at: (self.at + index as u32).min(self.end), ..*self }
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }

    fn position<P: Fn(Token) -> bool>(&self, predicate: P) -> Option<usize> {
        self.iter_elements().position(predicate)
    }

    fn iter_elements(&self) -> Self::Iter {
        self.file.tokens.get(self.at as usize..self.end as usize).unwrap_or(&[]).iter().copied()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        if count <= self.input_len() { Ok(count) } else { Err(Needed::new(count - self.input_len())) }
    }
}
