//! The wild cluster bootstrap: residuals of one run keep their pattern and change sign and size together.

use nalgebra::{DMatrix, DVector};

use super::random::Random;
use super::svd::svd;

/// Webb's six weights (2014): mean 0, variance 1, third moment 0; they serve few clusters better than two weights do.
fn webb(random: &mut Random) -> f64 {
    let size = [0.5_f64, 1.0, 1.5][(random.uniform() * 3.0) as usize % 3].sqrt();
    if random.uniform() < 0.5 { -size } else { size }
}

/// Log residuals of every row, made larger for what the fit took from them, by cluster.
#[derive(Clone, Debug)]
pub(super) struct Wild {
    residuals: Vec<f64>,
    /// The cluster of every row, counted from 0 in order of first appearance.
    clusters: Vec<usize>,
    count: usize,
}

impl Wild {
    /// From log residuals, their gradients by the free parameters (`columns` a row) and the cluster of each row.
    ///
    /// The correction is CR3: with the hat matrix's own block `H_g` of a cluster its residuals are `(1 - H_g)^-1 r_g`,
    /// the cluster's prediction errors had it been left out (MacKinnon, Nielsen and Webb 2023).
    pub(super) fn new(residuals: &[f64], gradients: &[f64], columns: usize, clusters: &[u32]) -> Self {
        let n = residuals.len();
        let mut seen: Vec<u32> = Vec::new();
        let index: Vec<usize> = clusters
            .iter()
            .map(|cluster| {
                seen.iter().position(|known| known == cluster).unwrap_or_else(|| {
                    seen.push(*cluster);
                    seen.len() - 1
                })
            })
            .collect();
        let jacobian = DMatrix::from_row_slice(n, columns, gradients);
        // An orthonormal basis of what was fitted: the hat matrix is its product with its transpose.
        let basis = svd(jacobian, true).and_then(|svd| {
            let least = svd.singular_values.max() * 1e-10;
            let kept: Vec<usize> = (0..svd.singular_values.len()).filter(|&i| svd.singular_values[i] > least).collect();
            Some(svd.u?.select_columns(&kept))
        });
        let basis = basis.unwrap_or_else(|| DMatrix::zeros(n, 0));
        let mut corrected = residuals.to_vec();
        for cluster in 0..seen.len() {
            let rows: Vec<usize> = (0..n).filter(|&row| index[row] == cluster).collect();
            let part = basis.select_rows(&rows);
            let mut left = DMatrix::identity(rows.len(), rows.len()) - &part * part.transpose();
            // A cluster that the fit follows exactly has no error of its own to tell.
            for i in 0..rows.len() {
                left[(i, i)] += 1e-3;
            }
            let r = DVector::from_fn(rows.len(), |i, _| residuals[rows[i]]);
            if let Some(factor) = left.cholesky() {
                let r = factor.solve(&r);
                for (i, &row) in rows.iter().enumerate() {
                    corrected[row] = r[i];
                }
            }
        }
        Self { residuals: corrected, clusters: index, count: seen.len() }
    }

    /// Replaces `data` by `fitted` with the residuals of every cluster under one random weight; one stream a draw.
    pub(super) fn draw(&self, seed: u64, stream: u64, fitted: &[f64], data: &mut [f64]) {
        let mut random = Random::new(seed, stream);
        let weights: Vec<f64> = (0..self.count).map(|_| webb(&mut random)).collect();
        for (((y, f), r), &cluster) in data.iter_mut().zip(fitted).zip(&self.residuals).zip(&self.clusters) {
            *y = f * (weights[cluster] * r).exp();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_their_moments() {
        let mut random = Random::new(1, 0);
        let draws: Vec<f64> = (0..60_000).map(|_| webb(&mut random)).collect();
        let moment = |power| draws.iter().map(|w| w.powi(power)).sum::<f64>() / draws.len() as f64;
        assert!(moment(1).abs() < 0.02 && (moment(2) - 1.0).abs() < 0.02 && moment(3).abs() < 0.03);
    }

    #[test]
    fn residuals_are_those_of_the_left_out() {
        // A mean: leaving a row out multiplies its residual by n / (n - 1).
        let r = [0.3, -0.1, -0.2, 0.4, -0.4];
        let wild = Wild::new(&r, &[1.0; 5], 1, &[0, 1, 2, 3, 4]);
        for (corrected, r) in wild.residuals.iter().zip(r) {
            assert!((corrected / (r * 1.25) - 1.0).abs() < 2e-3, "{corrected} {r}");
        }
    }

    #[test]
    fn a_cluster_moves_together() {
        let wild = Wild::new(&[0.1, 0.2, -0.3, 0.1], &[1.0; 4], 1, &[7, 7, 3, 3]);
        let mut y = [0.0; 4];
        wild.draw(1, 2, &[1.0; 4], &mut y);
        let weight = |i: usize| y[i].ln() / wild.residuals[i];
        assert!((weight(0) - weight(1)).abs() < 1e-12 && (weight(2) - weight(3)).abs() < 1e-12);
        assert_eq!(wild.count, 2);
    }
}
