//! Least squares whose unknowns lie between 0 and one of two levels, exact.
//!
//! Unknowns 0 and 1 are levels; unknown `i` of the others lies between 0 and level `i % 2`. The dual method of Goldfarb
//! and Idnani (1983) starts at the unconstrained minimum and takes up violated constraints one by one; each leaves the
//! minimum of a smaller problem, so it ends after finitely many. The minimum is then computed anew on its face, where
//! an unknown at its level shares the level's column.

use super::nnls::Factor;

/// Most constraints that are taken up or let go; four or five are usual.
const STEPS: u32 = 200;
/// How far below 0 a slack counts as rounding, relative to its level.
const ROUNDING: f64 = 1e-13;
/// Diagonal that tells dependent columns apart, relative.
const RIDGE: f64 = 1e-11;

/// The minimiser of `|A w - y|^2` over `0 <= w_i <= w_(i % 2)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Solution<const N: usize> {
    /// `w`.
    pub(super) coefficients: [f64; N],
    /// Which constraints hold it.
    pub(super) face: Face<N>,
    /// Normal equations of the face's columns, each at the place of its first unknown.
    pub(super) factor: Factor<N>,
}

/// For each unknown the column it shares: its own, its level's, or none (`N`) where it is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Face<const N: usize>(pub(super) [usize; N]);

/// A constraint: an unknown at 0, or an unknown at its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Constraint {
    Zero(usize),
    Level(usize),
}

/// Solves from the normal equations: `gram` is `A'A`, `rhs` is `A'y`. `near`, the face of a problem like this one, is
/// tried after the interior and before the search. None where the normal equations are not finite.
pub(super) fn solve<const N: usize>(
    gram: &[[f64; N]; N],
    rhs: &[f64; N],
    near: Option<Face<N>>,
) -> Option<Solution<N>> {
    let free = Face::free();
    if let Some(solution) = free.minimum(gram, rhs).filter(|solution| free.contains(&solution.coefficients, 0.0)) {
        return Some(solution);
    }
    if let Some(face) = near.filter(|face| *face != free)
        && let Some(solution) = face.minimum(gram, rhs)
        && face.contains(&solution.coefficients, ROUNDING)
        && face.holds(gram, rhs, &solution.coefficients)
    {
        return Some(solution.clamped());
    }
    search(gram, rhs)
}

impl Constraint {
    /// `n` in `n'w >= 0`.
    fn normal<const N: usize>(self) -> [f64; N] {
        let mut normal = [0.0; N];
        match self {
            Self::Zero(i) => normal[i] = 1.0,
            Self::Level(i) => (normal[i % 2], normal[i]) = (1.0, -1.0),
        }
        normal
    }

    /// All of them.
    fn all<const N: usize>() -> impl Iterator<Item = Self> {
        (2..N).flat_map(|i| [Self::Zero(i), Self::Level(i)])
    }
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The dual method.
fn search<const N: usize>(gram: &[[f64; N]; N], rhs: &[f64; N]) -> Option<Solution<N>> {
    let mut gram_kept = *gram;
    let whole = Factor::new(gram, [true; N]).or_else(|| {
        for i in 0..N {
            let size = gram[i][i];
            gram_kept[i][i] = if size > 0.0 { size * (1.0 + RIDGE) } else { 1.0 };
        }
        Factor::new(&gram_kept, [true; N])
    })?;
    let mut w = whole.solve(rhs);
    // The constraints taken up, their multipliers, and `(A'A)^-1` times their normals.
    let mut held: Vec<(Constraint, f64, [f64; N])> = Vec::with_capacity(N);
    for _ in 0..STEPS {
        let size = w.iter().fold(0.0_f64, |most, w| most.max(w.abs()));
        let slack = |constraint: Constraint| dot(&constraint.normal(), &w);
        let worst = Constraint::all::<N>()
            .filter(|constraint| held.iter().all(|(known, ..)| known != constraint))
            .min_by(|a, b| slack(*a).total_cmp(&slack(*b)))?;
        if slack(worst) >= -ROUNDING * size {
            let constraints: Vec<Constraint> = held.iter().map(|(constraint, ..)| *constraint).collect();
            let face = Face::of(&constraints);
            return face.minimum(&gram_kept, rhs).map(Solution::clamped);
        }
        let normal = worst.normal();
        let towards = whole.solve(&normal);
        let mut multiplier = 0.0;
        loop {
            let shares = shares(&held, &towards)?;
            let mut step = towards;
            for (share, (_, _, direction)) in shares.iter().zip(&held) {
                for i in 0..N {
                    step[i] -= share * direction[i];
                }
            }
            let gain = dot(&step, &normal);
            let full = if gain > 1e-12 * dot(&towards, &normal) { -dot(&w, &normal) / gain } else { f64::INFINITY };
            let leaving = (0..held.len()).filter(|&j| shares[j] > 0.0).map(|j| (held[j].1 / shares[j], j));
            let partial = leaving.min_by(|a, b| a.0.total_cmp(&b.0));
            let length = full.min(partial.map_or(f64::INFINITY, |(length, _)| length));
            if !length.is_finite() {
                return None;
            }
            if full.is_finite() {
                for i in 0..N {
                    w[i] += length * step[i];
                }
            }
            for (share, entry) in shares.iter().zip(&mut held) {
                entry.1 -= length * share;
            }
            multiplier += length;
            match partial {
                Some((least, j)) if least < full => {
                    held.remove(j);
                }
                _ => break,
            }
        }
        held.push((worst, multiplier, towards));
    }
    None
}

/// How the multipliers of the held constraints change as the new one's grows: `(N' H N)^-1 N' H n`.
fn shares<const N: usize>(held: &[(Constraint, f64, [f64; N])], towards: &[f64; N]) -> Option<Vec<f64>> {
    let m = held.len();
    // The factor is of fixed size; unused places are left out.
    let mut gram = [[0.0; N]; N];
    let mut rhs = [0.0; N];
    if m > N {
        return None;
    }
    for (i, (constraint, ..)) in held.iter().enumerate() {
        let own = constraint.normal();
        rhs[i] = dot(&own, towards);
        for (j, (_, _, direction)) in held.iter().enumerate() {
            gram[i][j] = dot(&own, direction);
        }
    }
    let factor = Factor::new(&gram, std::array::from_fn(|i| i < m))?;
    Some(factor.solve(&rhs)[..m].to_vec())
}

impl<const N: usize> Face<N> {
    /// The interior.
    fn free() -> Self {
        Self(std::array::from_fn(|i| i))
    }

    /// Where these constraints hold with equality.
    fn of(constraints: &[Constraint]) -> Self {
        let mut face = Self::free();
        for constraint in constraints {
            match *constraint {
                Constraint::Zero(i) if face.0[i] == i % 2 => face.0[i % 2] = N,
                Constraint::Zero(i) => face.0[i] = N,
                Constraint::Level(i) if face.0[i] == N => face.0[i % 2] = N,
                Constraint::Level(i) => face.0[i] = i % 2,
            }
        }
        for i in 2..N {
            if face.0[i % 2] == N {
                face.0[i] = N;
            }
        }
        face
    }

    /// The least squares on this face, other constraints aside; none where its columns are dependent.
    fn minimum(self, gram: &[[f64; N]; N], rhs: &[f64; N]) -> Option<Solution<N>> {
        let mut shared = [[0.0; N]; N];
        let mut targets = [0.0; N];
        for i in (0..N).filter(|&i| self.0[i] < N) {
            targets[self.0[i]] += rhs[i];
            for j in (0..N).filter(|&j| self.0[j] < N) {
                shared[self.0[i]][self.0[j]] += gram[i][j];
            }
        }
        let factor = Factor::new(&shared, std::array::from_fn(|i| self.0[i] == i))?;
        let values = factor.solve(&targets);
        let coefficients = self.0.map(|column| values.get(column).copied().unwrap_or(0.0));
        Some(Solution { coefficients, face: self, factor })
    }

    /// Whether a point of the face satisfies the constraints that do not make it.
    fn contains(&self, w: &[f64; N], rounding: f64) -> bool {
        (2..N).all(|i| {
            let level = w[i % 2];
            self.0[i] != i && level >= 0.0 || w[i] >= -rounding * level && w[i] <= level * (1.0 + rounding)
        })
    }

    /// Whether leaving any of its constraints raises the sum of squares.
    fn holds(&self, gram: &[[f64; N]; N], rhs: &[f64; N], w: &[f64; N]) -> bool {
        let slope = |i: usize| dot(&gram[i], w) - rhs[i];
        let slight = |i: usize| 1e-10 * rhs[i].abs();
        let level_holds = |level: usize| {
            self.0[level] < N
                || slope(level) >= (2..N).filter(|i| i % 2 == level).map(|i| f64::max(0.0, -slope(i))).sum()
        };
        level_holds(0)
            && level_holds(1)
            && (2..N).filter(|&i| self.0[i % 2] < N).all(|i| match self.0[i] {
                column if column == i => true,
                column if column == N => slope(i) >= -slight(i),
                _ => slope(i) <= slight(i),
            })
    }
}

impl<const N: usize> Solution<N> {
    /// Rounding errors cut off.
    fn clamped(mut self) -> Self {
        for level in 0..2 {
            self.coefficients[level] = self.coefficients[level].max(0.0);
        }
        for i in 2..N {
            self.coefficients[i] = self.coefficients[i].clamp(0.0, self.coefficients[i % 2]);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Normal = ([[f64; 8]; 8], [f64; 8]);

    fn normal(rows: &[[f64; 8]], y: &[f64]) -> Normal {
        let gram = std::array::from_fn(|i| std::array::from_fn(|j| rows.iter().map(|r| r[i] * r[j]).sum()));
        (gram, std::array::from_fn(|i| rows.iter().zip(y).map(|(r, y)| r[i] * y).sum()))
    }

    /// The sum of squares, less that of the targets.
    fn squares((gram, rhs): &Normal, w: &[f64; 8]) -> f64 {
        (0..8).map(|i| w[i] * (dot(&gram[i], w) - 2.0 * rhs[i])).sum()
    }

    /// Every face, the best of those whose minimum is allowed.
    fn tried_all(problem: &Normal) -> f64 {
        let mut best = 0.0_f64;
        for index in 0..3_usize.pow(6) * 4 {
            let mut constraints = Vec::new();
            let mut rest = index / 4;
            for i in 2..8 {
                match rest % 3 {
                    1 => constraints.push(Constraint::Zero(i)),
                    2 => constraints.push(Constraint::Level(i)),
                    _ => {}
                }
                rest /= 3;
            }
            for level in 0..2 {
                if index >> level & 1 == 1 {
                    constraints.extend([Constraint::Zero(2 + level), Constraint::Level(2 + level)]);
                }
            }
            let face = Face::of(&constraints);
            if let Some(solution) = face.minimum(&problem.0, &problem.1)
                && face.contains(&solution.coefficients, 0.0)
            {
                best = best.min(squares(problem, &solution.coefficients));
            }
        }
        best
    }

    fn check(rows: &[[f64; 8]], y: &[f64]) {
        let problem = normal(rows, y);
        let cold = solve(&problem.0, &problem.1, None).unwrap();
        for i in 2..8 {
            let w = cold.coefficients;
            assert!(w[i] >= 0.0 && w[i] <= w[i % 2], "{w:?}");
        }
        let (ours, best) = (squares(&problem, &cold.coefficients), tried_all(&problem));
        assert!((ours - best).abs() <= 1e-9 * best.abs().max(1e-3), "{ours} {best} {:?}", cold.face);
        let warm = solve(&problem.0, &problem.1, Some(cold.face)).unwrap();
        assert!((squares(&problem, &warm.coefficients) - best).abs() <= 1e-9 * best.abs().max(1e-3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn the_best_of_all_faces_is_found(
            rows in prop::collection::vec(prop::array::uniform8(-1.0..1.0), 10..24),
            y in prop::collection::vec(-1.0..1.0, 24),
        ) {
            check(&rows, &y[..rows.len()]);
        }

        #[test]
        fn also_where_columns_are_alike(
            rows in prop::collection::vec(prop::array::uniform8(0.5..1.0), 9..24),
            y in prop::collection::vec(0.5..1.0, 24),
            shift in 0.0..0.6,
        ) {
            let rows: Vec<[f64; 8]> = rows.iter().map(|row| row.map(|x| x - shift)).collect();
            check(&rows, &y[..rows.len()]);
        }
    }

    #[test]
    fn dependent_columns_and_missing_ones_are_borne() {
        let rows: Vec<[f64; 8]> =
            (1..12).map(f64::from).map(|x: f64| [1.0, x.sqrt(), x, x, 2.0 * x, 0.0, 0.0, 1.0]).collect();
        let y: Vec<f64> = (1..12).map(|i| 3.0 + 0.5 * f64::from(i)).collect();
        let problem = normal(&rows, &y);
        let solution = solve(&problem.0, &problem.1, None).unwrap();
        let explained = squares(&problem, &solution.coefficients) + y.iter().map(|y| y * y).sum::<f64>();
        assert!(explained < 1e-6, "{explained} {solution:?}");
    }

    #[test]
    fn numbers_that_are_none_have_no_solution() {
        assert!(solve(&[[f64::NAN; 8]; 8], &[0.0; 8], None).is_none());
        assert!(solve(&[[f64::INFINITY; 8]; 8], &[1.0; 8], None).is_none());
    }
}
