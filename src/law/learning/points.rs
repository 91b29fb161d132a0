//! Points of one learning curve in natural units.

use crate::law::form::Sample;

/// The largest ceiling of an error rate; a little above 1, so that 1 itself is inside.
const RATE_CEILING: f64 = 1.001;
/// The largest ceiling of any other loss, in units of its largest value.
const LOSS_CEILING: f64 = 10.0;

/// One point: `ln x` about its mean, y about its geometric mean, and what it counts.
#[derive(Clone, Copy, Debug)]
pub(in crate::law) struct Point {
    pub(in crate::law) x: f64,
    pub(in crate::law) y: f64,
    pub(in crate::law) weight: f64,
}

/// Points of one learning curve, in an order that depends on their values alone.
#[derive(Clone, Debug)]
pub(in crate::law) struct Points {
    list: Vec<Point>,
    /// The run of each point; empty where every point is its own.
    clusters: Vec<u32>,
    /// Mean of `ln x`.
    pub(in crate::law) ln_x: f64,
    /// Geometric mean of y.
    pub(in crate::law) y_unit: f64,
    /// The largest ceiling that is sought, in units of y.
    highest: f64,
}

impl Points {
    /// From a sample of x and y, positive, in any order. An error rate, and a loss whose every y is below 1, has a
    /// ceiling of at most 1.001; other losses have one of at most ten times their largest value.
    pub(in crate::law) fn new(sample: &Sample) -> Self {
        let x = sample.columns.first().map_or(&[][..], Vec::as_slice);
        let y = sample.target();
        let weight = |row: usize| sample.weights.get(row).copied().unwrap_or(1.0);
        let mut order: Vec<usize> = (0..sample.rows()).collect();
        order.sort_by(|&i, &j| x[i].total_cmp(&x[j]).then(y[i].total_cmp(&y[j])).then(weight(i).total_cmp(&weight(j))));
        let n = order.len().max(1) as f64;
        let ln_x = order.iter().map(|&row| x[row].ln()).sum::<f64>() / n;
        let y_unit = (order.iter().map(|&row| y[row].ln()).sum::<f64>() / n).exp();
        let total: f64 = order.iter().map(|&row| weight(row)).sum();
        let point = |&row: &usize| Point { x: x[row].ln() - ln_x, y: y[row] / y_unit, weight: weight(row) * n / total };
        let list: Vec<Point> = order.iter().map(point).collect();
        let most = y.iter().copied().fold(0.0, f64::max);
        let highest = if most < 1.0 || sample.is_fraction { RATE_CEILING } else { LOSS_CEILING * most };
        let clusters = order.iter().filter_map(|&row| sample.clusters.get(row).copied()).collect();
        Self { list, clusters, ln_x, y_unit, highest: highest / y_unit }
    }

    /// At most so many of them, evenly spread over the sorted points, in the same units; `None` where all fit.
    pub(super) fn thinned(&self, most: usize) -> Option<Self> {
        let last = self.list.len().checked_sub(1).filter(|&last| last >= most && most > 1)?;
        let list = (0..most).filter_map(|i| self.list.get(i * last / (most - 1)).copied()).collect();
        Some(Self { list, clusters: Vec::new(), ..*self })
    }

    /// All of them.
    pub(in crate::law) fn iter(&self) -> impl ExactSizeIterator<Item = Point> {
        self.list.iter().copied()
    }

    /// One of them.
    pub(super) fn at(&self, row: usize) -> Point {
        self.list[row]
    }

    /// How many there are.
    pub(super) fn rows(&self) -> usize {
        self.list.len()
    }

    /// The run of each point; empty where every point is its own.
    pub(super) fn clusters(&self) -> &[u32] {
        &self.clusters
    }

    /// Whether all points count alike.
    pub(super) fn is_even(&self) -> bool {
        self.list.iter().all(|point| (point.weight - 1.0).abs() < 1e-9)
    }

    /// Changes every y, in natural units.
    pub(super) fn set(&mut self, y: &[f64]) {
        for (point, y) in self.list.iter_mut().zip(y) {
            point.y = *y;
        }
    }

    /// The least y.
    pub(in crate::law) fn least(&self) -> f64 {
        self.list.iter().map(|point| point.y).fold(f64::INFINITY, f64::min)
    }

    /// The largest y.
    pub(in crate::law) fn most(&self) -> f64 {
        self.list.iter().map(|point| point.y).fold(0.0, f64::max)
    }

    /// Least and largest ceiling.
    pub(in crate::law) fn ceilings(&self) -> (f64, f64) {
        let most = self.most() * (1.0 + 1e-9);
        (most, self.highest.max(most * (1.0 + 1e-6)))
    }

    /// b for x and y in their own units, where `b x^-c` has the unit of y to the power `1 - a`.
    pub(in crate::law) fn raw_b(&self, ln_b: f64, c: f64, a: f64) -> f64 {
        (ln_b + c * self.ln_x + (1.0 - a) * self.y_unit.ln()).exp()
    }

    /// The inverse of [`Points::raw_b`].
    pub(in crate::law) fn natural_ln_b(&self, b: f64, c: f64, a: f64) -> f64 {
        b.ln() - c * self.ln_x - (1.0 - a) * self.y_unit.ln()
    }
}

/// Plain least squares of a few unknowns, ridged just enough to always have an answer.
pub(in crate::law) fn line<const N: usize>(rows: impl Iterator<Item = ([f64; N], f64)>) -> [f64; N] {
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
        let x: Vec<f64> = (1..=1000).map(f64::from).collect();
        let y = x.iter().map(|x| 1.0 / x).collect();
        let points = Points::new(&Sample { columns: vec![x, y], ..Sample::default() });
        assert!(points.thinned(1000).is_none());
        let few = points.thinned(10).unwrap();
        assert_eq!((few.list.len(), few.ln_x, few.y_unit), (10, points.ln_x, points.y_unit));
        let ends = |points: &Points| [points.list[0].x, points.list[points.rows() - 1].x];
        assert_eq!(ends(&few), ends(&points));
    }
}
