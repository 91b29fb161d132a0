//! `y = b (1 / x + g)^c`: a power law that levels out, its floor `b g^c` inside the power.

use crate::law::learning::{Curve, EXPONENT, Points, line};
use crate::law::learning::{CurveForm, CurveParameters};

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct M3;

/// Largest g, in units of `1 / x` at the mean of `ln x`; there the curve is flat.
const LEVEL: f64 = 1e3;
/// The range of g that places span, in units of `1 / x` at the last point.
const LEVELS: (f64, f64) = (1e-3, 1e2);

/// `z` is `ln b, ln c, g`; a place is where g lies in its range, in logarithms, and 0 is 0.
impl Curve<3> for M3 {
    const FORM: CurveForm = CurveForm::M3;
    const FORMULA: &'static str = "y = b (1 / x + g)^c";
    const NAMES: [&'static str; 3] = ["b", "c", "g"];
    const GRID: &'static [[f64; 2]] = &[[0.0, 0.0], [0.3, 0.0], [0.5, 0.0], [0.6, 0.0], [0.7, 0.0], [0.85, 0.0]];

    fn bounds(_: &Points) -> [(f64, f64); 3] {
        [(-200.0, 200.0), (EXPONENT.0.ln(), EXPONENT.1.ln()), (0.0, LEVEL)]
    }

    fn start(points: &Points, [place, _]: [f64; 2]) -> [f64; 3] {
        let last = points.iter().last().map_or(1.0, |p| (-p.x).exp());
        let g = if place > 0.0 { last * LEVELS.0 * (LEVELS.1 / LEVELS.0).powf(place) } else { 0.0 }.min(LEVEL);
        let [ln_b, slope] = line(points.iter().map(|p| ([1.0, ((-p.x).exp() + g).ln()], p.y.ln())));
        [ln_b, slope.clamp(EXPONENT.0, EXPONENT.1).ln(), g]
    }

    fn predict(&[ln_b, ln_c, g]: &[f64; 3], x: f64) -> (f64, [f64; 3]) {
        let c = ln_c.exp();
        let base = (-x).exp() + g;
        let ln_base = base.ln();
        let y = (ln_b + c * ln_base).exp();
        (y, [y, c * ln_base * y, c / base * y])
    }

    fn raw(&[ln_b, ln_c, g]: &[f64; 3], points: &Points) -> CurveParameters {
        let (c, g) = (ln_c.exp(), g * (-points.ln_x).exp());
        CurveParameters { b: points.raw_b(ln_b, c, 0.0), c, floor: 0.0, ceiling: None, a: None, g: Some(g) }
    }

    fn natural(curve: &CurveParameters, points: &Points) -> [f64; 3] {
        let g = curve.g.unwrap_or(0.0) * points.ln_x.exp();
        [points.natural_ln_b(curve.b, curve.c, 0.0), curve.c.ln(), g]
    }
}
