//! `(y - e) / (e0 - y)^a = b x^-c`: a power law between a floor and a ceiling.
//!
//! Predictions invert the law; their derivatives are those of the implicit function.

use crate::law::learning::{Curve, EXPONENT, Points, line};
use crate::law::learning::{CurveForm, CurveParameters, saturation};

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct M4;

/// Bounds of a.
const SATURATION: (f64, f64) = (1e-6, 4.0);
/// Floors as shares of the least loss, each with ceilings as shares of the way to their bound.
const PLACES: [[f64; 2]; 21] = {
    const FLOORS: [f64; 7] = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.97];
    const CEILINGS: [f64; 3] = [0.02, 0.3, 0.95];
    let mut places = [[0.0; 2]; 21];
    let mut i = 0;
    while i < 21 {
        places[i] = [FLOORS[i / 3], CEILINGS[i % 3]];
        i += 1;
    }
    places
};

/// `z` is `ln b, ln c, e, e0, a`.
impl Curve<5> for M4 {
    const FORM: CurveForm = CurveForm::M4;
    const FORMULA: &'static str = "(y - e) / (e0 - y)^a = b x^-c";
    const NAMES: [&'static str; 5] = ["b", "c", "e", "e0", "a"];
    const GRID: &'static [[f64; 2]] = &PLACES;

    fn bounds(points: &Points) -> [(f64, f64); 5] {
        let floors = (0.0, points.least() * (1.0 - 1e-9));
        [(-200.0, 200.0), (EXPONENT.0.ln(), EXPONENT.1.ln()), floors, points.ceilings(), SATURATION]
    }

    fn start(points: &Points, [floor, ceiling]: [f64; 2]) -> [f64; 5] {
        let (most, highest) = points.ceilings();
        let floor = floor * points.least();
        let ceiling = most + ceiling * (highest - most);
        // For fixed floor and ceiling the law is a plane through log data.
        let rows = points.iter().map(|p| ([1.0, -p.x, (ceiling - p.y).ln()], (p.y - floor).ln()));
        let [ln_b, slope, a] = line(rows);
        let ln_b = if ln_b.is_finite() { ln_b } else { 0.0 };
        [ln_b, slope.clamp(0.02, 2.0).ln(), floor, ceiling, a.clamp(0.01, 2.0)]
    }

    fn predict(&[ln_b, ln_c, floor, ceiling, a]: &[f64; 5], x: f64) -> (f64, [f64; 5]) {
        let (c, span) = (ln_c.exp(), ceiling - floor);
        let (s, rest) = saturation(ln_b - c * x - (1.0 - a) * span.ln(), a);
        // dy / d(ln b), by the implicit function; every other derivative is a multiple.
        let weight = rest + a * s;
        let slope = span * s * rest / weight;
        let log_rest = if rest > 0.0 { (span * rest).ln() } else { 0.0 };
        (floor + span * s, [slope, -c * x * slope, rest / weight, a * s / weight, slope * log_rest])
    }

    fn raw(&[ln_b, ln_c, floor, ceiling, a]: &[f64; 5], points: &Points) -> CurveParameters {
        let (c, unit) = (ln_c.exp(), points.y_unit);
        let (floor, ceiling) = (floor * unit, Some(ceiling * unit));
        CurveParameters { b: points.raw_b(ln_b, c, a), c, floor, ceiling, a: Some(a), g: None }
    }

    fn natural(curve: &CurveParameters, points: &Points) -> [f64; 5] {
        let (unit, a) = (points.y_unit, curve.a.unwrap_or(0.0));
        let ceiling = curve.ceiling.map_or(points.ceilings().1, |ceiling| ceiling / unit);
        [points.natural_ln_b(curve.b, curve.c, a), curve.c.ln(), curve.floor / unit, ceiling, a]
    }
}
