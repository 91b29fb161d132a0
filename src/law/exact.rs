//! Damped Newton steps in all parameters at once, for objectives that projection does not minimise.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::Termination;
use super::loss::{Loss, Rho};

/// Predictions as a smooth function of parameters.
pub(super) trait Smooth {
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// What a row counts.
    fn weight(&self, row: usize) -> f64;
    /// What a row should be.
    fn target(&self, row: usize) -> f64;
    /// Predictions of every row.
    fn predict(&mut self, p: &[f64], out: &mut [f64]);
    /// Gradients of the predictions, row after row.
    fn gradients(&mut self, p: &[f64], out: &mut [f64]);
}

/// Where the descent ended.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// The point.
    pub(super) at: Vec<f64>,
    /// The objective there, in its own terms.
    pub(super) value: f64,
    /// Why it stopped.
    pub(super) termination: Termination,
}

/// Steps a delta is taken in.
const ITERATIONS: u32 = 200;
/// How fast delta falls to the one that is asked for: a small one has a kink at every row, a large one has none.
const CONTINUATION: f64 = 0.25;

/// Goes from the minimum of other data, which differ by noise, to that of these: Gauss-Newton steps as far as intervals
/// need.
pub(super) fn follow(problem: &mut impl Smooth, start: Vec<f64>, bounds: &[(f64, f64)], loss: Loss) -> Vec<f64> {
    let mut work = Work::new(problem, start, bounds, loss);
    work.follow(loss.delta());
    work.p
}

/// Minimises `loss` over a box, from a point inside it. Of the same point and data it makes the same steps.
pub(super) fn descend(problem: &mut impl Smooth, start: Vec<f64>, bounds: &[(f64, f64)], loss: Loss) -> End {
    let mut work = Work::new(problem, start, bounds, loss);
    let target = loss.delta();
    if !work.value(target).is_finite() {
        return End { at: work.p, value: f64::INFINITY, termination: Termination::Iterations };
    }
    let mut termination;
    if target.is_finite() {
        // From where nearly all residuals count as squares.
        let largest = work.residuals().iter().fold(0.0_f64, |most, r| most.max(r.abs()));
        let mut delta = target.max(largest * 0.5);
        loop {
            termination = work.minimise(delta);
            if delta <= target {
                break;
            }
            delta = (delta * CONTINUATION).max(target);
        }
    } else {
        termination = work.minimise(target);
    }
    let value = loss.told(work.value(target), work.total);
    End { at: work.p, value, termination }
}

struct Work<'a, P> {
    problem: &'a mut P,
    bounds: &'a [(f64, f64)],
    loss: Loss,
    p: Vec<f64>,
    predictions: Vec<f64>,
    /// Gradients of the predictions and slopes of the rows' shares by them, of the last local model.
    gradients: Vec<f64>,
    slopes: Vec<f64>,
    /// Predictions a part of a step ahead.
    there: Vec<f64>,
    /// Sum of the rows' weights.
    total: f64,
}

/// How far each parameter may go.
struct Room {
    /// Down and up to its bounds.
    to_bounds: Vec<(f64, f64)>,
    /// Whether it is not held by a bound.
    is_free: Vec<bool>,
}

/// Slope and curvature of the objective.
struct Local {
    gradient: DVector<f64>,
    /// The exact second derivative.
    hessian: DMatrix<f64>,
    /// Its Gauss-Newton part, which is never negative.
    convex: DMatrix<f64>,
}

impl<'a, P: Smooth> Work<'a, P> {
    fn new(problem: &'a mut P, p: Vec<f64>, bounds: &'a [(f64, f64)], loss: Loss) -> Self {
        let mut predictions = vec![0.0; problem.rows()];
        problem.predict(&p, &mut predictions);
        let total = (0..problem.rows()).map(|row| problem.weight(row)).sum();
        Self {
            problem,
            bounds,
            loss,
            p,
            predictions,
            gradients: Vec::new(),
            slopes: Vec::new(),
            there: Vec::new(),
            total,
        }
    }

    fn residuals(&self) -> Vec<f64> {
        let rows = self.predictions.iter().enumerate();
        rows.map(|(row, &f)| self.loss.residual(f, self.problem.target(row)).0).collect()
    }

    /// The objective at the last predictions.
    fn value(&self, delta: f64) -> f64 {
        let rows = self.predictions.iter().enumerate();
        rows.map(|(row, &f)| {
            let r = self.loss.residual(f, self.problem.target(row)).0;
            self.problem.weight(row) * Rho::at(r, delta).value
        })
        .sum()
    }

    /// Slope and the curvature that residuals have by themselves; the predictions' own bend is left out.
    fn local(&mut self, delta: f64) -> Local {
        let (n, d) = (self.problem.rows(), self.p.len());
        self.gradients.resize(n * d, 0.0);
        self.slopes.resize(n, 0.0);
        self.problem.gradients(&self.p, &mut self.gradients);
        let mut local =
            Local { gradient: DVector::zeros(d), hessian: DMatrix::zeros(d, d), convex: DMatrix::zeros(d, d) };
        for (i, row) in self.gradients.chunks_exact(d).enumerate() {
            let weight = self.problem.weight(i);
            let (r, by_f, by_ff) = self.loss.residual(self.predictions[i], self.problem.target(i));
            let Rho { slope, curvature, .. } = Rho::at(r, delta);
            self.slopes[i] = weight * slope * by_f;
            let secant = if r == 0.0 { curvature } else { slope / r };
            let (steep, curved) = (weight * secant * by_f * by_f, weight * (curvature * by_f * by_f + slope * by_ff));
            for a in 0..d {
                local.gradient[a] += self.slopes[i] * row[a];
                for b in 0..=a {
                    local.convex[(a, b)] += steep * row[a] * row[b];
                    local.hessian[(a, b)] += curved * row[a] * row[b];
                }
            }
        }
        local.convex.fill_upper_triangle_with_lower_triangle();
        local.hessian.fill_upper_triangle_with_lower_triangle();
        local
    }

    /// The same with the bend of the predictions, by central differences of their gradients.
    fn bent(&mut self, delta: f64) -> Local {
        let mut local = self.local(delta);
        let d = self.p.len();
        let mut p = self.p.clone();
        let (mut above, mut below) = (self.gradients.clone(), self.gradients.clone());
        for a in 0..d {
            let size = 1e-4 * self.p[a].abs().max(1e-2);
            p[a] = self.p[a] + size;
            self.problem.gradients(&p, &mut above);
            p[a] = self.p[a] - size;
            self.problem.gradients(&p, &mut below);
            p[a] = self.p[a];
            for ((above, below), slope) in above.chunks_exact(d).zip(below.chunks_exact(d)).zip(&self.slopes) {
                for b in 0..d {
                    let bent = slope * (above[b] - below[b]) / (4.0 * size);
                    local.hessian[(a, b)] += bent;
                    local.hessian[(b, a)] += bent;
                }
            }
        }
        local
    }

    fn room(&self, local: &Local) -> Room {
        let parameters = || self.p.iter().zip(self.bounds);
        let to_bounds = parameters().map(|(p, (low, high))| (low - p, high - p)).collect();
        let slopes = parameters().zip(local.gradient.iter());
        let is_free =
            slopes.map(|((&p, &(low, high)), &slope)| !(p <= low && slope > 0.0 || p >= high && slope < 0.0)).collect();
        Room { to_bounds, is_free }
    }

    /// The step by `damping`, and the same bent after the valley that a straight one leaves: geodesic acceleration
    /// (Transtrum and Sethna 2012, arXiv 1201.5885).
    fn steps(&mut self, local: &Local, damping: f64, delta: f64) -> Option<(DVector<f64>, DVector<f64>)> {
        /// Part of the step at which the bend is measured.
        const PART: f64 = 0.1;
        /// Most length of the bend, in steps: beyond it two terms of the series say nothing.
        const MOST: f64 = 0.75;
        let room = self.room(local);
        let step = local.step(&local.hessian, &room, &local.gradient, damping)?;
        let near: Vec<f64> = self.p.iter().zip(step.iter()).map(|(p, step)| p + PART * step).collect();
        self.there.resize(self.predictions.len(), 0.0);
        self.problem.predict(&near, &mut self.there);
        let mut pull = DVector::zeros(step.len());
        for (i, row) in self.gradients.chunks_exact(step.len()).enumerate() {
            let straight: f64 = row.iter().zip(step.iter()).map(|(slope, step)| slope * step).sum();
            let bend = 2.0 / PART * ((self.there[i] - self.predictions[i]) / PART - straight);
            let (r, by_f, _) = self.loss.residual(self.predictions[i], self.problem.target(i));
            let curvature = self.problem.weight(i) * Rho::at(r, delta).curvature * by_f * by_f;
            for (pull, slope) in pull.iter_mut().zip(row) {
                *pull += curvature * bend * slope;
            }
        }
        let bend = local
            .step(&local.hessian, &room, &pull, damping)
            .filter(|bend| local.length(bend) <= 0.5 * MOST * local.length(&step));
        let curved = bend.map_or_else(|| step.clone(), |bend| &step + bend * 0.5);
        Some((step, curved))
    }

    fn clamped(&self, step: &DVector<f64>) -> Vec<f64> {
        let moved = self.p.iter().zip(step.iter()).zip(self.bounds);
        moved.map(|((p, step), &(low, high))| (p + step).clamp(low, high)).collect()
    }

    fn follow(&mut self, delta: f64) {
        const STEPS: u32 = 12;
        const SETTLED: f64 = 1e-6;
        let mut value = self.value(delta);
        let mut trial_predictions = self.predictions.clone();
        for _ in 0..STEPS {
            let local = self.local(delta);
            // Steps of the Gauss-Newton part where few rows bend the objective: they are sure to fall.
            let curvature = if local.is_convex() { &local.hessian } else { &local.convex };
            let Some(mut step) = local.step(curvature, &self.room(&local), &local.gradient, 1e-9) else { return };
            let mut fallen = f64::NAN;
            // Halved until the objective falls.
            for _ in 0..8 {
                let trial = self.clamped(&step);
                self.problem.predict(&trial, &mut trial_predictions);
                std::mem::swap(&mut self.predictions, &mut trial_predictions);
                let there = self.value(delta);
                if there <= value {
                    fallen = value - there;
                    (self.p, value) = (trial, there);
                    break;
                }
                std::mem::swap(&mut self.predictions, &mut trial_predictions);
                step *= 0.5;
            }
            if fallen.is_nan() || fallen <= SETTLED * value {
                return;
            }
        }
    }

    /// Minimises at one delta.
    fn minimise(&mut self, delta: f64) -> Termination {
        let d = self.p.len();
        let mut value = self.value(delta);
        let mut local = self.bent(delta);
        let mut damping = 1e-6;
        let mut growth = 2.0;
        let mut trial_predictions = self.predictions.clone();
        let mut stalled = 0;
        for _ in 0..ITERATIONS {
            let Some((step, curved)) = self.steps(&local, damping, delta) else {
                damping *= growth;
                growth *= 2.0;
                if damping > 1e20 {
                    return Termination::Step;
                }
                continue;
            };
            let is_small = (0..d).all(|i| step[i].abs() <= 1e-13 * (self.p[i].abs() + 1e-9));
            if is_small {
                return Termination::Step;
            }
            let trial = self.clamped(&curved);
            self.problem.predict(&trial, &mut trial_predictions);
            std::mem::swap(&mut self.predictions, &mut trial_predictions);
            let there = self.value(delta);
            let promised = -(local.gradient.dot(&step) + 0.5 * step.dot(&(&local.hessian * &step)));
            let fallen = value - there;
            if fallen > 0.0 || fallen == 0.0 && promised > 0.0 && promised <= 1e-15 * value {
                let is_settled = fallen <= 1e-15 * value.abs();
                stalled = if is_settled { stalled + 1 } else { 0 };
                (self.p, value) = (trial, there);
                if stalled >= 3 {
                    return Termination::Objective;
                }
                local = self.bent(delta);
                let ratio = if promised > 0.0 { fallen / promised } else { 1.0 };
                damping *= f64::max(0.1, 1.0 - (2.0 * ratio - 1.0).powi(3));
                growth = 2.0;
            } else {
                std::mem::swap(&mut self.predictions, &mut trial_predictions);
                if damping > 1e12 {
                    return Termination::Objective;
                }
                damping *= growth;
                growth *= 2.0;
            }
        }
        Termination::Iterations
    }
}

impl Local {
    /// What scales the curvature to a unit diagonal: coefficients and exponents differ by orders of magnitude.
    fn scale(&self) -> Option<DVector<f64>> {
        let most = self.convex.diagonal().max();
        let scale = self.convex.diagonal().map(|x| 1.0 / x.max(1e-12 * most).max(f64::MIN_POSITIVE).sqrt());
        scale.iter().all(|s| s.is_finite()).then_some(scale)
    }

    /// Whether the exact curvature is positive in every direction.
    fn is_convex(&self) -> bool {
        let d = self.gradient.len();
        let shifted = |scale: DVector<f64>| scaled(&self.hessian, &scale) + DMatrix::identity(d, d) * 1e-9;
        self.scale().is_some_and(|scale| shifted(scale).cholesky().is_some())
    }

    /// The length of a step, by the predictions that it changes.
    fn length(&self, step: &DVector<f64>) -> f64 {
        step.iter().zip(self.convex.diagonal().iter()).map(|(step, size)| step * step * size).sum::<f64>().sqrt()
    }

    /// The damped Newton step inside the box: what a bound would cut off is set on the bound, and the rest solved again.
    /// Directions of negative curvature count with its size, as in Dauphin et al. 2014, arXiv 1406.2572.
    fn step(
        &self,
        curvature: &DMatrix<f64>,
        room: &Room,
        gradient: &DVector<f64>,
        damping: f64,
    ) -> Option<DVector<f64>> {
        let d = gradient.len();
        let scale = self.scale()?;
        let scaled = scaled(curvature, &scale);
        let mut free: Vec<usize> = (0..d).filter(|&i| room.is_free[i]).collect();
        let mut step = DVector::zeros(d);
        while !free.is_empty() {
            let matrix = DMatrix::from_fn(free.len(), free.len(), |i, j| scaled[(free[i], free[j])]);
            let rhs = DVector::from_fn(free.len(), |i, _| {
                let i = free[i];
                let held: f64 = (0..d).filter(|j| !free.contains(j)).map(|j| curvature[(i, j)] * step[j]).sum();
                -(gradient[i] + held) * scale[i]
            });
            let solved = solve(matrix, &rhs, damping)?;
            let mut is_inside = true;
            let before = free.clone();
            for (&i, x) in before.iter().zip(solved.iter()) {
                let to = x * scale[i];
                if !to.is_finite() {
                    return None;
                }
                let (low, high) = room.to_bounds[i];
                if to < low || to > high {
                    is_inside = false;
                    step[i] = to.clamp(low, high);
                    free.retain(|&j| j != i);
                }
            }
            if is_inside {
                for (&i, x) in before.iter().zip(solved.iter()) {
                    step[i] = x * scale[i];
                }
                break;
            }
        }
        Some(step)
    }
}

fn scaled(matrix: &DMatrix<f64>, scale: &DVector<f64>) -> DMatrix<f64> {
    DMatrix::from_fn(scale.len(), scale.len(), |i, j| matrix[(i, j)] * scale[i] * scale[j])
}

/// Solves `(|H| + damping) x = rhs`, where `|H|` has the sizes of the eigenvalues of `H`.
fn solve(matrix: DMatrix<f64>, rhs: &DVector<f64>, damping: f64) -> Option<DVector<f64>> {
    let n = matrix.nrows();
    let damped = &matrix + DMatrix::identity(n, n) * damping;
    if let Some(factor) = damped.cholesky() {
        return Some(factor.solve(rhs));
    }
    let eigen = SymmetricEigen::try_new(matrix, f64::EPSILON, 1000)?;
    let floor = 1e-12 * eigen.eigenvalues.amax();
    let mut along = eigen.eigenvectors.tr_mul(rhs);
    for (x, value) in along.iter_mut().zip(eigen.eigenvalues.iter()) {
        *x /= value.abs().max(floor) + damping;
    }
    Some(&eigen.eigenvectors * along)
}
