//! `y = b x^-c`: a power law.

use crate::law::learning::{Curve, EXPONENT, Points, line};
use crate::law::learning::{CurveForm, CurveParameters};

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct M1;

/// `z` is `ln b, ln c`.
impl Curve<2> for M1 {
    const FORM: CurveForm = CurveForm::M1;
    const FORMULA: &'static str = "y = b x^-c";
    const NAMES: [&'static str; 2] = ["b", "c"];
    const GRID: &'static [[f64; 2]] = &[[0.0, 0.0]];

    fn bounds(_: &Points) -> [(f64, f64); 2] {
        [(-200.0, 200.0), (EXPONENT.0.ln(), EXPONENT.1.ln())]
    }

    fn start(points: &Points, _: [f64; 2]) -> [f64; 2] {
        let [ln_b, slope] = line(points.iter().map(|p| ([1.0, -p.x], p.y.ln())));
        [ln_b, slope.clamp(EXPONENT.0, EXPONENT.1).ln()]
    }

    fn predict(&[ln_b, ln_c]: &[f64; 2], x: f64) -> (f64, [f64; 2]) {
        let c = ln_c.exp();
        let power = (ln_b - c * x).exp();
        (power, [power, -c * x * power])
    }

    fn raw(&[ln_b, ln_c]: &[f64; 2], points: &Points) -> CurveParameters {
        let c = ln_c.exp();
        CurveParameters { b: points.raw_b(ln_b, c, 0.0), c, floor: 0.0, ceiling: None, a: None, g: None }
    }

    fn natural(curve: &CurveParameters, points: &Points) -> [f64; 2] {
        [points.natural_ln_b(curve.b, curve.c, 0.0), curve.c.ln()]
    }
}
