//! A sample in natural units.

use super::Separable;
use crate::law::form::Sample;

/// A sample in natural units, in an order that depends on its values alone.
pub(super) struct Design {
    /// Means of the inputs' logarithms.
    pub(super) ln_units: Vec<f64>,
    /// Geometric mean of the target.
    pub(super) unit: f64,
    /// Logarithms of the inputs in their units, row after row.
    pub(super) ln_x: Vec<f64>,
    /// Inputs a row.
    pub(super) inputs: usize,
    /// The target in its unit.
    pub(super) y: Vec<f64>,
    /// What each row counts, 1 on average.
    pub(super) weights: Vec<f64>,
    /// What the noise may depend on.
    pub(super) ln_scale: Vec<f64>,
    /// The run of each row; empty where every row is its own.
    pub(super) clusters: Vec<u32>,
}

impl Design {
    pub(super) fn new<F: Separable<N, K>, const N: usize, const K: usize>(form: &F, sample: &Sample) -> Self {
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
            clusters: order.iter().filter_map(|&row| sample.clusters.get(row).copied()).collect(),
            ln_units,
        };
        for &row in &order {
            let start = design.ln_x.len();
            design.ln_x.extend(logs[row].iter().zip(&design.ln_units).map(|(x, unit)| x - unit));
            design.ln_scale.push(form.ln_scale(&design.ln_x[start..]));
        }
        design
    }

    pub(super) fn rows(&self) -> usize {
        self.y.len()
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.ln_x[row * self.inputs..(row + 1) * self.inputs]
    }
}
