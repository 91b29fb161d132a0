//! The loss a search minimises, anchored at the frontier.
//!
//! With u_k = x_k / x_k^F(t),
//! `delta(x, t) = sum_k alpha_k (x_k^F)^-a_k [u_k^-a_k - 1 + (a_k / b_k) (u_k^b_k - 1)]`.
//! Zero on the frontier, convex in log x, with the fitted curvature of each dimension.
//! The joint form (3) of the paper is never minimised freely: that gives t^s_k for every dimension at once, which no
//! budget can pay for.

use super::frontier::{Frontier, percentiles};
use crate::law::{Law, SovitLaw, SovitParameters};
use crate::plan::SmallOptimum;
use crate::vit::{Axis, PerAxis, Shape};

/// Weight of the squared log distance that decides between sizes the loss cannot tell apart.
const TIE: f64 = 1e-12;

/// What being at `x` instead of on the frontier costs, one axis at a time. The total is the sum.
#[derive(Clone, Copy, Debug)]
pub(super) enum AxisCost {
    /// Squared log distance: the law has no loss.
    Distance {
        /// The frontier's size.
        frontier: f64,
    },
    /// The anchored loss.
    Loss {
        /// The frontier's size.
        frontier: f64,
        /// `alpha_k (x_k^F)^-a_k`.
        scale: f64,
        /// `a_k`
        a: f64,
        /// `b_k`
        b: f64,
    },
}

impl AxisCost {
    /// The cost of size `x`; 0 on the frontier, rising away from it.
    pub(super) fn at(&self, x: f64) -> f64 {
        match *self {
            Self::Distance { frontier } => (x / frontier).ln().powi(2),
            Self::Loss { frontier, .. } => self.loss(x) + TIE * (x / frontier).ln().powi(2),
        }
    }

    /// The excess loss of size `x`; 0 where the law has no loss.
    pub(super) fn loss(&self, x: f64) -> f64 {
        match *self {
            Self::Distance { .. } => 0.0,
            Self::Loss { frontier, scale, a, b } => {
                let u = (x / frontier).ln();
                // exp_m1 keeps the small differences of neighbours exact.
                scale * ((-a * u).exp_m1() + a / b * (b * u).exp_m1())
            }
        }
    }
}

/// The cost of each axis for a law whose recipe is at `frontier`.
pub(super) fn costs(law: &Law, frontier: PerAxis<f64>) -> PerAxis<AxisCost> {
    PerAxis::from_fn(|axis| match law {
        Law::Sovit(sovit) => loss_cost(&sovit.parameters, sovit, axis, *frontier.get(axis)),
        Law::Stated(_) | Law::Fitted(_) => AxisCost::Distance { frontier: *frontier.get(axis) },
    })
}

fn loss_cost(parameters: &SovitParameters, law: &SovitLaw, axis: Axis, frontier: f64) -> AxisCost {
    let arm = parameters.axes.get(axis);
    let scale = arm.alpha * (frontier / law.x_reference.get(axis)).powf(-arm.a);
    AxisCost::Loss { frontier, scale, a: arm.a, b: arm.b }
}

/// The fitted law together with its start: losses at shapes and computes.
pub(super) struct Anchored<'a> {
    law: &'a SovitLaw,
    start: &'a SmallOptimum,
}

impl<'a> Anchored<'a> {
    pub(super) const fn new(law: &'a SovitLaw, start: &'a SmallOptimum) -> Self {
        Self { law, start }
    }

    /// Predicted loss of `shape` at `t`, with its 95 % interval over the draws.
    pub(super) fn predict(&self, shape: Shape, t: f64) -> (f64, f64, f64) {
        let value = self.loss(&self.law.parameters, shape, t);
        let (low, high) = percentiles(self.law.draws.iter().map(|draw| self.loss(draw, shape, t)).collect());
        if low.is_nan() { (value, value, value) } else { (value, low, high) }
    }

    /// The loss on the frontier at `t`.
    pub(super) fn on_frontier(&self, t: f64) -> f64 {
        let parameters = &self.law.parameters;
        self.level(parameters, self.frontier(parameters).at(t), t)
    }

    fn loss(&self, parameters: &SovitParameters, shape: Shape, t: f64) -> f64 {
        let frontier = self.frontier(parameters).at(t);
        let excess: f64 = Axis::ALL
            .into_iter()
            .map(|axis| loss_cost(parameters, self.law, axis, *frontier.get(axis)).loss(shape.get(axis) as f64))
            .sum();
        self.level(parameters, frontier, t) + excess
    }

    fn frontier(&self, parameters: &SovitParameters) -> Frontier {
        let exponents = PerAxis::from_fn(|axis| parameters.exponent(axis) * self.law.weights.get(axis));
        Frontier::new(self.start, exponents)
    }

    /// The per-dimension forms put together around the centre, where all three describe the same model:
    /// their mean there, plus what each axis adds by leaving it.
    fn level(&self, parameters: &SovitParameters, x: PerAxis<f64>, t: f64) -> f64 {
        let t = t / self.law.t_reference;
        let centre = self.law.centre.reals();
        Axis::ALL
            .into_iter()
            .map(|axis| {
                let reference = self.law.x_reference.get(axis);
                let here = parameters.arm(axis, x.get(axis) / reference, t);
                let there = parameters.arm(axis, centre.get(axis) / reference, t);
                there / 3.0 + (here - there)
            })
            .sum()
    }

    /// The share of `t` that the frontier can do without and still reach `excess` above its loss at `t`.
    /// `None` where no less compute brings the loss up that far.
    pub(super) fn wasted(&self, t: f64, excess: f64) -> Option<f64> {
        let target = self.on_frontier(t) + excess;
        if !(excess > 0.0 && target.is_finite()) {
            return (excess <= 0.0).then_some(0.0);
        }
        let (mut low, mut high) = (t.ln() - 30.0, t.ln());
        if self.on_frontier(low.exp()) < target {
            return None;
        }
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if self.on_frontier(middle.exp()) > target { low = middle } else { high = middle }
        }
        Some(-(high - t.ln()).exp_m1())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::{ArmParameters, Estimate, FitReport, StarForm, Termination};
    use proptest::prelude::*;

    /// A law whose three arms agree at the centre, with the paper's exponents.
    fn law() -> SovitLaw {
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

    fn start() -> SmallOptimum {
        SmallOptimum { shape: Shape { width: 608, depth: 10, mlp_dim: 928 }, forward_flops: 3.5e18 }
    }

    proptest! {
        #[test]
        fn excess_is_zero_on_the_frontier_and_convex_in_log_size(
            frontier in 10.0..5000.0f64, scale in 1e-3..1.0f64, a in 0.05..3.0f64, b in 0.05..3.0f64,
            u in -1.5..1.5f64, v in -1.5..1.5f64,
        ) {
            let cost = AxisCost::Loss { frontier, scale, a, b };
            prop_assert_eq!(cost.at(frontier), 0.0);
            let at = |log: f64| cost.at(frontier * log.exp());
            prop_assert!(at(u) >= 0.0);
            let middle = at(f64::midpoint(u, v));
            prop_assert!(middle <= f64::midpoint(at(u), at(v)) * (1.0 + 1e-9) + 1e-12);
        }

        #[test]
        fn wasted_compute_is_what_the_frontier_can_do_without(ln_t in 44.0..52.0f64, excess in 1e-5..1e-2f64) {
            let (law, start) = (law(), start());
            let anchored = Anchored::new(&law, &start);
            let t = ln_t.exp();
            let wasted = anchored.wasted(t, excess).unwrap();
            prop_assert!((0.0..1.0).contains(&wasted));
            let less = anchored.on_frontier(t * (1.0 - wasted));
            prop_assert!((less - anchored.on_frontier(t) - excess).abs() < 1e-9, "{wasted}");
        }
    }

    #[test]
    fn a_shape_on_the_frontier_has_the_loss_of_the_frontier() {
        let (law, start) = (law(), start());
        let anchored = Anchored::new(&law, &start);
        let (value, low, high) = anchored.predict(start.shape, start.forward_flops);
        assert!((value - anchored.on_frontier(start.forward_flops)).abs() < 1e-15);
        assert_eq!((low, high), (value, value));
        let wide = anchored.predict(Shape { width: 1216, ..start.shape }, start.forward_flops).0;
        let narrow = anchored.predict(Shape { width: 304, ..start.shape }, start.forward_flops).0;
        assert!(wide > value && narrow > value);
    }

    #[test]
    fn the_loss_keeps_the_fitted_curvature_of_each_dimension() {
        // Second derivative in log x of the anchored loss on the frontier: alpha x^-a a (a + b).
        let law = law();
        let frontier = PerAxis { width: 900.0, depth: 20.0, mlp: 3000.0 };
        for (axis, cost) in costs(&Law::Sovit(Box::new(law.clone())), frontier).iter() {
            let (x, h) = (*frontier.get(axis), 1e-3_f64);
            let second = (cost.loss(x * h.exp()) + cost.loss(x * (-h).exp())) / (h * h);
            let arm = law.parameters.axes.get(axis);
            let fitted = arm.alpha * (x / law.x_reference.get(axis)).powf(-arm.a) * arm.a * (arm.a + arm.b);
            assert!((second / fitted - 1.0).abs() < 1e-3, "{axis:?} {second} {fitted}");
        }
    }
}
