//! `L = E + (a m^eta + b m^-eta) c^-eta` in compute and the ratio of data to parameters
//! (Gadre et al. 2024, arXiv 2403.08540): Chinchilla with `alpha = beta = 2 eta`, for models trained past their optimum.

use crate::law::form::Variable;
use crate::law::loss::Loss;
use crate::law::separable::{About, Outer, Separable};
use crate::plan::Objective;

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverTraining;

static ABOUT: About = About {
    name: "over_training",
    formula: "loss = E + (a m^eta + b m^-eta) c^-eta",
    source: "Gadre et al. 2024, arXiv 2403.08540; published: squares of residuals of the loss",
    variables: &[
        Variable { name: "c", meaning: "training FLOPs" },
        Variable { name: "m", meaning: "tokens or examples a parameter" },
        Variable { name: "loss", meaning: "loss, lower is better" },
    ],
    objective: Objective::Huber(None),
    published: Loss::Absolute,
};

impl Separable<3, 1> for OverTraining {
    const COEFFICIENTS: [&'static str; 3] = ["a", "b", "E"];
    const OUTER: [Outer; 1] = [Outer::exponent("eta")];

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn terms(&self, &[eta]: &[f64; 1], ln_x: &[f64]) -> [f64; 3] {
        [(eta * (ln_x[1] - ln_x[0])).exp(), (-eta * (ln_x[1] + ln_x[0])).exp(), 1.0]
    }

    fn slopes(&self, _: &[f64; 1], ln_x: &[f64], terms: &[f64; 3]) -> [[f64; 3]; 1] {
        [[(ln_x[1] - ln_x[0]) * terms[0], -(ln_x[1] + ln_x[0]) * terms[1], 0.0]]
    }

    fn raw(&self, ln_units: &[f64], &mut [eta]: &mut [f64; 1], w: &mut [f64; 3]) {
        w[0] *= (eta * (ln_units[0] - ln_units[1])).exp();
        w[1] *= (eta * (ln_units[0] + ln_units[1])).exp();
    }

    fn ln_scale(&self, ln_x: &[f64]) -> f64 {
        ln_x[0]
    }
}
