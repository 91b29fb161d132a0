//! What the forms of learning curves share: points in natural units, starts, and a fit.

use crate::law::starts::Best;
use crate::law::{CurveParameters, FitReport};

/// Points of one learning curve: `ln x` about its mean, y about its geometric mean.
#[derive(Clone, Debug)]
pub(crate) struct Points {
    list: Vec<(f64, f64)>,
    /// Mean of `ln x`.
    ln_x: f64,
    /// Geometric mean of y.
    pub(super) y_unit: f64,
}

impl Points {
    /// From positive `(x, y)`, in any order.
    pub(crate) fn new(points: &[(f64, f64)]) -> Self {
        let mut sorted = points.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let n = sorted.len().max(1) as f64;
        let ln_x = sorted.iter().map(|(x, _)| x.ln()).sum::<f64>() / n;
        let y_unit = (sorted.iter().map(|(_, y)| y.ln()).sum::<f64>() / n).exp();
        let list = sorted.iter().map(|(x, y)| (x.ln() - ln_x, y / y_unit)).collect();
        Self { list, ln_x, y_unit }
    }

    /// At most so many of them, evenly spread over the sorted points, in the same units; `None` where all fit.
    pub(super) fn thinned(&self, most: usize) -> Option<Self> {
        let last = self.list.len().checked_sub(1).filter(|&last| last >= most && most > 1)?;
        let list = (0..most).filter_map(|i| self.list.get(i * last / (most - 1)).copied()).collect();
        Some(Self { list, ..*self })
    }

    /// `ln x` and y in natural units.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, f64)> {
        self.list.iter().copied()
    }

    /// The least y.
    pub(super) fn least(&self) -> f64 {
        self.list.iter().map(|p| p.1).fold(f64::INFINITY, f64::min)
    }

    /// The largest y.
    pub(super) fn most(&self) -> f64 {
        self.list.iter().map(|p| p.1).fold(0.0, f64::max)
    }

    /// b for raw x and y, where `b x^-c` has the unit of y to the power `1 - a`.
    pub(super) fn raw_b(&self, ln_b: f64, c: f64, a: f64) -> f64 {
        (ln_b + c * self.ln_x + (1.0 - a) * self.y_unit.ln()).exp()
    }
}

/// A fitted curve.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    /// For raw x and y.
    pub(crate) parameters: CurveParameters,
    /// How it went.
    pub(crate) fit: FitReport,
    /// Exponents that ended at a bound.
    pub(crate) at_bound: Vec<&'static str>,
}

impl Fitted {
    /// From the best of all starts; `exponents` are the names of those parameters that must stay inside their bounds.
    pub(super) fn new<const P: usize>(
        parameters: CurveParameters,
        best: &Best<P>,
        bounds: &[(f64, f64); P],
        exponents: &[(usize, &'static str)],
        points: &Points,
    ) -> Self {
        let outside = |&&(i, _): &&(usize, &str)| best.at[i] <= bounds[i].0 || best.at[i] >= bounds[i].1;
        let at_bound = exponents.iter().filter(outside).map(|&(_, name)| name).collect();
        Self { parameters, fit: best.report("sum of squared log residuals", points.list.len(), P as u64), at_bound }
    }
}

/// Plain least squares of a few unknowns, ridged just enough to always have an answer.
pub(super) fn line<const N: usize>(rows: impl Iterator<Item = ([f64; N], f64)>) -> [f64; N] {
    let mut gram = nalgebra::SMatrix::<f64, N, N>::zeros();
    let mut rhs = nalgebra::SVector::<f64, N>::zeros();
    for (row, y) in rows.filter(|(row, y)| y.is_finite() && row.iter().all(|x| x.is_finite())) {
        let row = nalgebra::SVector::<f64, N>::from(row);
        gram += row * row.transpose();
        rhs += row * y;
    }
    let ridge = 1e-9 * gram.diagonal().max() + f64::MIN_POSITIVE;
    for i in 0..N {
        gram[(i, i)] += ridge;
    }
    gram.cholesky().map_or([0.0; N], |factor| factor.solve(&rhs).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends_and_the_units() {
        let raw: Vec<(f64, f64)> = (1..=1000).map(|i| (f64::from(i), 1.0 / f64::from(i))).collect();
        let points = Points::new(&raw);
        assert!(points.thinned(1000).is_none());
        let few = points.thinned(10).unwrap();
        assert_eq!((few.list.len(), few.ln_x, few.y_unit), (10, points.ln_x, points.y_unit));
        assert_eq!((few.list[0], few.list[9]), (points.list[0], points.list[999]));
    }
}
