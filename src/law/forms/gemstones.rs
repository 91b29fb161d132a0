//! `L = A w^-alpha + B l^-beta + G p^-gamma + D t^-delta + E` in width, depth, parameters and tokens
//! (McLeish et al. 2025, arXiv 2502.06857). Without an interaction of size and data its optimum is held by cost alone.

use crate::law::form::Variable;
use crate::law::loss::Loss;
use crate::law::separable::{About, Outer, Separable};
use crate::plan::Objective;

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gemstones;

static ABOUT: About = About {
    name: "gemstones",
    formula: "loss = A width^-alpha + B depth^-beta + G params^-gamma + D tokens^-delta + E",
    source: "McLeish et al. 2025, arXiv 2502.06857; published: Huber of 1e-4 of log residuals",
    variables: &[
        Variable { name: "width", meaning: "embedding width" },
        Variable { name: "depth", meaning: "number of blocks" },
        Variable { name: "params", meaning: "parameters" },
        Variable { name: "tokens", meaning: "training tokens or examples" },
        Variable { name: "loss", meaning: "loss, lower is better" },
    ],
    objective: Objective::Huber(None),
    published: Loss::Huber(1e-4),
};

impl Separable<5, 4> for Gemstones {
    const COEFFICIENTS: [&'static str; 5] = ["A", "B", "G", "D", "E"];
    const OUTER: [Outer; 4] =
        [Outer::exponent("alpha"), Outer::exponent("beta"), Outer::exponent("gamma"), Outer::exponent("delta")];

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn terms(&self, theta: &[f64; 4], ln_x: &[f64]) -> [f64; 5] {
        std::array::from_fn(|j| if j < 4 { (-theta[j] * ln_x[j]).exp() } else { 1.0 })
    }

    fn slopes(&self, _: &[f64; 4], ln_x: &[f64], terms: &[f64; 5]) -> [[f64; 5]; 4] {
        std::array::from_fn(|k| std::array::from_fn(|j| if j == k { -ln_x[k] * terms[k] } else { 0.0 }))
    }

    fn raw(&self, ln_units: &[f64], theta: &mut [f64; 4], w: &mut [f64; 5]) {
        for k in 0..4 {
            w[k] *= (theta[k] * ln_units[k]).exp();
        }
    }
}
