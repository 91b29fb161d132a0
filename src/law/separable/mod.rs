//! Forms that are sums of terms: `f = sum_j w_j phi_j(x; theta)` with `w >= 0`.
//!
//! The coefficients `w` are solved inside, the few `theta` are searched from many starts; objectives other than squares
//! of relative residuals are then minimised exactly from each end that was found.

mod design;
mod problem;
mod search;

use self::design::Design;
use self::search::Search;
use super::codes;
use super::findings::Shape;
use super::form::{FitOptions, Fitted, Form, Sample, Variable};
use super::loss::Loss;
use crate::diagnostic::Diagnostic;
use crate::plan::Objective;

/// Bounds of every exponent, and the range its starts are spread over evenly in logarithms.
pub(super) const EXPONENTS: (f64, f64) = (1e-3, 4.0);
const EXPONENT_STARTS: (f64, f64) = (0.05, 1.5);
/// Starts where nobody says how many.
const STARTS: u32 = 32;

/// What a form is called and relates.
#[derive(Debug)]
pub(super) struct About {
    /// Its name.
    pub(super) name: &'static str,
    /// Its formula.
    pub(super) formula: &'static str,
    /// Where it comes from.
    pub(super) source: &'static str,
    /// Its variables, the predicted one last.
    pub(super) variables: &'static [Variable],
    /// What is minimised where nobody says.
    pub(super) objective: Objective,
    /// What its authors minimised.
    pub(super) published: Loss,
}

/// A parameter that is searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outer {
    /// Its name.
    pub(super) name: &'static str,
    /// Its bounds.
    pub(super) bounds: (f64, f64),
    /// Where starts lie.
    pub(super) starts: (f64, f64),
    /// Whether it is positive and searched in its logarithm.
    pub(super) is_positive: bool,
}

impl Outer {
    /// A positive exponent.
    pub(super) const fn exponent(name: &'static str) -> Self {
        Self { name, bounds: EXPONENTS, starts: EXPONENT_STARTS, is_positive: true }
    }

    /// An exponent of either sign.
    pub(super) const fn signed(name: &'static str) -> Self {
        Self { name, bounds: (-EXPONENTS.1, EXPONENTS.1), starts: (-1.0, 1.0), is_positive: false }
    }

    fn z(self, theta: f64) -> f64 {
        if self.is_positive { theta.ln() } else { theta }
    }

    fn theta(self, z: f64) -> f64 {
        if self.is_positive { z.exp() } else { z }
    }

    fn is_bound(self, theta: f64) -> bool {
        let (low, high) = self.bounds;
        let slack = 1e-9 * (high - low);
        theta <= low + slack * f64::from(u8::from(!self.is_positive)) + 1e-9 * low.abs() || theta >= high - slack
    }
}

/// A sum of `N` terms with `K` searched parameters.
pub(super) trait Separable<const N: usize, const K: usize>: Sync {
    /// Name, formula, variables.
    fn about(&self) -> &'static About;
    /// Names of the coefficients.
    const COEFFICIENTS: [&'static str; N];
    /// The searched parameters.
    const OUTER: [Outer; K];

    /// Inputs measured in the unit of another one, because the form compares them.
    const SHARED_UNITS: &'static [(usize, usize)] = &[];

    /// The terms without their coefficients, at logarithms of the inputs.
    fn terms(&self, theta: &[f64; K], ln_x: &[f64]) -> [f64; N];

    /// Derivatives of the terms by each of `theta`; `terms` are those of the same point.
    fn slopes(&self, theta: &[f64; K], ln_x: &[f64], terms: &[f64; N]) -> [[f64; N]; K];

    /// Changes parameters for inputs divided by `exp(ln_units)` into those for the inputs themselves.
    fn raw(&self, ln_units: &[f64], theta: &mut [f64; K], coefficients: &mut [f64; N]);

    /// What the spread of the noise may depend on, at logarithms of the inputs: compute, or what stands for it.
    fn ln_scale(&self, ln_x: &[f64]) -> f64 {
        ln_x.last().copied().unwrap_or(0.0)
    }

    /// Further named results in the inputs' own units.
    fn derived(&self, _theta: &[f64; K], _coefficients: &[f64; N]) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// A separable form, fitted as one.
#[derive(Debug)]
pub(super) struct Sum<F, const N: usize, const K: usize>(pub(super) F);

impl<F: Separable<N, K> + Copy + Send + 'static, const N: usize, const K: usize> Form for Sum<F, N, K> {
    fn name(&self) -> &'static str {
        self.0.about().name
    }

    fn formula(&self) -> &'static str {
        self.0.about().formula
    }

    fn source(&self) -> &'static str {
        self.0.about().source
    }

    fn variables(&self) -> &'static [Variable] {
        self.0.about().variables
    }

    fn scale(&self, inputs: &[f64]) -> f64 {
        let ln_x: Vec<f64> = inputs.iter().map(|x| x.ln()).collect();
        self.0.ln_scale(&ln_x).exp()
    }

    fn fit(&self, sample: &Sample, options: &FitOptions, progress: &mut dyn FnMut(f64)) -> Result<Fitted, Diagnostic> {
        let about = self.0.about();
        let shape = Shape::of(about.name, about.variables, sample, N + K);
        shape.enough()?;
        let design = Design::new(&self.0, sample);
        let starts = u64::from(options.starts.unwrap_or(STARTS).max(1));
        let search = Search {
            form: &self.0,
            design: &design,
            loss: about.loss(options),
            starts,
            draws: options.draws,
            bootstrap: options.bootstrap,
        };
        let Some(best) = search.run(progress) else {
            let message = format!("`{}` cannot be fitted: no start has a finite objective", about.name);
            return Err(Diagnostic::error(codes::NO_FIT, message).help("check the table for extreme values"));
        };
        let draws = search.draws(&best, options.seed, progress);
        Ok(search.told(&best, &draws, &shape))
    }
}

impl About {
    /// What to minimise.
    fn loss(&self, options: &FitOptions) -> Loss {
        Loss::of(options.objective.unwrap_or(self.objective)).unwrap_or(self.published)
    }
}
