//! Holds `grammar/sov.ebnf` and the parser to each other.

use std::collections::{BTreeMap, BTreeSet};

use sovitc::diagnostic::Diagnostic;
use sovitc::source::{Sources, Span};
use sovitc::syntax::ast::Ast;
use sovitc::syntax::lex::{Kind, SYMBOLS, lex};
use sovitc::syntax::{Word, format, parse, print};

const SENTENCES: u64 = 3000;

#[test]
fn every_sentence_of_the_grammar_is_a_plan() {
    let grammar = Grammar::read();
    for seed in 0..SENTENCES {
        let text = grammar.sentence(seed);
        let (_, found) = parsed(&text);
        assert!(found.is_empty(), "{}\n{text}\n{found:#?}", found[0].message);
    }
}

#[test]
fn a_printed_plan_says_the_same() {
    let grammar = Grammar::read();
    for seed in 0..SENTENCES {
        let text = grammar.sentence(seed);
        let ast = parsed(&text).0;
        let printed = print(&ast);
        let (again, found) = parsed(&printed);
        assert!(found.is_empty(), "{}\n{text}\n{printed}", found[0].message);
        assert_eq!(without_spans(&ast), without_spans(&again), "{text}\n{printed}");
        assert_eq!(print(&again), printed);
    }
}

/// Sentences hold comments wherever blanks may stand.
#[test]
fn a_formatted_plan_says_the_same() {
    let grammar = Grammar::read();
    let comments = |text: &str| {
        let tokens = lex(text).into_iter().filter(|token| token.kind == Kind::Comment);
        tokens.map(|t| text[t.start as usize..t.end as usize].trim_end().to_owned()).collect::<Vec<_>>()
    };
    let formatted = |text: &str| {
        let mut sources = Sources::default();
        let id = sources.add("plan.sov", text);
        format(&sources, id).unwrap()
    };
    for seed in 0..SENTENCES {
        let text = grammar.sentence(seed);
        let once = formatted(&text);
        assert_eq!(without_spans(&parsed(&text).0), without_spans(&parsed(&once).0), "{text}\n---\n{once}");
        assert_eq!(comments(&text), comments(&once), "{text}\n---\n{once}");
        assert_eq!(formatted(&once), once, "{text}");
    }
}

/// One token too many, too few or in the wrong place: no panic, no nonsense, no flood.
#[test]
fn a_broken_sentence_is_survived() {
    let grammar = Grammar::read();
    let mut random = Random(7);
    let mut most = (0, String::new());
    let mut total = 0;
    for seed in 0..SENTENCES {
        let text = grammar.sentence(seed);
        let mut pieces: Vec<&str> = lex(&text).iter().map(|t| &text[t.start as usize..t.end as usize]).collect();
        let other = grammar.sentence(seed + SENTENCES);
        let others = lex(&other);
        if pieces.is_empty() || others.is_empty() {
            continue;
        }
        let piece = &others[random.below(others.len())];
        let (at, to) = (random.below(pieces.len()), random.below(pieces.len()));
        match random.below(3) {
            0 => drop(pieces.remove(at)),
            1 => pieces.insert(at, &other[piece.start as usize..piece.end as usize]),
            _ => pieces.swap(at, to),
        }
        let broken = pieces.concat();
        let (ast, found) = parsed(&broken);
        check_places(&broken, &ast, &found);
        total += found.len();
        if found.len() > most.0 {
            most = (found.len(), format!("{text}\n----\n{broken}\n{found:#?}"));
        }
    }
    // A harmless change gives none, a swap may give two mistakes.
    assert!(total as u64 <= SENTENCES, "{total} diagnostics of {SENTENCES} mistakes");
    assert!(most.0 <= 6, "{}", most.1);
}

#[test]
fn grammar_and_lexer_know_the_same_words() {
    let grammar = Grammar::read();
    let mut words = BTreeSet::new();
    let mut symbols = BTreeSet::new();
    for (name, body) in &grammar.rules {
        if name.chars().any(char::is_lowercase) {
            body.terminals(&mut |text| match lex(text).as_slice() {
                [token] if token.kind == Kind::Name => words.insert(text.to_owned()),
                [_] => symbols.insert(text.to_owned()),
                tokens => panic!("`{text}` is {} tokens", tokens.len()),
            });
        }
    }
    assert_eq!(words, Word::ALL.iter().map(|word| word.text().to_owned()).collect());
    // These three stand in units and paths, inside of tokens as the grammar counts them.
    symbols.extend(["%", "$", "^"].map(String::from));
    assert_eq!(symbols, SYMBOLS.iter().map(|(text, _)| (*text).to_owned()).collect());
    let reserved: BTreeSet<_> =
        Word::ALL.iter().filter(|word| word.is_reserved()).map(|w| w.text().to_owned()).collect();
    assert_eq!(grammar.words("reserved"), reserved);
    let keywords = Word::DEFINITIONS.map(|word| word.text().to_owned());
    for keyword in keywords {
        assert!(grammar.words(&keyword).contains(&keyword), "no rule `{keyword}`");
    }
}

fn parsed(text: &str) -> (Ast, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    parse(&sources, id)
}

/// Every place lies in the text, between characters.
fn check_places(text: &str, ast: &Ast, found: &[Diagnostic]) {
    let fits = |span: Span| text.get(span.range()).is_some();
    for diagnostic in found {
        assert!(!diagnostic.labels.is_empty());
        assert!(diagnostic.labels.iter().all(|label| fits(label.span)), "{diagnostic:?}");
        assert!(diagnostic.help.iter().flat_map(|help| &help.edits).all(|edit| fits(edit.span)), "{diagnostic:?}");
    }
    for (start, end) in spans(&format!("{ast:?}")) {
        assert!(text.get(start..end).is_some(), "{start}..{end} in {text}");
    }
}

fn without_spans(ast: &Ast) -> String {
    let shown = format!("{ast:?}");
    let mut out = String::new();
    let mut rest = shown.as_str();
    while let Some((before, after)) = rest.split_once("Span {") {
        out.push_str(before);
        rest = after.split_once("end: ").and_then(|(_, rest)| rest.split_once('}')).map_or("", |(_, rest)| rest);
    }
    out + rest
}

fn spans(shown: &str) -> Vec<(usize, usize)> {
    let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    shown
        .split("Span {")
        .skip(1)
        .filter_map(|piece| {
            let (_, start) = piece.split_once("start: ")?;
            let (_, end) = start.split_once("end: ")?;
            Some((number(start), number(end)))
        })
        .collect()
}

/// An EBNF grammar. Rules in capitals are tokens: nothing stands between their parts.
struct Grammar {
    rules: BTreeMap<String, Body>,
}

#[derive(Debug)]
enum Body {
    Terminal(String),
    Rule(String),
    Special(String),
    Sequence(Vec<Body>),
    Choice(Vec<Body>),
    Optional(Box<Body>),
    Repeat(Box<Body>),
    Except(Box<Body>, Box<Body>),
}

impl Body {
    fn terminals(&self, visit: &mut impl FnMut(&str) -> bool) {
        match self {
            Self::Terminal(text) => drop(visit(text)),
            Self::Rule(_) | Self::Special(_) => {}
            Self::Sequence(all) | Self::Choice(all) => all.iter().for_each(|one| one.terminals(visit)),
            Self::Optional(one) | Self::Repeat(one) => one.terminals(visit),
            Self::Except(one, other) => [one, other].into_iter().for_each(|one| one.terminals(visit)),
        }
    }
}

impl Grammar {
    fn read() -> Self {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/grammar/sov.ebnf")).unwrap();
        let mut reader = Reader { rest: &text };
        let mut rules = BTreeMap::new();
        while let Some(name) = reader.word() {
            reader.must('=');
            assert!(rules.insert(name.clone(), reader.choice()).is_none(), "two rules `{name}`");
            reader.must(';');
        }
        assert_eq!(reader.rest, "");
        Self { rules }
    }

    fn rule(&self, name: &str) -> &Body {
        self.rules.get(name).unwrap_or_else(|| panic!("no rule `{name}`"))
    }

    fn words(&self, rule: &str) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        self.rule(rule).terminals(&mut |text| words.insert(text.to_owned()));
        words
    }

    fn sentence(&self, seed: u64) -> String {
        let mut writer = Writer { grammar: self, random: Random(seed), out: String::new(), open: Vec::new() };
        writer.write(self.rule("plan"), 0, false);
        writer.out
    }
}

/// Reads EBNF.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix("(*") else { return };
            self.rest = comment.split_once("*)").expect("an open comment").1;
        }
    }

    fn take(&mut self, sign: char) -> bool {
        self.skip();
        self.rest.strip_prefix(sign).map(|rest| self.rest = rest).is_some()
    }

    fn must(&mut self, sign: char) {
        assert!(self.take(sign), "expected `{sign}` at {:.40}", self.rest);
    }

    fn until(&mut self, sign: char) -> String {
        let (text, rest) = self.rest.split_once(sign).unwrap();
        self.rest = rest;
        text.to_owned()
    }

    fn word(&mut self) -> Option<String> {
        self.skip();
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    fn choice(&mut self) -> Body {
        let mut all = vec![self.sequence()];
        while self.take('|') {
            all.push(self.sequence());
        }
        if all.len() == 1 { all.remove(0) } else { Body::Choice(all) }
    }

    fn sequence(&mut self) -> Body {
        let mut all = vec![self.factor()];
        while self.take(',') {
            all.push(self.factor());
        }
        if all.len() == 1 { all.remove(0) } else { Body::Sequence(all) }
    }

    fn factor(&mut self) -> Body {
        let one = self.primary();
        if self.take('-') { Body::Except(Box::new(one), Box::new(self.primary())) } else { one }
    }

    fn primary(&mut self) -> Body {
        for quote in ['"', '\''] {
            if self.take(quote) {
                return Body::Terminal(self.until(quote));
            }
        }
        if self.take('?') {
            return Body::Special(self.until('?').trim().to_owned());
        }
        if let Some(word) = self.word() {
            return Body::Rule(word);
        }
        for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
            if self.take(open) {
                let inner = self.choice();
                self.must(close);
                return match open {
                    '(' => inner,
                    '[' => Body::Optional(Box::new(inner)),
                    _ => Body::Repeat(Box::new(inner)),
                };
            }
        }
        panic!("expected a factor at {:.40}", self.rest)
    }
}

/// Writes a random sentence.
struct Writer<'a> {
    grammar: &'a Grammar,
    random: Random,
    out: String,
    open: Vec<char>,
}

impl<'a> Writer<'a> {
    fn write(&mut self, body: &'a Body, depth: usize, glued: bool) {
        let deep = depth > 40;
        match body {
            Body::Terminal(text) => self.push(text, glued),
            Body::Special(name) => {
                let text = special(name, &mut self.random);
                self.push(&text, glued || text == "\n");
            }
            Body::Rule(name) => self.rule(name, depth, glued),
            Body::Sequence(all) => all.iter().for_each(|one| self.write(one, depth + 1, glued)),
            // The last alternative is the plainest.
            Body::Choice(all) => {
                let pick = if deep { all.len() - 1 } else { self.random.below(all.len()) };
                self.write(&all[pick], depth + 1, glued);
            }
            Body::Optional(one) => {
                if !deep && self.random.below(2) == 0 {
                    self.write(one, depth + 1, glued);
                }
            }
            Body::Repeat(one) => {
                // Long plans of short expressions.
                let most = if depth < 3 { 4 } else { 2 };
                while !deep && self.random.below(5) < most {
                    self.write(one, depth + 1, glued);
                }
            }
            Body::Except(one, except) => {
                let Body::Rule(except) = &**except else { panic!("only a rule can be excepted") };
                let forbidden = self.grammar.words(except);
                loop {
                    let before = self.out.len();
                    self.write(one, depth + 1, glued);
                    if !forbidden.contains(self.out[before..].trim()) {
                        break;
                    }
                    self.out.truncate(before);
                }
            }
        }
    }

    fn rule(&mut self, name: &str, depth: usize, glued: bool) {
        let is_token = name.chars().all(char::is_uppercase);
        if is_token && !glued {
            self.space(name == "UNIT");
        }
        self.write(self.grammar.rule(name), depth + 1, glued || is_token);
    }

    fn push(&mut self, text: &str, glued: bool) {
        if !glued {
            self.space(false);
            match text {
                "(" | "[" | "{" => self.open.push(text.chars().next().unwrap()),
                ")" | "]" | "}" => drop(self.open.pop()),
                _ => {}
            }
        }
        self.out.push_str(text);
    }

    /// White space between tokens; inside `(` and `[` it may hold lines, but not before a unit.
    fn space(&mut self, same_line: bool) {
        let may_break = !same_line && matches!(self.open.last(), Some('(' | '['));
        self.out.push_str(match self.random.below(12) {
            0 => "  \t",
            1 if may_break => "\n ",
            2 if may_break => " // why\n\n  ",
            _ => " ",
        });
    }
}

fn special(name: &str, random: &mut Random) -> String {
    let pick = |random: &mut Random, from: &str| {
        let all: Vec<char> = from.chars().collect();
        all[random.below(all.len())].to_string()
    };
    match name {
        "a line feed" => "\n".to_owned(),
        "A to Z, a to z, or _" => pick(random, "abcdexyzABCXYZ_"),
        "0 to 9" => pick(random, "0123456789"),
        "any character but quote, backslash and line end" => pick(random, "abc 0.9/é✓{}[]#'\t"),
        "any character but backquote and line end" => pick(random, "abc 0.9/é\"\\{}[]#'"),
        "1 to 6 hexadecimal digits of a character" => pick(random, "0123456789abcdefABCDEF"),
        _ => panic!("the test does not know `{name}`"),
    }
}

/// A small generator, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}
