//! Codes of this stage: S01xx.

use crate::diagnostic::Code;

/// Something else was expected here.
pub const UNEXPECTED: Code = Code::new("S0101", "unexpected-token");
/// A field's name without `=`.
pub const MISSING_EQUALS: Code = Code::new("S0102", "missing-equals");
/// A value is missing.
pub const MISSING_VALUE: Code = Code::new("S0103", "missing-value");
/// A bracket or brace is never closed.
pub const UNCLOSED: Code = Code::new("S0104", "unclosed");
/// A definition begins with a word the language does not know.
pub const UNKNOWN_KEYWORD: Code = Code::new("S0105", "unknown-keyword");
/// A character that is not in the language.
pub const STRAY_CHARACTER: Code = Code::new("S0106", "stray-character");
/// A string without its closing quote.
pub const UNTERMINATED_STRING: Code = Code::new("S0107", "unterminated-string");
/// A string in other quotes than `"`.
pub const WRONG_QUOTES: Code = Code::new("S0108", "wrong-quotes");
/// An escape that strings do not have.
pub const BAD_ESCAPE: Code = Code::new("S0109", "bad-escape");
/// Two comparisons in a row.
pub const CHAINED_OPERATOR: Code = Code::new("S0110", "chained-operator");
/// `%` between two values.
pub const PERCENT_OPERATOR: Code = Code::new("S0111", "percent-operator");
/// A number or an exponent out of range.
pub const BAD_NUMBER: Code = Code::new("S0112", "bad-number");
/// Nested more deeply than the compiler reads.
pub const TOO_DEEP: Code = Code::new("S0113", "too-deep");
/// A plan larger than the compiler reads.
pub const TOO_LARGE: Code = Code::new("S0114", "too-large");
/// More mistakes than are shown.
pub const TOO_MANY: Code = Code::new("S0115", "too-many-mistakes");
/// `:` or `==` where `=` is meant.
pub const WRONG_EQUALS: Code = Code::new("S0116", "wrong-equals");
/// A comment that does not begin with `//`.
pub const WRONG_COMMENT: Code = Code::new("S0117", "wrong-comment");
/// A bracket or brace that closes nothing.
pub const UNOPENED: Code = Code::new("S0118", "unopened");
/// A definition inside another one.
pub const NESTED_DEFINITION: Code = Code::new("S0119", "nested-definition");
/// A reserved word where a name is needed.
pub const RESERVED_WORD: Code = Code::new("S0120", "reserved-word");
