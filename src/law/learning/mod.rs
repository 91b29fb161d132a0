//! Laws of learning curves: one loss as a smooth function of the examples seen.
//!
//! All parameters are searched at once, by least squares of log predictions from starts that solve what is linear in
//! logarithms; other objectives are then minimised from every end that was found.

mod blend;
mod curve;
mod form;
mod points;
mod problem;
mod published;
mod search;
#[cfg(test)]
mod tests;

pub use blend::CurveBlend;
pub(super) use curve::{CurveForm, CurveParameters, saturation};
pub(super) use form::One;
pub(super) use points::{Points, line};
pub(super) use search::solve;

use super::form::Variable;

/// What learning curves relate.
pub(super) const VARIABLES: &[Variable] = &[
    Variable { name: "x", meaning: "examples seen, or any other measure of training" },
    Variable { name: "y", meaning: "loss or error, lower is better" },
];

/// Bounds of the exponent c.
pub(super) const EXPONENT: (f64, f64) = (1e-3, 4.0);

/// One form with `P` free parameters `z`, in natural units: `ln x` about its mean, y about its geometric mean.
pub(super) trait Curve<const P: usize>: Copy + Send + Sync + 'static {
    /// Which form it is.
    const FORM: CurveForm;
    /// Its formula in the names of its variables and parameters.
    const FORMULA: &'static str;
    /// What each of `z` stands for, logarithms aside.
    const NAMES: [&'static str; P];
    /// Places to start from, each in the unit square.
    const GRID: &'static [[f64; 2]];

    /// Bounds of `z` for these points.
    fn bounds(points: &Points) -> [(f64, f64); P];

    /// The start at one place of the unit square, which spans what cannot be solved by a line.
    fn start(points: &Points, place: [f64; 2]) -> [f64; P];

    /// The prediction at `ln x`, with its derivatives by `z`.
    fn predict(z: &[f64; P], x: f64) -> (f64, [f64; P]);

    /// Parameters for x and y in their own units.
    fn raw(z: &[f64; P], points: &Points) -> CurveParameters;

    /// The inverse of [`Curve::raw`].
    fn natural(parameters: &CurveParameters, points: &Points) -> [f64; P];
}
