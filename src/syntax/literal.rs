//! What numbers and strings mean.

use std::borrow::Cow;

/// The value of a number as the lexer cut it; infinite where it is too large.
pub(super) fn number(text: &str) -> f64 {
    let plain = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
    plain.parse().unwrap_or(f64::INFINITY)
}

/// The text of a string as the lexer cut it, and the escapes in it that there are not, as byte ranges.
///
/// Wrong quotes and a missing closing quote are taken as they are.
pub(super) fn text(raw: &str) -> (String, Vec<std::ops::Range<usize>>) {
    let mut value = String::with_capacity(raw.len());
    let mut wrong = Vec::new();
    let inside = inside(raw);
    let offset = raw.chars().next().map_or(0, char::len_utf8);
    if !raw.starts_with('"') {
        return (inside.to_owned(), wrong);
    }
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        let (meaning, length) = escape(&rest[at + 1..]);
        if let Some(c) = meaning {
            value.push(c);
        } else {
            let start = offset + inside.len() - rest.len() + at;
            wrong.push(start..start + 1 + length);
        }
        rest = &rest[at + 1 + length..];
    }
    value.push_str(rest);
    (value, wrong)
}

/// Whether the string has its closing quote.
pub(super) fn is_closed(raw: &str) -> bool {
    let offset = raw.chars().next().map_or(0, char::len_utf8);
    offset + inside(raw).len() < raw.len()
}

/// What stands between the quotes.
fn inside(raw: &str) -> &str {
    let mut chars = raw.chars();
    let first = chars.next();
    let inside = chars.as_str();
    if first != Some('"') {
        return inside.char_indices().next_back().map_or("", |(last, _)| &inside[..last]);
    }
    // A quote that is escaped closes nothing.
    match inside.strip_suffix('"') {
        Some(body) if body.bytes().rev().take_while(|&b| b == b'\\').count() % 2 == 0 => body,
        _ => inside,
    }
}

/// What follows a backslash: the character it stands for, and how many bytes were read.
fn escape(after: &str) -> (Option<char>, usize) {
    let Some(first) = after.chars().next() else { return (None, 0) };
    match first {
        '"' | '\\' => (Some(first), 1),
        'n' => (Some('\n'), 1),
        't' => (Some('\t'), 1),
        'u' => {
            let digits = after.strip_prefix("u{").and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
            match digits {
                Some(digits) if digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    let value = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                    (value, digits.len() + 3)
                }
                _ => (None, 1),
            }
        }
        other => (None, other.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, value: &str, wrong: &[&str]) {
        let (got, ranges) = text(raw);
        assert_eq!(got, value, "{raw}");
        assert_eq!(ranges.into_iter().map(|range| &raw[range]).collect::<Vec<_>>(), wrong, "{raw}");
    }

    #[test]
    fn escapes_are_resolved() {
        check(r#""a\"b\\c\n\t""#, "a\"b\\c\n\t", &[]);
        check(r#""\u{48}\u{1F600}""#, "H\u{1F600}", &[]);
        check(r#""a\q\u{d800}\u{}""#, "a", &[r"\q", r"\u{d800}", r"\u{}"]);
        check(r#""\u{1234567}""#, "{1234567}", &[r"\u"]);
        check(r#""é\ß""#, "é", &[r"\ß"]);
    }

    #[test]
    fn quotes_are_taken_as_they_are() {
        check("'a\\b'", "a\\b", &[]);
        check("“ä”", "ä", &[]);
        check("\"a", "a", &[]);
        check("\"a\\\"", "a\"", &[]);
        check("\"", "", &[]);
        check("\"a\\", "a", &["\\"]);
        assert!(is_closed("\"a\"") && is_closed("\"\"") && is_closed("'a'"));
        assert!(!is_closed("\"") && !is_closed("\"a") && !is_closed("\"a\\\""));
    }

    #[test]
    fn numbers_have_the_value_they_show() {
        assert_eq!(number("1_000.5e-1"), 100.05);
        assert!(number("1e999").is_infinite());
    }
}
