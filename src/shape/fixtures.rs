//! Laws and boxes for tests.

use super::anchored::{AxisCost, distances};
use super::funds::Funds;
use super::objective::Objective;
use crate::law::{ArmParameters, Estimate, FitReport, SovitLaw, SovitParameters, StarForm, Termination};
use crate::plan::{Comparison, Expression, Requirement, ShapeVariable, SmallOptimum};
use crate::source::Span;
use crate::vit::{PerAxis, Shape};

/// A law whose three arms agree at the centre, with the paper's exponents.
pub(super) fn law() -> SovitLaw {
    let s = PerAxis { width: 0.22, depth: 0.45, mlp: 0.60 };
    let c = 0.65;
    let axes = s.map(|s| {
        let sum = c / s;
        ArmParameters { alpha: 0.1, a: 0.4 * sum, beta: 0.05, b: 0.6 * sum, xi: 0.15, eps: 0.2 }
    });
    let exact = |value| Estimate { value, low: None, high: None };
    SovitLaw {
        metric: "error".to_owned(),
        weights: PerAxis { width: 1.0 / 3.0, depth: 1.0 / 3.0, mlp: 1.0 / 3.0 },
        centre: Shape { width: 2048, depth: 40, mlp_dim: 6144 },
        x_reference: PerAxis { width: 2048.0, depth: 40.0, mlp: 6144.0 },
        t_reference: 1e21,
        star: StarForm::Tied,
        tie: None,
        hold_out: None,
        x_range: PerAxis::default(),
        t_range: (1e19, 1e22),
        parameters: SovitParameters { c, axes },
        exponents: s.map(|&s| exact(s)),
        data_exponent: exact(c),
        fit: FitReport {
            rows: 0,
            parameters: 19,
            objective: String::new(),
            value: 0.0,
            rmse: 0.0,
            termination: Termination::Gradient,
            evaluations: 0,
            starts: 0,
            at_best: 0,
            condition: 1.0,
            draws: 0,
            seed: 0,
        },
        draws: Vec::new(),
    }
}

pub(super) fn start() -> SmallOptimum {
    SmallOptimum { shape: Shape { width: 608, depth: 10, mlp_dim: 928 }, forward_flops: 3.5e18 }
}

/// A budget for training alone, on data without end.
pub(super) const fn funds(forward_flops: f64) -> Funds {
    Funds { forward_flops, inference: 0.0, data: None }
}

/// A loss of axes with the same bend, 0.3 on the frontier.
pub(super) fn separable(frontier: PerAxis<f64>, a: f64, b: f64) -> Objective {
    Objective::Separable { costs: frontier.map(|&frontier| AxisCost::Loss { frontier, scale: 1.0, a, b }), level: 0.3 }
}

/// The frontier of SoViT-400m without a loss.
pub(super) fn distant() -> Objective {
    let costs = distances(PerAxis { width: 1147.5, depth: 26.9, mlp: 4314.2 });
    Objective::Separable { costs, level: f64::NAN }
}

/// A requirement that compares a number of the shape.
pub(super) fn require(variable: ShapeVariable, comparison: Comparison, number: f64) -> Requirement {
    let sides = (Box::new(Expression::Variable(variable)), Box::new(Expression::Number(number)));
    let predicate = match comparison {
        Comparison::Divides => Expression::Compare(comparison, sides.1, sides.0),
        _ => Expression::Compare(comparison, sides.0, sides.1),
    };
    Requirement { text: String::new(), span: Span::default(), predicate }
}
