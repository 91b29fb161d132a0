//! The anchored loss as a smooth function of sizes and compute, and what it can be over a box of both.

use super::anchored::{AxisCost, bend};
use super::interval::Interval;
use crate::law::{SovitLaw, SovitParameters};
use crate::plan::SmallOptimum;
use crate::vit::{Axis, PerAxis};

/// The anchored loss of one set of parameters, by sizes and by `tau = ln(t / t0)`:
/// the loss on the frontier and what each axis adds to it.
#[derive(Clone, Debug)]
pub(super) struct Surface {
    t0: f64,
    arms: PerAxis<Arm>,
    /// The loss on the frontier as a sum of `coefficient exp(rate tau)`.
    level: [(f64, f64); 8],
}

/// One axis of a [`Surface`].
#[derive(Clone, Copy, Debug)]
struct Arm {
    /// Logarithm of the frontier's size at `t0`.
    ln_origin: f64,
    /// `d ln x^F / d tau`
    growth: f64,
    /// `alpha_k (x_k^F)^-a_k` at `t0`.
    scale: f64,
    a: f64,
    b: f64,
}

impl Surface {
    /// The surface of the best fit or of a draw.
    pub(super) fn new(law: &SovitLaw, parameters: &SovitParameters, start: &SmallOptimum) -> Self {
        let origin = start.shape.reals();
        let at_start = |axis: Axis| origin.get(axis) / law.x_reference.get(axis);
        let at_centre = |axis: Axis| law.centre.get(axis) as f64 / law.x_reference.get(axis);
        let arms = PerAxis::from_fn(|axis| {
            let arm = parameters.axes.get(axis);
            Arm {
                ln_origin: origin.get(axis).ln(),
                growth: parameters.exponent(axis) * law.weights.get(axis),
                scale: arm.alpha * at_start(axis).powf(-arm.a),
                a: arm.a,
                b: arm.b,
            }
        });
        // The per-dimension forms put together around the centre, where all three describe the same model: a third of
        // each there, plus what each axis adds by leaving it, which is f_k on the frontier less two thirds of f_k at
        // the centre.
        let c = parameters.c;
        let data = (start.forward_flops / law.t_reference).powf(-c);
        let mut level = [(0.0, 0.0); 8];
        level[7].1 = -c;
        for (i, axis) in Axis::ALL.into_iter().enumerate() {
            let (own, arm) = (parameters.axes.get(axis), arms.get(axis));
            level[2 * i] = (arm.scale, -arm.a * arm.growth);
            level[2 * i + 1] = (own.beta * at_start(axis).powf(own.b) * data, own.b * arm.growth - c);
            level[6].0 += own.eps / 3.0 - 2.0 / 3.0 * own.alpha * at_centre(axis).powf(-own.a);
            level[7].0 += (own.xi / 3.0 - 2.0 / 3.0 * own.beta * at_centre(axis).powf(own.b)) * data;
        }
        Self { t0: start.forward_flops, arms, level }
    }

    /// `ln(t / t0)`
    pub(super) fn tau(&self, t: f64) -> f64 {
        (t / self.t0).ln()
    }

    /// Where the recipe is.
    pub(super) fn frontier(&self, tau: f64) -> PerAxis<f64> {
        self.arms.map(|arm| (arm.ln_origin + arm.growth * tau).exp())
    }

    /// The loss on the frontier.
    pub(super) fn level(&self, tau: f64) -> f64 {
        self.level.iter().map(|(coefficient, rate)| coefficient * (rate * tau).exp()).sum()
    }

    /// Where the level begins to fall with compute for good, looking down from `tau`: below, less training would be
    /// better, as an extrapolated law may have it. Infinitely low where it falls throughout, or not even at `tau`.
    pub(super) fn rises_below(&self, tau: f64) -> f64 {
        let falls = |tau: f64| {
            self.level.iter().map(|(coefficient, rate)| coefficient * rate * (rate * tau).exp()).sum::<f64>() < 0.0
        };
        let points = (0..=LOWEST * 4).map(|i| tau - f64::from(i) / 4.0);
        let Some(mut low) = points.into_iter().find(|&tau| !falls(tau)).filter(|&low| low < tau) else {
            return f64::NEG_INFINITY;
        };
        let mut high = low + 0.25;
        while high - low > 1e-9 {
            let middle = f64::midpoint(low, high);
            if falls(middle) { high = middle } else { low = middle }
        }
        high
    }

    /// What each axis adds to it.
    pub(super) fn costs(&self, tau: f64) -> PerAxis<AxisCost> {
        self.arms.map(|arm| {
            let Arm { ln_origin, growth, scale, a, b } = *arm;
            let frontier = (ln_origin + growth * tau).exp();
            AxisCost::Loss { frontier, scale: scale * (-a * growth * tau).exp(), a, b }
        })
    }

    /// The loss at sizes and compute.
    pub(super) fn loss(&self, x: PerAxis<f64>, tau: f64) -> f64 {
        let excess: f64 = self.costs(tau).iter().map(|(axis, cost)| cost.loss(*x.get(axis))).sum();
        self.level(tau) + excess
    }

    /// What no loss goes below where logarithms of sizes and `tau` lie in intervals; the least level and the least of
    /// each axis, apart.
    pub(super) fn least(&self, ln_x: &PerAxis<Interval>, tau: Interval) -> f64 {
        let excess: f64 = self.arms.iter().map(|(axis, arm)| arm.least(*ln_x.get(axis), tau)).sum();
        self.least_level(tau, HALVINGS) + excess
    }

    /// What no loss goes above there.
    pub(super) fn most(&self, ln_x: &PerAxis<Interval>, tau: Interval) -> f64 {
        let excess: f64 = self.arms.iter().map(|(axis, arm)| arm.most(*ln_x.get(axis), tau)).sum();
        self.sum_over(tau, |_| 1.0).high + excess
    }

    fn least_level(&self, tau: Interval, halvings: u32) -> f64 {
        let slope = self.sum_over(tau, |rate| rate);
        if slope.high <= 0.0 {
            self.level(tau.high)
        } else if slope.low >= 0.0 {
            self.level(tau.low)
        } else if halvings == 0 {
            self.sum_over(tau, |_| 1.0).low
        } else {
            let halves = [Interval::new(tau.low, tau.middle()), Interval::new(tau.middle(), tau.high)];
            halves.map(|half| self.least_level(half, halvings - 1)).into_iter().fold(f64::INFINITY, f64::min)
        }
    }

    /// `sum coefficient factor(rate) exp(rate tau)` over an interval, term by term.
    fn sum_over(&self, tau: Interval, factor: impl Fn(f64) -> f64) -> Interval {
        let term =
            |&(coefficient, rate): &(f64, f64)| tau.scaled(rate).rising(f64::exp).scaled(coefficient * factor(rate));
        self.level.iter().map(term).fold(Interval::point(0.0), |sum, term| sum + term)
    }

    /// `dL / d ln x_k` of every axis, and `dL / d tau`.
    pub(super) fn slopes(&self, ln_x: &PerAxis<Interval>, tau: Interval) -> (PerAxis<Interval>, Interval) {
        let by_size = PerAxis::from_fn(|axis| self.arms.get(axis).by_size(*ln_x.get(axis), tau));
        let level = self.sum_over(tau, |rate| rate);
        let by_compute = self.arms.iter().map(|(axis, arm)| arm.by_compute(*ln_x.get(axis), tau));
        (by_size, by_compute.fold(level, |sum, slope| sum + slope))
    }
}

/// How far below a budget its law is looked at, in powers of e.
const LOWEST: u32 = 50;

/// How often an interval of compute is halved to find the least level in it.
const HALVINGS: u32 = 6;

impl Arm {
    /// `ln u`, how far a size lies above the frontier.
    fn above(&self, ln_x: Interval, tau: Interval) -> Interval {
        ln_x - (Interval::point(self.ln_origin) + tau.scaled(self.growth))
    }

    fn scale(&self, tau: Interval) -> Interval {
        tau.scaled(-self.a * self.growth).rising(f64::exp).scaled(self.scale)
    }

    fn excess(&self, ln_x: f64, tau: f64) -> f64 {
        let u = ln_x - self.ln_origin - self.growth * tau;
        let scale = self.scale * (-self.a * self.growth * tau).exp();
        scale * bend(self.a, self.b, u)
    }

    /// The excess falls towards the frontier by size and by compute: its least is 0 or at a corner.
    fn least(&self, ln_x: Interval, tau: Interval) -> f64 {
        let u = self.above(ln_x, tau);
        if u.low <= 0.0 && u.high >= 0.0 { 0.0 } else { self.corners(ln_x, tau).fold(f64::INFINITY, f64::min) }
    }

    fn most(&self, ln_x: Interval, tau: Interval) -> f64 {
        self.corners(ln_x, tau).fold(0.0, f64::max)
    }

    fn corners(&self, ln_x: Interval, tau: Interval) -> impl Iterator<Item = f64> {
        [(ln_x.low, tau.low), (ln_x.low, tau.high), (ln_x.high, tau.low), (ln_x.high, tau.high)]
            .into_iter()
            .map(|(ln_x, tau)| self.excess(ln_x, tau))
    }

    /// `d delta / d ln x = a scale (u^b - u^-a)`
    fn by_size(&self, ln_x: Interval, tau: Interval) -> Interval {
        let rise = |u: f64| (self.b * u).exp_m1() - (-self.a * u).exp_m1();
        self.above(ln_x, tau).rising(rise) * self.scale(tau).scaled(self.a)
    }

    /// `d delta / d tau = growth (a + b) (a / b) scale (1 - u^b)`
    fn by_compute(&self, ln_x: Interval, tau: Interval) -> Interval {
        let fall = -self.above(ln_x, tau).rising(|u| (self.b * u).exp_m1());
        fall * self.scale(tau).scaled(self.growth * (self.a + self.b) * self.a / self.b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::anchored::Anchored;
    use crate::shape::fixtures::{law, start};

    /// Arms far from their centre may say that a loss falls with less training; nothing is bounded by that.
    #[test]
    fn where_less_training_would_be_better_is_found() {
        let (mut law, start) = (law(), start());
        let falls = |surface: &Surface, tau: f64| surface.level(tau + 1e-4) < surface.level(tau - 1e-4);
        let surface = Anchored::new(&law, &start).surface();
        assert!((0..80).all(|i| falls(&surface, 8.0 - f64::from(i) / 2.0)));
        assert_eq!(surface.rises_below(8.0), f64::NEG_INFINITY);
        for axis in [Axis::Width, Axis::Depth] {
            law.parameters.axes.get_mut(axis).beta = 0.6;
        }
        let surface = Anchored::new(&law, &start).surface();
        let turn = surface.rises_below(8.0);
        assert!(turn.is_finite() && falls(&surface, turn + 0.01) && !falls(&surface, turn - 0.01), "{turn}");
    }
}
