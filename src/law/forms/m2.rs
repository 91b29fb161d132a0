//! `y = b x^-c + e`: a power law with a floor.

use super::curve::{Fitted, Points, line};
use crate::law::CurveParameters;
use crate::law::levenberg::LeastSquares;
use crate::law::starts::from_all;

/// Free parameters: b, c, e.
pub(crate) const PARAMETERS: usize = 3;
/// Bounds of c.
const EXPONENT: (f64, f64) = (1e-3, 4.0);
/// Floors to start from, as shares of the least loss.
const FLOORS: [f64; 8] = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.96, 0.99];

/// Fits the form by least squares of log predictions. `None` where no start has a finite objective.
pub(crate) fn fit(points: &Points) -> Option<Fitted> {
    // b of the line through log data, c, e; b and c as logarithms.
    let bounds = [(-200.0, 200.0), (EXPONENT.0.ln(), EXPONENT.1.ln()), (0.0, points.least())];
    let starts: Vec<[f64; PARAMETERS]> = FLOORS
        .iter()
        .map(|share| {
            let floor = share * points.least();
            let [ln_b, slope] = line(points.iter().map(|(x, y)| ([1.0, -x], (y - floor).ln())));
            [ln_b, slope.clamp(EXPONENT.0, EXPONENT.1).ln(), floor]
        })
        .collect();
    let best = from_all(&mut Problem { points, z: [0.0; PARAMETERS] }, &starts, &bounds)?;
    let [ln_b, ln_c, floor] = best.at;
    let c = ln_c.exp();
    let parameters =
        CurveParameters { b: points.raw_b(ln_b, c, 0.0), c, floor: floor * points.y_unit, ceiling: None, a: None };
    Some(Fitted::new(parameters, &best, &bounds, &[(1, "c")], points))
}

struct Problem<'a> {
    points: &'a Points,
    z: [f64; PARAMETERS],
}

impl LeastSquares<PARAMETERS> for Problem<'_> {
    fn cost(&mut self, z: &[f64; PARAMETERS]) -> f64 {
        self.z = *z;
        let [ln_b, ln_c, floor] = *z;
        let c = ln_c.exp();
        self.points.iter().map(|(x, y)| ((ln_b - c * x).exp() + floor).ln() - y.ln()).map(|r| r * r).sum()
    }

    fn jacobian(&mut self, mut visit: impl FnMut(&[f64; PARAMETERS], f64)) {
        let [ln_b, ln_c, floor] = self.z;
        let c = ln_c.exp();
        for (x, y) in self.points.iter() {
            let power = (ln_b - c * x).exp();
            let prediction = power + floor;
            visit(&[power, -c * x * power, 1.0].map(|d| d / prediction), prediction.ln() - y.ln());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::CurveForm;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn recovers_a_planted_curve_in_any_unit(
            c in 0.2..1.0, floor in 0.0..0.4, x_unit in 1e-3..1e9, y_unit in 1e-3..1e3,
        ) {
            let planted = CurveParameters { b: 0.8, c, floor, ceiling: None, a: None };
            let points: Vec<(f64, f64)> = (0..24)
                .map(|i| 1.5_f64.powi(i))
                .map(|x| (x * x_unit, planted.predict(CurveForm::M2, x) * y_unit))
                .collect();
            let found = fit(&Points::new(&points)).unwrap();
            prop_assert!((found.parameters.c / c - 1.0).abs() < 1e-5, "{found:?}");
            for (x, y) in points {
                let ratio = found.parameters.predict(CurveForm::M2, x) / y;
                prop_assert!((ratio - 1.0).abs() < 1e-6, "{ratio}");
            }
        }
    }
}
