//! Forms that are sums of terms: `f = sum_j w_j phi_j(x; theta)` with `w >= 0`.
//!
//! The coefficients `w` are solved inside, the few `theta` are searched from many starts; objectives other than squares
//! of relative residuals are then minimised exactly from each end that was found.

use super::bootstrap::{Noise, interval};
use super::exact::{Smooth, descend};
use super::findings::{self, Shape};
use super::form::{FitOptions, Fitted, Form, Objective, Sample, Variable};
use super::levenberg::{LeastSquares, Minimum, Tolerance, condition, minimise};
use super::loss::Loss;
use super::project::Block;
use super::random::low_discrepancy;
use super::{Termination, codes};
use crate::diagnostic::Diagnostic;

/// Bounds of every exponent, and the range its starts are spread over evenly in logarithms.
pub(super) const EXPONENTS: (f64, f64) = (1e-3, 4.0);
const EXPONENT_STARTS: (f64, f64) = (0.05, 1.5);
/// Starts where nobody says how many.
const STARTS: u32 = 32;

/// What a form is called and relates.
#[derive(Debug)]
pub(super) struct About {
    /// Its name.
    pub(super) name: &'static str,
    /// Its formula.
    pub(super) formula: &'static str,
    /// Where it comes from.
    pub(super) source: &'static str,
    /// Its variables, the predicted one last.
    pub(super) variables: &'static [Variable],
    /// What is minimised where nobody says.
    pub(super) objective: Objective,
    /// What its authors minimised.
    pub(super) published: Loss,
}

/// A parameter that is searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outer {
    /// Its name.
    pub(super) name: &'static str,
    /// Its bounds.
    pub(super) bounds: (f64, f64),
    /// Where starts lie.
    pub(super) starts: (f64, f64),
    /// Whether it is positive and searched in its logarithm.
    pub(super) is_positive: bool,
}

impl Outer {
    /// A positive exponent.
    pub(super) const fn exponent(name: &'static str) -> Self {
        Self { name, bounds: EXPONENTS, starts: EXPONENT_STARTS, is_positive: true }
    }

    /// An exponent of either sign.
    pub(super) const fn signed(name: &'static str) -> Self {
        Self { name, bounds: (-EXPONENTS.1, EXPONENTS.1), starts: (-1.0, 1.0), is_positive: false }
    }

    fn z(self, theta: f64) -> f64 {
        if self.is_positive { theta.ln() } else { theta }
    }

    fn theta(self, z: f64) -> f64 {
        if self.is_positive { z.exp() } else { z }
    }

    fn is_bound(self, theta: f64) -> bool {
        let (low, high) = self.bounds;
        let slack = 1e-9 * (high - low);
        theta <= low + slack * f64::from(u8::from(!self.is_positive)) + 1e-9 * low.abs() || theta >= high - slack
    }
}

/// A sum of `N` terms with `K` searched parameters.
pub(super) trait Separable<const N: usize, const K: usize>: Sync {
    /// Name, formula, variables.
    fn about(&self) -> &'static About;
    /// Names of the coefficients.
    const COEFFICIENTS: [&'static str; N];
    /// The searched parameters.
    const OUTER: [Outer; K];

    /// Inputs measured in the unit of another one, because the form compares them.
    const SHARED_UNITS: &'static [(usize, usize)] = &[];

    /// The terms without their coefficients, at logarithms of the inputs.
    fn terms(&self, theta: &[f64; K], ln_x: &[f64]) -> [f64; N];

    /// Derivatives of the terms by each of `theta`; `terms` are those of the same point.
    fn slopes(&self, theta: &[f64; K], ln_x: &[f64], terms: &[f64; N]) -> [[f64; N]; K];

    /// Changes parameters for inputs divided by `exp(ln_units)` into those for the inputs themselves.
    fn raw(&self, ln_units: &[f64], theta: &mut [f64; K], coefficients: &mut [f64; N]);

    /// What the spread of the noise may depend on, at logarithms of the inputs: compute, or what stands for it.
    fn ln_scale(&self, ln_x: &[f64]) -> f64 {
        ln_x.last().copied().unwrap_or(0.0)
    }

    /// Further named results in the inputs' own units.
    fn derived(&self, _theta: &[f64; K], _coefficients: &[f64; N]) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// A separable form, fitted as one.
#[derive(Debug)]
pub(super) struct Sum<F, const N: usize, const K: usize>(pub(super) F);

impl<F: Separable<N, K> + Copy + Send + 'static, const N: usize, const K: usize> Form for Sum<F, N, K> {
    fn name(&self) -> &'static str {
        self.0.about().name
    }

    fn formula(&self) -> &'static str {
        self.0.about().formula
    }

    fn source(&self) -> &'static str {
        self.0.about().source
    }

    fn variables(&self) -> &'static [Variable] {
        self.0.about().variables
    }

    fn fit(&self, sample: &Sample, options: &FitOptions, progress: &mut dyn FnMut(f64)) -> Result<Fitted, Diagnostic> {
        let about = self.0.about();
        let shape = Shape::of(about.name, about.variables, sample, N + K);
        shape.enough()?;
        let design = Design::new(&self.0, sample);
        let starts = u64::from(options.starts.unwrap_or(STARTS).max(1));
        let search = Search { form: &self.0, design: &design, loss: about.loss(options), starts, draws: options.draws };
        let Some(best) = search.run(progress) else {
            let message = format!("`{}` cannot be fitted: no start has a finite objective", about.name);
            return Err(Diagnostic::error(codes::NO_FIT, message).help("check the table for extreme values"));
        };
        let draws = search.draws(&best, options.seed, progress);
        Ok(search.told(&best, &draws, &shape))
    }
}

impl About {
    /// What to minimise.
    fn loss(&self, options: &FitOptions) -> Loss {
        match options.objective.unwrap_or(self.objective) {
            Objective::Relative => Loss::Relative,
            Objective::Absolute => Loss::Absolute,
            Objective::Log => Loss::Log,
            Objective::Huber(delta) => delta.map_or(Loss::RobustHuber, Loss::Huber),
            Objective::L1 => Loss::L1,
            Objective::Published => self.published,
        }
    }
}

/// A sample in natural units, in an order that depends on its values alone.
struct Design {
    /// Means of the inputs' logarithms.
    ln_units: Vec<f64>,
    /// Geometric mean of the target.
    unit: f64,
    /// Logarithms of the inputs in their units, row after row.
    ln_x: Vec<f64>,
    /// Inputs a row.
    inputs: usize,
    /// The target in its unit.
    y: Vec<f64>,
    /// What each row counts, 1 on average.
    weights: Vec<f64>,
    /// What the noise may depend on.
    ln_scale: Vec<f64>,
}

impl Design {
    fn new<F: Separable<N, K>, const N: usize, const K: usize>(form: &F, sample: &Sample) -> Self {
        let rows = sample.rows();
        let inputs = sample.columns.len().saturating_sub(1);
        let logs: Vec<Vec<f64>> = (0..rows).map(|row| sample.inputs(row).iter().map(|x| x.ln()).collect()).collect();
        let weight = |row: usize| sample.weights.get(row).copied().unwrap_or(1.0);
        let target = sample.target();
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|&i, &j| {
            let keys = |i: usize| logs[i].iter().copied().chain([target[i], weight(i)]);
            let order = keys(i).zip(keys(j)).map(|(a, b)| a.total_cmp(&b));
            order.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        let n = rows.max(1) as f64;
        let mut ln_units: Vec<f64> =
            (0..inputs).map(|k| order.iter().map(|&row| logs[row][k]).sum::<f64>() / n).collect();
        for &(input, other) in F::SHARED_UNITS {
            ln_units[input] = ln_units[other];
        }
        let unit = (order.iter().map(|&row| target[row].ln()).sum::<f64>() / n).exp();
        let total: f64 = order.iter().map(|&row| weight(row)).sum();
        let mut design = Self {
            unit,
            ln_x: Vec::with_capacity(rows * inputs),
            inputs,
            y: order.iter().map(|&row| target[row] / unit).collect(),
            weights: order.iter().map(|&row| weight(row) * n / total).collect(),
            ln_scale: Vec::with_capacity(rows),
            ln_units,
        };
        for &row in &order {
            let start = design.ln_x.len();
            design.ln_x.extend(logs[row].iter().zip(&design.ln_units).map(|(x, unit)| x - unit));
            design.ln_scale.push(form.ln_scale(&design.ln_x[start..]));
        }
        design
    }

    fn rows(&self) -> usize {
        self.y.len()
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.ln_x[row * self.inputs..(row + 1) * self.inputs]
    }
}

/// A point of the search: searched parameters and coefficients, in natural units.
#[derive(Clone, Copy, Debug)]
struct Point<const N: usize, const K: usize> {
    theta: [f64; K],
    coefficients: [f64; N],
}

/// The best of all starts.
struct Best<const N: usize, const K: usize> {
    point: Point<N, K>,
    z: [f64; K],
    value: f64,
    termination: Termination,
    reached: u64,
    condition: f64,
    /// The objective with its scale fixed, for refits.
    loss: Loss,
}

struct Search<'a, F, const N: usize, const K: usize> {
    form: &'a F,
    design: &'a Design,
    loss: Loss,
    starts: u64,
    draws: u32,
}

impl<F: Separable<N, K> + Copy + Send + 'static, const N: usize, const K: usize> Search<'_, F, N, K> {
    /// How much of the work the starts are.
    fn share_of_starts(&self) -> f64 {
        let starts = self.starts as f64;
        starts / (starts + f64::from(self.draws) / 4.0)
    }

    fn bounds() -> [(f64, f64); K] {
        F::OUTER.map(|outer| (outer.z(outer.bounds.0), outer.z(outer.bounds.1)))
    }

    fn run(&self, progress: &mut dyn FnMut(f64)) -> Option<Best<N, K>> {
        let bounds = Self::bounds();
        let mut problem = Projected::new(self.form, self.design, &self.design.y, self.loss);
        let mut ends: Vec<Minimum<K>> = Vec::new();
        for i in 0..self.starts {
            let cube = low_discrepancy::<K>(i);
            let start = std::array::from_fn(|k| {
                let outer = F::OUTER[k];
                let (low, high) = (outer.z(outer.starts.0), outer.z(outer.starts.1));
                low + cube[k] * (high - low)
            });
            ends.push(minimise(&mut problem, start, &bounds, Tolerance::TIGHT));
            progress(self.share_of_starts() * 0.5 * (i + 1) as f64 / self.starts as f64);
        }
        ends.retain(|end| end.cost.is_finite());
        let first = ends.iter().min_by(|a, b| a.cost.total_cmp(&b.cost))?;
        let loss = self.scaled(&mut problem, first.at);

        // Starts with one end go on as one.
        let mut distinct: Vec<(Minimum<K>, u64, Option<Outcome<N, K>>)> = Vec::new();
        for end in &ends {
            let same = |other: &Minimum<K>| {
                (other.cost - end.cost).abs() <= 1e-9 * other.cost + 1e-18
                    && other.at.iter().zip(&end.at).all(|(a, b)| (a - b).abs() < 1e-5)
            };
            match distinct.iter_mut().find(|(other, _, _)| same(other)) {
                Some((_, count, _)) => *count += 1,
                None => distinct.push((*end, 1, None)),
            }
        }
        let total = distinct.len() as f64;
        for (i, (end, _, outcome)) in distinct.iter_mut().enumerate() {
            problem.cost(&end.at);
            *outcome = Some(self.refine(&problem, &end.at, &self.design.y, loss, Some(end.termination)));
            progress(self.share_of_starts() * (0.5 + 0.5 * (i + 1) as f64 / total));
        }
        let outcomes = || distinct.iter().filter_map(|(_, count, outcome)| Some((*count, outcome.as_ref()?)));
        let (_, best) = outcomes().min_by(|(_, a), (_, b)| a.value.total_cmp(&b.value))?;
        // Data without noise end at rounding errors, which are as good as each other.
        let level = best.value + 1e-8 * best.value.abs() + 1e-16;
        let reached = outcomes().filter(|(_, outcome)| outcome.value <= level).map(|(count, _)| count).sum();
        let z = std::array::from_fn(|k| F::OUTER[k].z(best.point.theta[k]));
        problem.cost(&z);
        Some(Best {
            point: best.point,
            z,
            value: best.value,
            termination: best.termination,
            reached,
            condition: condition(&mut problem),
            loss,
        })
    }

    /// The objective with its scale fitted to the residuals, where it has one.
    fn scaled(&self, problem: &mut Projected<'_, F, N, K>, at: [f64; K]) -> Loss {
        if !matches!(self.loss, Loss::RobustHuber | Loss::HuberLikelihood(_)) {
            return self.loss;
        }
        problem.cost(&at);
        let mut loss = self.loss.with_scale(&self.residuals(&problem.point(&at), &self.design.y));
        let mut z = at;
        for _ in 0..50 {
            problem.cost(&z);
            let end = self.refine(problem, &z, &self.design.y, loss, None);
            z = std::array::from_fn(|k| F::OUTER[k].z(end.point.theta[k]));
            let next = self.loss.with_scale(&self.residuals(&end.point, &self.design.y));
            let (before, after) = (loss.delta(), next.delta());
            loss = next;
            if (before - after).abs() <= 1e-7 * before {
                break;
            }
        }
        loss
    }

    /// Goes on from the projected problem's last point, at `z`, to a minimum of `loss`.
    fn refine(
        &self,
        problem: &Projected<'_, F, N, K>,
        z: &[f64; K],
        y: &[f64],
        loss: Loss,
        done: Option<Termination>,
    ) -> Outcome<N, K> {
        let point = problem.point(z);
        if loss.is_square() {
            let value = problem.cost;
            return Outcome { point, value, termination: done.unwrap_or(Termination::Step) };
        }
        self.descend(&point, y, loss)
    }

    fn descend(&self, point: &Point<N, K>, y: &[f64], loss: Loss) -> Outcome<N, K> {
        let mut full = Full { form: self.form, design: self.design, y };
        let mut p: Vec<f64> = (0..K).map(|k| F::OUTER[k].z(point.theta[k])).collect();
        p.extend_from_slice(&point.coefficients);
        let bounds: Vec<(f64, f64)> =
            Self::bounds().into_iter().chain(std::iter::repeat_n((0.0, f64::INFINITY), N)).collect();
        let end = descend(&mut full, p, &bounds, loss);
        Outcome { point: Full::<F, N, K>::point(&end.at), value: end.value, termination: end.termination }
    }

    fn residuals(&self, point: &Point<N, K>, y: &[f64]) -> Vec<f64> {
        self.predictions(point).iter().zip(y).map(|(f, y)| (f / y).ln()).collect()
    }

    fn predictions(&self, point: &Point<N, K>) -> Vec<f64> {
        (0..self.design.rows()).map(|row| value(self.form, point, self.design.row(row))).collect()
    }

    /// Refits to data drawn with the noise that the residuals show.
    fn draws(&self, best: &Best<N, K>, seed: u64, progress: &mut dyn FnMut(f64)) -> Vec<Point<N, K>> {
        if self.draws == 0 {
            return Vec::new();
        }
        let fitted = self.predictions(&best.point);
        let residuals: Vec<f64> = fitted.iter().zip(&self.design.y).map(|(f, y)| y / f - 1.0).collect();
        let free = K + best.point.coefficients.iter().filter(|w| **w > 0.0).count();
        let noise = Noise::of(&residuals, &self.design.ln_scale, free);
        let mut y = fitted.clone();
        let mut problem = Projected::new(self.form, self.design, &y, best.loss);
        let bounds = Self::bounds();
        let share = self.share_of_starts();
        (0..u64::from(self.draws))
            .map(|stream| {
                noise.draw_seeded(seed, &fitted, &self.design.ln_scale, stream, &mut y);
                if stream % 64 == 0 {
                    progress(share + (1.0 - share) * stream as f64 / f64::from(self.draws));
                }
                if best.loss.is_square() {
                    problem.weigh(&y);
                    let end = minimise(&mut problem, best.z, &bounds, Tolerance::LOOSE);
                    problem.point(&end.at)
                } else {
                    self.descend(&best.point, &y, best.loss).point
                }
            })
            .collect()
    }

    /// Everything about the fit.
    fn told(&self, best: &Best<N, K>, draws: &[Point<N, K>], shape: &Shape<'_>) -> Fitted {
        let raw = |point: &Point<N, K>| {
            let (mut theta, mut w) = (point.theta, point.coefficients);
            self.form.raw(&self.design.ln_units, &mut theta, &mut w);
            let w = w.map(|w| w * self.design.unit);
            let derived = self.form.derived(&theta, &w);
            let named =
                F::COEFFICIENTS.into_iter().zip(w).chain(F::OUTER.map(|outer| outer.name).into_iter().zip(theta));
            named.chain(derived).collect::<Vec<_>>()
        };
        let refits: Vec<_> = draws.iter().map(&raw).collect();
        let parameters: Vec<_> = raw(&best.point)
            .into_iter()
            .enumerate()
            .map(|(i, (name, value))| {
                let draws = refits.iter().filter_map(|refit| Some(refit.get(i)?.1)).collect();
                (name.to_owned(), interval(value, draws))
            })
            .collect();
        let about = self.form.about();
        let zero: Vec<&str> =
            (0..N).filter(|&j| best.point.coefficients[j] == 0.0).map(|j| F::COEFFICIENTS[j]).collect();
        let at_bound: Vec<(&str, f64)> = (0..K)
            .filter(|&k| F::OUTER[k].is_bound(best.point.theta[k]))
            .map(|k| (F::OUTER[k].name, best.point.theta[k]))
            .collect();
        let mut found = shape.findings();
        found.extend(findings::of_fit(&findings::Fit {
            law: about.name,
            zero: &zero,
            at_bound: &at_bound,
            parameters: &parameters,
            condition: best.condition,
            starts: (self.starts, best.reached),
            termination: best.termination,
        }));
        let (form, point, unit) = (*self.form, best.point, self.design.unit);
        let ln_units = self.design.ln_units.clone();
        Fitted {
            parameters,
            objective: (
                best.loss.name(),
                if best.loss == Loss::Absolute { best.value * unit * unit } else { best.value },
            ),
            rows: self.design.rows() as u64,
            hold_out: None,
            termination: best.termination,
            starts: (self.starts, best.reached),
            condition: best.condition,
            findings: found,
            predict: Box::new(move |inputs| {
                let ln_x: Vec<f64> = inputs.iter().zip(&ln_units).map(|(x, unit)| x.ln() - unit).collect();
                unit * value(&form, &point, &ln_x)
            }),
        }
    }
}

/// Where one start ended.
#[derive(Clone, Debug)]
struct Outcome<const N: usize, const K: usize> {
    point: Point<N, K>,
    value: f64,
    termination: Termination,
}

/// The prediction in the target's unit.
fn value<const N: usize, const K: usize>(form: &impl Separable<N, K>, point: &Point<N, K>, ln_x: &[f64]) -> f64 {
    form.terms(&point.theta, ln_x).iter().zip(&point.coefficients).map(|(term, w)| term * w).sum()
}

/// The problem in `theta` alone, coefficients projected out.
struct Projected<'a, F, const N: usize, const K: usize> {
    form: &'a F,
    design: &'a Design,
    /// What the rows of the residual are multiplied by: the root of its weight, over y for relative residuals.
    scales: Vec<f64>,
    block: Block<N>,
    /// `theta` of the last cost.
    theta: [f64; K],
    /// The last cost.
    cost: f64,
    is_absolute: bool,
    derivatives: Vec<[f64; K]>,
}

impl<'a, F: Separable<N, K>, const N: usize, const K: usize> Projected<'a, F, N, K> {
    fn new(form: &'a F, design: &'a Design, y: &[f64], loss: Loss) -> Self {
        let rows = design.rows();
        let mut problem = Self {
            form,
            design,
            scales: vec![0.0; rows],
            block: Block::new(rows),
            theta: [0.0; K],
            cost: f64::INFINITY,
            is_absolute: loss == Loss::Absolute,
            derivatives: vec![[0.0; K]; rows],
        };
        problem.weigh(y);
        problem
    }

    /// Changes the targets that are fitted.
    fn weigh(&mut self, y: &[f64]) {
        for (i, &y) in y.iter().enumerate() {
            let root = self.design.weights[i].sqrt();
            self.scales[i] = if self.is_absolute { root } else { root / y };
            self.block.targets[i] = self.scales[i] * y;
        }
    }

    fn point(&self, z: &[f64; K]) -> Point<N, K> {
        let theta = std::array::from_fn(|k| F::OUTER[k].theta(z[k]));
        Point { theta, coefficients: *self.block.coefficients() }
    }
}

impl<F: Separable<N, K>, const N: usize, const K: usize> LeastSquares<K> for Projected<'_, F, N, K> {
    fn cost(&mut self, z: &[f64; K]) -> f64 {
        self.theta = std::array::from_fn(|k| F::OUTER[k].theta(z[k]));
        for (i, row) in self.block.columns.iter_mut().enumerate() {
            let scale = self.scales[i];
            *row = self.form.terms(&self.theta, self.design.row(i)).map(|term| term * scale);
        }
        self.cost = self.block.solve();
        self.cost
    }

    fn jacobian(&mut self, mut visit: impl FnMut(&[f64; K], f64)) {
        let w = *self.block.coefficients();
        for (i, derivatives) in self.derivatives.iter_mut().enumerate() {
            let row = &self.block.columns[i];
            let scale = self.scales[i];
            let terms = row.map(|column| column / scale);
            let slopes = self.form.slopes(&self.theta, self.design.row(i), &terms);
            *derivatives = std::array::from_fn(|k| {
                let by_theta: f64 = slopes[k].iter().zip(&w).map(|(slope, w)| slope * w).sum();
                let chain = if F::OUTER[k].is_positive { self.theta[k] } else { 1.0 };
                by_theta * chain * scale
            });
        }
        self.block.project(&mut self.derivatives);
        for (row, &residual) in self.derivatives.iter().zip(&self.block.residuals) {
            visit(row, residual);
        }
    }
}

/// The problem in all parameters: `z` of the searched ones, then the coefficients.
struct Full<'a, F, const N: usize, const K: usize> {
    form: &'a F,
    design: &'a Design,
    y: &'a [f64],
}

impl<F: Separable<N, K>, const N: usize, const K: usize> Full<'_, F, N, K> {
    fn point(p: &[f64]) -> Point<N, K> {
        Point {
            theta: std::array::from_fn(|k| F::OUTER[k].theta(p[k])),
            coefficients: std::array::from_fn(|j| p[K + j]),
        }
    }
}

impl<F: Separable<N, K>, const N: usize, const K: usize> Smooth for Full<'_, F, N, K> {
    fn rows(&self) -> usize {
        self.design.rows()
    }

    fn weight(&self, row: usize) -> f64 {
        self.design.weights[row]
    }

    fn target(&self, row: usize) -> f64 {
        self.y[row]
    }

    fn predict(&mut self, p: &[f64], out: &mut [f64]) {
        let point = Self::point(p);
        for (i, f) in out.iter_mut().enumerate() {
            *f = value(self.form, &point, self.design.row(i));
        }
    }

    fn gradients(&mut self, p: &[f64], out: &mut [f64]) {
        let point = Self::point(p);
        for (i, gradient) in out.chunks_exact_mut(N + K).enumerate() {
            let x = self.design.row(i);
            let terms = self.form.terms(&point.theta, x);
            let slopes = self.form.slopes(&point.theta, x, &terms);
            for k in 0..K {
                let by_theta: f64 = slopes[k].iter().zip(&point.coefficients).map(|(slope, w)| slope * w).sum();
                gradient[k] = by_theta * if F::OUTER[k].is_positive { point.theta[k] } else { 1.0 };
            }
            gradient[K..].copy_from_slice(&terms);
        }
    }
}
