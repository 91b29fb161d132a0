//! Variable projection: coefficients that enter linearly are solved exactly inside, only exponents are searched.
//!
//! Golub and Pereyra 1973; the Jacobian is Kaufman's (1975): derivatives of the columns, projected out of the span of
//! the active ones. Its gradient is exact.
#![expect(clippy::needless_range_loop, reason = "matrix formulae are read by their indices")]

use super::nnls::{self, Solution};

/// One linear block `A w ~ y` with non-negative `w`.
#[derive(Clone, Debug)]
pub(super) struct Block<const N: usize> {
    /// Rows of `A`.
    pub(super) columns: Vec<[f64; N]>,
    /// `y`; 1 at first, for rows that are divided by their target.
    pub(super) targets: Vec<f64>,
    /// `A w - y`.
    pub(super) residuals: Vec<f64>,
    solution: Solution<N>,
}

impl<const N: usize> Block<N> {
    /// A block of `rows` rows, to be filled.
    pub(super) fn new(rows: usize) -> Self {
        Self {
            columns: vec![[0.0; N]; rows],
            targets: vec![1.0; rows],
            residuals: vec![0.0; rows],
            solution: nnls::solve(&[[0.0; N]; N], &[0.0; N]),
        }
    }

    /// `w` of the last [`Block::solve`].
    pub(super) const fn coefficients(&self) -> &[f64; N] {
        &self.solution.coefficients
    }

    /// Finds `w` and the residuals; returns the sum of their squares.
    pub(super) fn solve(&mut self) -> f64 {
        let mut gram = [[0.0; N]; N];
        let mut rhs = [0.0; N];
        for (row, target) in self.columns.iter().zip(&self.targets) {
            for i in 0..N {
                rhs[i] += row[i] * target;
                for j in 0..=i {
                    gram[i][j] += row[i] * row[j];
                }
            }
        }
        for i in 0..N {
            for j in 0..i {
                gram[j][i] = gram[i][j];
            }
        }
        self.solution = nnls::solve(&gram, &rhs);
        let mut cost = 0.0;
        for ((row, target), residual) in self.columns.iter().zip(&self.targets).zip(&mut self.residuals) {
            let mut value = -target;
            for i in 0..N {
                value += row[i] * self.solution.coefficients[i];
            }
            *residual = value;
            cost += value * value;
        }
        cost
    }

    /// Projects derivatives of `A w`, one for each row and each of `K` exponents, out of the span of the active columns.
    pub(super) fn project<const K: usize>(&self, derivatives: &mut [[f64; K]]) {
        for k in 0..K {
            let mut along = [0.0; N];
            for (row, d) in self.columns.iter().zip(derivatives.iter()) {
                for i in 0..N {
                    along[i] += row[i] * d[k];
                }
            }
            let shares = self.solution.factor.solve(&along);
            for (row, d) in self.columns.iter().zip(derivatives.iter_mut()) {
                for i in 0..N {
                    d[k] -= row[i] * shares[i];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two decaying exponentials with one unknown rate ratio: the projected gradient is that of the reduced cost.
    #[test]
    fn the_projected_gradient_is_exact() {
        let fill = |block: &mut Block<2>, rate: f64| {
            for (i, row) in block.columns.iter_mut().enumerate() {
                let t = i as f64 / 4.0;
                let y = 2.0 * (-0.8 * t).exp() + 0.5 + 0.05 * (7.0 * t).sin();
                *row = [(-rate * t).exp() / y, 1.0 / y];
            }
        };
        let mut block = Block::<2>::new(16);
        let mut cost = |rate| {
            fill(&mut block, rate);
            block.solve()
        };
        let numeric = (cost(1.0 + 1e-6) - cost(1.0 - 1e-6)) / 2e-6;
        fill(&mut block, 1.0);
        block.solve();
        let w = block.coefficients()[0];
        let mut derivatives: Vec<[f64; 1]> =
            block.columns.iter().enumerate().map(|(i, row)| [-(i as f64 / 4.0) * w * row[0]]).collect();
        block.project(&mut derivatives);
        let exact: f64 = derivatives.iter().zip(&block.residuals).map(|(d, r)| 2.0 * d[0] * r).sum();
        assert!((numeric - exact).abs() < 1e-6 * exact.abs().max(1.0), "{numeric} {exact}");
    }
}
