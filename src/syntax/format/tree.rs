//! Tokens to lines within brackets, each with its comments.

use crate::syntax::lex::{Kind, Token, lex};

/// What stands between two separators.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    /// What stands above it.
    pub(super) above: Vec<Above<'a>>,
    pub(super) parts: Vec<Part<'a>>,
    /// The comment behind it.
    pub(super) behind: Option<&'a str>,
}

/// What stands on lines of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Above<'a> {
    /// Empty lines, however many.
    Blank,
    /// A comment.
    Comment(&'a str),
}

#[derive(Debug)]
pub(super) enum Part<'a> {
    Token(Token),
    Group(Group<'a>),
}

/// What stands in brackets.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) open: Token,
    /// The comment behind the opening bracket.
    pub(super) behind: Option<&'a str>,
    /// In braces an entry each, in other brackets that hold comments a line each as written, else an element each.
    pub(super) lines: Vec<Line<'a>>,
    /// What stands above the closing bracket.
    pub(super) above: Vec<Above<'a>>,
    /// Whether it was written over several lines.
    pub(super) is_broken: bool,
    /// Whether a comment stands in it, at any depth.
    pub(super) has_comments: bool,
}

/// The definitions of a text without mistakes, and what stands below the last.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) lines: Vec<Line<'a>>,
    pub(super) below: Vec<Above<'a>>,
}

pub(super) fn tree(text: &str) -> Tree<'_> {
    let tokens: Vec<Token> = lex(text).into_iter().filter(|token| token.kind != Kind::Space).collect();
    let mut reader = Reader { text, is_commented: commented(&tokens), tokens, at: 0 };
    let mut lines = Lines::default();
    reader.fill(&mut lines, Mode::Plan);
    Tree { below: lines.trimmed(), lines: lines.list }
}

struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    /// Of each opening bracket whether a comment stands in it, at any depth.
    is_commented: Vec<bool>,
    at: usize,
}

/// For each token whether it opens a bracket that holds a comment.
fn commented(tokens: &[Token]) -> Vec<bool> {
    let mut is_commented = vec![false; tokens.len()];
    let mut open: Vec<usize> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::OpenBrace | Kind::OpenBracket | Kind::OpenParen => open.push(index),
            Kind::CloseBrace | Kind::CloseBracket | Kind::CloseParen => {
                let inner = open.pop().is_some_and(|index| is_commented[index]);
                if let Some(&outer) = open.last().filter(|_| inner) {
                    is_commented[outer] = true;
                }
            }
            Kind::Comment => {
                if let Some(&index) = open.last() {
                    is_commented[index] = true;
                }
            }
            _ => {}
        }
    }
    is_commented
}

/// Lines on their way.
#[derive(Default)]
struct Lines<'a> {
    list: Vec<Line<'a>>,
    open: Line<'a>,
    /// Line feeds since the last token or comment.
    feeds: u32,
    is_broken: bool,
    has_comments: bool,
    /// The comment behind the opening bracket.
    behind: Option<&'a str>,
}

impl<'a> Lines<'a> {
    fn end_line(&mut self) {
        if !self.open.parts.is_empty() {
            self.list.push(std::mem::take(&mut self.open));
        }
    }

    fn feed(&mut self) {
        self.feeds += 1;
        self.is_broken = true;
        let is_within = self.open.parts.is_empty();
        if is_within && self.feeds == 2 && self.open.above.last() != Some(&Above::Blank) {
            self.open.above.push(Above::Blank);
        }
    }

    fn comment(&mut self, text: &'a str) {
        self.has_comments = true;
        let text = text.trim_end();
        if self.feeds > 0 || self.list.is_empty() && self.open.parts.is_empty() && !self.open.above.is_empty() {
            self.open.above.push(Above::Comment(text));
        } else if !self.open.parts.is_empty() {
            self.open.behind = Some(text);
        } else {
            // A separator may stand on a line of its own, after a line that has its comment.
            let place = self.list.last_mut().map_or(&mut self.behind, |last| &mut last.behind);
            match place {
                None => *place = Some(text),
                Some(_) => self.open.above.push(Above::Comment(text)),
            }
        }
        self.feeds = 0;
    }

    /// What stands above the end, without empty lines at either side.
    fn trimmed(&mut self) -> Vec<Above<'a>> {
        let mut above = std::mem::take(&mut self.open.above);
        while above.last() == Some(&Above::Blank) {
            above.pop();
        }
        above
    }
}

impl<'a> Reader<'a> {
    fn slice(&self, token: Token) -> &'a str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    /// Reads up to a closing bracket or the end.
    fn fill(&mut self, lines: &mut Lines<'a>, mode: Mode) {
        while let Some(&token) = self.tokens.get(self.at) {
            if matches!(token.kind, Kind::CloseBrace | Kind::CloseBracket | Kind::CloseParen) {
                break;
            }
            self.at += 1;
            match token.kind {
                Kind::Newline => {
                    if mode != Mode::Elements {
                        lines.end_line();
                    }
                    lines.feed();
                }
                Kind::Comment => {
                    // Outside of every bracket the first comment stands above what follows.
                    let is_first = mode == Mode::Plan && lines.list.is_empty() && lines.open.parts.is_empty();
                    lines.feeds += u32::from(is_first && lines.feeds == 0);
                    lines.comment(self.slice(token));
                }
                Kind::Comma | Kind::Semicolon if matches!(mode, Mode::Plan | Mode::Entries) => {
                    lines.end_line();
                    lines.feeds = 0;
                }
                Kind::OpenBrace | Kind::OpenBracket | Kind::OpenParen => {
                    let group = self.group(token);
                    lines.has_comments |= group.has_comments;
                    lines.is_broken |= group.is_broken;
                    lines.open.parts.push(Part::Group(group));
                    lines.feeds = 0;
                }
                _ => {
                    lines.open.parts.push(Part::Token(token));
                    lines.feeds = 0;
                }
            }
        }
        lines.end_line();
    }

    fn group(&mut self, open: Token) -> Group<'a> {
        let is_commented = self.is_commented.get(self.at - 1).copied().unwrap_or(false);
        let mode = match open.kind {
            Kind::OpenBrace => Mode::Entries,
            _ if is_commented => Mode::AsWritten,
            _ => Mode::Elements,
        };
        let mut lines = Lines::default();
        self.fill(&mut lines, mode);
        if mode == Mode::Elements {
            lines.list = lines.list.into_iter().flat_map(elements).collect();
            lines.open = Line::default();
        }
        self.at += 1;
        Group {
            open,
            behind: lines.behind,
            above: lines.trimmed(),
            is_broken: lines.is_broken,
            has_comments: lines.has_comments,
            lines: lines.list,
        }
    }
}

/// What ends a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Outside of brackets: a line's end or a separator.
    Plan,
    /// In braces: the same.
    Entries,
    /// In other brackets: nothing; commas are found afterwards.
    Elements,
    /// In other brackets that hold comments: a line's end.
    AsWritten,
}

/// A line taken apart at its commas.
fn elements(line: Line<'_>) -> Vec<Line<'_>> {
    let mut list = vec![Line::default()];
    for part in line.parts {
        match (part, list.last_mut()) {
            (Part::Token(Token { kind: Kind::Comma, .. }), _) => list.push(Line::default()),
            (part, Some(last)) => last.parts.push(part),
            (_, None) => {}
        }
    }
    list.retain(|line| !line.parts.is_empty());
    list
}
