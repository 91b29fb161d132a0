//! How well a form predicts what it was not fitted to: the ground on which forms are compared.

use super::form::{FitOptions, Form, Sample, fit_form};
use super::svd::svd;
use super::{Cutoff, Scores};
use nalgebra::DMatrix;

impl Scores {
    /// From log residuals and their gradients by the free parameters, `columns` a row.
    ///
    /// `None` where rows do not outnumber parameters by two, so that nothing is left to judge by.
    pub(super) fn of(residuals: &[f64], gradients: &[f64], columns: usize) -> Option<Self> {
        let n = residuals.len();
        // The spread of the noise is a parameter too.
        let parameters = columns + 1;
        if n < parameters + 2 {
            return None;
        }
        let svd = svd(DMatrix::from_row_slice(n, columns, gradients), true)?;
        let least = svd.singular_values.max() * 1e-10;
        let u = svd.u?;
        let hat = |row: usize| -> f64 {
            let kept = (0..columns.min(n)).filter(|&i| svd.singular_values[i] > least);
            kept.map(|i| u[(row, i)].powi(2)).sum()
        };
        let left_out = |row: usize| residuals[row] / (1.0 - hat(row)).max(1e-6);
        let loo = ((0..n).map(|row| left_out(row).powi(2)).sum::<f64>() / n as f64).sqrt();
        let variance = residuals.iter().map(|r| r * r).sum::<f64>() / n as f64;
        let (n, p) = (n as f64, parameters as f64);
        let deviance = n * (variance.max(f64::MIN_POSITIVE).ln() + 1.0 + std::f64::consts::TAU.ln());
        let aicc = deviance + 2.0 * p + 2.0 * p * (p + 1.0) / (n - p - 1.0);
        Some(Self { loo, aicc, bic: deviance + p * n.ln() })
    }
}

/// Fits below rising cutoffs and predicts the rest: the honest picture of an extrapolation. Cutoffs lie at the given
/// shares of the range of log compute; one that leaves too few rows on either side is left out.
pub fn rollout(form: &dyn Form, sample: &Sample, options: &FitOptions, shares: &[f64]) -> Vec<Cutoff> {
    let scales: Vec<f64> = (0..sample.rows()).map(|row| form.scale(&sample.inputs(row)).ln()).collect();
    let low = scales.iter().copied().fold(f64::INFINITY, f64::min);
    let high = scales.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let plain = FitOptions { draws: 0, ..*options };
    shares
        .iter()
        .filter_map(|share| {
            let up_to = low + share * (high - low);
            let (below, above) = sample.split(|row| scales[row] <= up_to);
            let law = fit_form(form, &below, &above, &plain, &mut |_| {}).ok()?;
            let held = law.hold_out?;
            Some(Cutoff { up_to: up_to.exp(), fitted: law.rows, held: held.rows, rmse_log: held.rmse_log })
        })
        .collect()
}

/// The share of the range of log compute below which forms are fitted to be ranked by the rest.
pub const RANKED_FROM: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::FORMS;
    use crate::law::random::Random;

    #[test]
    fn leaving_out_is_what_the_hat_matrix_says() {
        // A mean of five values: each left-out residual is 5/4 of its own.
        let r = [0.3, -0.1, -0.2, 0.4, -0.4];
        let scores = Scores::of(&r, &[1.0; 5], 1).unwrap();
        let rms = (r.iter().map(|r| r * r).sum::<f64>() / 5.0).sqrt();
        assert!((scores.loo / (1.25 * rms) - 1.0).abs() < 1e-12);
        assert_eq!(Scores::of(&r[..3], &[1.0; 3], 1), None);
    }

    #[test]
    fn the_true_form_predicts_best() {
        let mut random = Random::new(2, 0);
        let mut columns = vec![Vec::new(); 3];
        for i in 0..8 {
            for j in 0..8 {
                let (n, d) = (1e7 * 2_f64.powi(i), 1e9 * 2_f64.powi(j));
                let loss = 400.0 * n.powf(-0.3) + 2000.0 * d.powf(-0.4) + 1.7;
                for (column, x) in columns.iter_mut().zip([n, d, loss * (1.0 + 0.002 * random.normal())]) {
                    column.push(x);
                }
            }
        }
        let sample = Sample { columns, ..Sample::default() };
        let options = FitOptions::plain(0, 1);
        let form = |name: &str| *FORMS.iter().find(|form| form.name() == name).unwrap();
        let error = |form: &dyn Form| rollout(form, &sample, &options, &[RANKED_FROM])[0].rmse_log;
        assert!(error(form("chinchilla")) < error(form("kaplan")));
        let cutoffs = rollout(form("chinchilla"), &sample, &options, &[0.4, 0.6, 0.8]);
        assert_eq!(cutoffs.len(), 3);
        assert!(
            cutoffs.iter().all(|cutoff| cutoff.rmse_log < 0.02 && cutoff.fitted + cutoff.held == 64),
            "{cutoffs:?}"
        );
    }
}
