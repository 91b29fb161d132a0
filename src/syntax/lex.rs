//! Text to tokens: total and lossless, the texts of all tokens joined are the input.
//!
//! What is not in the language still becomes a token; `slips` finds words for it.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_till, take_until, take_while, take_while1};
use nom::character::complete::{anychar, char, digit1, none_of, one_of};
use nom::combinator::{map_opt, opt, recognize, rest, value};
use nom::multi::many0_count;
use nom::{IResult, Parser};

/// Splits a text of at most [`Source::LIMIT`](crate::source::Source::LIMIT) bytes into tokens.
pub fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 4);
    let mut left = text;
    while let Some(first) = left.chars().next() {
        let (kind, next) = match token(left) {
            Ok((next, kind)) if next.len() < left.len() => (kind, next),
            _ => (Kind::Unknown, &left[first.len_utf8()..]),
        };
        tokens.push(Token { kind, start: (text.len() - left.len()) as u32, end: (text.len() - next.len()) as u32 });
        left = next;
    }
    tokens
}

/// A piece of text; `start..end` are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
}

/// The kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// White space but the line feed.
    Space,
    /// `// ...` to the end of the line; also `# ...` and `/* ... */`, which are slips.
    Comment,
    /// A line feed.
    Newline,
    /// A letter or `_`, then letters, digits and `_`. Other letters than ASCII are slips.
    Name,
    /// Digits with `_`, a fraction, an exponent.
    Number,
    /// `"..."`, perhaps without its end; also `'...'` and `“...”`, which are slips.
    Text,
    /// `` `...` ``: a column's name, whatever it holds but backquotes and line ends.
    Column,
    /// `=`
    Equals,
    /// `==`
    EqualEqual,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `+-`
    PlusMinus,
    /// `(`
    OpenParen,
    /// `)`
    CloseParen,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// `%`
    Percent,
    /// `^`
    Caret,
    /// `$`
    Dollar,
    /// `:`, which is not in the language but often meant as `=`.
    Colon,
    /// A character that is not in the language.
    Unknown,
    /// The end of the text; made by the parser, never by the lexer.
    End,
}

impl Kind {
    /// Whether the grammar never sees it.
    pub const fn is_trivia(self) -> bool {
        matches!(self, Self::Space | Self::Comment)
    }

    /// The text, for kinds that have one.
    pub fn symbol(self) -> Option<&'static str> {
        SYMBOLS.iter().find(|&&(_, kind)| kind == self).map(|&(text, _)| text)
    }
}

/// Every operator and bracket of the language, longer before its own beginning.
pub const SYMBOLS: &[(&str, Kind)] = &[
    ("==", Kind::EqualEqual),
    ("!=", Kind::NotEqual),
    ("<=", Kind::LessEqual),
    (">=", Kind::GreaterEqual),
    ("+-", Kind::PlusMinus),
    ("..", Kind::DotDot),
    ("=", Kind::Equals),
    ("<", Kind::Less),
    (">", Kind::Greater),
    ("+", Kind::Plus),
    ("-", Kind::Minus),
    ("*", Kind::Star),
    ("/", Kind::Slash),
    ("(", Kind::OpenParen),
    (")", Kind::CloseParen),
    ("{", Kind::OpenBrace),
    ("}", Kind::CloseBrace),
    ("[", Kind::OpenBracket),
    ("]", Kind::CloseBracket),
    (",", Kind::Comma),
    (";", Kind::Semicolon),
    (".", Kind::Dot),
    ("%", Kind::Percent),
    ("^", Kind::Caret),
    ("$", Kind::Dollar),
];

/// Characters that look like an operator and are read as one; each is a slip.
const LOOKALIKES: &[(char, Kind)] = &[
    ('≤', Kind::LessEqual),
    ('≥', Kind::GreaterEqual),
    ('≠', Kind::NotEqual),
    ('±', Kind::PlusMinus),
    ('×', Kind::Star),
    ('·', Kind::Star),
    ('⋅', Kind::Star),
    ('÷', Kind::Slash),
    ('−', Kind::Minus),
    ('–', Kind::Minus),
    ('—', Kind::Minus),
    ('…', Kind::DotDot),
];

type Lexed<'a, T> = IResult<&'a str, T, ()>;

fn token(input: &str) -> Lexed<'_, Kind> {
    alt((
        value(Kind::Space, space),
        value(Kind::Name, name),
        value(Kind::Newline, char('\n')),
        value(Kind::Number, number),
        value(Kind::Comment, comment),
        value(Kind::Text, text),
        value(Kind::Column, column),
        symbol,
        value(Kind::Unknown, anychar),
    ))
    .parse(input)
}

fn space(input: &str) -> Lexed<'_, &str> {
    take_while1(|c: char| c != '\n' && (c.is_whitespace() || c == '\u{feff}')).parse(input)
}

fn name(input: &str) -> Lexed<'_, &str> {
    let letters = take_while1(|c: char| c.is_alphabetic() || c == '_');
    recognize((letters, take_while(|c: char| c.is_alphanumeric() || c == '_'))).parse(input)
}

/// `0.70`, `16e9`, `1_000_000`; the dots of `384..2048` stay where they are.
fn number(input: &str) -> Lexed<'_, &str> {
    let exponent = (one_of("eE"), opt(one_of("+-")), digits);
    recognize((digits, opt((char('.'), digits)), opt(exponent))).parse(input)
}

fn digits(input: &str) -> Lexed<'_, &str> {
    recognize((digit1, take_while(|c: char| c.is_ascii_digit() || c == '_'))).parse(input)
}

fn comment(input: &str) -> Lexed<'_, &str> {
    let line = (alt((tag("//"), tag("#"))), take_till(|c| c == '\n'));
    let block = (tag("/*"), alt((recognize((take_until("*/"), tag("*/"))), rest)));
    alt((recognize(line), recognize(block))).parse(input)
}

/// A string ends at its quote or at the end of its line; strings in wrong quotes must have both.
fn text(input: &str) -> Lexed<'_, &str> {
    let escape = recognize((char('\\'), opt(none_of("\r\n"))));
    let inside = many0_count(alt((is_not("\"\\\r\n"), escape)));
    let single = (char('\''), opt(is_not("'\r\n")), char('\''));
    let curly = (one_of("“”"), opt(is_not("“”\"\r\n")), one_of("“”\""));
    alt((recognize((char('"'), inside, opt(char('"')))), recognize(single), recognize(curly))).parse(input)
}

/// A column's name must have both backquotes on one line.
fn column(input: &str) -> Lexed<'_, &str> {
    recognize((char('`'), is_not("`\r\n"), char('`'))).parse(input)
}

fn symbol(input: &str) -> Lexed<'_, Kind> {
    if let Some(&(text, kind)) = SYMBOLS.iter().find(|(text, _)| input.starts_with(text)) {
        return value(kind, tag(text)).parse(input);
    }
    map_opt(anychar, |c| match c {
        ':' => Some(Kind::Colon),
        _ => LOOKALIKES.iter().find(|&&(alike, _)| alike == c).map(|&(_, kind)| kind),
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, want: &[(Kind, &str)]) {
        let tokens = lex(text);
        let got: Vec<_> = tokens
            .iter()
            .filter(|token| !token.kind.is_trivia())
            .map(|token| (token.kind, &text[token.start as usize..token.end as usize]))
            .collect();
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn numbers_leave_ranges_alone() {
        use Kind::{Dot, DotDot, Minus, Name, Number};
        check("384..2048", &[(Number, "384"), (DotDot, ".."), (Number, "2048")]);
        check("0.70 16e9", &[(Number, "0.70"), (Number, "16e9")]);
        check("1_000_000", &[(Number, "1_000_000")]);
        check("1e-3 1E+3", &[(Number, "1e-3"), (Number, "1E+3")]);
        check("5.", &[(Number, "5"), (Dot, ".")]);
        check("3e 2EFLOP", &[(Number, "3"), (Name, "e"), (Number, "2"), (Name, "EFLOP")]);
        check("1e-x", &[(Number, "1"), (Name, "e"), (Minus, "-"), (Name, "x")]);
    }

    #[test]
    fn operators_take_the_longest_match() {
        use Kind::{EqualEqual, Equals, LessEqual, Minus, Name, Plus, PlusMinus};
        check("a+-b", &[(Name, "a"), (PlusMinus, "+-"), (Name, "b")]);
        check("+ -", &[(Plus, "+"), (Minus, "-")]);
        check("===", &[(EqualEqual, "=="), (Equals, "=")]);
        check("<= ≤", &[(LessEqual, "<="), (LessEqual, "≤")]);
    }

    #[test]
    fn strings_end_with_their_line() {
        use Kind::{Name, Newline, Text, Unknown};
        check(r#""a\"b" c"#, &[(Text, r#""a\"b""#), (Name, "c")]);
        check("\"a\nb", &[(Text, "\"a"), (Newline, "\n"), (Name, "b")]);
        check("\"a\\\n", &[(Text, "\"a\\"), (Newline, "\n")]);
        check("'a' “b” 'c", &[(Text, "'a'"), (Text, "“b”"), (Unknown, "'"), (Name, "c")]);
    }

    #[test]
    fn backquotes_stand_around_columns() {
        use Kind::{Column, Name, Newline, Unknown};
        check("`a \"b` c", &[(Column, "`a \"b`"), (Name, "c")]);
        check("`a\n", &[(Unknown, "`"), (Name, "a"), (Newline, "\n")]);
        check("``", &[(Unknown, "`"), (Unknown, "`")]);
    }

    #[test]
    fn comments_are_trivia() {
        use Kind::{Name, Newline};
        check("a // b\nc", &[(Name, "a"), (Newline, "\n"), (Name, "c")]);
        check("a /* b\n */ c", &[(Name, "a"), (Name, "c")]);
    }

    proptest! {
        #[test]
        fn lexing_loses_nothing(text in "(?s).{0,200}") {
            joined(&text)?;
        }

        #[test]
        fn lexing_loses_nothing_of_plans(text in r#"[a-e0-9_ ."'`\\/*+\-=<>!{}\n\r#%^$:;“±…]{0,200}"#) {
            joined(&text)?;
        }
    }

    fn joined(text: &str) -> Result<(), TestCaseError> {
        let mut at = 0;
        for token in lex(text) {
            prop_assert_eq!(token.start, at);
            prop_assert!(token.end > at && text.is_char_boundary(token.end as usize));
            at = token.end;
        }
        prop_assert_eq!(at as usize, text.len());
        Ok(())
    }
}
