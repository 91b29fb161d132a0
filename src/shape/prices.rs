//! What requirements cost: the answer again with a little more of each.

use crate::plan::{Comparison, Expression, Requirement, ShapeVariable};

/// By what fraction a bound is relaxed.
pub(super) const RELAXED: f64 = 0.01;

/// The requirement with its bound relaxed by a fraction; none where it is no bound by one number.
pub(super) fn relaxed(require: &Requirement, fraction: f64) -> Option<Requirement> {
    let Expression::Compare(comparison, left, right) = &require.predicate else { return None };
    let predicate = |left: Expression<ShapeVariable>, right: Expression<ShapeVariable>| {
        Expression::Compare(*comparison, Box::new(left), Box::new(right))
    };
    // Which way the right side has to go to allow more.
    let up = match comparison {
        Comparison::Less | Comparison::LessEqual => true,
        Comparison::Greater | Comparison::GreaterEqual => false,
        Comparison::Equal | Comparison::NotEqual | Comparison::Divides => return None,
    };
    let moved = |number: f64, up: bool| {
        let step = fraction * number.abs();
        Expression::Number(if up { number + step } else { number - step })
    };
    let predicate = match (&**left, &**right) {
        (Expression::Number(_), Expression::Number(_)) => return None,
        (other, Expression::Number(bound)) => predicate(other.clone(), moved(*bound, up)),
        (Expression::Number(bound), other) => predicate(moved(*bound, !up), other.clone()),
        _ => return None,
    };
    Some(Requirement { predicate, ..require.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    #[test]
    fn bounds_move_so_that_more_is_allowed() {
        let width = || Box::new(Expression::Variable(ShapeVariable::Width));
        let number = |value| Box::new(Expression::Number(value));
        let require = |comparison, left, right| Requirement {
            text: String::new(),
            span: Span::default(),
            predicate: Expression::Compare(comparison, left, right),
        };
        let bound = |require: Requirement| match relaxed(&require, 0.01)?.predicate {
            Expression::Compare(_, left, right) => match (*left, *right) {
                (Expression::Number(bound), _) | (_, Expression::Number(bound)) => Some(bound),
                _ => None,
            },
            _ => None,
        };
        assert_eq!(bound(require(Comparison::Less, width(), number(100.0))), Some(101.0));
        assert_eq!(bound(require(Comparison::GreaterEqual, width(), number(100.0))), Some(99.0));
        assert_eq!(bound(require(Comparison::Greater, number(100.0), width())), Some(101.0));
        assert_eq!(bound(require(Comparison::Less, number(-100.0), width())), Some(-101.0));
        assert_eq!(bound(require(Comparison::Divides, number(8.0), width())), None);
        assert_eq!(bound(require(Comparison::Less, width(), width())), None);
    }
}
