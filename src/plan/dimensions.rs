//! What to say where dimensions or kinds of compute do not fit, and how to repair it where one factor is missing.

use super::check::{Checker, Owner};
use super::constants::Constants;
use super::terms::{Term, arithmetic};
use super::{Operator, codes};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind};
use crate::units::{Base, ComputeKind, Dimension, QuantityError, describe, resolve};

impl Checker<'_> {
    /// Whether `expr`, found to be of one dimension, is of the one that `owner` expects; reports it where not.
    pub(super) fn fits(&mut self, expr: &Expr, found: Dimension, expected: Dimension, owner: Owner<'_>) -> bool {
        if found == expected {
            return true;
        }
        let message = format!("`{}` is {}, but this is {}", owner.name, describe(expected), describe(found));
        let error = Diagnostic::error(codes::DIMENSION, message)
            .label(expr.span, this_is(found))
            .label(owner.span, expects(expected));
        let error = self.origin(error, expr);
        let error = self.repair(error, expr, found, expected);
        self.report(error);
        false
    }

    /// Two operands that have no sum, difference, product or quotient.
    pub(super) fn unlike(&mut self, whole: &Expr, operator: Operator, left: &Expr, right: &Expr, why: QuantityError) {
        match why {
            QuantityError::Dimensions(a, b) => {
                let message = match operator {
                    Operator::Subtract => format!("cannot subtract {} from {}", describe(b), describe(a)),
                    _ => format!("cannot add {} to {}", describe(b), describe(a)),
                };
                self.different(message, left, right, a, b);
            }
            QuantityError::Kinds(a, b) => {
                let message = match operator {
                    Operator::Add => format!("cannot add {} to {}", kind_noun(b), kind_noun(a)),
                    Operator::Subtract => format!("cannot subtract {} from {}", kind_noun(b), kind_noun(a)),
                    Operator::Multiply => format!("cannot multiply {} by {}", kind_noun(a), kind_noun(b)),
                    Operator::Divide => format!("cannot divide {} by {}", kind_noun(a), kind_noun(b)),
                };
                self.mixed(&message, left, right, a, b);
            }
            _ => self.no_value(whole.span, right.span, why),
        }
    }

    /// Two operands that have no order.
    pub(super) fn incomparable(&mut self, left: &Expr, right: &Expr, why: QuantityError) {
        match why {
            QuantityError::Dimensions(a, b) => {
                let message = format!("cannot compare {} with {}", describe(a), describe(b));
                self.different(message, left, right, a, b);
            }
            QuantityError::Kinds(a, b) => {
                let message = format!("cannot compare {} with {}", kind_noun(a), kind_noun(b));
                self.mixed(&message, left, right, a, b);
            }
            _ => self.no_value(left.span.to(right.span), right.span, why),
        }
    }

    /// A result that is no number.
    pub(super) fn no_value(&mut self, whole: Span, right: Span, why: QuantityError) {
        let error = match why {
            QuantityError::DivisionByZero => {
                Diagnostic::error(codes::NO_VALUE, "division by zero").label(right, "this is 0")
            }
            QuantityError::MayBeZero => {
                Diagnostic::error(codes::NO_VALUE, "division by an uncertain value that may be 0")
                    .label(right, "may be 0")
            }
            QuantityError::Exponent => {
                Diagnostic::error(codes::EXPONENT, "a dimension has an exponent beyond 127").label(whole, "of this")
            }
            _ => Diagnostic::error(codes::NO_VALUE, "the result is too large for a number")
                .label(whole, "beyond 1.8e308 base units"),
        };
        self.report(error.help("check the numbers and their units"));
    }

    /// Compute that must be forward or training, and is executed or does not say.
    pub(super) fn kind_is_needed(
        &mut self,
        expr: &Expr,
        kind: Option<ComputeKind>,
        who: &str,
        owner: Option<Owner<'_>>,
    ) {
        let (code, message, label) = match kind {
            None => (codes::UNSTATED_KIND, "must know what kind of compute this is", "does not say its kind"),
            Some(_) => (codes::COMPUTE_KIND, "takes forward or training compute", "what devices executed"),
        };
        let mut error = Diagnostic::error(code, format!("{who} {message}")).label(expr.span, label);
        if let Some(owner) = owner {
            error = error.label(owner.span, "counts forward or training compute");
        }
        let (at, space) = match &expr.kind {
            ExprKind::As { kind, .. } => (kind.span, ""),
            _ => (expr.span.after(), " as "),
        };
        let error = error
            .fix("where it counts forward passes, as the SoViT paper does", at, format!("{space}forward"))
            .fix("where it counts whole training, three times forward", at, format!("{space}training"));
        self.report(error);
    }

    /// Two sides of different dimensions.
    fn different(&mut self, message: String, left: &Expr, right: &Expr, a: Dimension, b: Dimension) {
        // A bare literal is more likely at fault than what it stands beside.
        let literal = |expr: &Expr| matches!(expr.kind, ExprKind::Number { .. });
        let ((fault, found), (other, expected)) =
            if literal(left) && !literal(right) { ((left, a), (right, b)) } else { ((right, b), (left, a)) };
        let error = Diagnostic::error(codes::UNLIKE, message)
            .label(fault.span, this_is(found))
            .label(other.span, this_is(expected));
        let error = self.repair(error, fault, found, expected);
        self.report(error);
    }

    /// Two sides that count compute differently.
    fn mixed(&mut self, message: &str, left: &Expr, right: &Expr, a: Option<ComputeKind>, b: Option<ComputeKind>) {
        let text = |expr: &Expr| self.sources.slice(expr.span);
        let error = |code, at: &Expr, kind, other: &Expr, other_kind| {
            Diagnostic::error(code, message).label(at.span, kind_noun(kind)).label(other.span, kind_noun(other_kind))
        };
        let error = match (a, b) {
            (None, Some(kind)) => error(codes::UNSTATED_KIND, left, a, right, b).fix(
                "say what it counts",
                left.span,
                format!("({} as {})", text(left), kind.name()),
            ),
            (Some(kind), None) => error(codes::UNSTATED_KIND, right, b, left, a).fix(
                "say what it counts",
                right.span,
                format!("({} as {})", text(right), kind.name()),
            ),
            (Some(ComputeKind::Executed), Some(kind)) => error(codes::COMPUTE_KIND, left, a, right, b).fix(
                "say what the executed compute stands for",
                left.span,
                format!("({} as {})", text(left), kind.name()),
            ),
            (Some(kind), Some(ComputeKind::Executed)) => error(codes::COMPUTE_KIND, right, b, left, a).fix(
                "say what the executed compute stands for",
                right.span,
                format!("({} as {})", text(right), kind.name()),
            ),
            (kind, _) => {
                let kind = kind.map_or("forward", ComputeKind::name);
                let (span, converted) = match &right.kind {
                    ExprKind::Call { function, .. } => (function.span, kind.to_owned()),
                    _ => (right.span, format!("{kind}({})", text(right))),
                };
                let words = format!("count it as {kind} compute");
                error(codes::COMPUTE_KIND, right, b, left, a).fix(words, span, converted)
            }
        };
        self.report(error);
    }

    /// Adds what repairs `expr`, found to be of one dimension where another is expected; nothing where that is
    /// complicated.
    fn repair(&mut self, error: Diagnostic, expr: &Expr, found: Dimension, expected: Dimension) -> Diagnostic {
        if let ExprKind::Unary { operand, .. } = &expr.kind {
            return self.repair(error, operand, found, expected);
        }
        if let ExprKind::Number { value, unit } = &expr.kind {
            return self.repair_literal(error, expr, *value, unit.is_some(), found, expected);
        }
        if let Some((at, symbol, words)) = self.flipped(expr, expected) {
            return error.fix(words, at, symbol);
        }
        if expected.multiply(found) == Some(Dimension::NONE) {
            return error.fix("invert it", expr.span, format!("1 / ({})", self.sources.slice(expr.span)));
        }
        let bytes = Dimension::of(Base::Byte);
        let counted = |unit: &Dimension| found.divide(bytes).and_then(|rest| rest.multiply(*unit)) == Some(expected);
        if let Some(unit) = COUNTED.into_iter().find(counted)
            && let Some((literal, value)) = self.bytes_factor(expr)
        {
            return self.billions(error, literal, value, unit);
        }
        missing_factor(error, found, expected)
    }

    fn repair_literal(
        &mut self,
        error: Diagnostic,
        expr: &Expr,
        value: f64,
        has_unit: bool,
        found: Dimension,
        expected: Dimension,
    ) -> Diagnostic {
        let number = self.number_text(expr);
        if expected.is_none() {
            return error.fix("leave the unit out", expr.span, number);
        }
        if !has_unit {
            let mega = format!("M{expected}");
            let error = if expected == Dimension::PARAM && value < 1e5 && resolve(&mega).is_ok() {
                error.fix("say it in millions", expr.span, format!("{number} {mega}"))
            } else {
                error
            };
            return error.fix("add the unit", expr.span, format!("{number} {expected}"));
        }
        if found == Dimension::of(Base::Byte) && COUNTED.contains(&expected) && self.is_unit(expr, "B") {
            return self.billions(error, expr, value, expected);
        }
        // One count becomes another, and anything becomes compute, by a rate; a length in pixels is only miswritten.
        let by_a_rate = COUNTED.contains(&expected) && COUNTED.contains(&found);
        if by_a_rate || expected == Dimension::FLOP || expected.factors().count() > 1 {
            return missing_factor(error, found, expected);
        }
        error.help(format!("write it in `{expected}`"))
    }

    /// The literal in `B` that a product would have to hold in another unit.
    fn bytes_factor<'e>(&self, expr: &'e Expr) -> Option<(&'e Expr, f64)> {
        match &expr.kind {
            ExprKind::Number { value, .. } if self.is_unit(expr, "B") => Some((expr, *value)),
            ExprKind::Binary { operator, left, right } if operator.value == BinaryOp::Multiply => {
                self.bytes_factor(left).or_else(|| self.bytes_factor(right))
            }
            _ => None,
        }
    }

    fn billions(&self, error: Diagnostic, literal: &Expr, value: f64, unit: Dimension) -> Diagnostic {
        let number = self.number_text(literal);
        let number = if number.contains(['e', 'E']) { format!("{:e}", value * 1e9) } else { format!("{number}e9") };
        error.fix("`B` is bytes; write billions as `e9`", literal.span, format!("{number} {unit}"))
    }

    fn is_unit(&self, expr: &Expr, name: &str) -> bool {
        match &expr.kind {
            ExprKind::Number { unit: Some(unit), .. } => self.sources.slice(unit.span) == name,
            _ => false,
        }
    }

    /// The operator's place and the other of `*` and `/`, where that one gives the expected dimension.
    fn flipped(&mut self, expr: &Expr, expected: Dimension) -> Option<(Span, &'static str, &'static str)> {
        let ExprKind::Binary { operator, left, right } = &expr.kind else { return None };
        let operation = arithmetic(operator.value)?;
        let mut dimension = |expr: &Expr| match self.quietly(|checker| checker.term(expr, None, &mut Constants))? {
            Term::Constant { quantity, .. } => Some(quantity.measure.dimension),
            _ => None,
        };
        let (left, right) = (dimension(left)?, dimension(right)?);
        match operation {
            Operator::Multiply if left.divide(right) == Some(expected) => {
                Some((operator.span, "/", "divide instead of multiplying"))
            }
            Operator::Divide if left.multiply(right) == Some(expected) => {
                Some((operator.span, "*", "multiply instead of dividing"))
            }
            _ => None,
        }
    }
}

/// What is counted in billions, which some write as `B`.
const COUNTED: [Dimension; 3] = [Dimension::EXAMPLE, Dimension::PARAM, Dimension::TOKEN];

/// Names the one factor that is missing; silent where there is more to it.
fn missing_factor(error: Diagnostic, found: Dimension, expected: Dimension) -> Diagnostic {
    let Some(missing) = expected.divide(found) else { return error };
    let above = missing.factors().filter(|&(_, exponent)| exponent == 1).count();
    let below = missing.factors().filter(|&(_, exponent)| exponent == -1).count();
    if above > 1 || below > 1 || above + below != missing.factors().count() {
        return error;
    }
    let (verb, factor) = match found.divide(expected) {
        Some(divisor) if above == 0 => ("divide", divisor),
        _ => ("multiply", missing),
    };
    let noun = if factor.factors().count() == 1 { describe(factor) + "," } else { "a quantity".into() };
    error.help(format!("{verb} it by {noun} in `{factor}`"))
}

fn this_is(dimension: Dimension) -> String {
    if dimension.is_none() { "this is a pure number".into() } else { format!("this is in `{dimension}`") }
}

fn expects(dimension: Dimension) -> String {
    if dimension.is_none() { "expects a pure number".into() } else { format!("expects `{dimension}`") }
}

fn kind_noun(kind: Option<ComputeKind>) -> String {
    kind.map_or("compute of unsaid kind".into(), |kind| format!("{} compute", kind.name()))
}
