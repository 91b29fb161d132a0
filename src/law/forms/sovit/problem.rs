//! The seven-exponent least-squares problem of a star.
//!
//! Each arm is `c0(x) + c1(x) T` with `T = t^-c`, `c0 = p + alpha g(x)` and `c1 = q + beta h(x)`: per dimension `g` and
//! `h` are powers and `p`, `q` the arm's own eps and xi; tied they are powers less 1, and `p`, `q` the loss at the
//! centre, which the arms share. Sums over the runs of a size do for the normal equations, so powers are taken once for
//! each size and each duration, and nothing is allocated while the exponents are searched.
#![expect(clippy::needless_range_loop, reason = "matrix formulae are read by their indices")]

use nalgebra::{SMatrix, SVector};

use super::design::Design;
use crate::law::levenberg::{LeastSquares, Normal, Tolerance, minimise};
use crate::law::loss::{Loss, Rho, spread};
use crate::law::{ArmParameters, SovitParameters, StarForm, Termination, nnls, quadratic};
use crate::vit::PerAxis;

/// Exponents searched: a and b of each arm, then c.
pub(super) const OUTER: usize = 7;
pub(super) const C: usize = OUTER - 1;
/// Columns of an arm: `g`, `h T`, `T` and 1.
const COLUMNS: usize = 4;
/// Most coefficients: four for each arm.
const INNER: usize = 12;

/// The problem with its work space.
pub(super) struct Problem<'a> {
    design: &'a Design,
    form: StarForm,
    /// The root of every run's weight: the target of its residual.
    roots: Vec<f64>,
    /// That root over y.
    weights: Vec<f64>,
    /// The exponents of the last cost.
    exponents: [f64; OUTER],
    /// `examples^-c` of every duration.
    durations: Vec<f64>,
    /// `t^-c` of every run.
    powers: Vec<f64>,
    sizes: Vec<AtSize>,
    residuals: Vec<f64>,
    arms: [Arm; 3],
    inner: Inner,
    held: Option<HeldOptimum>,
}

/// An optimum that is held: `beta h'(x) T = alpha g'(x)` at one size and compute of an arm, one more row of the inner
/// problem with a weight far above that of the data.
#[derive(Clone, Copy)]
pub(super) struct HeldOptimum {
    pub(super) arm: usize,
    /// `ln (x / centre)`
    pub(super) ln_x: f64,
    /// `ln (t / t_reference)`
    pub(super) ln_t: f64,
}

impl HeldOptimum {
    /// Weight of its row against the data's columns.
    const WEIGHT: f64 = 1e4;

    /// What `alpha` is multiplied by to give `beta`.
    fn ratio(self, exponents: &[f64; OUTER]) -> f64 {
        let (a, b, c) = (exponents[2 * self.arm], exponents[2 * self.arm + 1], exponents[C]);
        a / b * (c * self.ln_t - (a + b) * self.ln_x).exp()
    }
}

/// A size at the exponents of the last cost.
#[derive(Clone, Copy, Default)]
struct AtSize {
    g: f64,
    h: f64,
    /// Sums of `w^2`, `w^2 T` and `w^2 T^2` over its runs, `w` the weight.
    sums: [f64; 3],
}

/// Gradients row after row.
pub(super) struct Gradients {
    pub(super) rows: Vec<f64>,
    pub(super) columns: usize,
}

/// Where Huber's function is least.
#[derive(Clone, Copy)]
pub(super) struct Robust {
    pub(super) at: [f64; OUTER],
    pub(super) value: f64,
    pub(super) delta: f64,
    pub(super) termination: Termination,
}

/// The coefficients of an arm, and which column of the inner problem each of its columns is part of.
#[derive(Clone, Copy, Default)]
struct Arm {
    alpha: f64,
    beta: f64,
    p: f64,
    q: f64,
    columns: [usize; COLUMNS],
}

/// The last inner solution's normal equations.
#[derive(Clone, Copy)]
enum Inner {
    None,
    Tied(quadratic::Solution<8>),
    PerDimension([nnls::Solution<COLUMNS>; 3]),
}

impl<'a> Problem<'a> {
    /// The problem of the measured losses.
    pub(super) fn new(design: &'a Design, form: StarForm) -> Self {
        let rows = design.losses.len();
        let mut problem = Self {
            design,
            form,
            roots: design.roots.clone(),
            weights: vec![0.0; rows],
            exponents: [1.0; OUTER],
            durations: vec![0.0; design.ln_examples.len()],
            powers: vec![0.0; rows],
            sizes: vec![AtSize::default(); design.sizes.len()],
            residuals: vec![0.0; rows],
            arms: [Arm::default(); 3],
            inner: Inner::None,
            held: None,
        };
        problem.weigh(&design.losses);
        problem
    }

    /// Holds an optimum.
    pub(super) fn hold(&mut self, held: HeldOptimum) {
        self.held = Some(held);
    }

    /// The residuals of the last cost.
    pub(super) fn residuals(&self) -> &[f64] {
        &self.residuals
    }

    /// Changes the losses that are fitted.
    pub(super) fn weigh(&mut self, losses: &[f64]) {
        for ((weight, root), loss) in self.weights.iter_mut().zip(&self.roots).zip(losses) {
            *weight = root / loss;
        }
    }

    /// Takes part of every run's weight away; all of it is there where `share` is 1.
    fn reweigh(&mut self, shares: &[f64]) {
        let rows = self.roots.iter_mut().zip(&mut self.weights).zip(&self.design.roots).zip(shares);
        for (((root, weight), whole), share) in rows {
            let loss = *root / *weight;
            *root = whole * share.sqrt();
            *weight = *root / loss;
        }
    }

    /// Relative residuals `f / y - 1` of the last cost.
    fn relative(&self) -> Vec<f64> {
        self.residuals.iter().zip(&self.roots).map(|(r, root)| r / root).collect()
    }

    /// Root of the mean square of the relative residuals of the last cost, every run counted as it is weighed.
    pub(super) fn rmse(&self) -> f64 {
        let squares: f64 = self.relative().iter().zip(&self.design.roots).map(|(r, root)| (r * root).powi(2)).sum();
        (squares / self.residuals.len() as f64).sqrt()
    }

    /// Goes on from a minimum of squares to one of Huber's function of relative residuals, and gives its end, the value
    /// and the delta: squares under weights `min(1, delta / |r|)`, again and again (Holland and Welsch 1977). Where no
    /// delta is given it follows the residuals, at 1.345 of their robust standard deviations.
    pub(super) fn robust(
        &mut self,
        start: [f64; OUTER],
        bounds: &[(f64, f64); OUTER],
        given: Option<f64>,
        tolerance: Tolerance,
    ) -> Robust {
        /// Rounds at most, and the change of the value at which they end.
        const ROUNDS: u32 = 200;
        const SETTLED: f64 = 1e-12;
        let mut at = start;
        let mut value = f64::INFINITY;
        let mut delta = given.unwrap_or(f64::INFINITY);
        let mut termination = Termination::Iterations;
        self.cost(&at);
        for _ in 0..ROUNDS {
            let residuals = self.relative();
            delta = given.unwrap_or_else(|| Loss::EFFICIENT * spread(&residuals)).max(f64::MIN_POSITIVE);
            let now: f64 = (residuals.iter().zip(&self.design.roots))
                .map(|(&r, root)| root * root * Rho::at(r, delta).value)
                .sum();
            if (value - now).abs() <= SETTLED * now {
                termination = Termination::Objective;
                break;
            }
            value = now;
            let shares: Vec<f64> = residuals.iter().map(|r| (delta / r.abs()).min(1.0)).collect();
            self.reweigh(&shares);
            at = minimise(self, at, bounds, tolerance).at;
            self.cost(&at);
        }
        Robust { at, value, delta, termination }
    }

    /// The parameters of the last cost.
    pub(super) fn parameters(&self) -> SovitParameters {
        let arm = |k: usize| {
            let Arm { alpha, beta, p, q, .. } = self.arms[k];
            let (xi, eps) = match self.form {
                StarForm::PerDimension => (q, p),
                StarForm::Tied => (q - beta, p - alpha),
            };
            ArmParameters { alpha, a: self.exponents[2 * k], beta, b: self.exponents[2 * k + 1], xi, eps }
        };
        SovitParameters { c: self.exponents[C], axes: PerAxis { width: arm(0), depth: arm(1), mlp: arm(2) } }
    }

    /// The predictions of the last cost.
    pub(super) fn fitted(&self) -> Vec<f64> {
        self.residuals.iter().zip(&self.roots).zip(&self.weights).map(|((r, root), w)| (root + r) / w).collect()
    }

    /// Gradients of the relative residuals by the parameters that no constraint holds; an exponent falls with its
    /// coefficient.
    pub(super) fn gradients(&self) -> Gradients {
        let mut columns: Vec<Vec<f64>> = Vec::new();
        let rows = self.residuals.len();
        let mut inner = vec![vec![0.0; rows]; INNER];
        let mut outer = vec![vec![0.0; rows]; OUTER];
        for k in 0..3 {
            for size in self.design.arms[k].clone() {
                let [da, db, dc] = self.slopes(k, size);
                let AtSize { g, h, .. } = self.sizes[size];
                for row in self.design.sizes[size].runs.clone() {
                    let (w, t) = (self.weights[row], self.powers[row]);
                    outer[2 * k][row] = w * da;
                    outer[2 * k + 1][row] = w * t * db;
                    outer[C][row] = w * t * self.design.ln_t[row] * dc;
                    for (column, value) in self.arms[k].columns.iter().zip([w * g, w * t * h, w * t, w]) {
                        if let Some(inner) = inner.get_mut(*column) {
                            inner[row] += value;
                        }
                    }
                }
            }
        }
        columns.extend(inner.into_iter().chain(outer).filter(|column| column.iter().any(|x| *x != 0.0)));
        // Of relative residuals: without the weights.
        let of = |row: usize| columns.iter().map(move |column| column[row] / self.roots[row]);
        Gradients { rows: (0..rows).flat_map(of).collect(), columns: columns.len() }
    }

    /// Solves for the coefficients from the normal equations of each arm; false where there is no solution.
    fn coefficients(&mut self, grams: &[[[f64; COLUMNS]; COLUMNS]; 3], targets: &[[f64; COLUMNS]; 3]) -> bool {
        match self.form {
            StarForm::PerDimension => {
                let near = match self.inner {
                    Inner::PerDimension(solutions) => Some(solutions),
                    _ => None,
                };
                let solutions: [nnls::Solution<COLUMNS>; 3] = std::array::from_fn(|k| {
                    nnls::solve_near(&grams[k], &targets[k], near.map(|solutions| solutions[k].coefficients))
                });
                for (k, solution) in solutions.iter().enumerate() {
                    let [alpha, beta, q, p] = solution.coefficients;
                    let column = |i: usize| if solution.coefficients[i] > 0.0 { COLUMNS * k + i } else { INNER };
                    self.arms[k] = Arm { alpha, beta, p, q, columns: std::array::from_fn(column) };
                }
                self.inner = Inner::PerDimension(solutions);
            }
            StarForm::Tied => {
                let near = match self.inner {
                    Inner::Tied(solution) => Some(solution.face),
                    _ => None,
                };
                let mut gram = [[0.0; 8]; 8];
                let mut rhs = [0.0; 8];
                for k in 0..3 {
                    let place = tied_place(k);
                    for i in 0..COLUMNS {
                        rhs[place[i]] += targets[k][i];
                        for j in 0..COLUMNS {
                            gram[place[i]][place[j]] += grams[k][i][j];
                        }
                    }
                }
                let Some(solution) = quadratic::solve(&gram, &rhs, near) else { return false };
                for k in 0..3 {
                    let place = tied_place(k);
                    let [alpha, beta, q, p] = place.map(|i| solution.coefficients[i]);
                    let columns = place.map(|i| if solution.face.0[i] < 8 { solution.face.0[i] } else { INNER });
                    self.arms[k] = Arm { alpha, beta, p, q, columns };
                }
                self.inner = Inner::Tied(solution);
            }
        }
        true
    }

    /// `(A'A)^-1 A'D` over the inner columns, from `A'D`.
    fn shares(&self, along: &[[f64; OUTER]; INNER]) -> [[f64; OUTER]; INNER] {
        let mut shares = [[0.0; OUTER]; INNER];
        match &self.inner {
            Inner::None => {}
            Inner::Tied(solution) => {
                for i in 0..OUTER {
                    let solved = solution.factor.solve(&std::array::from_fn(|j| along[j][i]));
                    for j in 0..8 {
                        shares[j][i] = solved[j];
                    }
                }
            }
            Inner::PerDimension(solutions) => {
                for (k, solution) in solutions.iter().enumerate() {
                    for i in [2 * k, 2 * k + 1, C] {
                        let solved = solution.factor.solve(&std::array::from_fn(|j| along[COLUMNS * k + j][i]));
                        for j in 0..COLUMNS {
                            shares[COLUMNS * k + j][i] = solved[j];
                        }
                    }
                }
            }
        }
        shares
    }

    /// Derivatives of `c0` by `ln a`, of `c1` by `ln b`, and `-c c1`, at a size.
    fn slopes(&self, k: usize, size: usize) -> [f64; 3] {
        let Arm { alpha, beta, q, .. } = self.arms[k];
        let (a, b, c) = (self.exponents[2 * k], self.exponents[2 * k + 1], self.exponents[C]);
        let AtSize { g, h, .. } = self.sizes[size];
        let shift = if self.form == StarForm::Tied { 1.0 } else { 0.0 };
        let ln_x = self.design.sizes[size].ln_x;
        [-alpha * a * ln_x * (g + shift), beta * b * ln_x * (h + shift), -c * (q + beta * h)]
    }

    /// `D'D`, `D'r` and, by inner column, `A'D`: `D` the derivatives before their projection.
    fn products(&self) -> (Normal<OUTER>, [[f64; OUTER]; INNER]) {
        let mut along = [[0.0; OUTER]; INNER];
        let mut normal = Normal { hessian: SMatrix::zeros(), gradient: SVector::zeros() };
        for k in 0..3 {
            let mut block = [[0.0; 3]; 3];
            let mut slope = [0.0; 3];
            let mut shares = [[0.0; 3]; COLUMNS];
            for size in self.design.arms[k].clone() {
                let [da, db, dc] = self.slopes(k, size);
                let AtSize { g, h, sums: [s0, s1, s2] } = self.sizes[size];
                // Sums with ln t, and of residuals.
                let (mut l1, mut l2, mut ll) = (0.0, 0.0, 0.0);
                let (mut r0, mut r1, mut rl) = (0.0, 0.0, 0.0);
                for row in self.design.sizes[size].runs.clone() {
                    let (w, t, ln_t) = (self.weights[row], self.powers[row], self.design.ln_t[row]);
                    let (wt, wr) = (w * t, w * self.residuals[row]);
                    let wtl = wt * ln_t;
                    l1 += w * wtl;
                    l2 += wt * wtl;
                    ll += wtl * wtl;
                    r0 += wr;
                    r1 += wr * t;
                    rl += wr * t * ln_t;
                }
                slope[0] += da * r0;
                slope[1] += db * r1;
                slope[2] += dc * rl;
                block[0][0] += da * da * s0;
                block[1][0] += da * db * s1;
                block[1][1] += db * db * s2;
                block[2][0] += da * dc * l1;
                block[2][1] += db * dc * l2;
                block[2][2] += dc * dc * ll;
                let level = [da * s0, db * s1, dc * l1];
                let data = [da * s1, db * s2, dc * l2];
                for i in 0..3 {
                    shares[0][i] += g * level[i];
                    shares[1][i] += h * data[i];
                    shares[2][i] += data[i];
                    shares[3][i] += level[i];
                }
            }
            let place = [2 * k, 2 * k + 1, C];
            for i in 0..3 {
                normal.gradient[place[i]] += slope[i];
                for j in 0..=i {
                    normal.hessian[(place[i], place[j])] += block[i][j];
                }
                for (column, shares) in self.arms[k].columns.iter().zip(&shares) {
                    if let Some(along) = along.get_mut(*column) {
                        along[place[i]] += shares[i];
                    }
                }
            }
        }
        (normal, along)
    }
}

/// Where `g`, `h T`, `T` and 1 of an arm stand among the tied coefficients P, Q, `alpha_k`, `beta_k`.
const fn tied_place(k: usize) -> [usize; COLUMNS] {
    [2 + 2 * k, 3 + 2 * k, 1, 0]
}

impl LeastSquares<OUTER> for Problem<'_> {
    fn cost(&mut self, z: &[f64; OUTER]) -> f64 {
        self.exponents = z.map(f64::exp);
        let c = self.exponents[C];
        for (power, ln) in self.durations.iter_mut().zip(&self.design.ln_examples) {
            *power = (-c * ln).exp();
        }
        let mut grams = [[[0.0; COLUMNS]; COLUMNS]; 3];
        let mut targets = [[0.0; COLUMNS]; 3];
        for k in 0..3 {
            let (a, b) = (self.exponents[2 * k], self.exponents[2 * k + 1]);
            let (gram, target) = (&mut grams[k], &mut targets[k]);
            for index in self.design.arms[k].clone() {
                let size = &self.design.sizes[index];
                let flops = (-c * size.ln_flops).exp();
                let (g, h) = match self.form {
                    StarForm::PerDimension => ((-a * size.ln_x).exp(), (b * size.ln_x).exp()),
                    StarForm::Tied => ((-a * size.ln_x).exp_m1(), (b * size.ln_x).exp_m1()),
                };
                let (mut s0, mut s1, mut s2, mut y0, mut y1) = (0.0, 0.0, 0.0, 0.0, 0.0);
                let rows = size.runs.clone();
                let (weights, durations) = (&self.weights[rows.clone()], &self.design.durations[rows.clone()]);
                let roots = &self.roots[rows.clone()];
                for (((power, w), root), &duration) in
                    self.powers[rows].iter_mut().zip(weights).zip(roots).zip(durations)
                {
                    let t = flops * self.durations[duration];
                    *power = t;
                    let wt = w * t;
                    s0 += w * w;
                    s1 += w * wt;
                    s2 += wt * wt;
                    y0 += root * w;
                    y1 += root * wt;
                }
                self.sizes[index] = AtSize { g, h, sums: [s0, s1, s2] };
                gram[0][0] += g * g * s0;
                gram[1][0] += g * h * s1;
                gram[1][1] += h * h * s2;
                gram[2][0] += g * s1;
                gram[2][1] += h * s2;
                gram[2][2] += s2;
                gram[3][0] += g * s0;
                gram[3][1] += h * s1;
                gram[3][2] += s1;
                gram[3][3] += s0;
                target[0] += g * y0;
                target[1] += h * y1;
                target[2] += y1;
                target[3] += y0;
            }
            if let Some(held) = self.held.filter(|held| held.arm == k) {
                // W (alpha ratio - beta) / (1 + ratio) = 0, W in units of the larger column.
                let ratio = held.ratio(&self.exponents);
                let weight = HeldOptimum::WEIGHT.powi(2) * gram[0][0].max(gram[1][1]);
                let (along, back) = (ratio / (1.0 + ratio), -1.0 / (1.0 + ratio));
                gram[0][0] += weight * along * along;
                gram[1][0] += weight * along * back;
                gram[1][1] += weight * back * back;
            }
            for i in 0..COLUMNS {
                for j in 0..i {
                    gram[j][i] = gram[i][j];
                }
            }
        }
        if !self.coefficients(&grams, &targets) {
            return f64::INFINITY;
        }
        let mut cost = 0.0;
        for k in 0..3 {
            let Arm { alpha, beta, p, q, .. } = self.arms[k];
            for index in self.design.arms[k].clone() {
                let AtSize { g, h, .. } = self.sizes[index];
                let (c0, c1) = (p + alpha * g, q + beta * h);
                let rows = self.design.sizes[index].runs.clone();
                let (weights, powers) = (&self.weights[rows.clone()], &self.powers[rows.clone()]);
                let roots = &self.roots[rows.clone()];
                for (((residual, w), root), t) in self.residuals[rows].iter_mut().zip(weights).zip(roots).zip(powers) {
                    *residual = w * (c0 + c1 * t) - root;
                    cost += *residual * *residual;
                }
            }
        }
        cost
    }

    fn jacobian(&mut self, mut visit: impl FnMut(&[f64; OUTER], f64)) {
        let (_, along) = self.products();
        let shares = self.shares(&along);
        for k in 0..3 {
            for size in self.design.arms[k].clone() {
                let [da, db, dc] = self.slopes(k, size);
                let AtSize { g, h, .. } = self.sizes[size];
                for row in self.design.sizes[size].runs.clone() {
                    let (w, t) = (self.weights[row], self.powers[row]);
                    let mut derivatives = [0.0; OUTER];
                    derivatives[2 * k] = w * da;
                    derivatives[2 * k + 1] = w * t * db;
                    derivatives[C] = w * t * self.design.ln_t[row] * dc;
                    for (column, value) in self.arms[k].columns.iter().zip([w * g, w * t * h, w * t, w]) {
                        if let Some(shares) = shares.get(*column) {
                            for i in 0..OUTER {
                                derivatives[i] -= value * shares[i];
                            }
                        }
                    }
                    visit(&derivatives, self.residuals[row]);
                }
            }
        }
    }

    fn normal(&mut self) -> Normal<OUTER> {
        let (mut normal, along) = self.products();
        let shares = self.shares(&along);
        for j in 0..OUTER {
            for i in j..OUTER {
                let explained: f64 = along.iter().zip(&shares).map(|(along, shares)| along[i] * shares[j]).sum();
                normal.hessian[(i, j)] -= explained;
                normal.hessian[(j, i)] = normal.hessian[(i, j)];
            }
        }
        normal
    }
}
