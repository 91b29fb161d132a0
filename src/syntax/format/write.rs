//! Lines to text.

use std::collections::BTreeMap;

use super::WIDTH;
use super::marks::Marks;
use super::tree::{Above, Group, Line, Part, Tree};
use crate::syntax::lex::{Kind, Token};
use crate::syntax::words::Word;

/// The text of all definitions.
pub(super) fn write(tree: &Tree<'_>, text: &str, marks: &Marks) -> String {
    let writer = Writer { text, marks };
    let mut out = String::new();
    let written = writer.lines(&tree.lines, 0, Writer::definition_key);
    let mut was_tall = false;
    for (index, (line, body)) in tree.lines.iter().zip(&written).enumerate() {
        let is_tall = body.contains('\n');
        let mut above = line.above.as_slice();
        if index == 0 {
            above = without_first_blank(above);
        } else if (is_tall || was_tall) && above.first() != Some(&Above::Blank) {
            out.push('\n');
        }
        print_above(&mut out, above, 0);
        out.push_str(body);
        out.push('\n');
        was_tall = is_tall;
    }
    let below = if tree.lines.is_empty() { without_first_blank(&tree.below) } else { &tree.below };
    if was_tall && below.first().is_some_and(|first| *first != Above::Blank) {
        out.push('\n');
    }
    print_above(&mut out, below, 0);
    out
}

fn without_first_blank<'a, 'b>(above: &'b [Above<'a>]) -> &'b [Above<'a>] {
    above.strip_prefix(&[Above::Blank]).unwrap_or(above)
}

/// What a line is aligned by: what stands before the sign, which sign, and how many parts stand before it.
struct Key {
    text: String,
    sign: &'static str,
    parts: usize,
}

struct Writer<'a> {
    text: &'a str,
    marks: &'a Marks,
}

impl<'a> Writer<'a> {
    fn slice(&self, token: Token) -> &'a str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    /// Lines without what stands above them and without their first indent; aligned, comments behind them.
    fn lines(&self, lines: &[Line<'_>], indent: usize, key: impl Fn(&Self, &[Part<'_>]) -> Option<Key>) -> Vec<String> {
        let plain: Vec<String> = lines.iter().map(|line| self.parts(&line.parts, indent, indent, None)).collect();
        let keys: Vec<Option<Key>> = lines.iter().map(|line| key(self, &line.parts)).collect();
        // Lines of a run follow each other without an empty line or a comment between them; between definitions of which
        // one is tall there will be an empty line.
        let is_tall = |index: usize| indent == 0 && plain[index].contains('\n');
        let starts_run = |index: usize| !lines[index].above.is_empty() || is_tall(index) || is_tall(index - 1);
        let mut written: Vec<String> = Vec::with_capacity(lines.len());
        let mut start = 0;
        while start < lines.len() {
            let end = (start + 1..lines.len()).find(|&index| starts_run(index)).unwrap_or(lines.len());
            let mut widths: BTreeMap<&str, usize> = BTreeMap::new();
            let aligned = (start..end).filter(|&index| indent > 0 || !plain[index].contains('\n'));
            for key in aligned.filter_map(|index| keys[index].as_ref()) {
                let width = widths.entry(key.sign).or_default();
                *width = (*width).max(key.text.chars().count());
            }
            for index in start..end {
                let line = match &keys[index] {
                    Some(key) if indent > 0 || !plain[index].contains('\n') => {
                        let width = widths.get(key.sign).copied().unwrap_or(0);
                        let padding = width.saturating_sub(key.text.chars().count());
                        self.parts(&lines[index].parts, indent, indent, Some((key.parts, padding)))
                    }
                    _ => plain[index].clone(),
                };
                written.push(line);
            }
            behind(&lines[start..end], &mut written[start..]);
            start = end;
        }
        written
    }

    /// `NAME =` and `NAME in`.
    fn entry_key(&self, parts: &[Part<'_>]) -> Option<Key> {
        let [Part::Token(name), Part::Token(sign), ..] = parts else { return None };
        let text = self.slice(*name).to_owned();
        match sign.kind {
            Kind::Equals => Some(Key { text, sign: "=", parts: 1 }),
            Kind::Name if Word::from_text(self.slice(*sign)) == Some(Word::In) => {
                Some(Key { text, sign: "in", parts: 1 })
            }
            _ => None,
        }
    }

    /// `KEYWORD NAME =`; definitions of different keywords are not aligned.
    fn definition_key(&self, parts: &[Part<'_>]) -> Option<Key> {
        let [Part::Token(keyword), Part::Token(name), Part::Token(sign), ..] = parts else { return None };
        let word = Word::from_text(self.slice(*keyword)).map_or("", Word::text);
        (sign.kind == Kind::Equals).then(|| Key { text: self.slice(*name).to_owned(), sign: word, parts: 2 })
    }

    /// The parts of a line that begins in `column`, further lines at `indent`. After so many parts come so many blanks.
    fn parts(&self, parts: &[Part<'_>], indent: usize, column: usize, pad: Option<(usize, usize)>) -> String {
        // What is aligned is broken as if it were not, and so is what stands beside something broken.
        let fits = self.flat(parts, true).is_none_or(|flat| column + flat.chars().count() <= WIDTH);
        let mut out = String::new();
        for (index, part) in parts.iter().enumerate() {
            if let Some(previous) = index.checked_sub(1).and_then(|index| parts.get(index)) {
                out.push_str(self.between(previous, part));
            }
            if let Some((_, padding)) = pad.filter(|(after, _)| *after == index) {
                out.push_str(&" ".repeat(padding));
            }
            match part {
                Part::Token(token) => out.push_str(self.slice(*token)),
                Part::Group(group) => {
                    match self.flat_group(group, false).filter(|_| fits || !self.may_break(parts, index)) {
                        Some(flat) => out.push_str(&flat),
                        None => self.broken(&mut out, group, indent),
                    }
                }
            }
        }
        out
    }

    /// Whether brackets may be broken for a line's length: records, lists and arguments, but no mere parentheses.
    fn may_break(&self, parts: &[Part<'_>], index: usize) -> bool {
        let Some(Part::Group(group)) = parts.get(index) else { return false };
        let before = index.checked_sub(1).and_then(|index| parts.get(index));
        let is_called = matches!(before, Some(Part::Token(name)) if self.marks.close_after.contains(&name.start));
        !group.lines.is_empty() && (group.open.kind != Kind::OpenParen || is_called && group.lines.len() > 1)
    }

    /// On one line, where no comment, nor a block that was broken unless `joins`, says otherwise.
    fn flat(&self, parts: &[Part<'_>], joins: bool) -> Option<String> {
        let mut out = String::new();
        for (index, part) in parts.iter().enumerate() {
            if let Some(previous) = index.checked_sub(1).and_then(|index| parts.get(index)) {
                out.push_str(self.between(previous, part));
            }
            match part {
                Part::Token(token) => out.push_str(self.slice(*token)),
                Part::Group(group) => out.push_str(&self.flat_group(group, joins)?),
            }
        }
        Some(out)
    }

    fn flat_group(&self, group: &Group<'_>, joins: bool) -> Option<String> {
        let is_block = group.open.kind == Kind::OpenBrace;
        if group.has_comments || !joins && is_block && group.is_broken && !group.lines.is_empty() {
            return None;
        }
        let lines: Option<Vec<String>> = group.lines.iter().map(|line| self.flat(&line.parts, joins)).collect();
        let inside = lines?.join(", ");
        Some(match group.open.kind {
            Kind::OpenBrace if inside.is_empty() => "{}".to_owned(),
            Kind::OpenBrace => format!("{{ {inside} }}"),
            Kind::OpenBracket => format!("[{inside}]"),
            _ => format!("({inside})"),
        })
    }

    fn broken(&self, out: &mut String, group: &Group<'_>, indent: usize) {
        let (open, close) = match group.open.kind {
            Kind::OpenBrace => ('{', '}'),
            Kind::OpenBracket => ('[', ']'),
            _ => ('(', ')'),
        };
        // Lines kept as written have their commas; elements do not.
        let ending = if group.open.kind == Kind::OpenBrace || group.has_comments { "" } else { "," };
        let deeper = indent + 2;
        out.push(open);
        if let Some(comment) = group.behind {
            out.extend([" ", comment]);
        }
        out.push('\n');
        let written = self.lines(&group.lines, deeper, Self::entry_key);
        for (index, (line, text)) in group.lines.iter().zip(&written).enumerate() {
            let above = if index == 0 { without_first_blank(&line.above) } else { &line.above };
            print_above(out, above, deeper);
            out.extend([&" ".repeat(deeper), text.as_str(), ending, "\n"]);
        }
        let above = if group.lines.is_empty() { without_first_blank(&group.above) } else { &group.above };
        print_above(out, above, deeper);
        out.extend([&" ".repeat(indent), close.encode_utf8(&mut [0; 4]) as &str]);
    }

    /// What stands between two neighbours.
    fn between(&self, left: &Part<'_>, right: &Part<'_>) -> &'static str {
        let close_after = |token: Token| {
            matches!(token.kind, Kind::Dot | Kind::DotDot) || self.marks.close_after.contains(&token.start)
        };
        let close_before = |token: Token| {
            matches!(token.kind, Kind::Dot | Kind::DotDot | Kind::Comma)
                || self.marks.close_before.contains(&token.start)
                || self.marks.continues_unit(token.start)
        };
        let left_is_close = matches!(left, Part::Token(token) if close_after(*token));
        let right_is_close = matches!(right, Part::Token(token) if close_before(*token));
        if left_is_close || right_is_close { "" } else { " " }
    }
}

fn print_above(out: &mut String, above: &[Above<'_>], indent: usize) {
    for one in above {
        if let Above::Comment(comment) = one {
            out.extend([&" ".repeat(indent), *comment]);
        }
        out.push('\n');
    }
}

/// Puts comments behind lines of a run, one below the other where neighbours have one.
fn behind(lines: &[Line<'_>], written: &mut [String]) {
    let last_width = |text: &String| text.rsplit('\n').next().unwrap_or("").chars().count();
    let mut start = 0;
    while start < lines.len() {
        let has = |index: &usize| lines[*index].behind.is_some() && !written[*index].contains('\n');
        let end = start + (start..lines.len()).take_while(has).count().max(1);
        let widest = written[start..end].iter().map(last_width).max().unwrap_or(0);
        for (line, text) in lines[start..end].iter().zip(&mut written[start..end]) {
            if let Some(comment) = line.behind {
                let padding = widest - last_width(text) + 2;
                text.extend([&" ".repeat(padding), comment]);
            }
        }
        start = end;
    }
}
