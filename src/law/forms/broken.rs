//! `y = e + b x^-c (1 + (x / d)^(1 / f))^(-g f)`: a power law whose exponent changes smoothly from `c` to `c + g` about
//! `x = d` (Caballero et al. 2023, arXiv 2210.14891, one break).

use crate::law::form::Variable;
use crate::law::loss::Loss;
use crate::law::separable::{About, Outer, Separable};
use crate::plan::Objective;

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken;

static ABOUT: About = About {
    name: "broken",
    formula: "y = e + b x^-c (1 + (x / exp(k))^(1 / f))^(-g f)",
    source: "Caballero et al. 2023, arXiv 2210.14891, one break; published: squares of log residuals",
    variables: &[
        Variable { name: "x", meaning: "examples, parameters or compute" },
        Variable { name: "y", meaning: "loss or error, lower is better" },
    ],
    objective: Objective::Log,
    published: Loss::Log,
};

/// `ln(1 + exp(v))`.
fn softplus(v: f64) -> f64 {
    v.max(0.0) + (-v.abs()).exp().ln_1p()
}

impl Separable<2, 4> for Broken {
    const COEFFICIENTS: [&'static str; 2] = ["b", "e"];
    const OUTER: [Outer; 4] = [
        Outer { name: "c", bounds: (-4.0, 4.0), starts: (0.0, 1.0), is_positive: false },
        Outer { name: "g", bounds: (-4.0, 4.0), starts: (-0.5, 1.0), is_positive: false },
        Outer { name: "k", bounds: (-60.0, 60.0), starts: (-3.0, 3.0), is_positive: false },
        Outer { name: "f", bounds: (1e-2, 10.0), starts: (0.1, 1.0), is_positive: true },
    ];

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn terms(&self, &[c, g, k, f]: &[f64; 4], ln_x: &[f64]) -> [f64; 2] {
        [(-c * ln_x[0] - g * f * softplus((ln_x[0] - k) / f)).exp(), 1.0]
    }

    fn slopes(&self, &[_, g, k, f]: &[f64; 4], ln_x: &[f64], terms: &[f64; 2]) -> [[f64; 2]; 4] {
        let v = (ln_x[0] - k) / f;
        let above = 1.0 / (1.0 + (-v).exp());
        let by = |slope: f64| [slope * terms[0], 0.0];
        [by(-ln_x[0]), by(-f * softplus(v)), by(g * above), by(-g * (softplus(v) - v * above))]
    }

    fn raw(&self, ln_units: &[f64], [c, _, k, _]: &mut [f64; 4], w: &mut [f64; 2]) {
        w[0] *= (*c * ln_units[0]).exp();
        *k += ln_units[0];
    }
}
