//! `y = b x^-c + e`: a power law with a floor.

use crate::law::learning::{Curve, EXPONENT, Points, line};
use crate::law::learning::{CurveForm, CurveParameters};

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct M2;

/// `z` is `ln b, ln c, e`; a place is the floor's share of the least loss.
impl Curve<3> for M2 {
    const FORM: CurveForm = CurveForm::M2;
    const FORMULA: &'static str = "y = b x^-c + e";
    const NAMES: [&'static str; 3] = ["b", "c", "e"];
    const GRID: &'static [[f64; 2]] =
        &[[0.0, 0.0], [0.3, 0.0], [0.5, 0.0], [0.7, 0.0], [0.8, 0.0], [0.9, 0.0], [0.96, 0.0], [0.99, 0.0]];

    fn bounds(points: &Points) -> [(f64, f64); 3] {
        [(-200.0, 200.0), (EXPONENT.0.ln(), EXPONENT.1.ln()), (0.0, points.least())]
    }

    fn start(points: &Points, [share, _]: [f64; 2]) -> [f64; 3] {
        let floor = share * points.least();
        let [ln_b, slope] = line(points.iter().map(|p| ([1.0, -p.x], (p.y - floor).ln())));
        [ln_b, slope.clamp(EXPONENT.0, EXPONENT.1).ln(), floor]
    }

    fn predict(&[ln_b, ln_c, floor]: &[f64; 3], x: f64) -> (f64, [f64; 3]) {
        let c = ln_c.exp();
        let power = (ln_b - c * x).exp();
        (power + floor, [power, -c * x * power, 1.0])
    }

    fn raw(&[ln_b, ln_c, floor]: &[f64; 3], points: &Points) -> CurveParameters {
        let (c, floor) = (ln_c.exp(), floor * points.y_unit);
        CurveParameters { b: points.raw_b(ln_b, c, 0.0), c, floor, ceiling: None, a: None, g: None }
    }

    fn natural(curve: &CurveParameters, points: &Points) -> [f64; 3] {
        [points.natural_ln_b(curve.b, curve.c, 0.0), curve.c.ln(), curve.floor / points.y_unit]
    }
}
