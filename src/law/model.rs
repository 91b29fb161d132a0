//! Laws as data. They can be evaluated and locked without the fitting code.

use serde::{Deserialize, Serialize};

use crate::plan::StatedExponents;
use crate::vit::{Axis, PerAxis, Shape};

/// A law of a plan, ready to be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedLaw {
    /// The name in the plan.
    pub name: String,
    /// The law.
    pub law: Law,
}

/// The laws there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Law {
    /// Exponents alone.
    Stated(StatedExponents),
    /// The SoViT shape law, fitted.
    Sovit(Box<SovitLaw>),
    /// Any other form, for each group.
    Fitted(FormLaw),
}

/// A number with its 95 % interval, where there is one.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Lower end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// Whether the arms of a star share its centre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StarForm {
    /// The three arms agree at the centre for every compute: 15 parameters.
    Tied,
    /// Each arm has a floor and a data term of its own, as in the paper: 19 parameters.
    #[default]
    PerDimension,
}

/// The likelihood-ratio test of the tie at the centre.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TieTest {
    /// `(n - 19) ln (squares tied / squares free)`.
    pub statistic: f64,
    /// Parameters that the tie takes away.
    pub degrees: u64,
    /// Chance of so large a statistic where the arms do meet: of chi-square, or of draws where runs share a training.
    pub p: f64,
}

/// The per-dimension form (2) of the SoViT paper with one data exponent,
/// `f_k(x_k, t) = alpha_k x_k^-a_k + (beta_k x_k^b_k + xi_k) t^-c + eps_k`,
/// fitted to a star sweep. Every coefficient is for `x_k / x_reference_k` and `t / t_reference`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SovitLaw {
    /// The loss it predicts: `error` or `loss`.
    pub metric: String,
    /// Whether the arms share the centre.
    #[serde(default)]
    pub star: StarForm,
    /// The test of that, where both forms were fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie: Option<TieTest>,
    /// Shares w_k of log compute; sum 1.
    pub weights: PerAxis<f64>,
    /// The centre of the star.
    pub centre: Shape,
    /// Units of x_k in the coefficients.
    pub x_reference: PerAxis<f64>,
    /// Unit of t in the coefficients, forward FLOPs.
    pub t_reference: f64,
    /// Smallest and largest size of each arm.
    pub x_range: PerAxis<(f64, f64)>,
    /// Least and most compute of the fitted rows, forward FLOPs.
    pub t_range: (f64, f64),
    /// The optimum.
    pub parameters: SovitParameters,
    /// `s_k = c / (a_k + b_k)` with intervals.
    pub exponents: PerAxis<Estimate>,
    /// `c` with its interval.
    pub data_exponent: Estimate,
    /// How the fit went.
    pub fit: FitReport,
    /// Prediction of the rows at the centre and of those held out on the arms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_out: Option<HoldOut>,
    /// Bootstrap refits; the ground of every interval. Not locked.
    #[serde(skip)]
    pub draws: Vec<SovitParameters>,
}

/// Parameters of a [`SovitLaw`] in its reference units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SovitParameters {
    /// The data exponent.
    pub c: f64,
    /// Each arm.
    pub axes: PerAxis<ArmParameters>,
}

/// Parameters of one arm; all at least 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ArmParameters {
    /// Coefficient of capacity.
    pub alpha: f64,
    /// Exponent of capacity.
    pub a: f64,
    /// Coefficient of the demand for data.
    pub beta: f64,
    /// Exponent of the demand for data.
    pub b: f64,
    /// Data term that the size does not touch.
    pub xi: f64,
    /// Floor.
    pub eps: f64,
}

impl SovitParameters {
    /// `s_k = c / (a_k + b_k)`.
    pub fn exponent(&self, axis: Axis) -> f64 {
        let arm = self.axes.get(axis);
        self.c / (arm.a + arm.b)
    }

    /// `f_k` at `x / x_reference_k` and `t / t_reference`.
    pub fn arm(&self, axis: Axis, x: f64, t: f64) -> f64 {
        let p = self.axes.get(axis);
        p.alpha * x.powf(-p.a) + (p.beta * x.powf(p.b) + p.xi) * t.powf(-self.c) + p.eps
    }

    /// The loss at sizes that may differ from the reference on several axes: what the arms add to the centre, added up,
    /// as in the joint form (3).
    pub fn star(&self, x: PerAxis<f64>, t: f64) -> f64 {
        let centre = Axis::ALL.map(|axis| self.arm(axis, 1.0, t)).iter().sum::<f64>() / 3.0;
        centre + Axis::ALL.map(|axis| self.arm(axis, *x.get(axis), t) - self.arm(axis, 1.0, t)).iter().sum::<f64>()
    }

    /// `c`, `s_k` and the coefficients of every arm for sizes and compute in their own units, by name.
    pub fn named(&self, x_reference: PerAxis<f64>, t_reference: f64) -> Vec<(String, f64)> {
        let mut list = vec![("c".to_owned(), self.c)];
        list.extend(Axis::ALL.map(|axis| (format!("s_{}", axis.name()), self.exponent(axis))));
        let t = t_reference.powf(self.c);
        for axis in Axis::ALL {
            let (arm, x) = (self.axes.get(axis), x_reference.get(axis));
            let named = [
                ("alpha", arm.alpha * x.powf(arm.a)),
                ("a", arm.a),
                ("beta", arm.beta * x.powf(-arm.b) * t),
                ("b", arm.b),
                ("xi", arm.xi * t),
                ("eps", arm.eps),
            ];
            list.extend(named.map(|(name, value)| (format!("{name}_{}", axis.name()), value)));
        }
        list
    }

    /// The size that minimises `f_k` at `t / t_reference`, equation (4), in units of the reference.
    /// Infinite where the data show no upper bend, 0 where they show no lower one.
    pub fn optimum(&self, axis: Axis, t: f64) -> f64 {
        let p = self.axes.get(axis);
        (p.alpha * p.a * t.powf(self.c) / (p.beta * p.b)).powf(1.0 / (p.a + p.b))
    }
}

impl SovitLaw {
    /// `f_k` of the best fit at size `x` and compute `t`.
    pub fn arm(&self, axis: Axis, x: f64, t: f64) -> f64 {
        self.parameters.arm(axis, x / self.x_reference.get(axis), t / self.t_reference)
    }

    /// The star optimum with its 95 % interval: that of its refits.
    #[cfg(feature = "fit")]
    pub fn star_optimum_interval(&self, axis: Axis, t: f64) -> Estimate {
        let at = |p: &SovitParameters| p.optimum(axis, t / self.t_reference) * self.x_reference.get(axis);
        Estimate::of_draws(at(&self.parameters), self.draws.iter().map(at).collect())
    }

    /// `f_k` at size `x` and compute `t` with its 95 % interval: that of its refits.
    #[cfg(feature = "fit")]
    pub fn arm_interval(&self, axis: Axis, x: f64, t: f64) -> Estimate {
        let at = |p: &SovitParameters| p.arm(axis, x / self.x_reference.get(axis), t / self.t_reference);
        Estimate::of_draws(at(&self.parameters), self.draws.iter().map(at).collect())
    }

    /// The star optimum `x_k*(t)`: the best size of one axis with the others at the centre.
    pub fn star_optimum(&self, axis: Axis, t: f64) -> f64 {
        self.parameters.optimum(axis, t / self.t_reference) * self.x_reference.get(axis)
    }
}

/// A form of rows of numbers, fitted to each group of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormLaw {
    /// The form's name: `chinchilla`.
    pub form_name: String,
    /// The loss it predicts: `error` or `loss`.
    pub metric: String,
    /// Names of the grouping columns.
    pub group: Vec<String>,
    /// One fit for each group, in order of first appearance.
    pub fits: Vec<FormFit>,
}

/// A form fitted to one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormFit {
    /// Values of the grouping columns.
    pub group: Vec<String>,
    /// Rows fitted.
    pub rows: u64,
    /// Name of the objective.
    pub objective: String,
    /// Its value at the optimum.
    pub value: f64,
    /// Why the best start stopped.
    pub termination: Termination,
    /// Starts tried.
    pub starts: u64,
    /// Starts that reached the best objective, to 1e-8 relative.
    pub at_best: u64,
    /// Bootstrap draws.
    pub draws: u64,
    /// Seed of the draws.
    pub seed: u64,
    /// Every parameter, in the form's order; coefficients for variables in their own units.
    pub parameters: Vec<Parameter>,
    /// How the fit predicts its own rows, where there are rows enough to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
    /// Prediction of the held-out rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_out: Option<HoldOut>,
}

/// A parameter with its 95 % interval, where there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name in the form's formula.
    pub name: String,
    /// Its value.
    #[serde(flatten)]
    pub estimate: Estimate,
}

/// Prediction error on rows that were not fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldOut {
    /// How many rows.
    pub rows: u64,
    /// `sqrt(mean((log prediction - log y)^2))`.
    pub rmse_log: f64,
}

/// Scores of one fit from its own rows; interpolation, hence second to held-out error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Root mean square of leave-one-out log residuals, through the hat matrix.
    pub loo: f64,
    /// Akaike's criterion with its small-sample correction, of normal log residuals.
    pub aicc: f64,
    /// Schwarz's criterion, of normal log residuals.
    pub bic: f64,
}

/// What a form fitted below a cutoff says of what lies above it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cutoff {
    /// Largest compute that was fitted, or what stands for it.
    pub up_to: f64,
    /// Rows fitted.
    pub fitted: u64,
    /// Rows predicted.
    pub held: u64,
    /// `sqrt(mean((log prediction - log y)^2))` of the rows predicted.
    pub rmse_log: f64,
}

/// How a fit went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    /// Rows fitted.
    pub rows: u64,
    /// Free parameters.
    pub parameters: u64,
    /// Name of the objective.
    pub objective: String,
    /// Its value at the optimum.
    pub value: f64,
    /// Root of the mean squared residual, in the objective's own residual.
    pub rmse: f64,
    /// Why the best start stopped.
    pub termination: Termination,
    /// Function evaluations over all starts.
    pub evaluations: u64,
    /// Starts tried.
    pub starts: u64,
    /// Starts that reached the best objective, to 1e-8 relative.
    pub at_best: u64,
    /// Condition number of the Jacobian in the outer parameters.
    pub condition: f64,
    /// Bootstrap draws.
    pub draws: u64,
    /// Seed of the draws.
    pub seed: u64,
}

/// Why an optimiser stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Termination {
    /// The gradient vanished, to its tolerance.
    Gradient,
    /// The step vanished, to its tolerance.
    Step,
    /// The objective stopped falling, to its tolerance.
    Objective,
    /// The limit of iterations was reached.
    Iterations,
}
