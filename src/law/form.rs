//! What a law form offers, whatever it is made of: variables in, parameters and predictions out.

use super::bootstrap::Noise;
use super::findings::extrapolation;
use super::{Estimate, HoldOut, Scores, Termination, residuals};
use crate::diagnostic::Diagnostic;
use crate::plan::{Bootstrap, FitSettings, Objective, Spread};

/// One quantity that a form relates; the last one of a form is what it predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name in `--bind NAME=EXPR` and in plans.
    pub name: &'static str,
    /// What it measures, with its unit.
    pub meaning: &'static str,
}

/// Observations of one group, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// One column for each of [`Form::variables`], in its order; all of one length, positive and finite.
    pub columns: Vec<Vec<f64>>,
    /// Which run a row belongs to; empty where every row is a run of its own.
    pub clusters: Vec<u32>,
    /// How much a row counts, for example its number of seeds; empty where all count alike.
    pub weights: Vec<f64>,
    /// Whether what is predicted is a fraction of 1: an error rate.
    pub is_fraction: bool,
}

impl Sample {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// The predicted quantity.
    pub fn target(&self) -> &[f64] {
        self.columns.last().map_or(&[], Vec::as_slice)
    }

    /// The inputs of one row, in the order of the form's variables.
    pub fn inputs(&self, row: usize) -> Vec<f64> {
        let inputs = self.columns.len().saturating_sub(1);
        self.columns.iter().take(inputs).filter_map(|column| column.get(row).copied()).collect()
    }

    /// The rows for which `first` holds, and the others.
    pub fn split(&self, first: impl Fn(usize) -> bool) -> (Self, Self) {
        let take = |wanted: bool| {
            let rows: Vec<usize> = (0..self.rows()).filter(|&row| first(row) == wanted).collect();
            Self {
                columns: self.columns.iter().map(|column| pick(column, &rows)).collect(),
                clusters: pick(&self.clusters, &rows),
                weights: pick(&self.weights, &rows),
                is_fraction: self.is_fraction,
            }
        };
        (take(true), take(false))
    }
}

fn pick<T: Copy>(column: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().filter_map(|&row| column.get(row).copied()).collect()
}

/// How to fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitOptions {
    /// What to minimise; the form's own choice where absent.
    pub objective: Option<Objective>,
    /// Starts; the form's own number where absent.
    pub starts: Option<u32>,
    /// Bootstrap refits behind the intervals; none gives no intervals.
    pub draws: u32,
    /// Seed of the draws.
    pub seed: u64,
    /// Where refits draw their data from; whole runs where they are known, else a fitted spread, where absent.
    pub bootstrap: Option<Bootstrap>,
    /// How the noise is taken to depend on compute.
    pub spread: Spread,
}

impl FitOptions {
    /// The form's own choices, so many draws and this seed.
    pub const fn plain(draws: u32, seed: u64) -> Self {
        Self { objective: None, starts: None, draws, seed, bootstrap: None, spread: Spread::Constant }
    }
}

impl From<FitSettings> for FitOptions {
    fn from(settings: FitSettings) -> Self {
        let FitSettings { objective, starts, draws, seed, bootstrap, spread } = settings;
        Self {
            objective,
            starts,
            draws: draws.unwrap_or(FitSettings::DRAWS),
            seed: seed.unwrap_or(0),
            bootstrap,
            spread,
        }
    }
}

/// A fitted form.
pub struct Fitted {
    /// Every parameter with its interval, coefficients for variables in their own units.
    pub parameters: Vec<(String, Estimate)>,
    /// Name and value of the minimised objective.
    pub objective: (String, f64),
    /// Rows fitted.
    pub rows: u64,
    /// Prediction error on the rows that were held out, if there were any.
    pub hold_out: Option<HoldOut>,
    /// Why the best start stopped.
    pub termination: Termination,
    /// Starts tried, and starts that reached the best objective.
    pub starts: (u64, u64),
    /// Condition number of the Jacobian in the outer parameters, where the form has any.
    pub condition: f64,
    /// How the fit predicts its own rows, where there are rows enough to say.
    pub scores: Option<Scores>,
    /// What a user must know with this fit: warnings.
    pub findings: Vec<Diagnostic>,
    /// The prediction for inputs in the order of the form's variables.
    pub predict: Prediction,
}

/// The predicted quantity as a function of the inputs, in the order of a form's variables.
pub type Prediction = Box<dyn Fn(&[f64]) -> f64 + Send + Sync>;

/// One law form.
pub trait Form: Sync {
    /// Its name: `chinchilla`.
    fn name(&self) -> &'static str;

    /// Its formula in the names of its variables and parameters.
    fn formula(&self) -> &'static str;

    /// Where it comes from.
    fn source(&self) -> &'static str;

    /// Its variables, what it predicts last.
    fn variables(&self) -> &'static [Variable];

    /// Compute at these inputs, or what stands for it: what rows are ranked by when the largest are held out.
    fn scale(&self, inputs: &[f64]) -> f64 {
        inputs.last().copied().unwrap_or(1.0)
    }

    /// Whether it means to follow every row it is fitted to; one that is made to predict beyond them may not.
    fn follows_all(&self) -> bool {
        true
    }

    /// Fits it; `progress` hears how much of the work is done, from 0 to 1.
    ///
    /// # Errors
    ///
    /// Says what the sample lacks: rows, distinct values, a finite objective.
    fn fit(&self, sample: &Sample, options: &FitOptions, progress: &mut dyn FnMut(f64)) -> Result<Fitted, Diagnostic>;
}

/// Fits a form and predicts the rows held out.
///
/// # Errors
///
/// As [`Form::fit`].
pub fn fit_form(
    form: &dyn Form,
    fitted: &Sample,
    held: &Sample,
    options: &FitOptions,
    progress: &mut dyn FnMut(f64),
) -> Result<Fitted, Diagnostic> {
    let mut law = match options.spread {
        Spread::Constant => form.fit(fitted, options, progress)?,
        Spread::Fitted => {
            let plain = FitOptions { draws: 0, spread: Spread::Constant, ..*options };
            let first = form.fit(fitted, &plain, &mut |share| progress(0.3 * share))?;
            let weighed = by_spread(form, fitted, &first);
            let options = FitOptions { spread: Spread::Constant, ..*options };
            form.fit(&weighed, &options, &mut |share| progress(0.3 + 0.7 * share))?
        }
    };
    if form.follows_all() {
        law.findings.extend(residuals::of_form(form, fitted, &law.predict));
    }
    let rows = held.rows() as u64;
    if rows > 0 {
        let error = |(row, y): (usize, &f64)| ((law.predict)(&held.inputs(row)) / y).ln().powi(2);
        let squares: f64 = held.target().iter().enumerate().map(error).sum();
        law.hold_out = Some(HoldOut { rows, rmse_log: (squares / rows as f64).sqrt() });
        law.findings.extend(extrapolation(form, fitted, held));
    }
    Ok(law)
}

/// The sample with every row weighed by the inverse square of the spread that the fit's residuals have at its compute.
fn by_spread(form: &dyn Form, sample: &Sample, first: &Fitted) -> Sample {
    let inputs: Vec<Vec<f64>> = (0..sample.rows()).map(|row| sample.inputs(row)).collect();
    let ln_scale: Vec<f64> = inputs.iter().map(|inputs| form.scale(inputs).ln()).collect();
    let residuals: Vec<f64> = inputs.iter().zip(sample.target()).map(|(x, y)| y / (first.predict)(x) - 1.0).collect();
    let noise = Noise::of(&residuals, &ln_scale, first.parameters.len());
    let weight = |row: usize| {
        let given = sample.weights.get(row).copied().unwrap_or(1.0);
        given / noise.sigma(ln_scale[row]).powi(2).max(f64::MIN_POSITIVE)
    };
    let weights: Vec<f64> = (0..sample.rows()).map(weight).collect();
    let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
    Sample { weights: weights.into_iter().map(|weight| weight / mean).collect(), ..sample.clone() }
}
