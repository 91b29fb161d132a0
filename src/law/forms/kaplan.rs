//! `L = (U n^-p + V / d)^gamma` (Kaplan et al. 2020, arXiv 2001.08361, equation 1.5): parameters and data joined inside
//! one power. In its own letters `p = alpha_N / alpha_D`, `gamma = alpha_D`, `U = N_c^p`, `V = D_c`.

use crate::law::form::Variable;
use crate::law::loss::Loss;
use crate::law::separable::{About, Outer, Separable};
use crate::plan::Objective;

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kaplan;

static ABOUT: About = About {
    name: "kaplan",
    formula: "loss = B (n^-p exp(q) + 1 / d)^gamma",
    source: "Kaplan et al. 2020, arXiv 2001.08361, equation 1.5: gamma = alpha_D, p = alpha_N / alpha_D",
    variables: &[
        Variable { name: "n", meaning: "parameters" },
        Variable { name: "d", meaning: "training tokens or examples" },
        Variable { name: "loss", meaning: "loss, lower is better" },
    ],
    objective: Objective::Huber(None),
    published: Loss::Log,
};

impl Separable<1, 3> for Kaplan {
    const COEFFICIENTS: [&'static str; 1] = ["B"];
    const OUTER: [Outer; 3] = [
        Outer::exponent("p"),
        Outer { name: "q", bounds: (-200.0, 200.0), starts: (-3.0, 3.0), is_positive: false },
        Outer::exponent("gamma"),
    ];

    fn about(&self) -> &'static About {
        &ABOUT
    }

    // The bracket is divided by its value at inputs of 1, so that the coefficient is the loss in the middle of the data
    // and does not follow every change of the exponent.
    fn terms(&self, &[p, q, gamma]: &[f64; 3], ln_x: &[f64]) -> [f64; 1] {
        [(((q - p * ln_x[0]).exp() + (-ln_x[1]).exp()) / (q.exp() + 1.0)).powf(gamma)]
    }

    fn slopes(&self, &[p, q, gamma]: &[f64; 3], ln_x: &[f64], terms: &[f64; 1]) -> [[f64; 1]; 3] {
        let (size, data) = ((q - p * ln_x[0]).exp(), (-ln_x[1]).exp());
        let (bracket, middle) = (size + data, q.exp() + 1.0);
        let steep = gamma * terms[0];
        let share = size / bracket;
        [[-ln_x[0] * steep * share], [steep * (share - q.exp() / middle)], [(bracket / middle).ln() * terms[0]]]
    }

    fn raw(&self, ln_units: &[f64], [p, q, gamma]: &mut [f64; 3], w: &mut [f64; 1]) {
        // exp(q) (n / u)^-p + v / d, taken out of the bracket as v.
        w[0] *= (*gamma * (ln_units[1] - (q.exp() + 1.0).ln())).exp();
        *q += *p * ln_units[0] - ln_units[1];
    }

    fn ln_scale(&self, ln_x: &[f64]) -> f64 {
        ln_x.iter().sum()
    }

    fn derived(&self, &[p, _, gamma]: &[f64; 3], _: &[f64; 1]) -> Vec<(&'static str, f64)> {
        vec![("alpha_n", p * gamma), ("alpha_d", gamma)]
    }
}
