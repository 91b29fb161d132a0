//! What a user must know with a fit: what the data lack, and what the fit could not tell.

use super::fit::brief;
use super::form::{Form, Sample, Variable};
use super::{Estimate, Termination, codes};
use crate::diagnostic::Diagnostic;

/// Condition number from which parameters are told apart by rounding more than by data.
const CONDITION: f64 = 1e6;
/// Ratio of the ends of a 95 % interval from which a parameter is of no use.
const WIDE: f64 = 3.0;
/// Correlation of two inputs' logarithms from which their effects are one.
const COLLINEAR: f64 = 0.99;

/// Factor beyond the fitted range of compute from which a prediction is called far.
const FAR: f64 = 10.0;
/// Runs below which their spread says little of the spread of all runs.
const FEW_RUNS: usize = 12;

/// A gap between neighbouring values of one variable that no sweep leaves, and two ways of counting do.
const GAP: f64 = 1000.0;
/// Correlation of loss and compute from which the loss rises.
const RISING: f64 = 0.3;

/// What a sample looks like, before it is fitted.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    law: &'a str,
    variables: &'a [Variable],
    rows: usize,
    parameters: usize,
    /// Distinct values of each input.
    distinct: Vec<usize>,
    /// Inputs whose logarithms go together, with their correlation.
    collinear: Vec<(usize, usize, f64)>,
    /// How many runs there are, and whether one of them has several rows of different inputs; none where rows are runs.
    runs: Option<(usize, bool)>,
    /// Whether two rows agree in every input.
    has_repeats: bool,
    /// Inputs whose values lie in two heaps, with the factor between them.
    split: Vec<(usize, f64)>,
    /// Least and largest target.
    range: (f64, f64),
    /// Correlation of the target's logarithm with that of the last input.
    trend: f64,
}

impl<'a> Shape<'a> {
    /// Looks at a sample for a form with so many free parameters.
    pub(super) fn of(law: &'a str, variables: &'a [Variable], sample: &Sample, parameters: usize) -> Self {
        let inputs = sample.columns.len().saturating_sub(1);
        let logs: Vec<Vec<f64>> =
            sample.columns.iter().take(inputs).map(|column| column.iter().map(|x| x.ln()).collect()).collect();
        let distinct = logs
            .iter()
            .map(|column| {
                let mut sorted = column.clone();
                sorted.sort_by(f64::total_cmp);
                sorted.dedup();
                sorted.len()
            })
            .collect();
        let mut collinear = Vec::new();
        for i in 0..inputs {
            for j in 0..i {
                let correlation = correlation(&logs[i], &logs[j]);
                if correlation.abs() > COLLINEAR {
                    collinear.push((j, i, correlation));
                }
            }
        }
        let runs = (!sample.clusters.is_empty()).then(|| runs(sample));
        let split = logs.iter().enumerate().filter_map(|(input, column)| Some((input, widest_gap(column)?))).collect();
        let target: Vec<f64> = sample.target().iter().map(|y| y.ln()).collect();
        let extremes = |(low, high): (f64, f64), y: &f64| (low.min(*y), high.max(*y));
        Self {
            law,
            variables,
            rows: sample.rows(),
            parameters,
            distinct,
            collinear,
            runs,
            has_repeats: has_repeats(sample),
            split,
            range: sample.target().iter().fold((f64::INFINITY, 0.0), extremes),
            trend: logs.last().map_or(0.0, |column| correlation(column, &target)),
        }
    }

    fn name(&self, input: usize) -> &'static str {
        self.variables.get(input).map_or("", |variable| variable.name)
    }

    /// # Errors
    ///
    /// Where there are fewer rows than parameters, or an input that does not vary.
    pub(super) fn enough(&self) -> Result<(), Diagnostic> {
        let law = self.law;
        if let Some(input) = self.distinct.iter().position(|&n| n < 2) {
            let name = self.name(input);
            let message = format!("`{law}` cannot be fitted: `{name}` has one value in all {} rows", self.rows);
            return Err(Diagnostic::error(codes::TOO_FEW_POINTS, message)
                .help(format!("give rows of several values of `{name}`")));
        }
        if self.rows < self.parameters {
            let message = format!("`{law}` has {} parameters and {} rows cannot tell them", self.parameters, self.rows);
            return Err(
                Diagnostic::error(codes::TOO_FEW_POINTS, message).help("give more rows, or a form of fewer parameters")
            );
        }
        Ok(())
    }

    /// Warnings about the sample.
    pub(super) fn findings(&self) -> Vec<Diagnostic> {
        let law = self.law;
        let mut found = Vec::new();
        for (input, &n) in self.distinct.iter().enumerate() {
            if n < 3 {
                let name = self.name(input);
                let message = format!("`{law}`: `{name}` has {n} values only, and an exponent of it needs 3 or more");
                found.push(
                    Diagnostic::warning(codes::TOO_FEW_VALUES, message).help(format!("add rows of other `{name}`")),
                );
            }
        }
        for &(i, j, correlation) in &self.collinear {
            let (first, second) = (self.name(i), self.name(j));
            let message = format!(
                "`{law}`: `{first}` and `{second}` grow together (correlation {correlation:.3} of their logarithms), \
                 so their effects cannot be told apart"
            );
            found.push(
                Diagnostic::warning(codes::COLLINEAR, message)
                    .help(format!("add rows that vary `{first}` at one `{second}`")),
            );
        }
        if let Some((runs, has_checkpoints)) = self.runs {
            if runs < FEW_RUNS {
                let message = format!("`{law}`: {runs} runs are too few for intervals from their spread");
                found.push(
                    Diagnostic::warning(codes::FEW_RUNS, message)
                        .help(format!("train {FEW_RUNS} runs or more, or read the intervals as too narrow")),
                );
            }
            if has_checkpoints {
                let message = format!("`{law}`: runs give several rows each, which are checkpoints of one training");
                found.push(Diagnostic::warning(codes::CHECKPOINTS, message).help(
                    "keep the rows whose learning rate had cooled down, with `--where`; others have a higher loss",
                ));
            }
        }
        found.extend(self.of_conventions());
        found
    }

    /// Warnings about how the rows were counted.
    pub(super) fn of_conventions(&self) -> Vec<Diagnostic> {
        let law = self.law;
        let mut found = Vec::new();
        let mut warn = |code, message: String, help: String| found.push(Diagnostic::warning(code, message).help(help));
        for &(input, factor) in &self.split {
            let name = self.name(input);
            let message = format!(
                "`{law}`: the values of `{name}` lie in two heaps a factor of {} apart, as if counted in two ways",
                brief(factor)
            );
            warn(codes::MIXED_CONVENTIONS, message, format!("bring `{name}` of all rows to one unit and convention"));
        }
        let target = self.variables.last().map_or("", |variable| variable.name);
        let (low, high) = self.range;
        let is_error = target != "loss";
        if is_error && low > 1.0 && high > 20.0 && high <= 100.0 {
            let message =
                format!("`{law}`: `{target}` lies between {} and {}, as percentages do", brief(low), brief(high));
            warn(codes::PERCENT, message, format!("bind a fraction: `--bind {target}='... / 100'`"));
        }
        if self.trend > RISING {
            let last = self.name(self.variables.len().saturating_sub(2));
            let message = format!("`{law}`: `{target}` rises with `{last}`, as an accuracy does and a loss does not");
            warn(codes::RISING, message, format!("bind an error: `--bind {target}='1 - accuracy'`"));
        }
        // A learning curve is one run by nature.
        if self.distinct.len() > 1 && self.runs.is_none() && !self.has_repeats {
            let message = format!("`{law}`: no point was measured twice, so noise and a wrong form look alike");
            let help = "repeat a few runs with another seed; intervals take all that the fit leaves for noise";
            warn(codes::ONE_SEED, message, help.to_owned());
        }
        found
    }
}

/// Whether two rows agree in every input.
fn has_repeats(sample: &Sample) -> bool {
    let mut rows: Vec<Vec<u64>> =
        (0..sample.rows()).map(|row| sample.inputs(row).iter().map(|x| x.to_bits()).collect()).collect();
    rows.sort_unstable();
    rows.windows(2).any(|pair| pair.first() == pair.last())
}

/// The widest step between neighbouring values, if it is one that no sweep leaves.
fn widest_gap(logs: &[f64]) -> Option<f64> {
    let mut sorted = logs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let widest = sorted.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    let factor = widest.exp();
    (factor > GAP).then_some(factor)
}

/// Whether a run has rows of different inputs.
pub(super) fn has_checkpoints(sample: &Sample) -> bool {
    runs(sample).1
}

/// How many runs a sample has, and whether one has rows of different inputs.
fn runs(sample: &Sample) -> (usize, bool) {
    let mut rows: Vec<(u32, Vec<u64>)> = sample
        .clusters
        .iter()
        .enumerate()
        .map(|(row, &run)| (run, sample.inputs(row).iter().map(|x| x.to_bits()).collect()))
        .collect();
    rows.sort_unstable();
    rows.dedup();
    let runs = || rows.chunk_by(|a, b| a.0 == b.0);
    (runs().count(), runs().any(|run| run.len() > 1))
}

/// How far held-out rows lie beyond the fitted ones, if they do by much.
pub(super) fn extrapolation(form: &dyn Form, fitted: &Sample, held: &Sample) -> Option<Diagnostic> {
    let largest =
        |sample: &Sample| (0..sample.rows()).map(|row| form.scale(&sample.inputs(row))).fold(0.0_f64, f64::max);
    let factor = largest(held) / largest(fitted);
    (factor > FAR).then(|| {
        let message =
            format!("`{}`: the rows predicted reach {} times beyond those fitted", form.name(), brief(factor));
        Diagnostic::warning(codes::EXTRAPOLATED, message).help("check the law on rows in between")
    })
}

/// The Pearson correlation; 0 where one side does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().max(1) as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        ab += (a - mean_a) * (b - mean_b);
        aa += (a - mean_a).powi(2);
        bb += (b - mean_b).powi(2);
    }
    if aa > 0.0 && bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

/// A finished fit, as far as findings need it.
#[derive(Debug)]
pub(super) struct Fit<'a> {
    pub(super) law: &'a str,
    /// Coefficients that positivity holds at 0.
    pub(super) zero: &'a [&'a str],
    /// Exponents at a bound of the search.
    pub(super) at_bound: &'a [(&'a str, f64)],
    pub(super) parameters: &'a [(String, Estimate)],
    pub(super) condition: f64,
    /// Starts, and those at the best.
    pub(super) starts: (u64, u64),
    pub(super) termination: Termination,
}

/// Warnings about a fit.
pub(super) fn of_fit(fit: &Fit<'_>) -> Vec<Diagnostic> {
    let law = fit.law;
    let mut found = Vec::new();
    let mut warn = |code, message: String, help: &str| found.push(Diagnostic::warning(code, message).help(help));
    for name in fit.zero {
        let message = format!("`{law}`: positivity holds `{name}` at 0");
        warn(codes::ZERO_COEFFICIENT, message, "read the form without this term; widen the ranges of the inputs");
    }
    for (name, value) in fit.at_bound {
        let message = format!("`{law}`: `{name}` is at its bound {}", brief(*value));
        warn(codes::AT_BOUND, message, "widen the ranges of the inputs");
    }
    for (name, estimate) in fit.parameters {
        let (Some(low), Some(high)) = (estimate.low, estimate.high) else { continue };
        let is_settled = low == high && low == 0.0;
        if !is_settled && (low <= 0.0) != (high <= 0.0) || low > 0.0 && high > WIDE * low {
            let message = format!(
                "`{law}`: `{name}` is not identified: {}, with 95 % between {} and {}",
                brief(estimate.value),
                brief(low),
                brief(high)
            );
            warn(codes::NOT_IDENTIFIED, message, "do not read it by itself; widen the ranges of the inputs");
        }
    }
    if fit.condition > CONDITION {
        let message =
            format!("`{law}`: the exponents are hardly told apart, condition number {}", brief(fit.condition));
        warn(codes::ILL_CONDITIONED, message, "widen the ranges of the inputs");
    }
    let (starts, reached) = fit.starts;
    if reached * 4 < starts {
        let message = format!("`{law}`: only {reached} of {starts} starts reach the best fit");
        warn(codes::FEW_STARTS_AGREE, message, "distrust this optimum; try more starts, or widen the ranges");
    }
    if fit.termination == Termination::Iterations {
        let message = format!("`{law}`: the best start had not converged when its iterations ended");
        warn(codes::NOT_CONVERGED, message, "distrust this optimum; widen the ranges of the inputs");
    }
    found
}
