//! The joint form (3) of the SoViT paper (arXiv 2305.13035),
//! `f = sum_k alpha_k x_k^-a_k + (sum_k beta_k x_k^b_k + xi) t^-c + eps`, over width, depth and MLP size together,
//! and its cousin whose exponents may have either sign (Wang et al. 2025, arXiv 2505.18855, "add-interact").

use crate::law::form::Variable;
use crate::law::loss::Loss;
use crate::law::separable::{About, Outer, Separable};
use crate::plan::Objective;

/// The form; exponents of either sign, or positive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joint<const SIGNED: bool>;

const VARIABLES: &[Variable] = &[
    Variable { name: "width", meaning: "embedding width" },
    Variable { name: "depth", meaning: "number of blocks" },
    Variable { name: "mlp", meaning: "hidden size of the MLP" },
    Variable { name: "t", meaning: "compute: forward FLOPs of one example times examples" },
    Variable { name: "f", meaning: "loss or error, lower is better" },
];

static POSITIVE: About = About {
    name: "joint",
    formula: "f = sum_k alpha_k x_k^-a_k + (sum_k beta_k x_k^b_k + xi) t^-c + eps, x = width, depth, mlp",
    source: "Alabdulmohsin et al. 2023, arXiv 2305.13035, equation 3; published: squares of relative residuals",
    variables: VARIABLES,
    objective: Objective::Relative,
    published: Loss::Relative,
};

static FREE: About = About {
    name: "add_interact",
    formula: "f = sum_k alpha_k x_k^-a_k + (sum_k beta_k x_k^b_k + xi) t^-c + eps, exponents of either sign",
    source: "Wang et al. 2025, arXiv 2505.18855; published: squares of log residuals",
    variables: VARIABLES,
    objective: Objective::Log,
    published: Loss::Log,
};

const fn outer(name: &'static str, signed: bool) -> Outer {
    if signed { Outer::signed(name) } else { Outer::exponent(name) }
}

impl<const SIGNED: bool> Separable<8, 7> for Joint<SIGNED> {
    const COEFFICIENTS: [&'static str; 8] =
        ["alpha_width", "alpha_depth", "alpha_mlp", "beta_width", "beta_depth", "beta_mlp", "xi", "eps"];
    const OUTER: [Outer; 7] = [
        outer("a_width", SIGNED),
        outer("a_depth", SIGNED),
        outer("a_mlp", SIGNED),
        outer("b_width", SIGNED),
        outer("b_depth", SIGNED),
        outer("b_mlp", SIGNED),
        outer("c", SIGNED),
    ];

    fn about(&self) -> &'static About {
        if SIGNED { &FREE } else { &POSITIVE }
    }

    fn terms(&self, theta: &[f64; 7], ln_x: &[f64]) -> [f64; 8] {
        let t = (-theta[6] * ln_x[3]).exp();
        std::array::from_fn(|j| match j {
            0..3 => (-theta[j] * ln_x[j]).exp(),
            3..6 => (theta[j] * ln_x[j - 3]).exp() * t,
            6 => t,
            _ => 1.0,
        })
    }

    fn slopes(&self, _: &[f64; 7], ln_x: &[f64], terms: &[f64; 8]) -> [[f64; 8]; 7] {
        std::array::from_fn(|k| {
            std::array::from_fn(|j| match k {
                0..3 if j == k => -ln_x[k] * terms[j],
                3..6 if j == k => ln_x[k - 3] * terms[j],
                6 if (3..7).contains(&j) => -ln_x[3] * terms[j],
                _ => 0.0,
            })
        })
    }

    fn raw(&self, ln_units: &[f64], theta: &mut [f64; 7], w: &mut [f64; 8]) {
        let t = (theta[6] * ln_units[3]).exp();
        for k in 0..3 {
            w[k] *= (theta[k] * ln_units[k]).exp();
            w[k + 3] *= (-theta[k + 3] * ln_units[k]).exp() * t;
        }
        w[6] *= t;
    }

    /// `s_k = c / (a_k + b_k)`.
    fn derived(&self, theta: &[f64; 7], _: &[f64; 8]) -> Vec<(&'static str, f64)> {
        let s = |k: usize| theta[6] / (theta[k] + theta[k + 3]);
        vec![("s_width", s(0)), ("s_depth", s(1)), ("s_mlp", s(2))]
    }
}
