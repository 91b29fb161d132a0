//! `L = A N^-alpha + B D'^-beta + E`, where repeated data count less: `D' = U (1 + R (1 - exp(-r / R)))` of `U` unique
//! examples seen `1 + r` times (Muennighoff et al. 2023, arXiv 2305.16264, with their decay of excess parameters left
//! out, which needs the optimum of the law inside itself).

use crate::law;
use crate::law::form::Variable;
use crate::law::loss::Loss;
use crate::law::separable::{About, Outer, Separable};
use crate::plan::Objective;

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeats;

static ABOUT: About = About {
    name: "repeats",
    formula: "loss = A n^-alpha + B e^-beta + E, e = unique (1 + R (1 - exp(-(d / unique - 1) / R)))",
    source: "Muennighoff et al. 2023, arXiv 2305.16264, data term; published: Huber of 1e-3 of log residuals",
    variables: &[
        Variable { name: "n", meaning: "parameters" },
        Variable { name: "d", meaning: "training tokens or examples, repeats counted" },
        Variable { name: "unique", meaning: "distinct tokens or examples" },
        Variable { name: "loss", meaning: "loss, lower is better" },
    ],
    objective: Objective::Huber(None),
    published: Loss::Huber(1e-3),
};

/// What `unique` examples seen as often as `d / unique` says are worth, as a multiple of `unique`, with its slope by
/// `ln R`.
fn worth(ln_passes: f64, r_star: f64) -> (f64, f64) {
    let repeats = (ln_passes.exp() - 1.0).max(0.0);
    let left = (-repeats / r_star).exp();
    (law::worth(ln_passes.exp(), r_star), r_star * (1.0 - left) - repeats * left)
}

impl Repeats {
    /// Differences of logarithms depend on the units, which the form has to know: inputs keep their own.
    fn passes(ln_x: &[f64]) -> f64 {
        ln_x[1] - ln_x[2]
    }
}

impl Separable<3, 3> for Repeats {
    const COEFFICIENTS: [&'static str; 3] = ["A", "B", "E"];
    const OUTER: [Outer; 3] = [
        Outer::exponent("alpha"),
        Outer::exponent("beta"),
        Outer { name: "R", bounds: (1e-2, 1e4), starts: (1.0, 50.0), is_positive: true },
    ];
    const SHARED_UNITS: &'static [(usize, usize)] = &[(2, 1)];

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn terms(&self, &[alpha, beta, r_star]: &[f64; 3], ln_x: &[f64]) -> [f64; 3] {
        let (worth, _) = worth(Self::passes(ln_x), r_star);
        [(-alpha * ln_x[0]).exp(), (-beta * (ln_x[2] + worth.ln())).exp(), 1.0]
    }

    fn slopes(&self, &[_, beta, r_star]: &[f64; 3], ln_x: &[f64], terms: &[f64; 3]) -> [[f64; 3]; 3] {
        let (worth, by_ln_r) = worth(Self::passes(ln_x), r_star);
        [
            [-ln_x[0] * terms[0], 0.0, 0.0],
            [0.0, -(ln_x[2] + worth.ln()) * terms[1], 0.0],
            [0.0, -beta * terms[1] * by_ln_r / (worth * r_star), 0.0],
        ]
    }

    fn raw(&self, ln_units: &[f64], &mut [alpha, beta, _]: &mut [f64; 3], w: &mut [f64; 3]) {
        w[0] *= (alpha * ln_units[0]).exp();
        w[1] *= (beta * ln_units[1]).exp();
    }

    fn ln_scale(&self, ln_x: &[f64]) -> f64 {
        ln_x[0] + ln_x[1]
    }
}
