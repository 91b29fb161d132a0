//! The profile likelihood of an exponent: how much worse the best fit becomes as the exponent is held elsewhere.

use nalgebra::SVector;

use super::problem::{C, HeldOptimum, OUTER, Problem};
use super::{StarFit, bounds};
use crate::law::Estimate;
use crate::law::levenberg::{LeastSquares, Tolerance, minimise};
use crate::vit::Axis;

/// Exponents that are still free where one is held.
const FREE: usize = OUTER - 1;
/// How far from the best fit an end is looked for, as a factor, and how exactly it is found, in logarithms.
const FARTHEST: f64 = 100.0;
const EXACT: f64 = 1e-4;

impl StarFit {
    /// `s_k` with its 95 % profile-likelihood interval: where the least sum of squares with `s_k` held is no more than
    /// `1 + t^2 / degrees` times the least of all, t being Student's 97.5 % point (Bates and Watts 1988, section 6.1).
    ///
    /// Noise is taken to be the same for all runs and independent; the bootstrap of [`StarFit::draws`] takes neither.
    /// An end that lies beyond a factor of 100 is no end.
    pub fn profile(&self, axis: Axis) -> Estimate {
        let value = self.parameters.exponent(axis);
        let free: [(f64, f64); FREE] = std::array::from_fn(|i| bounds()[i]);
        let end = |direction: f64| {
            let mut from: [f64; FREE] = std::array::from_fn(|i| self.at[i]);
            let mut held =
                Held { problem: Problem::new(&self.design, self.form), k: axis as usize, ln_s: 0.0, z: self.at };
            self.crossing(value, direction, &mut from, |ln_s, from| {
                held.ln_s = ln_s;
                let end = minimise(&mut held, *from, &free, Tolerance::LOOSE);
                *from = end.at;
                end.cost
            })
        };
        Estimate { value, low: end(-1.0), high: end(1.0) }
    }

    /// The optimum `x_k*(t)`, in units of the centre and for compute in units of [`StarFit::t_reference`], with its 95 %
    /// profile-likelihood interval; as [`StarFit::profile`] in all else.
    pub fn profile_optimum(&self, axis: Axis, t: f64) -> Estimate {
        let value = self.parameters.optimum(axis, t);
        if !value.is_finite() || value <= 0.0 {
            return Estimate { value, low: None, high: None };
        }
        let held = |ln_x| HeldOptimum { arm: axis as usize, ln_x, ln_t: t.ln() };
        let end = |direction: f64| {
            let mut from = self.at;
            let mut problem = Moving { problem: Problem::new(&self.design, self.form), at: self.at };
            self.crossing(value, direction, &mut from, |ln_x, from| {
                problem.problem.hold(held(ln_x));
                let end = minimise(&mut problem, *from, &bounds(), Tolerance::LOOSE);
                *from = end.at;
                end.cost
            })
        };
        Estimate { value, low: end(-1.0), high: end(1.0) }
    }

    /// `s_k` with the interval of the delta method: normal in `ln s_k`, from the curvature at the best fit. A preview
    /// that costs nothing, too narrow where noise is large; an ill-determined arm has none.
    pub fn preview(&self, axis: Axis) -> Estimate {
        let value = self.parameters.exponent(axis);
        let mut problem = Problem::new(&self.design, self.form);
        problem.cost(&self.at);
        let degrees = (self.fit.rows as f64 - self.form.parameters() as f64).max(1.0);
        let arm = self.parameters.axes.get(axis);
        // ln s = ln c - ln (a + b), by the logarithms of the exponents.
        let mut slope = SVector::<f64, OUTER>::zeros();
        slope[2 * axis as usize] = -arm.a / (arm.a + arm.b);
        slope[2 * axis as usize + 1] = -arm.b / (arm.a + arm.b);
        slope[C] = 1.0;
        let spread = problem.normal().hessian.cholesky().map(|factor| {
            let variance = self.fit.value / degrees * slope.dot(&factor.solve(&slope));
            variance.sqrt() * student(degrees)
        });
        let end = |sign: f64| spread.map(|spread| value * (sign * spread).exp()).filter(|end| end.is_finite());
        Estimate { value, low: end(-1.0), high: end(1.0) }
    }

    /// Where the least cost with a quantity held, by its logarithm, crosses the limit below or above the best fit's
    /// `value`; each cost starts where one nearer to it ended.
    fn crossing<P: Copy>(
        &self,
        value: f64,
        direction: f64,
        from: &mut P,
        mut cost: impl FnMut(f64, &mut P) -> f64,
    ) -> Option<f64> {
        let degrees = (self.fit.rows as f64 - self.form.parameters() as f64).max(1.0);
        let limit = self.fit.value * (1.0 + student(degrees).powi(2) / degrees);
        let mut cost = |ln_factor: f64, from: &mut P| cost(value.ln() + direction * ln_factor, from);
        // Outwards in growing steps, each from the last fit, then inwards between the last two.
        let (mut inside, mut outside) = (0.0, 0.01);
        while cost(outside, from) <= limit {
            inside = outside;
            outside *= 1.5;
            if outside > FARTHEST.ln() {
                return None;
            }
        }
        while outside - inside > EXACT {
            let middle = f64::midpoint(inside, outside);
            let mut there = *from;
            if cost(middle, &mut there) <= limit {
                (inside, *from) = (middle, there);
            } else {
                outside = middle;
            }
        }
        Some(value * (direction * inside).exp())
    }
}

/// A star whose inner problem moves with the exponents, because an optimum is held: its derivatives are differences.
struct Moving<'a> {
    problem: Problem<'a>,
    at: [f64; OUTER],
}

impl LeastSquares<OUTER> for Moving<'_> {
    fn cost(&mut self, z: &[f64; OUTER]) -> f64 {
        self.at = *z;
        self.problem.cost(z)
    }

    fn jacobian(&mut self, mut visit: impl FnMut(&[f64; OUTER], f64)) {
        const STEP: f64 = 1e-5;
        let at = self.at;
        let mut columns = Vec::with_capacity(OUTER);
        for i in 0..OUTER {
            let mut residuals = |step: f64| {
                let mut z = at;
                z[i] += step;
                self.problem.cost(&z);
                self.problem.residuals().to_vec()
            };
            let (above, below) = (residuals(STEP), residuals(-STEP));
            columns.push(above.iter().zip(&below).map(|(a, b)| (a - b) / (2.0 * STEP)).collect::<Vec<f64>>());
        }
        self.problem.cost(&at);
        for (row, &residual) in self.problem.residuals().iter().enumerate() {
            visit(&std::array::from_fn(|i| columns[i][row]), residual);
        }
    }
}

/// The star with `s_k` held: `c = s_k (a_k + b_k)` follows from the other exponents.
struct Held<'a> {
    problem: Problem<'a>,
    k: usize,
    ln_s: f64,
    z: [f64; OUTER],
}

impl LeastSquares<FREE> for Held<'_> {
    fn cost(&mut self, z: &[f64; FREE]) -> f64 {
        let (a, b) = (z[2 * self.k], z[2 * self.k + 1]);
        let ln_c = self.ln_s + (a.exp() + b.exp()).ln();
        self.z = std::array::from_fn(|i| if i == C { ln_c } else { z[i] });
        let (low, high) = bounds()[C];
        if (low..=high).contains(&ln_c) { self.problem.cost(&self.z) } else { f64::INFINITY }
    }

    fn jacobian(&mut self, mut visit: impl FnMut(&[f64; FREE], f64)) {
        let (i, j) = (2 * self.k, 2 * self.k + 1);
        let (a, b) = (self.z[i].exp(), self.z[j].exp());
        self.problem.jacobian(|row, residual| {
            let mut free: [f64; FREE] = std::array::from_fn(|i| row[i]);
            free[i] += row[C] * a / (a + b);
            free[j] += row[C] * b / (a + b);
            visit(&free, residual);
        });
    }
}

/// Student's 97.5 % point, by the first terms of its expansion about the normal one (Fisher and Cornish 1960).
fn student(degrees: f64) -> f64 {
    let z = 1.959964_f64;
    z + (z.powi(3) + z) / (4.0 * degrees) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * degrees * degrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::forms::sovit::tests::{S, fit, planted};

    #[test]
    fn student_is_that_of_tables() {
        for (degrees, t) in [(10.0, 2.228), (30.0, 2.042), (120.0, 1.980)] {
            assert!((student(degrees) / t - 1.0).abs() < 2e-3, "{degrees}");
        }
    }

    #[test]
    fn the_profile_agrees_with_the_bootstrap() {
        let fitted = fit(&planted(0.65, S, 0.0, 0.002, 4), None);
        let draws = fitted.draws(0..400);
        for axis in Axis::ALL {
            let profile = fitted.profile(axis);
            let boot = Estimate::of_draws(profile.value, draws.iter().map(|draw| draw.exponent(axis)).collect());
            let (low, high) = (profile.low.unwrap(), profile.high.unwrap());
            assert!(low < profile.value && profile.value < high, "{profile:?}");
            let width = (high / low).ln() / (boot.high.unwrap() / boot.low.unwrap()).ln();
            assert!((0.7..1.5).contains(&width), "{}: {profile:?} {boot:?}", axis.name());
            let preview = fitted.preview(axis);
            let ratio = (preview.high.unwrap() / preview.low.unwrap()).ln() / (high / low).ln();
            assert!((0.5..1.5).contains(&ratio), "{}: {profile:?} {preview:?}", axis.name());
        }
    }

    #[test]
    fn the_profile_of_an_optimum_agrees_with_the_bootstrap() {
        let fitted = fit(&planted(0.65, S, 0.0, 0.002, 4), None);
        let draws = fitted.draws(0..400);
        for (axis, t) in [(Axis::Width, 1.0), (Axis::Depth, 3.0), (Axis::Mlp, 4.0)] {
            let profile = fitted.profile_optimum(axis, t);
            let boot = Estimate::of_draws(profile.value, draws.iter().map(|draw| draw.optimum(axis, t)).collect());
            let (low, high) = (profile.low.unwrap(), profile.high.unwrap());
            assert!(low < profile.value && profile.value < high, "{profile:?}");
            let width = (high / low).ln() / (boot.high.unwrap() / boot.low.unwrap()).ln();
            assert!((0.6..1.6).contains(&width), "{}: {profile:?} {boot:?}", axis.name());
        }
    }

    #[test]
    fn a_held_optimum_is_where_it_is_held() {
        let fitted = fit(&planted(0.65, S, 0.0, 0.002, 4), None);
        let (x, t) = (1.3 * fitted.parameters.optimum(Axis::Depth, 2.0), 2.0_f64);
        let mut problem = Problem::new(&fitted.design, fitted.form);
        problem.hold(HeldOptimum { arm: 1, ln_x: x.ln(), ln_t: t.ln() });
        let mut moving = Moving { problem, at: fitted.at };
        minimise(&mut moving, fitted.at, &bounds(), Tolerance::LOOSE);
        let held = moving.problem.parameters().optimum(Axis::Depth, t);
        assert!((held / x - 1.0).abs() < 1e-4, "{held} {x}");
    }

    #[test]
    fn the_held_gradient_is_that_of_the_held_cost() {
        let fitted = fit(&planted(0.65, S, 0.0, 0.02, 4), None);
        let mut held = Held { problem: Problem::new(&fitted.design, fitted.form), k: 1, ln_s: -0.7, z: fitted.at };
        let z: [f64; FREE] = std::array::from_fn(|i| fitted.at[i] + 0.05);
        for i in 0..FREE {
            let mut at = |step: f64| {
                let mut z = z;
                z[i] += step;
                held.cost(&z)
            };
            let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
            held.cost(&z);
            let mut exact = 0.0;
            held.jacobian(|row, residual| exact += 2.0 * row[i] * residual);
            assert!((numeric - exact).abs() < 1e-5 * numeric.abs().max(1e-4), "{i}: {numeric} {exact}");
        }
    }
}
