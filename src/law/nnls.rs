//! Non-negative least squares in a few unknowns, exact.
#![expect(clippy::needless_range_loop, reason = "matrix formulae are read by their indices")]

/// The minimiser of `|A w - y|^2` over `w >= 0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Solution<const N: usize> {
    /// `w`.
    pub(super) coefficients: [f64; N],
    /// Normal equations of the free ones.
    pub(super) factor: Factor<N>,
}

/// A Cholesky factor of the normal equations, scaled to a unit diagonal; bound unknowns are left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor<const N: usize> {
    lower: [[f64; N]; N],
    /// `1 / sqrt(diagonal)`; 0 for an unknown that is left out.
    scale: [f64; N],
}

/// Solves from the normal equations: `gram` is `A'A`, `rhs` is `A'y`.
///
/// The unconstrained solution is tried first. If it has a negative coefficient every support is tried, and the one
/// with non-negative coefficients and the least sum of squares wins: the optimum is the plain solution on its support.
/// Linearly dependent supports are passed over, since a smaller one does as well.
pub(super) fn solve<const N: usize>(gram: &[[f64; N]; N], rhs: &[f64; N]) -> Solution<N> {
    if let Some(solution) = on_support(gram, rhs, [true; N]) {
        return solution;
    }
    let none = Factor { lower: [[0.0; N]; N], scale: [0.0; N] };
    let mut best = Solution { coefficients: [0.0; N], factor: none };
    let mut most = 0.0;
    for mask in 1..(1_u32 << N) - 1 {
        let support = std::array::from_fn(|i| mask & (1 << i) != 0);
        if let Some(solution) = on_support(gram, rhs, support) {
            // The sum of squares is |y|^2 minus this.
            let explained: f64 = solution.coefficients.iter().zip(rhs).map(|(w, h)| w * h).sum();
            if explained > most {
                (best, most) = (solution, explained);
            }
        }
    }
    best
}

/// The same, where the solution of a problem like this one is known: its support is tried before all others.
pub(super) fn solve_near<const N: usize>(gram: &[[f64; N]; N], rhs: &[f64; N], near: Option<[f64; N]>) -> Solution<N> {
    let support = near.map(|w| w.map(|w| w > 0.0));
    if let Some(support) = support.filter(|support| support.contains(&false))
        && let Some(solution) = on_support(gram, rhs, support)
    {
        let slope = |i: usize| (0..N).map(|j| gram[i][j] * solution.coefficients[j]).sum::<f64>() - rhs[i];
        // Where leaving 0 raises the sum of squares, the optimum is found: the problem is convex.
        if (0..N).all(|i| support[i] || slope(i) > 1e-12 * rhs[i].abs()) {
            return solution;
        }
    }
    solve(gram, rhs)
}

/// The plain solution on one support, if its unknowns are independent and come out non-negative.
fn on_support<const N: usize>(gram: &[[f64; N]; N], rhs: &[f64; N], support: [bool; N]) -> Option<Solution<N>> {
    let factor = Factor::new(gram, support)?;
    let coefficients = factor.solve(rhs);
    coefficients.iter().all(|&w| w >= 0.0).then_some(Solution { coefficients, factor })
}

impl<const N: usize> Factor<N> {
    /// Pivots below this share of a unit diagonal count as dependent.
    const PIVOT: f64 = 1e-14;

    /// The factor on a support; none where its unknowns are dependent or not finite.
    pub(super) fn new(gram: &[[f64; N]; N], support: [bool; N]) -> Option<Self> {
        let mut scale = [0.0; N];
        for i in 0..N {
            if support[i] {
                if !(gram[i][i] > 0.0 && gram[i][i].is_finite()) {
                    return None;
                }
                scale[i] = 1.0 / gram[i][i].sqrt();
            }
        }
        let mut lower = [[0.0; N]; N];
        for i in 0..N {
            for j in 0..=i {
                let mut sum = if i == j { 1.0 } else { gram[i][j] * scale[i] * scale[j] };
                for k in 0..j {
                    sum -= lower[i][k] * lower[j][k];
                }
                if i == j {
                    if sum.is_nan() || sum <= Self::PIVOT {
                        return None;
                    }
                    lower[i][i] = sum.sqrt();
                } else {
                    lower[i][j] = sum / lower[j][j];
                }
            }
        }
        Some(Self { lower, scale })
    }

    /// `(A_S' A_S)^-1` times `rhs` on the support, 0 elsewhere.
    pub(super) fn solve(&self, rhs: &[f64; N]) -> [f64; N] {
        let mut x = [0.0; N];
        for i in 0..N {
            let mut sum = rhs[i] * self.scale[i];
            for k in 0..i {
                sum -= self.lower[i][k] * x[k];
            }
            x[i] = if self.scale[i] == 0.0 { 0.0 } else { sum / self.lower[i][i] };
        }
        for i in (0..N).rev() {
            let mut sum = x[i];
            for k in i + 1..N {
                sum -= self.lower[k][i] * x[k];
            }
            x[i] = if self.scale[i] == 0.0 { 0.0 } else { sum / self.lower[i][i] };
        }
        for i in 0..N {
            x[i] *= self.scale[i];
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(rows: &[[f64; 4]], y: &[f64]) -> ([[f64; 4]; 4], [f64; 4]) {
        let gram = std::array::from_fn(|i| std::array::from_fn(|j| rows.iter().map(|r| r[i] * r[j]).sum()));
        (gram, std::array::from_fn(|i| rows.iter().zip(y).map(|(r, y)| r[i] * y).sum()))
    }

    fn squares(rows: &[[f64; 4]], y: &[f64], w: &[f64; 4]) -> f64 {
        rows.iter().zip(y).map(|(r, y)| (r.iter().zip(w).map(|(a, w)| a * w).sum::<f64>() - y).powi(2)).sum()
    }

    /// Coordinate descent, slow and sure.
    fn descended(gram: &[[f64; 4]; 4], rhs: &[f64; 4]) -> [f64; 4] {
        let mut w = [0.0; 4];
        for _ in 0..20_000 {
            for i in 0..4 {
                let slope: f64 = rhs[i] - (0..4).map(|j| gram[i][j] * w[j]).sum::<f64>();
                w[i] = f64::max(0.0, w[i] + slope / gram[i][i]);
            }
        }
        w
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn agrees_with_coordinate_descent(
            rows in prop::collection::vec(prop::array::uniform4(-1.0..1.0), 8..20),
            noise in prop::collection::vec(-1.0..1.0, 20),
        ) {
            let y = &noise[..rows.len()];
            let (gram, rhs) = normal(&rows, y);
            let solution = solve(&gram, &rhs);
            prop_assert!(solution.coefficients.iter().all(|&w| w >= 0.0));
            let slow = descended(&gram, &rhs);
            let (ours, theirs) = (squares(&rows, y, &solution.coefficients), squares(&rows, y, &slow));
            prop_assert!(ours <= theirs + 1e-9 * theirs.max(1.0), "{ours} {theirs}");
        }

        #[test]
        fn the_optimum_satisfies_its_conditions(
            rows in prop::collection::vec(prop::array::uniform4(0.1..1.0), 6..20),
            y in prop::collection::vec(0.1..1.0, 20),
        ) {
            let (gram, rhs) = normal(&rows, &y[..rows.len()]);
            let solution = solve(&gram, &rhs);
            for i in 0..4 {
                let slope: f64 = (0..4).map(|j| gram[i][j] * solution.coefficients[j]).sum::<f64>() - rhs[i];
                prop_assert!(slope > -1e-7, "falls along {i}: {slope}");
                if solution.coefficients[i] > 0.0 {
                    prop_assert!(slope.abs() < 1e-7, "free and not flat along {i}: {slope}");
                }
            }
        }
    }

    #[test]
    fn dependent_columns_share_one_coefficient() {
        let rows = [[1.0, 2.0, 0.0, 1.0], [2.0, 4.0, 0.0, 1.0], [3.0, 6.0, 0.0, 1.0]];
        let y = [2.0, 3.0, 4.0];
        let (gram, rhs) = normal(&rows, &y);
        let solution = solve(&gram, &rhs);
        assert!(squares(&rows, &y, &solution.coefficients) < 1e-20);
    }

    #[test]
    fn nothing_positive_explains_a_negative_target() {
        let rows = [[1.0, 0.5, 0.2, 1.0], [0.3, 0.1, 0.9, 1.0], [0.2, 0.2, 0.1, 1.0], [0.4, 0.9, 0.1, 1.0]];
        let (gram, rhs) = normal(&rows, &[-1.0; 4]);
        assert_eq!(solve(&gram, &rhs).coefficients, [0.0; 4]);
    }
}
