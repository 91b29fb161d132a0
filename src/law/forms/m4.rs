//! `(y - e) / (e0 - y)^a = b x^-c`: a power law between a floor and a ceiling
//! (Alabdulmohsin, Neyshabur, Zhai, arXiv 2209.06640).
//!
//! Predictions invert the law; their derivatives are those of the implicit function.

use super::curve::{Fitted, Points, line};
use crate::law::CurveParameters;
use crate::law::curve::saturation;
use crate::law::levenberg::LeastSquares;
use crate::law::starts::{Best, from_all};

/// Free parameters: b, c, e, e0, a.
pub(crate) const PARAMETERS: usize = 5;
/// Bounds of c and of a.
const EXPONENT: (f64, f64) = (1e-3, 4.0);
const SATURATION: (f64, f64) = (1e-6, 4.0);
/// Floors to start from as shares of the least loss, ceilings as shares of the way to their bound.
const FLOORS: [f64; 7] = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.97];
const CEILINGS: [f64; 3] = [0.02, 0.3, 0.95];
/// Of more points every start sees an even choice; what is best there is refined on all of them.
const MANY: usize = 500;

/// Fits the form by least squares of log predictions, with a ceiling of at most `highest`, in units of the loss.
/// `None` where no start has a finite objective.
pub(crate) fn fit(points: &Points, highest: f64) -> Option<Fitted> {
    let (least, most) = (points.least(), points.most() * (1.0 + 1e-9));
    let highest = (highest / points.y_unit).max(most * (1.0 + 1e-6));
    let bounds =
        [(-200.0, 200.0), (EXPONENT.0.ln(), EXPONENT.1.ln()), (0.0, least * (1.0 - 1e-9)), (most, highest), SATURATION];
    let mut starts = Vec::with_capacity(FLOORS.len() * CEILINGS.len());
    for floor in FLOORS.map(|share| share * least) {
        for ceiling in CEILINGS.map(|share| most + share * (highest - most)) {
            // For fixed floor and ceiling the law is a plane through log data.
            let [ln_b, slope, a] = line(points.iter().map(|(x, y)| ([1.0, -x, (ceiling - y).ln()], (y - floor).ln())));
            let (slope, a) = (slope.clamp(0.02, 2.0), a.clamp(0.01, 2.0));
            let ln_b = if ln_b.is_finite() { ln_b } else { 0.0 };
            starts.push([ln_b, slope.ln(), floor, ceiling, a]);
        }
    }
    let all = |points: &Points, starts: &[_]| from_all(&mut Problem { points, z: [0.0; PARAMETERS] }, starts, &bounds);
    let best = match points.thinned(MANY) {
        None => all(points, &starts)?,
        Some(few) => {
            let coarse = all(&few, &starts)?;
            let best = all(points, &[coarse.at])?;
            let evaluations = coarse.evaluations + best.evaluations;
            Best { evaluations, starts: coarse.starts, reached: coarse.reached, ..best }
        }
    };
    let [ln_b, ln_c, floor, ceiling, a] = best.at;
    let c = ln_c.exp();
    let parameters = CurveParameters {
        b: points.raw_b(ln_b, c, a),
        c,
        floor: floor * points.y_unit,
        ceiling: Some(ceiling * points.y_unit),
        a: Some(a),
    };
    // Without saturation M4 is M2, which is no failure; without bound it is one.
    let exponents: &[_] = if a > 1.0 { &[(1, "c"), (4, "a")] } else { &[(1, "c")] };
    Some(Fitted::new(parameters, &best, &bounds, exponents, points))
}

struct Problem<'a> {
    points: &'a Points,
    z: [f64; PARAMETERS],
}

/// The prediction at `ln x`, with its derivatives by `z`.
fn predict(&[ln_b, ln_c, floor, ceiling, a]: &[f64; PARAMETERS], x: f64) -> (f64, [f64; PARAMETERS]) {
    let (c, span) = (ln_c.exp(), ceiling - floor);
    let (s, rest) = saturation(ln_b - c * x - (1.0 - a) * span.ln(), a);
    // dy / d(ln b), by the implicit function; every other derivative is a multiple.
    let weight = rest + a * s;
    let slope = span * s * rest / weight;
    let log_rest = if rest > 0.0 { (span * rest).ln() } else { 0.0 };
    (floor + span * s, [slope, -c * x * slope, rest / weight, a * s / weight, slope * log_rest])
}

impl LeastSquares<PARAMETERS> for Problem<'_> {
    fn cost(&mut self, z: &[f64; PARAMETERS]) -> f64 {
        self.z = *z;
        self.points.iter().map(|(x, y)| (predict(z, x).0 / y).ln()).map(|r| r * r).sum()
    }

    fn jacobian(&mut self, mut visit: impl FnMut(&[f64; PARAMETERS], f64)) {
        for (x, y) in self.points.iter() {
            let (prediction, gradient) = predict(&self.z, x);
            visit(&gradient.map(|d| d / prediction), (prediction / y).ln());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::CurveForm;

    proptest! {
        #[test]
        fn derivatives_agree_with_differences(
            ln_b in -2.0..2.0, ln_c in -2.0..0.0, floor in 0.05..0.3, span in 0.3..0.8, a in 0.05..2.0, x in -4.0..4.0,
        ) {
            let z = [ln_b, ln_c, floor, floor + span, a];
            let (_, gradient) = predict(&z, x);
            for i in 0..PARAMETERS {
                let (mut up, mut down) = (z, z);
                up[i] += 1e-6;
                down[i] -= 1e-6;
                let numeric = (predict(&up, x).0 - predict(&down, x).0) / 2e-6;
                prop_assert!((numeric - gradient[i]).abs() < 1e-6 * (1.0 + numeric.abs()), "{i}: {numeric} {}", gradient[i]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn extrapolates_a_planted_curve(c in 0.3..0.8, floor in 0.1..0.3, a in 0.1..0.6, x_unit in 1e-2..1e7) {
            let planted = CurveParameters { b: 5.0, c, floor, ceiling: Some(0.95), a: Some(a) };
            let y = |x: f64| planted.predict(CurveForm::M4, x);
            let points: Vec<(f64, f64)> = (0..30).map(|i| 1.5_f64.powi(i)).map(|x| (x * x_unit, y(x))).collect();
            let found = fit(&Points::new(&points), 1.001).unwrap();
            let far = 1.5_f64.powi(34);
            let ratio = found.parameters.predict(CurveForm::M4, far * x_unit) / y(far);
            prop_assert!((ratio - 1.0).abs() < 1e-4, "{ratio} {found:?}");
        }
    }

    #[test]
    fn many_points_cost_little_more_and_say_the_same() {
        let planted = CurveParameters { b: 5.0, c: 0.5, floor: 0.2, ceiling: Some(0.95), a: Some(0.3) };
        let points = |n: u32| -> Vec<(f64, f64)> {
            let x = |i: u32| (12.0 * f64::from(i) / f64::from(n)).exp();
            (0..n).map(|i| (x(i), planted.predict(CurveForm::M4, x(i)))).collect()
        };
        let found = fit(&Points::new(&points(20_000)), 1.001).unwrap();
        assert_eq!((found.fit.rows, found.fit.starts), (20_000, 21));
        assert!((found.parameters.floor - 0.2).abs() < 1e-6, "{found:?}");
    }
}
