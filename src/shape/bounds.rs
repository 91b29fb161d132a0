//! What an expression can be over a whole box of shapes: interval arithmetic, never too narrow.

use crate::plan::{Comparison, Expression, Operator, ShapeVariable};

/// Every value an expression may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    /// Numbers from `.0` to `.1`.
    Number(f64, f64),
    /// Truth values.
    Truth {
        /// Whether it may hold.
        can_hold: bool,
        /// Whether it may fail.
        can_fail: bool,
    },
}

const ANY_NUMBER: Bound = Bound::Number(f64::NEG_INFINITY, f64::INFINITY);
const ANY_TRUTH: Bound = Bound::Truth { can_hold: true, can_fail: true };

/// Whether `predicate` may hold somewhere, where `lookup` gives the range of each variable.
pub(super) fn can_hold(predicate: &Expression<ShapeVariable>, lookup: &dyn Fn(ShapeVariable) -> (f64, f64)) -> bool {
    matches!(bound(predicate, lookup), Bound::Number(..) | Bound::Truth { can_hold: true, .. })
}

/// What a number lies between, where `lookup` gives the range of each variable.
pub(super) fn range(number: &Expression<ShapeVariable>, lookup: &dyn Fn(ShapeVariable) -> (f64, f64)) -> (f64, f64) {
    match bound(number, lookup) {
        Bound::Number(low, high) => (low, high),
        Bound::Truth { .. } => (f64::NEG_INFINITY, f64::INFINITY),
    }
}

fn bound(expression: &Expression<ShapeVariable>, lookup: &dyn Fn(ShapeVariable) -> (f64, f64)) -> Bound {
    match expression {
        Expression::Number(value) => Bound::Number(*value, *value),
        Expression::Text(_) => ANY_TRUTH,
        Expression::Bool(value) => Bound::Truth { can_hold: *value, can_fail: !value },
        Expression::Variable(variable) => {
            let (low, high) = lookup(*variable);
            number(low, high)
        }
        Expression::Negate(operand) => match bound(operand, lookup) {
            Bound::Number(low, high) => Bound::Number(-high, -low),
            Bound::Truth { .. } => ANY_NUMBER,
        },
        Expression::Not(operand) => match bound(operand, lookup) {
            Bound::Truth { can_hold, can_fail } => Bound::Truth { can_hold: can_fail, can_fail: can_hold },
            Bound::Number(..) => ANY_TRUTH,
        },
        Expression::Arithmetic(operator, left, right) => match (bound(left, lookup), bound(right, lookup)) {
            (Bound::Number(a, b), Bound::Number(c, d)) => arithmetic(*operator, (a, b), (c, d)),
            _ => ANY_NUMBER,
        },
        Expression::Compare(comparison, left, right) => match (bound(left, lookup), bound(right, lookup)) {
            (Bound::Number(a, b), Bound::Number(c, d)) => compare(*comparison, (a, b), (c, d)),
            _ => ANY_TRUTH,
        },
        Expression::And(left, right) => match (bound(left, lookup), bound(right, lookup)) {
            (Bound::Truth { can_hold: a, can_fail: b }, Bound::Truth { can_hold: c, can_fail: d }) => {
                Bound::Truth { can_hold: a && c, can_fail: b || d }
            }
            _ => ANY_TRUTH,
        },
        Expression::Or(left, right) => match (bound(left, lookup), bound(right, lookup)) {
            (Bound::Truth { can_hold: a, can_fail: b }, Bound::Truth { can_hold: c, can_fail: d }) => {
                Bound::Truth { can_hold: a || c, can_fail: b && d }
            }
            _ => ANY_TRUTH,
        },
    }
}

fn number(low: f64, high: f64) -> Bound {
    if low.is_nan() || high.is_nan() { ANY_NUMBER } else { Bound::Number(low, high) }
}

fn arithmetic(operator: Operator, (a, b): (f64, f64), (c, d): (f64, f64)) -> Bound {
    let corners = |f: fn(f64, f64) -> f64| {
        let values = [f(a, c), f(a, d), f(b, c), f(b, d)];
        if values.iter().any(|v| v.is_nan()) {
            return ANY_NUMBER;
        }
        let fold = |f: fn(f64, f64) -> f64| values.into_iter().fold(values[0], f);
        Bound::Number(fold(f64::min), fold(f64::max))
    };
    match operator {
        Operator::Add => number(a + c, b + d),
        Operator::Subtract => number(a - d, b - c),
        Operator::Multiply => corners(|x, y| x * y),
        Operator::Divide if c <= 0.0 && d >= 0.0 => ANY_NUMBER,
        Operator::Divide => corners(|x, y| x / y),
    }
}

fn compare(comparison: Comparison, (a, b): (f64, f64), (c, d): (f64, f64)) -> Bound {
    let points = a == b && c == d;
    let overlap = a <= d && c <= b;
    let (can_hold, can_fail) = match comparison {
        Comparison::Equal => (overlap, !(points && a == c)),
        Comparison::NotEqual => (!(points && a == c), overlap),
        Comparison::Less => (a < d, b >= c),
        Comparison::LessEqual => (a <= d, b > c),
        Comparison::Greater => (b > c, a <= d),
        Comparison::GreaterEqual => (b >= c, a < d),
        Comparison::Divides if points => {
            let holds = a != 0.0 && a.fract() == 0.0 && c.fract() == 0.0 && c % a == 0.0;
            (holds, !holds)
        }
        Comparison::Divides => (true, true),
    };
    Bound::Truth { can_hold, can_fail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Value;
    use proptest::prelude::*;

    fn leaf() -> impl Strategy<Value = Expression<ShapeVariable>> {
        prop_oneof![
            (-5.0..5.0f64).prop_map(Expression::Number),
            Just(Expression::Variable(ShapeVariable::Width)),
            Just(Expression::Variable(ShapeVariable::Depth)),
        ]
    }

    fn numeric() -> impl Strategy<Value = Expression<ShapeVariable>> {
        leaf().prop_recursive(3, 16, 2, |inner| {
            let operator = prop_oneof![
                Just(Operator::Add),
                Just(Operator::Subtract),
                Just(Operator::Multiply),
                Just(Operator::Divide)
            ];
            (operator, inner.clone(), inner)
                .prop_map(|(operator, left, right)| Expression::Arithmetic(operator, Box::new(left), Box::new(right)))
        })
    }

    proptest! {
        /// Whatever holds at a point of the box, the bound must allow.
        #[test]
        fn bounds_hold_every_point(
            left in numeric(), right in numeric(), w in 1u32..20, d in 1u32..20, dw in 0u32..9, dd in 0u32..9,
            less in any::<bool>(),
        ) {
            let comparison = if less { Comparison::Less } else { Comparison::GreaterEqual };
            let predicate = Expression::Compare(comparison, Box::new(left), Box::new(right));
            let range = |v: ShapeVariable| if v == ShapeVariable::Width {
                (f64::from(w), f64::from(w + dw))
            } else {
                (f64::from(d), f64::from(d + dd))
            };
            let at = |v: &ShapeVariable| if *v == ShapeVariable::Width {
                Value::Number(f64::from(w + dw / 2))
            } else {
                Value::Number(f64::from(d + dd / 3))
            };
            if predicate.truth(&mut |v| at(v)) == Ok(true) {
                prop_assert!(can_hold(&predicate, &range));
            }
        }
    }
}
