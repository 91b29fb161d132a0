//! Expressions: operands and operators, by precedence.
//!
//! One loop climbs all levels, so that only brackets cost stack.

use nom::Input;

use super::operand::operand;
use super::recover::too_deep;
use super::{Tall, Value, name};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::ast::{BinaryOp, ExprKind, UnaryOp};
use crate::syntax::codes;
use crate::syntax::expect::{Expected, Want};
use crate::syntax::lex::Kind;
use crate::syntax::tokens::{DEPTH_LIMIT, Tokens};
use crate::syntax::words::Word;

/// An expression where one must stand; a reported hole where none does.
pub(super) fn value(input: Tokens<'_>) -> (Tokens<'_>, Value) {
    let mut climb = Climb { operands: Vec::new(), operators: Vec::new(), is_too_high: false };
    let mut rest = input;
    loop {
        while let Some((after, operator)) = climb.prefix(rest) {
            climb.operators.push(operator);
            rest = after;
        }
        let (after, operand) = operand(rest).unwrap_or_else(|_| missing(rest));
        // Most values are one operand.
        if climb.operators.is_empty() && climb.operands.is_empty() && !goes_on(after) {
            return (after, operand);
        }
        climb.operands.push(operand);
        rest = climb.suffixes(after);
        let Some((after, operator)) = infix(rest) else { break };
        climb.make_room(rest, operator);
        climb.operators.push(operator);
        rest = after;
    }
    climb.reduce(rest, 0);
    let tree = climb.operand(rest);
    (rest, tree)
}

/// A hole after the token before `input`.
pub(super) fn hole(input: Tokens<'_>) -> Value {
    Value::new(input.previous().after(), 1, ExprKind::Error)
}

/// Reports a missing operand; where it stands alone on the next line, reads it there.
#[cold]
fn missing(input: Tokens<'_>) -> (Tokens<'_>, Value) {
    let expected = Expected::at(input, Want::Value);
    let next = input.take_from(1);
    let begins_value = match next.raw(0).kind {
        Kind::Number | Kind::Text | Kind::Column | Kind::OpenParen | Kind::OpenBracket => true,
        Kind::Name => next.raw(1).kind == Kind::OpenParen,
        _ => false,
    };
    if input.raw(0).kind == Kind::Newline && begins_value && !next.looks_like_entry() {
        input.report(input.at(), || {
            let gap = input.previous().after().to(next.span(next.raw(0)));
            let gap = Span { end: next.raw(0).start, ..gap };
            let diagnostic = expected.diagnostic(input);
            if input.slice(gap).trim().is_empty() {
                diagnostic.fix("write it on the same line", gap, " ")
            } else {
                diagnostic.help("write it on the same line")
            }
        });
        if let Ok(read) = operand(next) {
            return read;
        }
    }
    expected.report(input);
    (input, hole(input))
}

/// An operator that waits for its right operand.
#[derive(Clone, Copy)]
struct Operator {
    span: Span,
    form: Form,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Prefix(UnaryOp),
    Infix(BinaryOp),
    /// `%` between two values: not in the language.
    Percent,
}

impl Operator {
    fn precedence(self) -> u8 {
        match self.form {
            Form::Prefix(UnaryOp::Negate) | Form::Percent => BinaryOp::Multiply.precedence(),
            Form::Prefix(UnaryOp::Not) => 3,
            Form::Infix(operator) => operator.precedence(),
        }
    }

    fn is_single(self) -> bool {
        let levels = [BinaryOp::Equal, BinaryOp::PlusMinus, BinaryOp::To].map(BinaryOp::precedence);
        matches!(self.form, Form::Infix(_)) && levels.contains(&self.precedence())
    }
}

/// Between intervals and comparisons.
const AS_PRECEDENCE: u8 = 5;

/// Whether an operator of any kind follows an operand.
fn goes_on(input: Tokens<'_>) -> bool {
    let token = input.first();
    !matches!(
        token.kind,
        Kind::Newline | Kind::Comma | Kind::Semicolon | Kind::CloseBrace | Kind::CloseParen | Kind::CloseBracket
    )
}

fn infix(input: Tokens<'_>) -> Option<(Tokens<'_>, Operator)> {
    let (rest, token) = input.next();
    let operator = match (token.kind, input.word(token)) {
        (Kind::PlusMinus, _) => BinaryOp::PlusMinus,
        (Kind::Star, _) => BinaryOp::Multiply,
        (Kind::Slash, _) => BinaryOp::Divide,
        (Kind::Plus, _) => BinaryOp::Add,
        (Kind::Minus, _) => BinaryOp::Subtract,
        (Kind::EqualEqual, _) => BinaryOp::Equal,
        (Kind::NotEqual, _) => BinaryOp::NotEqual,
        (Kind::Less, _) => BinaryOp::Less,
        (Kind::LessEqual, _) => BinaryOp::LessEqual,
        (Kind::Greater, _) => BinaryOp::Greater,
        (Kind::GreaterEqual, _) => BinaryOp::GreaterEqual,
        (_, Some(Word::To)) => BinaryOp::To,
        (_, Some(Word::Divides)) => BinaryOp::Divides,
        (_, Some(Word::And)) => BinaryOp::And,
        (_, Some(Word::Or)) => BinaryOp::Or,
        (Kind::Percent, _) => return Some((rest, Operator { span: input.span(token), form: Form::Percent })),
        _ => return None,
    };
    Some((rest, Operator { span: input.span(token), form: Form::Infix(operator) }))
}

/// Operands read, and operators that wait, loosest first.
struct Climb {
    operands: Vec<Value>,
    operators: Vec<Operator>,
    is_too_high: bool,
}

impl Climb {
    /// `-` or `not`, where what stands before binds no tighter.
    fn prefix<'a>(&self, input: Tokens<'a>) -> Option<(Tokens<'a>, Operator)> {
        let (rest, token) = input.next();
        let form = match (token.kind, input.word(token)) {
            (Kind::Minus, _) => UnaryOp::Negate,
            (_, Some(Word::Not)) => UnaryOp::Not,
            _ => return None,
        };
        let operator = Operator { span: input.span(token), form: Form::Prefix(form) };
        let is_loose = self.operators.last().is_none_or(|before| before.precedence() <= operator.precedence());
        is_loose.then_some((rest, operator))
    }

    /// `as KIND` and `at QUANTILE`, as often as they stand here.
    fn suffixes<'a>(&mut self, mut input: Tokens<'a>) -> Tokens<'a> {
        loop {
            let (rest, token) = input.next();
            let want = match input.word(token) {
                Some(Word::As) => Want::ComputeKind,
                Some(Word::At) => Want::Quantile,
                _ => return input,
            };
            self.reduce(input, AS_PRECEDENCE);
            let Ok((after, name)) = name(want)(rest) else {
                Expected::at(rest, want).report(rest);
                input = rest;
                continue;
            };
            let Tall { tree: value, height } = self.operand(input);
            let span = value.span.to(name.span);
            let kind = match want {
                Want::Quantile => ExprKind::At { value, quantile: name },
                _ => ExprKind::As { value, kind: name },
            };
            self.push(input, span, height + 1, kind);
            input = after;
        }
    }

    /// Completes what binds at least as tightly as `operator`, which comes next and does not chain.
    fn make_room(&mut self, input: Tokens<'_>, operator: Operator) {
        let level = operator.precedence();
        self.reduce(input, level + 1);
        let before = self.operators.last().copied().filter(|before| before.precedence() == level);
        if let Some(before) = before.filter(|before| before.is_single() && operator.is_single()) {
            self.chained(input, before, operator);
            self.reduce(input, level);
            let both = self.operand(input).tree.span;
            self.operands.push(Value::new(both, 1, ExprKind::Error));
        } else {
            self.reduce(input, level);
        }
    }

    fn chained(&self, input: Tokens<'_>, before: Operator, operator: Operator) {
        let shared = self.operands.last().map_or("", |operand| input.slice(operand.tree.span));
        let symbol = input.slice(operator.span);
        input.report(input.at(), || {
            let diagnostic =
                Diagnostic::error(codes::CHAINED_OPERATOR, format!("`{symbol}` cannot follow another comparison"));
            if let Form::Infix(form @ (BinaryOp::PlusMinus | BinaryOp::To)) = operator.form {
                let message = format!("a value has one `{}`", form.symbol());
                return Diagnostic::error(codes::CHAINED_OPERATOR, message)
                    .label(operator.span, "second")
                    .label(before.span, "first");
            }
            let diagnostic =
                diagnostic.label(operator.span, "second comparison").label(before.span, "first comparison");
            diagnostic.fix("join two comparisons with `and`", operator.span, format!("and {shared} {symbol}"))
        });
    }

    /// Completes every waiting operator of at least this precedence.
    fn reduce(&mut self, input: Tokens<'_>, precedence: u8) {
        while let Some(operator) = self.operators.pop_if(|last| last.precedence() >= precedence) {
            let right = self.operand(input);
            match operator.form {
                Form::Prefix(form) => {
                    let (span, height) = (operator.span.to(right.tree.span), right.height + 1);
                    let operator = Spanned::new(form, operator.span);
                    self.push(input, span, height, ExprKind::Unary { operator, operand: right.tree });
                }
                Form::Infix(form) => {
                    let left = self.operand(input);
                    let (span, height) = (left.tree.span.to(right.tree.span), left.height.max(right.height) + 1);
                    let operator = Spanned::new(form, operator.span);
                    let (left, right) = (left.tree, right.tree);
                    self.push(input, span, height, ExprKind::Binary { operator, left, right });
                }
                Form::Percent => {
                    let left = self.operand(input);
                    percent(input, left.tree.span, operator.span, right.tree.span);
                    self.push(input, left.tree.span.to(right.tree.span), 1, ExprKind::Error);
                }
            }
        }
    }

    fn operand(&mut self, input: Tokens<'_>) -> Value {
        self.operands.pop().unwrap_or_else(|| hole(input))
    }

    fn push(&mut self, input: Tokens<'_>, span: Span, height: u16, kind: ExprKind) {
        if height <= DEPTH_LIMIT && !self.is_too_high {
            self.operands.push(Value::new(span, height, kind));
            return;
        }
        if !self.is_too_high {
            too_deep(input, input.at(), span);
            self.is_too_high = true;
        }
        self.operands.push(Value::new(span, 1, ExprKind::Error));
    }
}

fn percent(input: Tokens<'_>, left: Span, operator: Span, right: Span) {
    input.remark(|| {
        let (divisor, value) = (input.slice(right), input.slice(left));
        let diagnostic = Diagnostic::error(codes::PERCENT_OPERATOR, "`%` is the unit percent and no operator")
            .label(operator, "not an operator");
        let zero = input.raw(1);
        if input.raw(0).kind == Kind::EqualEqual && input.text(zero) == "0" {
            let place = left.to(input.span(zero));
            diagnostic.fix("ask whether it divides", place, format!("{divisor} divides {value}"))
        } else if divisor.len() + value.len() < 60 {
            diagnostic.help(format!("ask whether it divides: `{divisor} divides {value}`"))
        } else {
            diagnostic.help("ask whether it divides, as in `8 divides head_dim`")
        }
    });
}
