//! `L = A N^-alpha + B D^-beta + E` (Hoffmann et al. 2022, arXiv 2203.15556, approach 3).

use crate::law::form::Variable;
use crate::law::loss::Loss;
use crate::law::separable::{About, Outer, Separable};
use crate::plan::Objective;

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chinchilla;

static ABOUT: About = About {
    name: "chinchilla",
    formula: "loss = A n^-alpha + B d^-beta + E",
    source: "Hoffmann et al. 2022, arXiv 2203.15556; published: the likelihood of Besiroglu et al. 2024, arXiv 2404.10102",
    variables: &[
        Variable { name: "n", meaning: "parameters" },
        Variable { name: "d", meaning: "training tokens or examples" },
        Variable { name: "loss", meaning: "loss, lower is better" },
    ],
    objective: Objective::Huber(None),
    published: Loss::HuberLikelihood(1e-3),
};

impl Separable<3, 2> for Chinchilla {
    const COEFFICIENTS: [&'static str; 3] = ["A", "B", "E"];
    const OUTER: [Outer; 2] = [Outer::exponent("alpha"), Outer::exponent("beta")];

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn terms(&self, &[alpha, beta]: &[f64; 2], ln_x: &[f64]) -> [f64; 3] {
        [(-alpha * ln_x[0]).exp(), (-beta * ln_x[1]).exp(), 1.0]
    }

    fn slopes(&self, _: &[f64; 2], ln_x: &[f64], terms: &[f64; 3]) -> [[f64; 3]; 2] {
        [[-ln_x[0] * terms[0], 0.0, 0.0], [0.0, -ln_x[1] * terms[1], 0.0]]
    }

    fn raw(&self, ln_units: &[f64], &mut [alpha, beta]: &mut [f64; 2], w: &mut [f64; 3]) {
        w[0] *= (alpha * ln_units[0]).exp();
        w[1] *= (beta * ln_units[1]).exp();
    }

    /// Compute is their product.
    fn ln_scale(&self, ln_x: &[f64]) -> f64 {
        ln_x.iter().sum()
    }

    /// The share of compute that goes into parameters: `n* ~ C^a`, `a = beta / (alpha + beta)`.
    fn derived(&self, &[alpha, beta]: &[f64; 2], _: &[f64; 3]) -> Vec<(&'static str, f64)> {
        vec![("a", beta / (alpha + beta))]
    }
}
