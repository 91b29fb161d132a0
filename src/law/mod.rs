//! Tables to laws, and what a law says.

pub mod codes;
mod group;
mod model;
mod optimum;
mod values;
mod worth;

#[cfg(feature = "fit")]
mod bootstrap;
#[cfg(feature = "fit")]
mod exact;
#[cfg(feature = "fit")]
mod findings;
#[cfg(feature = "fit")]
mod fit;
#[cfg(feature = "fit")]
mod form;
#[cfg(feature = "fit")]
mod forms;
#[cfg(feature = "fit")]
mod grid;
#[cfg(feature = "fit")]
mod learning;
#[cfg(feature = "fit")]
mod levenberg;
#[cfg(feature = "fit")]
mod loss;
#[cfg(feature = "fit")]
mod nnls;
#[cfg(feature = "fit")]
mod project;
#[cfg(feature = "fit")]
mod quadratic;
#[cfg(feature = "fit")]
mod random;
#[cfg(feature = "fit")]
mod resample;
#[cfg(feature = "fit")]
mod residuals;
#[cfg(feature = "fit")]
mod samples;
#[cfg(feature = "fit")]
mod select;
#[cfg(feature = "fit")]
mod separable;
#[cfg(feature = "fit")]
mod star;
#[cfg(feature = "fit")]
mod starts;
#[cfg(feature = "fit")]
mod svd;
#[cfg(feature = "fit")]
mod wild;

#[cfg(feature = "fit")]
pub use crate::plan::{Bootstrap, Objective};
#[cfg(feature = "fit")]
pub use fit::fit;
#[cfg(feature = "fit")]
pub use form::{FitOptions, Fitted, Form, Prediction, Sample, Variable, fit_form};
#[cfg(feature = "fit")]
pub use forms::FORMS;
#[cfg(feature = "fit")]
pub use forms::sovit::{StarFit, StarObjective, StarOptions, StarRun, fit_star};
#[cfg(feature = "fit")]
pub use grid::starts;
pub use group::{GroupFit, Summary};
#[cfg(feature = "fit")]
pub use learning::CurveBlend;
pub use model::*;
pub use optimum::{GridOptimum, NamedStart, RunnerUp};
#[cfg(feature = "fit")]
pub use samples::{GroupSample, samples};
#[cfg(feature = "fit")]
pub use select::{RANKED_FROM, rollout};
pub use worth::{worth, worth_elasticity};
