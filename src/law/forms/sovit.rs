//! The per-dimension form (2) of the SoViT paper on the three arms of a star, with one data exponent.
//!
//! For fixed exponents each arm is linear in alpha, beta, xi and eps. The seven exponents are searched by variable
//! projection, in logarithms; the powers are taken once for each size and each duration, not for each run.

use crate::law::bootstrap::{Noise, SEED, interval};
use crate::law::levenberg::{LeastSquares, Tolerance, minimise};
use crate::law::project::Block;
use crate::law::random::low_discrepancy;
use crate::law::starts::from_all;
use crate::law::{ArmParameters, Estimate, FitReport, SovitParameters};
use crate::vit::{Axis, PerAxis};

/// Free parameters: four coefficients and two exponents an arm, and c.
pub(crate) const PARAMETERS: u64 = 19;
/// Bounds of every exponent.
pub(crate) const EXPONENTS: (f64, f64) = (1e-3, 4.0);
/// Name of the objective.
const OBJECTIVE: &str = "sum of squared relative residuals";
/// Starts, spread evenly over the logarithms of these exponents.
const STARTS: u64 = 24;
const START_RANGE: (f64, f64) = (0.1, 2.5);
/// Exponents searched: a and b of each arm, then c.
const OUTER: usize = 7;
const C: usize = OUTER - 1;

/// One run of an arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    /// The value of the axis that the arm varies.
    pub(crate) size: f64,
    /// Forward FLOPs of one example.
    pub(crate) flops: f64,
    /// Examples seen.
    pub(crate) examples: f64,
    /// The loss; positive.
    pub(crate) loss: f64,
}

/// A fitted star.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    /// Units of the sizes.
    pub(crate) x_reference: PerAxis<f64>,
    /// Unit of compute.
    pub(crate) t_reference: f64,
    /// The optimum.
    pub(crate) parameters: SovitParameters,
    /// `s_k` with intervals.
    pub(crate) exponents: PerAxis<Estimate>,
    /// `c` with its interval.
    pub(crate) data_exponent: Estimate,
    /// How it went.
    pub(crate) fit: FitReport,
    /// Refits.
    pub(crate) draws: Vec<SovitParameters>,
}

/// Fits the form to the runs of each arm, in any order and any units, with `draws` bootstrap refits.
/// `None` where no start has a finite objective.
pub(crate) fn fit(runs: &PerAxis<Vec<Run>>, draws: u64) -> Option<Fitted> {
    let design = Design::new(runs);
    let mut problem = Problem::new(&design);
    let bounds = [(EXPONENTS.0.ln(), EXPONENTS.1.ln()); OUTER];
    let (low, high) = (START_RANGE.0.ln(), START_RANGE.1.ln());
    let starts: Vec<[f64; OUTER]> = (0..STARTS).map(|i| low_discrepancy(i).map(|u| low + u * (high - low))).collect();
    let best = from_all(&mut problem, &starts, &bounds)?;
    let parameters = problem.parameters();

    let mut fit = best.report(OBJECTIVE, design.ln_t.len(), PARAMETERS);
    (fit.draws, fit.seed) = (draws, SEED);
    let fitted = problem.fitted();
    let residuals: Vec<f64> = design.losses.iter().zip(&fitted).map(|(y, f)| y / f - 1.0).collect();
    let noise = Noise::of(&residuals, &design.ln_t, problem.free());
    let mut data = fitted.clone();
    let draws: Vec<_> = (0..draws)
        .map(|stream| {
            noise.draw(&fitted, &design.ln_t, stream, &mut data);
            problem.weigh(&data);
            minimise(&mut problem, best.at, &bounds, Tolerance::LOOSE);
            problem.parameters()
        })
        .collect();

    let exponents =
        PerAxis::from_fn(|axis| interval(parameters.exponent(axis), draws.iter().map(|d| d.exponent(axis)).collect()));
    let data_exponent = interval(parameters.c, draws.iter().map(|d| d.c).collect());
    let (x_reference, t_reference) = (design.x_reference, design.t_reference);
    Some(Fitted { x_reference, t_reference, parameters, exponents, data_exponent, fit, draws })
}

/// The runs, in an order that depends on their values alone.
struct Design {
    x_reference: PerAxis<f64>,
    t_reference: f64,
    arms: [Arm; 3],
    /// Logarithms of the distinct durations.
    ln_examples: Vec<f64>,
    /// `ln (t / t_reference)` of every run, arm after arm.
    ln_t: Vec<f64>,
    /// The loss of every run, arm after arm.
    losses: Vec<f64>,
}

struct Arm {
    /// `ln (x / x_reference)` and `ln (flops / t_reference)` of the distinct sizes.
    sizes: Vec<(f64, f64)>,
    /// Of every run, indices of its size and its duration.
    runs: Vec<(usize, usize)>,
}

impl Design {
    fn new(runs: &PerAxis<Vec<Run>>) -> Self {
        let sorted = runs.map(|runs| {
            let mut runs = runs.clone();
            let key = |r: &Run| [r.size, r.flops, r.examples, r.loss];
            runs.sort_by(|a, b| {
                let order = key(a).into_iter().zip(key(b)).map(|(a, b)| a.total_cmp(&b));
                order.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            });
            runs
        });
        let all: Vec<Run> = sorted.iter().flat_map(|(_, runs)| runs.iter().copied()).collect();
        let mean = |values: &[Run], f: fn(&Run) -> f64| values.iter().map(f).sum::<f64>() / values.len().max(1) as f64;
        let ln_reference = mean(&all, |r| r.flops.ln() + r.examples.ln());
        let ln_x = sorted.map(|runs| mean(runs, |r| r.size.ln()));

        let mut ln_examples: Vec<f64> = all.iter().map(|r| r.examples.ln()).collect();
        ln_examples.sort_by(f64::total_cmp);
        ln_examples.dedup();
        let arms = Axis::ALL.map(|axis| {
            let mut arm = Arm { sizes: Vec::new(), runs: Vec::new() };
            for run in sorted.get(axis) {
                let size = (run.size.ln() - ln_x.get(axis), run.flops.ln() - ln_reference);
                if arm.sizes.last() != Some(&size) {
                    arm.sizes.push(size);
                }
                let duration = ln_examples.partition_point(|&e| e < run.examples.ln());
                arm.runs.push((arm.sizes.len() - 1, duration));
            }
            arm
        });
        Self {
            x_reference: ln_x.map(|x| x.exp()),
            t_reference: ln_reference.exp(),
            arms,
            ln_examples,
            ln_t: all.iter().map(|r| r.flops.ln() + r.examples.ln() - ln_reference).collect(),
            losses: all.iter().map(|r| r.loss).collect(),
        }
    }
}

/// The seven-exponent problem with its work space; nothing is allocated while it is searched.
struct Problem<'a> {
    design: &'a Design,
    /// `1 / y` of every run, arm after arm.
    weights: Vec<f64>,
    blocks: [Block<4>; 3],
    /// The exponents of the last cost.
    exponents: [f64; OUTER],
    /// `examples^-c` of every duration.
    durations: Vec<f64>,
    /// `x^-a`, `x^b`, `flops^-c` of every size of the arm at hand.
    sizes: Vec<[f64; 3]>,
    derivatives: Vec<[f64; 3]>,
}

impl<'a> Problem<'a> {
    fn new(design: &'a Design) -> Self {
        let mut problem = Self {
            design,
            weights: vec![0.0; design.losses.len()],
            blocks: std::array::from_fn(|k| Block::new(design.arms[k].runs.len())),
            exponents: [1.0; OUTER],
            durations: vec![0.0; design.ln_examples.len()],
            sizes: Vec::with_capacity(design.arms.iter().map(|arm| arm.sizes.len()).max().unwrap_or(0)),
            derivatives: Vec::with_capacity(design.arms.iter().map(|arm| arm.runs.len()).max().unwrap_or(0)),
        };
        problem.weigh(&design.losses);
        problem
    }

    /// Changes the losses that are fitted.
    fn weigh(&mut self, losses: &[f64]) {
        for (weight, loss) in self.weights.iter_mut().zip(losses) {
            *weight = 1.0 / loss;
        }
    }

    /// The parameters of the last cost.
    fn parameters(&self) -> SovitParameters {
        let arm = |k: usize| {
            let [alpha, beta, xi, eps] = *self.blocks[k].coefficients();
            ArmParameters { alpha, a: self.exponents[2 * k], beta, b: self.exponents[2 * k + 1], xi, eps }
        };
        SovitParameters { c: self.exponents[C], axes: PerAxis { width: arm(0), depth: arm(1), mlp: arm(2) } }
    }

    /// The predictions of the last cost, arm after arm.
    fn fitted(&self) -> Vec<f64> {
        let residuals = self.blocks.iter().flat_map(|block| &block.residuals);
        residuals.zip(&self.weights).map(|(r, w)| (1.0 + r) / w).collect()
    }

    /// Parameters that are not held at 0 by positivity; an exponent falls with its coefficient.
    fn free(&self) -> usize {
        let positive = |&w: &f64| usize::from(w > 0.0);
        let arm = |block: &Block<4>| {
            let [alpha, beta, xi, eps] = block.coefficients();
            2 * positive(alpha) + 2 * positive(beta) + positive(xi) + positive(eps)
        };
        1 + self.blocks.iter().map(arm).sum::<usize>()
    }
}

impl LeastSquares<OUTER> for Problem<'_> {
    fn cost(&mut self, z: &[f64; OUTER]) -> f64 {
        self.exponents = z.map(f64::exp);
        let c = self.exponents[C];
        for (power, ln) in self.durations.iter_mut().zip(&self.design.ln_examples) {
            *power = (-c * ln).exp();
        }
        let mut cost = 0.0;
        let mut weights = self.weights.iter();
        for (k, (arm, block)) in self.design.arms.iter().zip(&mut self.blocks).enumerate() {
            let (a, b) = (self.exponents[2 * k], self.exponents[2 * k + 1]);
            self.sizes.clear();
            self.sizes.extend(arm.sizes.iter().map(|(x, flops)| [(-a * x).exp(), (b * x).exp(), (-c * flops).exp()]));
            for ((row, &(size, duration)), weight) in block.columns.iter_mut().zip(&arm.runs).zip(&mut weights) {
                let [small, large, flops] = self.sizes[size];
                let t = flops * self.durations[duration];
                *row = [small * weight, large * t * weight, t * weight, *weight];
            }
            cost += block.solve();
        }
        cost
    }

    fn jacobian(&mut self, mut visit: impl FnMut(&[f64; OUTER], f64)) {
        let c = self.exponents[C];
        let mut ln_t = self.design.ln_t.iter();
        for (k, (arm, block)) in self.design.arms.iter().zip(&self.blocks).enumerate() {
            let (a, b) = (self.exponents[2 * k], self.exponents[2 * k + 1]);
            let [alpha, beta, xi, _] = *block.coefficients();
            self.derivatives.clear();
            self.derivatives.extend(block.columns.iter().zip(&arm.runs).zip(&mut ln_t).map(|((row, run), t)| {
                let x = arm.sizes[run.0].0;
                [-a * x * alpha * row[0], b * x * beta * row[1], -c * t * (beta * row[1] + xi * row[2])]
            }));
            block.project(&mut self.derivatives);
            for ([by_a, by_b, by_c], &residual) in self.derivatives.iter().zip(&block.residuals) {
                let mut row = [0.0; OUTER];
                (row[2 * k], row[2 * k + 1], row[C]) = (*by_a, *by_b, *by_c);
                visit(&row, residual);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::law::random::Random;

    /// A star of six sizes and four durations an arm; exponents a : b = 4 : 6, noise relative.
    fn planted(c: f64, s: PerAxis<f64>, noise: f64, seed: u64) -> PerAxis<Vec<Run>> {
        let mut random = Random::new(seed, 0);
        PerAxis::from_fn(|axis| {
            let sum = c / s.get(axis);
            let arm = ArmParameters { alpha: 0.1, a: 0.4 * sum, beta: 0.07, b: 0.6 * sum, xi: 0.05, eps: 0.15 };
            let law = SovitParameters { c, axes: PerAxis::from_fn(|_| arm) };
            let mut runs = Vec::new();
            for size in (0..6).map(|i| 0.3 * 1.6_f64.powi(i)) {
                for examples in (0..4).map(|i| 0.2 * 3_f64.powi(i)) {
                    let (flops, t) = (size, size * examples);
                    let loss = law.arm(axis, size, t) * (1.0 + noise * random.normal());
                    runs.push(Run { size, flops, examples, loss });
                }
            }
            runs
        })
    }

    const S: PerAxis<f64> = PerAxis { width: 0.22, depth: 0.45, mlp: 0.60 };

    fn values(fitted: &Fitted) -> [f64; 4] {
        let s = &fitted.exponents;
        [s.width.value, s.depth.value, s.mlp.value, fitted.parameters.c]
    }

    fn close(a: [f64; 4], b: [f64; 4], tolerance: f64) -> bool {
        a.iter().zip(b).all(|(a, b)| (a / b - 1.0).abs() < tolerance)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn exact_data_give_the_exact_law(
            c in 0.3..0.9, width in 0.2..0.4, depth in 0.3..0.6, mlp in 0.4..0.7,
        ) {
            let fitted = fit(&planted(c, PerAxis { width, depth, mlp }, 0.0, 0), 0).unwrap();
            prop_assert!(close(values(&fitted), [width, depth, mlp, c], 1e-5), "{:?}", fitted);
            prop_assert!(fitted.fit.rmse < 1e-8, "{:?}", fitted.fit);
        }

        #[test]
        fn units_do_not_matter(x in -8.0..8.0, t in -20.0..40.0, y in -4.0..4.0, seed in 0_u64..1000) {
            let runs = planted(0.65, S, 0.003, seed);
            let scaled = runs.map(|runs| {
                let scale = |r: &Run| Run {
                    size: r.size * f64::exp(x),
                    flops: r.flops * f64::exp(t),
                    loss: r.loss * f64::exp(y),
                    ..*r
                };
                runs.iter().map(scale).collect()
            });
            let (first, second) = (fit(&runs, 0).unwrap(), fit(&scaled, 0).unwrap());
            prop_assert!(close(values(&first), values(&second), 1e-7), "{:?} {:?}", values(&first), values(&second));
        }

        #[test]
        fn the_order_of_rows_does_not_matter(seed in 0_u64..1000, step in prop::sample::select(vec![5_usize, 7, 11, 23])) {
            let runs = planted(0.65, S, 0.003, seed);
            let shuffled = runs.map(|runs| (0..runs.len()).map(|i| runs[i * step % runs.len()]).collect());
            let (first, second) = (fit(&runs, 10).unwrap(), fit(&shuffled, 10).unwrap());
            prop_assert_eq!(first.exponents, second.exponents);
            prop_assert_eq!(first.parameters, second.parameters);
        }
    }

    #[test]
    fn the_same_data_give_the_same_draws() {
        let runs = planted(0.65, S, 0.01, 4);
        let (first, second) = (fit(&runs, 20).unwrap(), fit(&runs, 20).unwrap());
        assert_eq!(first.draws, second.draws);
        assert_eq!(first.draws.len(), 20);
    }

    #[test]
    fn the_gradient_is_that_of_the_reduced_cost() {
        let design = Design::new(&planted(0.65, S, 0.02, 9));
        let mut problem = Problem::new(&design);
        let z = [0.1, 0.4, -0.5, 0.0, -0.6, -0.3, -0.5];
        for i in 0..OUTER {
            let mut at = |step: f64| {
                let mut z = z;
                z[i] += step;
                problem.cost(&z)
            };
            let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
            problem.cost(&z);
            let mut exact = 0.0;
            problem.jacobian(|row, residual| exact += 2.0 * row[i] * residual);
            assert!((numeric - exact).abs() < 1e-5 * numeric.abs().max(1e-3), "{i}: {numeric} {exact}");
        }
    }

    #[test]
    fn a_hundred_random_starts_agree() {
        let design = Design::new(&planted(0.35, S, 0.01, 2));
        let mut problem = Problem::new(&design);
        let starts: Vec<_> =
            (100..200).map(|i| low_discrepancy(i).map(|u: f64| 0.1_f64.ln() + u * 25_f64.ln())).collect();
        let bounds = [(EXPONENTS.0.ln(), EXPONENTS.1.ln()); OUTER];
        let best = from_all(&mut problem, &starts, &bounds).unwrap();
        assert!(best.reached >= 98, "{best:?}");
    }
}
