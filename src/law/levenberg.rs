//! Levenberg-Marquardt in a box.

use nalgebra::{DMatrix, SMatrix, SVector};

use super::Termination;
use super::svd::svd;

/// A least-squares problem in `P` parameters.
pub(super) trait LeastSquares<const P: usize> {
    /// The sum of squared residuals at `z`; not finite where there is none.
    fn cost(&mut self, z: &[f64; P]) -> f64;

    /// Calls `visit` with each residual's gradient and value, at the point of the last [`LeastSquares::cost`].
    fn jacobian(&mut self, visit: impl FnMut(&[f64; P], f64));

    /// `J'J` and `J'r` there. A problem with a shorter way to them than row by row says so.
    fn normal(&mut self) -> Normal<P> {
        let mut normal = Normal { hessian: SMatrix::zeros(), gradient: SVector::zeros() };
        self.jacobian(|row, residual| {
            for i in 0..P {
                normal.gradient[i] += row[i] * residual;
                for j in 0..=i {
                    normal.hessian[(i, j)] += row[i] * row[j];
                }
            }
        });
        for i in 0..P {
            for j in 0..i {
                normal.hessian[(j, i)] = normal.hessian[(i, j)];
            }
        }
        normal
    }
}

/// Where an optimiser ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minimum<const P: usize> {
    /// The point.
    pub(super) at: [f64; P],
    /// The sum of squared residuals there.
    pub(super) cost: f64,
    /// Why it stopped.
    pub(super) termination: Termination,
    /// How often the cost was evaluated.
    pub(super) evaluations: u64,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    /// Largest cosine between the residuals and a column of the Jacobian.
    pub(super) gradient: f64,
    /// Largest component of a step.
    pub(super) step: f64,
    /// Relative decrease of the cost, promised and kept.
    pub(super) objective: f64,
    /// Iterations.
    pub(super) iterations: u32,
    /// Damping of the first step: little where the start is known to be near.
    pub(super) damping: f64,
}

impl Tolerance {
    /// As far as double precision goes.
    pub(super) const TIGHT: Self =
        Self { gradient: 1e-10, step: 1e-11, objective: 1e-14, iterations: 500, damping: 1e-3 };
    /// For refits from near by: what is left to gain moves no parameter by a hundredth of its standard error.
    pub(super) const WARM: Self = Self { gradient: 1e-4, step: 1e-5, objective: 1e-7, iterations: 60, damping: 1e-6 };
    /// Far inside any interval's width.
    pub(super) const LOOSE: Self = Self { gradient: 1e-6, step: 1e-6, objective: 1e-9, iterations: 100, damping: 1e-3 };
}

/// Minimises from `start`, clamped into `bounds`, with the damping of Nielsen (1999) and the scaling of Marquardt.
/// A parameter at a bound rests there while the gradient pushes outwards.
/// The problem is left evaluated at the minimum.
pub(super) fn minimise<const P: usize>(
    problem: &mut impl LeastSquares<P>,
    start: [f64; P],
    bounds: &[(f64, f64); P],
    tolerance: Tolerance,
) -> Minimum<P> {
    let mut z: [f64; P] = std::array::from_fn(|i| start[i].clamp(bounds[i].0, bounds[i].1));
    let mut cost = problem.cost(&z);
    let mut evaluations = 1;
    let mut here = true;
    let mut damping = tolerance.damping;
    let mut growth = 2.0;
    let mut termination = Termination::Iterations;
    let mut normal = problem.normal();

    for _ in 0..tolerance.iterations {
        let free: [bool; P] = std::array::from_fn(|i| {
            !(z[i] <= bounds[i].0 && normal.gradient[i] > 0.0 || z[i] >= bounds[i].1 && normal.gradient[i] < 0.0)
        });
        let flat = |i: usize| normal.gradient[i].abs() <= tolerance.gradient * (cost * normal.hessian[(i, i)]).sqrt();
        if (0..P).all(|i| !free[i] || flat(i)) {
            termination = Termination::Gradient;
            break;
        }
        let Some(step) = normal.step(&free, damping) else {
            damping *= growth;
            growth *= 2.0;
            continue;
        };
        let trial: [f64; P] = std::array::from_fn(|i| (z[i] + step[i]).clamp(bounds[i].0, bounds[i].1));
        let moved = SVector::<f64, P>::from_fn(|i, _| trial[i] - z[i]);
        if moved.amax() <= tolerance.step {
            termination = Termination::Step;
            break;
        }
        let promised = -(2.0 * normal.gradient.dot(&moved) + moved.dot(&(normal.hessian * moved)));
        let there = problem.cost(&trial);
        evaluations += 1;
        here = false;
        let fallen = cost - there;
        if promised > 0.0 && fallen > 0.0 {
            let settled = promised.max(fallen) <= tolerance.objective * cost;
            (z, cost, here) = (trial, there, true);
            if settled {
                termination = Termination::Objective;
                break;
            }
            normal = problem.normal();
            damping *= f64::max(1.0 / 3.0, 1.0 - (2.0 * fallen / promised - 1.0).powi(3));
            growth = 2.0;
        } else {
            if promised.abs() <= tolerance.objective * cost {
                termination = Termination::Objective;
                break;
            }
            damping *= growth;
            growth *= 2.0;
        }
    }
    if !here {
        cost = problem.cost(&z);
        evaluations += 1;
    }
    Minimum { at: z, cost, termination, evaluations }
}

/// Newton's steps from a minimum that [`minimise`] found, with second derivatives from central differences of the
/// gradient: along a flat valley the cost stops falling, to double precision, long before the point stops moving.
/// Leaves the problem evaluated at the result, whose gradient is never larger than that of the start.
pub(super) fn polish<const P: usize>(
    problem: &mut impl LeastSquares<P>,
    minimum: Minimum<P>,
    bounds: &[(f64, f64); P],
) -> Minimum<P> {
    const STEPS: u32 = 8;
    const DIFFERENCE: f64 = 1e-4;
    let Minimum { at: mut z, mut cost, termination, mut evaluations } = minimum;
    let mut at = |z: &[f64; P]| {
        let cost = problem.cost(z);
        evaluations += 1;
        (cost, problem.normal())
    };
    let (_, mut normal) = at(&z);
    for _ in 0..STEPS {
        let is_inside = |i: usize, z: f64| bounds[i].0 < z && z < bounds[i].1;
        let free: [bool; P] =
            std::array::from_fn(|i| is_inside(i, z[i] - DIFFERENCE) && is_inside(i, z[i] + DIFFERENCE));
        let mut hessian = SMatrix::<f64, P, P>::identity();
        for j in (0..P).filter(|&j| free[j]) {
            let (mut above, mut below) = (z, z);
            above[j] += DIFFERENCE;
            below[j] -= DIFFERENCE;
            let column = (at(&above).1.gradient - at(&below).1.gradient) / (2.0 * DIFFERENCE);
            for i in (0..P).filter(|&i| free[i]) {
                hessian[(i, j)] = column[i];
            }
        }
        let hessian = 0.5 * (hessian + hessian.transpose());
        let gradient = SVector::<f64, P>::from_fn(|i, _| if free[i] { normal.gradient[i] } else { 0.0 });
        let Some(factor) = hessian.cholesky() else { break };
        let step = -factor.solve(&gradient);
        let trial: [f64; P] = std::array::from_fn(|i| (z[i] + step[i]).clamp(bounds[i].0, bounds[i].1));
        let (there, next) = at(&trial);
        let size = |normal: &Normal<P>| {
            let share = |i: usize| normal.gradient[i].powi(2) / normal.hessian[(i, i)].max(f64::MIN_POSITIVE);
            (0..P).filter(|&i| free[i]).map(share).sum::<f64>()
        };
        // Written so that a value that is no number ends it.
        if !(size(&next) < size(&normal) && there <= cost * (1.0 + 1e-12)) {
            break;
        }
        (z, cost, normal) = (trial, there, next);
        if step.amax() < 1e-12 {
            break;
        }
    }
    cost = at(&z).0;
    Minimum { at: z, cost, termination, evaluations }
}

/// `J'J` and `J'r`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normal<const P: usize> {
    /// `J'J`
    pub(super) hessian: SMatrix<f64, P, P>,
    /// `J'r`
    pub(super) gradient: SVector<f64, P>,
}

impl<const P: usize> Normal<P> {
    /// The damped step in the free parameters.
    fn step(&self, free: &[bool; P], damping: f64) -> Option<SVector<f64, P>> {
        let most = (0..P).map(|i| self.hessian[(i, i)]).fold(0.0, f64::max);
        let mut matrix = self.hessian;
        let mut rhs = -self.gradient;
        for i in 0..P {
            // A flat direction still needs a pivot.
            matrix[(i, i)] += damping * self.hessian[(i, i)].max(1e-10 * most) + f64::MIN_POSITIVE;
            if !free[i] {
                rhs[i] = 0.0;
                for j in 0..P {
                    matrix[(i, j)] = 0.0;
                    matrix[(j, i)] = 0.0;
                }
                matrix[(i, i)] = 1.0;
            }
        }
        let step = matrix.cholesky()?.solve(&rhs);
        step.iter().all(|x| x.is_finite()).then_some(step)
    }
}

/// Condition number of the Jacobian at the point of the last cost; 1e16 stands for a singular one.
pub(super) fn condition<const P: usize>(problem: &mut impl LeastSquares<P>) -> f64 {
    let mut rows = Vec::new();
    problem.jacobian(|row, _| rows.extend_from_slice(row));
    if rows.len() < P * P {
        return 1e16;
    }
    let Some(svd) = svd(DMatrix::from_row_slice(rows.len() / P, P, &rows), false) else { return 1e16 };
    let (most, least) = (svd.singular_values.max(), svd.singular_values.min());
    let condition = most / least;
    if condition.is_finite() { condition.min(1e16) } else { 1e16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Residuals and their Jacobian as two functions.
    struct Known<const P: usize, const R: usize> {
        z: [f64; P],
        residuals: fn(&[f64; P]) -> [f64; R],
        rows: fn(&[f64; P]) -> [[f64; P]; R],
    }

    impl<const P: usize, const R: usize> LeastSquares<P> for Known<P, R> {
        fn cost(&mut self, z: &[f64; P]) -> f64 {
            self.z = *z;
            (self.residuals)(z).iter().map(|r| r * r).sum()
        }

        fn jacobian(&mut self, mut visit: impl FnMut(&[f64; P], f64)) {
            for (row, residual) in (self.rows)(&self.z).iter().zip((self.residuals)(&self.z)) {
                visit(row, residual);
            }
        }
    }

    fn rosenbrock() -> Known<2, 2> {
        Known {
            z: [0.0; 2],
            residuals: |z| [10.0 * (z[1] - z[0] * z[0]), 1.0 - z[0]],
            rows: |z| [[-20.0 * z[0], 10.0], [-1.0, 0.0]],
        }
    }

    const WIDE: (f64, f64) = (-1e3, 1e3);

    #[test]
    fn rosenbrock_from_the_usual_start() {
        let found = minimise(&mut rosenbrock(), [-1.2, 1.0], &[WIDE; 2], Tolerance::TIGHT);
        assert!((found.at[0] - 1.0).abs() < 1e-9 && (found.at[1] - 1.0).abs() < 1e-9, "{found:?}");
        assert!(found.evaluations < 60, "{found:?}");
        assert_ne!(found.termination, Termination::Iterations);
    }

    #[test]
    fn a_bound_holds() {
        let found = minimise(&mut rosenbrock(), [-1.2, 1.0], &[(-2.0, 0.5), WIDE], Tolerance::TIGHT);
        assert!((found.at[0] - 0.5).abs() < 1e-12 && (found.at[1] - 0.25).abs() < 1e-8, "{found:?}");
    }

    /// Powell's singular function: the Jacobian loses rank at the optimum.
    #[test]
    fn powell_singular() {
        let mut problem = Known::<4, 4> {
            z: [0.0; 4],
            residuals: |z| {
                let (u, v) = (z[1] - 2.0 * z[2], z[0] - z[3]);
                [z[0] + 10.0 * z[1], 5_f64.sqrt() * (z[2] - z[3]), u * u, 10_f64.sqrt() * v * v]
            },
            rows: |z| {
                let (u, v, ten) = (z[1] - 2.0 * z[2], z[0] - z[3], 10_f64.sqrt());
                [
                    [1.0, 10.0, 0.0, 0.0],
                    [0.0, 0.0, 5_f64.sqrt(), -(5_f64.sqrt())],
                    [0.0, 2.0 * u, -4.0 * u, 0.0],
                    [2.0 * ten * v, 0.0, 0.0, -2.0 * ten * v],
                ]
            },
        };
        let found = minimise(&mut problem, [3.0, -1.0, 0.0, 1.0], &[WIDE; 4], Tolerance::TIGHT);
        assert!(found.cost < 1e-20, "{found:?}");
        assert!(condition(&mut problem) > 1e3);
    }

    #[test]
    fn a_polished_minimum_is_exact() {
        let rough = Tolerance { gradient: 1e-3, step: 1e-3, objective: 1e-3, ..Tolerance::TIGHT };
        let bounds = [(-2.0, 2.0), WIDE];
        // Residuals remain at the optimum, about which Gauss and Newton's matrix is not the curvature.
        let mut problem = Known::<2, 3> {
            z: [0.0; 2],
            residuals: |z| [10.0 * (z[1] - z[0] * z[0]), 1.0 - z[0], 1.0 + z[0] * z[1]],
            rows: |z| [[-20.0 * z[0], 10.0], [-1.0, 0.0], [z[1], z[0]]],
        };
        let found = minimise(&mut problem, [0.3, 0.2], &bounds, rough);
        let polished = polish(&mut problem, found, &bounds);
        let gradient = problem.normal().gradient;
        assert!(gradient.amax() < 1e-9 && polished.cost <= found.cost, "{gradient} {found:?} {polished:?}");
    }

    #[test]
    fn too_few_iterations_are_told() {
        let short = Tolerance { iterations: 2, ..Tolerance::TIGHT };
        assert_eq!(minimise(&mut rosenbrock(), [-1.2, 1.0], &[WIDE; 2], short).termination, Termination::Iterations);
    }
}
