//! Where the recipe wants to be.
//!
//! `x_k^F(t) = x0_k (t / t0)^(s_k w_k)`: the paper splits each tenfold of compute into one step for each dimension,
//! of share w_k, and lets dimension k grow with its own exponent in its own step (SoViT section 2.4).

use crate::plan::{SmallOptimum, StatedExponents};
use crate::vit::PerAxis;

/// A power law for each axis through one point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frontier {
    origin: PerAxis<f64>,
    t0: f64,
    exponents: PerAxis<f64>,
}

impl Frontier {
    /// The recipe that starts at `start` and grows with the effective exponents `s_k w_k`.
    pub(super) fn new(start: &SmallOptimum, exponents: PerAxis<f64>) -> Self {
        Self { origin: start.shape.reals(), t0: start.forward_flops, exponents }
    }

    /// The shape at `t` forward FLOPs.
    pub(super) fn at(&self, t: f64) -> PerAxis<f64> {
        PerAxis::from_fn(|axis| self.origin.get(axis) * (t / self.t0).powf(*self.exponents.get(axis)))
    }
}

/// 95 % interval of the frontier of stated exponents at `t`; `None` where they are exact.
pub(super) fn interval(stated: &StatedExponents, start: &SmallOptimum, t: f64) -> Option<PerAxis<(f64, f64)>> {
    let exact = stated.effective.iter().all(|(_, e)| e.sd == 0.0);
    let end = |sign: f64| Frontier::new(start, stated.effective.map(|e| e.value + sign * NORMAL_95 * e.sd)).at(t);
    (!exact).then(|| {
        let (low, high) = (end(-1.0), end(1.0));
        PerAxis::from_fn(|axis| ordered(*low.get(axis), *high.get(axis)))
    })
}

/// 95 % interval of each axis over draws; `None` where there are none.
pub(super) fn interval_of(draws: &[PerAxis<f64>]) -> Option<PerAxis<(f64, f64)>> {
    let along = |axis| percentiles(draws.iter().map(|shape| *shape.get(axis)).collect());
    (!draws.is_empty()).then(|| PerAxis::from_fn(along))
}

/// The normal quantile of 97.5 %.
const NORMAL_95: f64 = 1.959963984540054;

fn ordered(a: f64, b: f64) -> (f64, f64) {
    (a.min(b), a.max(b))
}

/// The 2.5 % and 97.5 % quantiles, interpolated linearly; NaN for no values.
pub(super) fn percentiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |p: f64| {
        let position = p * values.len().saturating_sub(1) as f64;
        let (low, high) = (position.floor() as usize, position.ceil() as usize);
        match (values.get(low), values.get(high)) {
            (Some(a), Some(b)) => a + (b - a) * position.fract(),
            _ => f64::NAN,
        }
    };
    (at(0.025), at(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit::Shape;

    fn start() -> SmallOptimum {
        SmallOptimum { shape: Shape { width: 608, depth: 10, mlp_dim: 928 }, forward_flops: 7.0e17 }
    }

    #[test]
    fn effective_exponents_reach_the_published_shapes() {
        let frontier = Frontier::new(&start(), PerAxis { width: 0.0675, depth: 0.1055, mlp: 0.1633 });
        let near = |t: f64, shape: [f64; 3]| {
            let at = frontier.at(t);
            for (got, want) in [at.width, at.depth, at.mlp].into_iter().zip(shape) {
                assert!((got / want - 1.0).abs() < 0.008, "{got} {want}");
            }
        };
        near(16e9 * 533_999_763_456.0, [1152.0, 27.0, 4304.0]);
        near(4e9 * 46.8e9, [880.0, 18.0, 2320.0]);
    }

    #[test]
    fn parameters_grow_two_and_a_half_times_per_tenfold_of_compute() {
        // SoViT section 4.1, with the stated exponents and w = 1/3: 2.3 to 2.7 as the geometric mean.
        let exponents = PerAxis { width: 0.22, depth: 0.45, mlp: 0.60 }.map(|s| s / 3.0);
        let frontier = Frontier::new(&start(), exponents);
        let params = |t: f64| {
            let x = frontier.at(t);
            x.depth * (4.0 * x.width * x.width + 2.0 * x.width * x.mlp)
        };
        let growth = (params(1e23) / params(1e19)).powf(0.25);
        assert!((2.3..2.7).contains(&growth), "{growth}");
    }

    #[test]
    fn percentiles_of_a_ramp() {
        let (low, high) = percentiles((0..=1000).map(f64::from).collect());
        assert_eq!((low, high), (25.0, 975.0));
        assert!(percentiles(Vec::new()).0.is_nan());
    }
}
