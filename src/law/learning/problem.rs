//! The residuals of a learning curve.

use std::marker::PhantomData;

use super::{Curve, Points};
use crate::law::exact::Smooth;
use crate::law::levenberg::LeastSquares;

/// One form at one set of points.
pub(super) struct Problem<'a, C, const P: usize> {
    points: &'a Points,
    z: [f64; P],
    form: PhantomData<C>,
}

impl<'a, C, const P: usize> Problem<'a, C, P> {
    pub(super) const fn new(points: &'a Points) -> Self {
        Self { points, z: [0.0; P], form: PhantomData }
    }
}

/// The first `P` of a list; lists of parameters have so many.
pub(super) fn first<const P: usize>(list: &[f64]) -> [f64; P] {
    std::array::from_fn(|i| list[i])
}

/// Least squares of log residuals.
impl<C: Curve<P>, const P: usize> LeastSquares<P> for Problem<'_, C, P> {
    fn cost(&mut self, z: &[f64; P]) -> f64 {
        self.z = *z;
        self.points.iter().map(|p| p.weight * (C::predict(z, p.x).0 / p.y).ln().powi(2)).sum()
    }

    fn jacobian(&mut self, mut visit: impl FnMut(&[f64; P], f64)) {
        for p in self.points.iter() {
            let (prediction, gradient) = C::predict(&self.z, p.x);
            let root = p.weight.sqrt();
            visit(&gradient.map(|d| root * d / prediction), root * (prediction / p.y).ln());
        }
    }
}

/// Any other objective.
impl<C: Curve<P>, const P: usize> Smooth for Problem<'_, C, P> {
    fn rows(&self) -> usize {
        self.points.rows()
    }

    fn weight(&self, row: usize) -> f64 {
        self.points.at(row).weight
    }

    fn target(&self, row: usize) -> f64 {
        self.points.at(row).y
    }

    fn predict(&mut self, z: &[f64], out: &mut [f64]) {
        let z = first::<P>(z);
        for (f, p) in out.iter_mut().zip(self.points.iter()) {
            *f = C::predict(&z, p.x).0;
        }
    }

    fn gradients(&mut self, z: &[f64], out: &mut [f64]) {
        let z = first::<P>(z);
        for (gradient, p) in out.chunks_exact_mut(P).zip(self.points.iter()) {
            gradient.copy_from_slice(&C::predict(&z, p.x).1);
        }
    }
}
