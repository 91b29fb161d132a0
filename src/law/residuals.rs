//! What the residuals of a fit say: whether the form follows the data, and which rows it passes far by.

use super::fit::brief;
use super::form::{Form, Prediction, Sample};
use super::loss::spread;
use super::{codes, findings};
use crate::diagnostic::Diagnostic;
use nalgebra::{DMatrix, DVector};

/// Chance, of noise alone, below which residuals are said to bend with compute.
const BENT: f64 = 1e-3;
/// Rows below which nothing is said of a bend.
const ROWS: usize = 12;
/// Relative residuals below which a fit is exact, and what is left are rounding errors.
const EXACT: f64 = 1e-6;
/// Robust standard deviations beyond which a row is an outlier.
const FAR: f64 = 6.0;

/// Warnings about the residuals of a form on the rows it was fitted to.
pub(super) fn of_form(form: &dyn Form, sample: &Sample, predict: &Prediction) -> Vec<Diagnostic> {
    let inputs: Vec<Vec<f64>> = (0..sample.rows()).map(|row| sample.inputs(row)).collect();
    let predicted: Vec<f64> = inputs.iter().map(|inputs| predict(inputs)).collect();
    let residuals = Residuals {
        law: form.name(),
        log: sample.target().iter().zip(&predicted).map(|(y, f)| (y / f).ln()).collect(),
        ln_scale: inputs.iter().map(|inputs| form.scale(inputs).ln()).collect(),
        are_runs: sample.clusters.is_empty() || !findings::has_checkpoints(sample),
    };
    residuals.findings(|row| {
        let names = form.variables().iter().map(|variable| variable.name);
        let list: Vec<String> = names.zip(&inputs[row]).map(|(name, x)| format!("{name} {}", brief(*x))).collect();
        let (y, f) = (sample.target()[row], predicted[row]);
        format!("at {} it is {}, predicted {}", list.join(", "), brief(y), brief(f))
    })
}

/// Log residuals `ln y - ln f` and where they lie.
pub(super) struct Residuals<'a> {
    pub(super) law: &'a str,
    pub(super) log: Vec<f64>,
    /// Logarithm of compute, or of what stands for it.
    pub(super) ln_scale: Vec<f64>,
    /// Whether each row is a run of its own.
    pub(super) are_runs: bool,
}

impl Residuals<'_> {
    /// Warnings; `describe` tells of one row.
    pub(super) fn findings(&self, describe: impl Fn(usize) -> String) -> Vec<Diagnostic> {
        let law = self.law;
        let mut found = Vec::new();
        // Checkpoints of one run err together, which looks like a bend.
        if let Some((chance, most)) = self.bend().filter(|(chance, _)| self.are_runs && *chance < BENT) {
            let message = format!(
                "`{law}`: residuals bend with compute by up to {} %, which noise does once in {} times",
                brief(100.0 * most),
                brief(1.0 / chance.max(1e-300))
            );
            found.push(
                Diagnostic::warning(codes::BENT_RESIDUALS, message)
                    .help("compare other forms by `--law A,B` before this one is extrapolated"),
            );
        }
        let spread = spread(&self.log);
        let far: Vec<usize> = (0..self.log.len()).filter(|&row| self.log[row].abs() > FAR * spread).collect();
        let worst = far.iter().copied().max_by(|&a, &b| self.log[a].abs().total_cmp(&self.log[b].abs()));
        if let Some(worst) = worst.filter(|_| spread > EXACT) {
            let rows = if far.len() == 1 { "1 row lies".to_owned() } else { format!("{} rows lie", far.len()) };
            let message = format!("`{law}`: {rows} more than {FAR} robust standard deviations off the fit");
            found.push(
                Diagnostic::warning(codes::OUTLIERS, message)
                    .note(format!("the farthest: {}", describe(worst)))
                    .help("check what these runs were; the objective `huber` counts them less"),
            );
        }
        found
    }

    /// The chance that residuals without structure follow a parabola of log compute as closely as these do, and how far
    /// that parabola goes: an F test of two terms, whose tail is `(1 + 2 F / d)^(-d / 2)`.
    fn bend(&self) -> Option<(f64, f64)> {
        let n = self.log.len();
        let mean = self.ln_scale.iter().sum::<f64>() / n.max(1) as f64;
        let size = self.ln_scale.iter().map(|t| (t - mean).powi(2)).sum::<f64>().sqrt();
        if n < ROWS || size <= 0.0 {
            return None;
        }
        let z = |row: usize| (self.ln_scale[row] - mean) / size * (n as f64).sqrt();
        let design = DMatrix::from_fn(n, 3, |row, column| [1.0, z(row), z(row).powi(2)][column]);
        let residuals = DVector::from_column_slice(&self.log);
        let coefficients = design.clone().svd(true, true).solve(&residuals, 1e-10).ok()?;
        let level = residuals.sum() / n as f64;
        let alone: f64 = residuals.iter().map(|r| (r - level).powi(2)).sum();
        let fitted = &design * &coefficients;
        let left = (&residuals - &fitted).norm_squared();
        let degrees = n as f64 - 3.0;
        if alone <= n as f64 * EXACT * EXACT {
            return None;
        }
        let f = 0.5 * (alone - left) / (left / degrees).max(f64::MIN_POSITIVE);
        let most = fitted.iter().fold(0.0_f64, |most, r| most.max((r - level).abs()));
        Some(((1.0 + 2.0 * f / degrees).powf(-0.5 * degrees), most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::random::Random;

    fn residuals(seed: u64, bend: f64) -> Residuals<'static> {
        let mut random = Random::new(seed, 0);
        let ln_scale: Vec<f64> = (0..60).map(|i| f64::from(i % 12)).collect();
        let log = ln_scale.iter().map(|t| 0.01 * random.normal() + bend * (t - 5.5).powi(2)).collect();
        Residuals { law: "m2", log, ln_scale, are_runs: true }
    }

    fn codes(residuals: &Residuals<'_>) -> Vec<&'static str> {
        residuals.findings(|row| format!("row {row}")).iter().map(|found| found.code.name).collect()
    }

    #[test]
    fn a_bend_is_told_and_noise_is_not() {
        let told = (0..2000).filter(|&seed| !codes(&residuals(seed, 0.0)).is_empty()).count();
        assert!(told <= 8, "{told} of 2000");
        assert_eq!(codes(&residuals(1, 1e-3)), ["bent-residuals"]);
        assert!(codes(&Residuals { are_runs: false, ..residuals(1, 1e-3) }).is_empty());
    }

    #[test]
    fn a_row_that_went_wrong_is_named() {
        let mut wrong = residuals(1, 0.0);
        wrong.log[17] = 0.2;
        let found = wrong.findings(|row| format!("row {row}"));
        assert_eq!(found.last().map(|found| found.code.name), Some("outliers"));
        assert_eq!(found.last().unwrap().notes, ["the farthest: row 17"]);
        let exact = Residuals { log: vec![0.0; 60], ..residuals(1, 0.0) };
        assert!(codes(&exact).is_empty());
    }
}
