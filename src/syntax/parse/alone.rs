//! Texts that are one expression, as the arguments of a command are.

use super::any_name;
use super::block::equals;
use super::expression::value;
use crate::syntax::ast::{Expr, ExprKind, Name};
use crate::syntax::expect::{Expected, Want};
use crate::syntax::lex::Kind;
use crate::syntax::tokens::Tokens;

/// A whole text that is an expression. Line feeds are blank.
pub(in crate::syntax) fn lone_expression(input: Tokens<'_>) -> Expr {
    let input = input.inside(Kind::OpenParen).unwrap_or(input);
    let (rest, value) = value(input);
    let mut expression = *value.tree;
    if rest.kind() != Kind::End {
        Expected::at(rest, Want::EndOfExpression).report(rest);
        // The value was cut short; what it says so far is nobody's mistake.
        expression.kind = ExprKind::Error;
    }
    expression
}

/// A whole text that is `NAME = EXPRESSION`. Line feeds are blank.
pub(in crate::syntax) fn lone_binding(input: Tokens<'_>) -> (Option<Name>, Expr) {
    let input = input.inside(Kind::OpenParen).unwrap_or(input);
    if let Ok((rest, name)) = any_name(Want::Name)(input) {
        return (Some(name), lone_expression(equals(rest)));
    }
    Expected::at(input, Want::Name).report(input);
    (None, Expr { span: input.span(input.first()), kind: ExprKind::Error })
}
