//! The loss where a shape decides how much compute is left to train it.
//!
//! Inference out of the same budget takes more from large shapes, and finite data are seen more often by small ones, so
//! that the compute `t` of the anchored loss is a function of the shape. The loss is then no sum over axes; over a box
//! it is bounded by intervals of its slopes around the middle, whose error falls with the square of the box.

use super::funds::Funds;
use super::interval::Interval;
use super::surface::Surface;
use crate::vit::{Architecture, Axis, FlopTerm, PerAxis, Shape};

/// What rounding may do to a bound.
const ROUNDING: f64 = 1e-13;

/// Most steps to the optimum.
const STEPS: usize = 100;

/// A loss of shapes alone.
#[derive(Clone, Debug)]
pub(super) struct Coupled {
    surface: Surface,
    trained: Flops,
    /// Where the model is served: none where that is the same.
    served: Option<Flops>,
    funds: Funds,
    /// Below this compute, as `ln(t / t0)`, the law knows nothing: less training would make its loss smaller.
    least_tau: f64,
    /// The best shape of all, whole or not.
    optimum: PerAxis<f64>,
    /// Its loss.
    level: f64,
}

impl Coupled {
    /// The loss of shapes of an architecture. None where the funds pay for an example of no shape.
    pub(super) fn new(surface: Surface, architecture: &Architecture, funds: Funds) -> Option<Self> {
        let (trained, seeing) = (Flops::new(architecture), architecture.seeing());
        let served = (seeing != *architecture).then(|| Flops::new(&seeing));
        let least_tau = surface.rises_below(surface.tau(funds.forward_flops));
        let mut loss = Self { surface, trained, served, funds, least_tau, optimum: PerAxis::default(), level: 0.0 };
        let optimum = loss.descend(loss.somewhere()?);
        loss.level = loss.at(&optimum);
        loss.optimum = optimum.map(|ln_x| ln_x.exp());
        Some(loss)
    }

    /// The best shape of all, whole or not.
    pub(super) const fn optimum(&self) -> PerAxis<f64> {
        self.optimum
    }

    /// Its loss.
    pub(super) const fn level(&self) -> f64 {
        self.level
    }

    /// How far the loss of a shape lies above the least; infinite where the funds pay for no example, or for less training
    /// than the law knows of.
    pub(super) fn excess(&self, shape: Shape) -> f64 {
        self.at(&shape.reals().map(|x| x.ln())) - self.level
    }

    /// What no excess of a box goes below, by its smallest and its largest shape.
    pub(super) fn least(&self, low: Shape, high: Shape) -> f64 {
        let ln_x = logarithms(low, high);
        let Some(useful) = self.useful(&ln_x) else { return f64::INFINITY };
        let apart = self.surface.least(&ln_x, useful.tau);
        let together = useful.slopes.map_or(f64::NEG_INFINITY, |slopes| self.around_middle(&ln_x, useful.tau, &slopes));
        // `max` passes over what is no number.
        apart.max(together).max(f64::MIN) - self.level - ROUNDING * (1.0 + self.level.abs())
    }

    /// What no excess of a box goes above.
    pub(super) fn most(&self, low: Shape, high: Shape) -> f64 {
        let ln_x = logarithms(low, high);
        match self.useful(&ln_x) {
            Some(useful) if useful.slopes.is_some() => self.surface.most(&ln_x, useful.tau) - self.level,
            _ => f64::INFINITY,
        }
    }

    /// The loss at logarithms of sizes.
    fn at(&self, ln_x: &PerAxis<f64>) -> f64 {
        let (trained, served) = self.flops(ln_x);
        if self.funds.examples(trained, served) >= 1.0 {
            let tau = self.surface.tau(self.funds.useful(trained, served));
            if tau >= self.least_tau {
                return self.surface.loss(ln_x.map(|ln_x| ln_x.exp()), tau);
            }
        }
        f64::INFINITY
    }

    /// Forward FLOPs of one image in training, and where the model is served.
    fn flops(&self, ln_x: &PerAxis<f64>) -> (f64, f64) {
        let trained = self.trained.at(ln_x);
        (trained, self.served.map_or(trained, |served| served.at(ln_x)))
    }

    /// The mean value form: the loss in the middle, less what the slopes can take from it.
    fn around_middle(&self, ln_x: &PerAxis<Interval>, tau: Interval, tau_slopes: &PerAxis<Interval>) -> f64 {
        let middle = ln_x.map(|side| side.middle());
        let (trained, served) = self.flops(&middle);
        let tau_middle = self.surface.tau(self.funds.useful(trained, served));
        let reach: f64 = ln_x.iter().map(|(axis, side)| side.radius() * tau_slopes.get(axis).magnitude()).sum();
        let tau = tau.and(Interval::new(tau_middle - reach, tau_middle + reach));
        let slopes = self.slopes(ln_x, tau, tau_slopes);
        let fall: f64 = ln_x.iter().map(|(axis, side)| side.radius() * slopes.get(axis).magnitude()).sum();
        self.at(&middle) - fall
    }

    /// `dL / d ln x_k` with the compute that follows.
    fn slopes(&self, ln_x: &PerAxis<Interval>, tau: Interval, tau_slopes: &PerAxis<Interval>) -> PerAxis<Interval> {
        let (by_size, by_compute) = self.surface.slopes(ln_x, tau);
        PerAxis::from_fn(|axis| *by_size.get(axis) + by_compute * *tau_slopes.get(axis))
    }

    /// What compute can be over a box; none where no shape of it is trained on an example or as much as the law knows.
    fn useful(&self, ln_x: &PerAxis<Interval>) -> Option<Useful> {
        let (trained, by_size) = self.trained.over(ln_x);
        let (served, served_by_size) = self.served.map_or((trained, by_size), |served| served.over(ln_x));
        let funds = &self.funds;
        let left = Interval::new(funds.left(served.high), funds.left(served.low));
        let examples = Interval::new(left.low / trained.high, left.high / trained.low);
        if examples.high < 1.0 || examples.high.is_nan() {
            return None;
        }
        let low = match funds.data {
            _ if examples.low < 1.0 => trained.low,
            None => left.low,
            Some(_) => trained.low * funds.worth(examples.low),
        };
        let high = left.high.min(trained.high * funds.worth(examples.high));
        let tau = Interval::between(self.surface.tau(low), self.surface.tau(high));
        if tau.high < self.least_tau {
            return None;
        }
        let whole = examples.low >= 1.0 && tau.low >= self.least_tau;
        let tau = Interval::new(tau.low.max(self.least_tau), tau.high);
        // ln t = ln F + ln worth(D), with D = (T - N F' / 3) / F.
        let slopes = whole.then(|| {
            let elasticity = Interval::new(funds.elasticity(examples.high), funds.elasticity(examples.low));
            let drain = served.rising(|served| funds.drain(served) / funds.left(served));
            let rest = Interval::point(1.0) - elasticity;
            PerAxis::from_fn(|axis| *by_size.get(axis) * rest - elasticity * drain * *served_by_size.get(axis))
        });
        Some(Useful { tau, slopes })
    }

    /// Logarithms of sizes from which the optimum can be walked to: the point of the recipe nearest to the budget that
    /// uses up half of the funds at most and that the law knows.
    fn somewhere(&self) -> Option<PerAxis<f64>> {
        let tau = self.surface.tau(self.funds.forward_flops);
        let steps = (0..200).flat_map(|i| [-0.5, 0.5].map(|step| step * f64::from(i)));
        let mut points = steps.map(|by| self.surface.frontier(tau + by).map(|x| x.ln()));
        points.find(|ln_x| {
            let (trained, served) = self.flops(ln_x);
            self.funds.left(served) >= self.funds.forward_flops / 2.0
                && self.funds.examples(trained, served) >= 2.0
                && self.at(ln_x).is_finite()
        })
    }

    /// The least loss from there, by damped Newton steps.
    fn descend(&self, mut here: PerAxis<f64>) -> PerAxis<f64> {
        let mut loss = self.at(&here);
        for _ in 0..STEPS {
            let Some(slopes) = self.gradient(&here) else { break };
            let step = self.newton(&here, &slopes).unwrap_or_else(|| limited(slopes.map(|slope| -slope)));
            let mut share = 1.0;
            let better = loop {
                let there = PerAxis::from_fn(|axis| here.get(axis) + share * step.get(axis));
                let found = self.at(&there);
                if found < loss {
                    break Some((there, found));
                }
                share /= 4.0;
                if share < 1e-9 {
                    break None;
                }
            };
            let Some((there, found)) = better else { break };
            let moved = share * step.iter().map(|(_, step)| step.abs()).fold(0.0, f64::max);
            (here, loss) = (there, found);
            if moved < 1e-10 {
                break;
            }
        }
        here
    }

    fn gradient(&self, ln_x: &PerAxis<f64>) -> Option<PerAxis<f64>> {
        let point = ln_x.map(|&ln_x| Interval::point(ln_x));
        let useful = self.useful(&point)?;
        let slopes = self.slopes(&point, useful.tau, &useful.slopes?);
        Some(slopes.map(|slope| slope.middle()))
    }

    /// The step to where the gradient vanishes, if that goes down.
    fn newton(&self, here: &PerAxis<f64>, slopes: &PerAxis<f64>) -> Option<PerAxis<f64>> {
        const SMALL: f64 = 1e-5;
        let mut rows = [[0.0; 3]; 3];
        for (row, axis) in rows.iter_mut().zip(Axis::ALL) {
            let beside = |by: f64| {
                let mut there = *here;
                *there.get_mut(axis) += by;
                self.gradient(&there)
            };
            let (up, down) = (beside(SMALL)?, beside(-SMALL)?);
            *row = Axis::ALL.map(|other| (up.get(other) - down.get(other)) / (2.0 * SMALL));
        }
        let [width, depth, mlp] = solve(rows, Axis::ALL.map(|axis| -slopes.get(axis)))?;
        let step = PerAxis { width, depth, mlp };
        let descent: f64 = step.iter().map(|(axis, step)| step * slopes.get(axis)).sum();
        (descent < 0.0).then(|| limited(step))
    }
}

/// What compute can be over a box.
struct Useful {
    /// `ln(t / t0)`
    tau: Interval,
    /// Its slopes by the logarithms of sizes; none where some shapes are trained too little.
    slopes: Option<PerAxis<Interval>>,
}

/// Forward FLOPs of one image by logarithms of real sizes.
#[derive(Clone, Copy, Debug)]
struct Flops([Term; 6]);

#[derive(Clone, Copy, Debug)]
struct Term {
    coefficient: f64,
    powers: PerAxis<i32>,
}

impl Flops {
    fn new(architecture: &Architecture) -> Self {
        Self(architecture.forward_terms().map(|FlopTerm { coefficient, powers }| Term {
            coefficient: coefficient as f64,
            powers: powers.map(|&power| power.cast_signed()),
        }))
    }

    fn at(&self, ln_x: &PerAxis<f64>) -> f64 {
        let x = ln_x.map(|ln_x| ln_x.exp());
        self.0.iter().map(|term| term.at(&x)).sum()
    }

    /// All of it, and by which power it grows with each size: a mean of the terms' powers.
    fn over(&self, ln_x: &PerAxis<Interval>) -> (Interval, PerAxis<Interval>) {
        let (low, high) = (ln_x.map(|side| side.low.exp()), ln_x.map(|side| side.high.exp()));
        let terms = self.0.map(|term| Interval::new(term.at(&low), term.at(&high)));
        let sum = |f: &dyn Fn(&Term) -> bool| {
            let some = self.0.iter().zip(terms).filter(|(term, _)| f(term));
            some.fold(Interval::point(0.0), |sum, (_, term)| sum + term)
        };
        let powers = PerAxis::from_fn(|axis| {
            // Powers are `least` or one more.
            let least = self.0.iter().map(|term| *term.powers.get(axis)).min().unwrap_or(0);
            let (more, rest) =
                (sum(&|term| *term.powers.get(axis) > least), sum(&|term| *term.powers.get(axis) <= least));
            let least = f64::from(least);
            Interval::new(least + more.low / (more.low + rest.high), least + more.high / (more.high + rest.low))
        });
        (sum(&|_| true), powers)
    }
}

impl Term {
    fn at(&self, x: &PerAxis<f64>) -> f64 {
        let PerAxis { width, depth, mlp } = self.powers;
        self.coefficient * x.width.powi(width) * x.depth.powi(depth) * x.mlp.powi(mlp)
    }
}

/// A step that changes no size by more than a factor of e.
fn limited(step: PerAxis<f64>) -> PerAxis<f64> {
    let longest = step.iter().map(|(_, step)| step.abs()).fold(1.0, f64::max);
    step.map(|step| step / longest)
}

fn logarithms(low: Shape, high: Shape) -> PerAxis<Interval> {
    PerAxis::from_fn(|axis| Interval::new((low.get(axis) as f64).ln(), (high.get(axis) as f64).ln()))
}

/// Solves three equations by elimination with pivots; none where they say too little.
fn solve(mut rows: [[f64; 3]; 3], mut right: [f64; 3]) -> Option<[f64; 3]> {
    for i in 0..3 {
        let pivot = (i..3).max_by(|&a, &b| rows[a][i].abs().total_cmp(&rows[b][i].abs()))?;
        rows.swap(i, pivot);
        right.swap(i, pivot);
        for below in i + 1..3 {
            let factor = rows[below][i] / rows[i][i];
            let row = rows[i];
            rows[below].iter_mut().zip(row).for_each(|(value, above)| *value -= factor * above);
            right[below] -= factor * right[i];
        }
    }
    let mut x = [0.0; 3];
    for i in (0..3).rev() {
        let known: f64 = (i + 1..3).map(|j| rows[i][j] * x[j]).sum();
        x[i] = (right[i] - known) / rows[i][i];
    }
    x.iter().all(|x| x.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Comparison, Range, ShapeVariable, SmallOptimum};
    use crate::shape::anchored::Anchored;
    use crate::shape::fixtures::{law, require, start};
    use crate::shape::funds::Data;
    use crate::shape::hardware::Hardware;
    use crate::shape::objective::Objective;
    use crate::shape::search::{Box3, Found, best, legal};
    use proptest::prelude::*;

    const BUDGET: f64 = 1e21;

    fn funds(inference: f64, unique: Option<(f64, f64)>) -> Funds {
        let data = unique.map(|(unique, repeats)| Data { unique, repeats });
        Funds { forward_flops: BUDGET, inference, data }
    }

    fn loss(architecture: &Architecture, funds: Funds) -> Coupled {
        let (law, start): (_, SmallOptimum) = (law(), start());
        Coupled::new(Anchored::new(&law, &start).surface(), architecture, funds).expect("a shape that can be trained")
    }

    /// Passes of inference and data such that neither, one or both of them matter.
    fn any_funds() -> impl Strategy<Value = Funds> {
        let inference = prop_oneof![Just(0.0), (8.0..12.5f64).prop_map(|log| 10f64.powf(log))];
        let data = (prop_oneof![Just(0.0), 6.0..10.0f64], 0.5..30.0f64);
        (inference, data)
            .prop_map(|(inference, (log, repeats))| funds(inference, (log > 0.0).then(|| (10f64.powf(log), repeats))))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn bounds_hold_every_shape(
            funds in any_funds(), masked in prop_oneof![Just(0.0), Just(0.75)],
            w in 4.0..8.5f64, d in 0.0..5.0f64, m in 4.0..9.5f64, span in 0.0..2.0f64, part in 0.0..1.0f64,
        ) {
            let mut architecture = Architecture { heads: 1, ..Architecture::default() };
            architecture.variant.masked = masked;
            let loss = loss(&architecture, funds);
            let at = |more: f64| Shape {
                width: (w + more).exp() as u64,
                depth: ((d + more).exp() as u64).max(1),
                mlp_dim: (m + more * more).exp() as u64,
            };
            let (low, high) = (at(0.0), at(span));
            let inside = at(span * part);
            let (least, most) = (loss.least(low, high), loss.most(low, high));
            let excess = loss.excess(inside);
            prop_assert!(least <= excess && excess <= most + 1e-12, "{least} {excess} {most}");
            // Bounds close in on a shape.
            let (least, excess) = (loss.least(inside, inside), loss.excess(inside));
            prop_assert!(excess.is_infinite() || (excess - least).abs() < 1e-9 * (1.0 + excess.abs()), "{least} {excess}");
        }

        #[test]
        fn agrees_with_brute_force(
            funds in any_funds(), w in 4u64..60, d in 1u64..40, m in 10u64..400, step in 1u64..9,
            most in 1e6..1e9f64,
        ) {
            let architecture = Architecture { heads: 4, ..Architecture::default() };
            let loss = loss(&architecture, funds);
            let range = |low: u64, len: u64, step| Range::stepped(low, low + len * step, step);
            let hardware = Hardware::of(None, None);
            let space = Box3 {
                architecture: &architecture,
                ranges: PerAxis {
                    width: range(w * 16, 12, 4 * step),
                    depth: range(d, 9, step),
                    mlp: range(m * 8, 12, step * 16),
                },
                objective: Objective::Coupled(Box::new(loss.clone())),
                funds,
                hardware: &hardware,
            };
            let requires = [require(ShapeVariable::Params, Comparison::Less, most)];
            let requires: Vec<_> = requires.iter().collect();
            let mut brute: Option<(f64, Shape)> = None;
            for width in space.ranges.width.iter() {
                for depth in space.ranges.depth.iter() {
                    for mlp_dim in space.ranges.mlp.iter() {
                        let shape = Shape { width, depth, mlp_dim };
                        let excess = loss.excess(shape);
                        let is_better = brute.is_none_or(|(least, _)| excess < least);
                        if is_better && legal(&space, &requires, shape) {
                            brute = Some((excess, shape));
                        }
                    }
                }
            }
            let found = best(&space, &requires);
            match (found, brute) {
                (Found::Best(found), Some((least, _))) => {
                    prop_assert!(legal(&space, &requires, found) && loss.excess(found) <= least + 1e-12);
                }
                (found, brute) => prop_assert!(found == Found::Nothing && brute.is_none(), "{found:?} {brute:?}"),
            }
        }

        #[test]
        fn nothing_is_better_than_the_optimum(funds in any_funds(), by in prop::array::uniform3(-0.7..0.7f64)) {
            let loss = loss(&Architecture { heads: 1, ..Architecture::default() }, funds);
            let optimum = loss.optimum();
            let there = PerAxis::from_fn(|axis| optimum.get(axis).ln() + by[axis as usize]);
            prop_assert!(loss.at(&there) >= loss.level() - 1e-12, "{} {}", loss.at(&there), loss.level());
        }
    }

    /// Where a law turns, shapes that are trained less than that cost without end, and none costs what is no number.
    #[test]
    fn what_a_law_does_not_know_is_not_chosen() {
        let (mut law, start) = (law(), start());
        for axis in [Axis::Width, Axis::Depth] {
            law.parameters.axes.get_mut(axis).beta = 0.6;
        }
        let surface = Anchored::new(&law, &start).surface();
        let turn = start.forward_flops * surface.rises_below(8.0).exp();
        let architecture = Architecture { heads: 1, ..Architecture::default() };
        for (above, data) in [(1.5, None), (3.0, None), (1e3, None), (1e3, Some(Data { unique: 1e5, repeats: 5.0 }))] {
            let funds = Funds { forward_flops: turn * above, inference: 1e8, data };
            let Some(loss) = Coupled::new(surface.clone(), &architecture, funds) else { continue };
            assert!(loss.level().is_finite(), "{above} {data:?}");
            for width in [64, 256, 1024, 4096, 16384] {
                let shape = Shape { width, depth: 12, mlp_dim: 4 * width };
                let excess = loss.excess(shape);
                assert!(excess >= -1e-12, "{above} {data:?} {shape}: {excess}");
            }
        }
    }

    #[test]
    fn inference_wants_smaller_shapes_and_scarce_data_larger_ones() {
        let architecture = Architecture::default();
        let params = |funds| {
            let PerAxis { width, depth, mlp } = loss(&architecture, funds).optimum();
            depth * (4.0 * width * width + 2.0 * width * mlp)
        };
        let plain = params(funds(0.0, None));
        let served = [1e10, 1e11, 1e12].map(|passes| params(funds(passes, None)));
        assert!(plain > served[0] && served[0] > served[1] && served[1] > served[2], "{plain} {served:?}");
        let scarce = [1e9, 1e8, 1e7].map(|unique| params(funds(0.0, Some((unique, 15.0)))));
        assert!(plain < scarce[0] && scarce[0] < scarce[1] && scarce[1] < scarce[2], "{plain} {scarce:?}");
        // With neither, the optimum is the frontier.
        let (law, start) = (law(), start());
        let surface = Anchored::new(&law, &start).surface();
        let frontier = surface.frontier(surface.tau(BUDGET));
        let optimum = loss(&architecture, funds(0.0, None)).optimum();
        for (axis, x) in frontier.iter() {
            assert!((optimum.get(axis) / x - 1.0).abs() < 1e-6, "{axis:?} {x} {}", optimum.get(axis));
        }
    }
}
