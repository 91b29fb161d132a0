//! Tokens to lines within brackets, each with its comments.

use std::iter::Peekable;
use std::vec::IntoIter;

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
    let mut reader = Reader { text, tokens: tokens.into_iter().peekable() };
    let mut lines = Lines::default();
    reader.fill(&mut lines, Kind::End);
    lines.end_line();
    Tree { below: lines.trimmed(), lines: lines.list }
}

struct Reader<'a> {
    text: &'a str,
    tokens: Peekable<IntoIter<Token>>,
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
        } else if let Some(last) = self.list.last_mut() {
            last.behind = Some(text);
        } else {
            self.behind = Some(text);
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

    /// Reads up to a closing bracket or the end. Newlines and separators end a line in braces and outside of brackets.
    fn fill(&mut self, lines: &mut Lines<'a>, within: Kind) {
        let is_block = matches!(within, Kind::End | Kind::OpenBrace);
        while let Some(&token) = self.tokens.peek() {
            match token.kind {
                Kind::CloseBrace | Kind::CloseBracket | Kind::CloseParen => return,
                _ => drop(self.tokens.next()),
            }
            match token.kind {
                Kind::Newline => {
                    if is_block {
                        lines.end_line();
                    }
                    lines.feed();
                }
                Kind::Comment => {
                    // Outside of every bracket the first comment stands above what follows.
                    let is_first = within == Kind::End && lines.list.is_empty() && lines.open.parts.is_empty();
                    lines.feeds += u32::from(is_first && lines.feeds == 0);
                    lines.comment(self.slice(token));
                }
                Kind::Comma | Kind::Semicolon if is_block => {
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
    }

    fn group(&mut self, open: Token) -> Group<'a> {
        let mut lines = Lines::default();
        if open.kind == Kind::OpenBrace {
            self.fill(&mut lines, open.kind);
            lines.end_line();
        } else {
            let start = self.tokens.clone();
            self.fill(&mut lines, open.kind);
            if lines.has_comments {
                // Once more, by lines.
                self.tokens = start;
                lines = self.by_lines();
            } else {
                lines.end_line();
                lines.list = lines.list.into_iter().flat_map(elements).collect();
                lines.open = Line::default();
            }
        }
        self.tokens.next();
        Group {
            open,
            behind: lines.behind,
            above: lines.trimmed(),
            is_broken: lines.is_broken,
            has_comments: lines.has_comments,
            lines: lines.list,
        }
    }

    /// Brackets with comments keep their lines.
    fn by_lines(&mut self) -> Lines<'a> {
        let mut lines = Lines::default();
        while let Some(&token) = self.tokens.peek() {
            if matches!(token.kind, Kind::CloseBrace | Kind::CloseBracket | Kind::CloseParen) {
                break;
            }
            self.tokens.next();
            match token.kind {
                Kind::Newline => {
                    lines.end_line();
                    lines.feed();
                }
                Kind::Comment => lines.comment(self.slice(token)),
                Kind::OpenBrace | Kind::OpenBracket | Kind::OpenParen => {
                    let group = self.group(token);
                    lines.has_comments |= group.has_comments;
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
        lines
    }
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
