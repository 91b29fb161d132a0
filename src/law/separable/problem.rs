//! The residuals of a sum of terms, with its coefficients projected out and with all parameters free.

use super::Separable;
use super::design::Design;
use crate::law::exact::Smooth;
use crate::law::levenberg::LeastSquares;
use crate::law::loss::Loss;
use crate::law::project::Block;

/// A point of the search: searched parameters and coefficients, in natural units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<const N: usize, const K: usize> {
    pub(super) theta: [f64; K],
    pub(super) coefficients: [f64; N],
}

/// The prediction in the target's unit.
pub(super) fn value<const N: usize, const K: usize>(
    form: &impl Separable<N, K>,
    point: &Point<N, K>,
    ln_x: &[f64],
) -> f64 {
    form.terms(&point.theta, ln_x).iter().zip(&point.coefficients).map(|(term, w)| term * w).sum()
}

/// The problem in `theta` alone, coefficients projected out.
pub(super) struct Projected<'a, F, const N: usize, const K: usize> {
    pub(super) form: &'a F,
    pub(super) design: &'a Design,
    /// What the rows of the residual are multiplied by: the root of its weight, over y for relative residuals.
    pub(super) scales: Vec<f64>,
    pub(super) block: Block<N>,
    /// `theta` of the last cost.
    pub(super) theta: [f64; K],
    /// The last cost.
    pub(super) cost: f64,
    pub(super) is_absolute: bool,
    pub(super) derivatives: Vec<[f64; K]>,
}

impl<'a, F: Separable<N, K>, const N: usize, const K: usize> Projected<'a, F, N, K> {
    pub(super) fn new(form: &'a F, design: &'a Design, y: &[f64], loss: Loss) -> Self {
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
    pub(super) fn weigh(&mut self, y: &[f64]) {
        for (i, &y) in y.iter().enumerate() {
            let root = self.design.weights[i].sqrt();
            self.scales[i] = if self.is_absolute { root } else { root / y };
            self.block.targets[i] = self.scales[i] * y;
        }
    }

    pub(super) fn point(&self, z: &[f64; K]) -> Point<N, K> {
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
pub(super) struct Full<'a, F, const N: usize, const K: usize> {
    pub(super) form: &'a F,
    pub(super) design: &'a Design,
    pub(super) y: &'a [f64],
}

impl<F: Separable<N, K>, const N: usize, const K: usize> Full<'_, F, N, K> {
    pub(super) fn point(p: &[f64]) -> Point<N, K> {
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
