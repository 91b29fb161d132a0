//! What a fit of one group of rows came to, whatever the form: parameters as a list of names.

use super::{Cutoff, Estimate, FormFit, FormLaw, HoldOut, Law, NamedLaw, Scores, SovitLaw, Termination};
use crate::diagnostic::Diagnostic;

/// A law and one group of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupFit {
    /// Grouping columns and the group's values, in the order they were asked for; empty without groups.
    pub group: Vec<(String, String)>,
    /// The form's name, or the law's in a plan.
    pub law: String,
    /// Rows that were fitted, or were to be.
    pub rows: u64,
    /// The fit; absent where there is none, and then a finding is an error.
    pub fitted: Option<Summary>,
    /// What a user must know with it.
    pub findings: Vec<Diagnostic>,
}

/// The numbers of a fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Every parameter, in the form's order; coefficients for variables in their own units.
    pub parameters: Vec<(String, Estimate)>,
    /// Name and value of the minimised objective.
    pub objective: (String, f64),
    /// Prediction of the rows that were held out, if there were any.
    pub hold_out: Option<HoldOut>,
    /// Why the best start stopped.
    pub termination: Termination,
    /// Starts tried, and starts that reached the best objective.
    pub starts: (u64, u64),
    /// How the fit predicts its own rows, where the form says so.
    pub scores: Option<Scores>,
    /// How fits below rising compute predict the rest, where that was asked for.
    pub rollout: Vec<Cutoff>,
}

impl Summary {
    /// The error on the largest compute that was held out: of the rows named for it, or of the last cutoff.
    pub fn largest(&self) -> Option<f64> {
        let held = self.hold_out.map(|held| held.rmse_log);
        held.or_else(|| self.rollout.last().map(|cutoff| cutoff.rmse_log))
    }
}

impl GroupFit {
    /// What fitting a form to `rows` rows of a group came to.
    #[cfg(feature = "fit")]
    pub fn new(group: Vec<(String, String)>, form: &str, rows: u64, fitted: Result<super::Fitted, Diagnostic>) -> Self {
        let law = form.to_owned();
        match fitted {
            Ok(fitted) => {
                let super::Fitted {
                    parameters, objective, hold_out, termination, starts, scores, rows, findings, ..
                } = fitted;
                let rollout = Vec::new();
                let fitted = Summary { parameters, objective, hold_out, termination, starts, scores, rollout };
                Self { group, law, rows, fitted: Some(fitted), findings }
            }
            Err(error) => Self { group, law, rows, fitted: None, findings: vec![error] },
        }
    }

    /// What was fitted for a plan's law, or for its one group of rows; nothing where the law was stated.
    pub fn of_law(named: &NamedLaw, findings: &[Diagnostic]) -> Vec<Self> {
        let of = |group, rows, fitted| Self {
            group,
            law: named.name.clone(),
            rows,
            fitted: Some(fitted),
            findings: findings.to_vec(),
        };
        match &named.law {
            Law::Stated(_) => Vec::new(),
            Law::Sovit(law) => vec![of(Vec::new(), law.fit.rows, law.summary())],
            Law::Fitted(FormLaw { group, fits, .. }) => {
                let named = |fit: &FormFit| group.iter().cloned().zip(fit.group.iter().cloned()).collect();
                fits.iter().map(|fit| of(named(fit), fit.rows, fit.summary())).collect()
            }
        }
    }
}

/// A number without an interval.
const fn bare(value: f64) -> Estimate {
    Estimate { value, low: None, high: None }
}

impl SovitLaw {
    fn summary(&self) -> Summary {
        Summary {
            parameters: self.raw_parameters(),
            objective: (self.fit.objective.clone(), self.fit.value),
            hold_out: self.hold_out,
            termination: self.fit.termination,
            starts: (self.fit.starts, self.fit.at_best),
            scores: None,
            rollout: Vec::new(),
        }
    }

    /// `c` and `s_k` with their intervals, and the coefficients for sizes and forward FLOPs as they are.
    fn raw_parameters(&self) -> Vec<(String, Estimate)> {
        let known: Vec<Estimate> =
            std::iter::once(self.data_exponent).chain(self.exponents.iter().map(|(_, s)| *s)).collect();
        let named = self.parameters.named(self.x_reference, self.t_reference).into_iter().enumerate();
        named.map(|(i, (name, value))| (name, known.get(i).copied().unwrap_or_else(|| bare(value)))).collect()
    }
}

impl FormFit {
    fn summary(&self) -> Summary {
        Summary {
            parameters: self.parameters.iter().map(|known| (known.name.clone(), known.estimate)).collect(),
            objective: (self.objective.clone(), self.value),
            hold_out: self.hold_out,
            termination: self.termination,
            starts: (self.starts, self.at_best),
            scores: self.scores,
            rollout: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::{ArmParameters, FitReport, SovitParameters, StarForm};
    use crate::vit::{Axis, PerAxis, Shape};

    #[test]
    fn coefficients_are_those_of_sizes_and_flops() {
        let arm = ArmParameters { alpha: 0.3, a: 0.5, beta: 0.02, b: 0.4, xi: 0.01, eps: 0.2 };
        let parameters = SovitParameters { c: 0.6, axes: PerAxis { width: arm, depth: arm, mlp: arm } };
        let law = SovitLaw {
            metric: "error".into(),
            weights: PerAxis::from_fn(|_| 1.0 / 3.0),
            centre: Shape { width: 768, depth: 12, mlp_dim: 3072 },
            x_reference: PerAxis { width: 768.0, depth: 12.0, mlp: 3072.0 },
            t_reference: 1e18,
            x_range: PerAxis::from_fn(|_| (1.0, 2.0)),
            t_range: (1.0, 2.0),
            parameters,
            exponents: PerAxis::from_fn(|_| bare(2.0 / 3.0)),
            data_exponent: bare(0.6),
            fit: FitReport {
                rows: 90,
                parameters: 19,
                objective: "sum".into(),
                value: 1e-3,
                rmse: 1e-3,
                termination: Termination::Step,
                evaluations: 1,
                starts: 1,
                at_best: 1,
                condition: 1.0,
                draws: 0,
                seed: 0,
            },
            draws: Vec::new(),
            star: StarForm::Tied,
            tie: None,
            hold_out: None,
        };
        let all = GroupFit::of_law(&NamedLaw { name: "shape".into(), law: Law::Sovit(Box::new(law.clone())) }, &[]);
        let raw = &all[0].fitted.as_ref().unwrap().parameters;
        let get = |name: &str| raw.iter().find(|(known, _)| known == name).unwrap().1.value;
        let (x, t) = (1000.0_f64, 3e18_f64);
        let loss = get("alpha_width") * x.powf(-get("a_width"))
            + (get("beta_width") * x.powf(get("b_width")) + get("xi_width")) * t.powf(-get("c"))
            + get("eps_width");
        assert!((loss / law.arm(Axis::Width, x, t) - 1.0).abs() < 1e-12);
        assert_eq!((raw[0].0.as_str(), raw[3].0.as_str(), raw.len()), ("c", "s_mlp", 22));
    }
}
