//! The loss a search minimises, anchored at the frontier.
//!
//! With u_k = x_k / x_k^F(t),
//! `delta(x, t) = sum_k alpha_k (x_k^F)^-a_k [u_k^-a_k - 1 + (a_k / b_k) (u_k^b_k - 1)]`.
//! Zero on the frontier, convex in log x, with the fitted curvature of each dimension.
//! The joint form (3) of the paper is never minimised freely: that gives t^s_k for every dimension at once, which no
//! budget can pay for.

use super::frontier::percentiles;
use super::surface::Surface;
use crate::law::SovitLaw;
use crate::plan::SmallOptimum;
use crate::vit::{PerAxis, Shape};

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
            Self::Loss { frontier, scale, a, b } => scale * bend(a, b, (x / frontier).ln()),
        }
    }
}

/// `u^-a - 1 + (a / b) (u^b - 1)`, from `ln u`; `exp_m1` keeps the small differences of neighbours exact.
pub(super) fn bend(a: f64, b: f64, ln_u: f64) -> f64 {
    (-a * ln_u).exp_m1() + a / b * (b * ln_u).exp_m1()
}

/// The squared log distance of each axis from `frontier`, for a law without a loss.
pub(super) fn distances(frontier: PerAxis<f64>) -> PerAxis<AxisCost> {
    frontier.map(|&frontier| AxisCost::Distance { frontier })
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

    /// The surface of the best fit.
    pub(super) fn surface(&self) -> Surface {
        Surface::new(self.law, &self.law.parameters, self.start)
    }

    /// Those of the refits.
    pub(super) fn draws(&self) -> impl Iterator<Item = Surface> {
        self.law.draws.iter().map(|draw| Surface::new(self.law, draw, self.start))
    }

    /// Predicted loss of `shape` at `t`, with its 95 % interval over the draws.
    pub(super) fn predict(&self, shape: Shape, t: f64) -> (f64, f64, f64) {
        let loss = |surface: Surface| surface.loss(shape.reals(), surface.tau(t));
        let value = loss(self.surface());
        let (low, high) = percentiles(self.draws().map(loss).collect());
        if low.is_nan() { (value, value, value) } else { (value, low, high) }
    }
}

/// The share of `t` that can be done without and still reach `excess` above `least(t)`, the least loss at `t`.
/// `None` where no less compute brings the loss up that far.
pub(super) fn wasted(least: impl Fn(f64) -> f64, t: f64, excess: f64) -> Option<f64> {
    let target = least(t) + excess;
    if !(excess > 0.0 && target.is_finite()) {
        return (excess <= 0.0).then_some(0.0);
    }
    let (mut low, mut high) = (t.ln() - 30.0, t.ln());
    if least(low.exp()) < target {
        return None;
    }
    while high - low > 1e-13 * high.abs() {
        let middle = f64::midpoint(low, high);
        if least(middle.exp()) > target { low = middle } else { high = middle }
    }
    Some(-(high - t.ln()).exp_m1())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::fixtures::{law, start};
    use crate::vit::Axis;
    use proptest::prelude::*;

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
            let surface = Anchored::new(&law, &start).surface();
            let least = |t| surface.level(surface.tau(t));
            let t = ln_t.exp();
            let wasted = wasted(least, t, excess).unwrap();
            prop_assert!((0.0..1.0).contains(&wasted));
            prop_assert!((least(t * (1.0 - wasted)) - least(t) - excess).abs() < 1e-9, "{wasted}");
        }
    }

    #[test]
    fn a_shape_on_the_frontier_has_the_loss_of_the_frontier() {
        let (law, start) = (law(), start());
        let anchored = Anchored::new(&law, &start);
        let (value, low, high) = anchored.predict(start.shape, start.forward_flops);
        assert!((value - anchored.surface().level(0.0)).abs() < 1e-15);
        assert_eq!((low, high), (value, value));
        let wide = anchored.predict(Shape { width: 1216, ..start.shape }, start.forward_flops).0;
        let narrow = anchored.predict(Shape { width: 304, ..start.shape }, start.forward_flops).0;
        assert!(wide > value && narrow > value);
    }

    #[test]
    fn the_loss_keeps_the_fitted_curvature_of_each_dimension() {
        // Second derivative in log x of the anchored loss on the frontier: alpha x^-a a (a + b).
        let (law, start) = (law(), start());
        let surface = Anchored::new(&law, &start).surface();
        let frontier = surface.frontier(6.0);
        for (axis, cost) in surface.costs(6.0).iter() {
            let (x, h) = (*frontier.get(axis), 1e-3_f64);
            let second = (cost.loss(x * h.exp()) + cost.loss(x * (-h).exp())) / (h * h);
            let arm = law.parameters.axes.get(axis);
            let fitted = arm.alpha * (x / law.x_reference.get(axis)).powf(-arm.a) * arm.a * (arm.a + arm.b);
            assert!((second / fitted - 1.0).abs() < 1e-3, "{axis:?} {second} {fitted}");
        }
    }

    #[test]
    fn the_level_is_the_arms_put_together_at_the_centre() {
        let (law, start) = (law(), start());
        let surface = Anchored::new(&law, &start).surface();
        for t in [1e18, 1e20, 1e23] {
            let x = surface.frontier(surface.tau(t));
            let arms = Axis::ALL.map(|axis| {
                let centre = law.arm(axis, law.centre.get(axis) as f64, t);
                centre / 3.0 + (law.arm(axis, *x.get(axis), t) - centre)
            });
            assert!((surface.level(surface.tau(t)) - arms.iter().sum::<f64>()).abs() < 1e-12);
        }
    }
}
