//! Many starts, one answer.

use super::levenberg::{LeastSquares, Minimum, Tolerance, condition, minimise, polish};
use super::{FitReport, Termination};

/// The best of several starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Best<const P: usize> {
    /// Where it lies.
    pub(super) at: [f64; P],
    /// The sum of squared residuals there.
    pub(super) cost: f64,
    /// Why the best start stopped.
    pub(super) termination: Termination,
    /// Evaluations of all starts.
    pub(super) evaluations: u64,
    /// Starts tried.
    pub(super) starts: u64,
    /// Starts that came as low, to 1e-8 of the cost.
    pub(super) reached: u64,
    /// Condition number of the Jacobian there.
    pub(super) condition: f64,
}

/// Minimises from every start; of equal ends the earlier start's wins. Leaves the problem evaluated at the best.
pub(super) fn from_all<const P: usize>(
    problem: &mut impl LeastSquares<P>,
    starts: &[[f64; P]],
    bounds: &[(f64, f64); P],
) -> Option<Best<P>> {
    let ends = ends(problem, starts, bounds);
    best_of(problem, &ends, bounds, starts.len() as u64)
}

/// Where every start ends, but for those without a finite objective.
pub(super) fn ends<const P: usize>(
    problem: &mut impl LeastSquares<P>,
    starts: &[[f64; P]],
    bounds: &[(f64, f64); P],
) -> Vec<Minimum<P>> {
    let ends = starts.iter().map(|&start| minimise(problem, start, bounds, Tolerance::TIGHT));
    ends.filter(|end| end.cost.is_finite()).collect()
}

/// The best of several ends; of equal ones the earlier wins. Leaves the problem evaluated there.
pub(super) fn best_of<const P: usize>(
    problem: &mut impl LeastSquares<P>,
    ends: &[Minimum<P>],
    bounds: &[(f64, f64); P],
    starts: u64,
) -> Option<Best<P>> {
    let best = ends.iter().min_by(|a, b| a.cost.total_cmp(&b.cost))?;
    // Data without noise end at rounding errors, which are as good as each other.
    let level = best.cost * (1.0 + 1e-8) + 1e-16;
    let tried: u64 = ends.iter().map(|end| end.evaluations).sum();
    let polished = polish(problem, Minimum { evaluations: 0, ..*best }, bounds);
    let evaluations = tried + polished.evaluations;
    Some(Best {
        at: polished.at,
        cost: polished.cost,
        termination: best.termination,
        evaluations,
        starts,
        reached: ends.iter().filter(|end| end.cost <= level).count() as u64,
        condition: condition(problem),
    })
}

impl<const P: usize> Best<P> {
    /// The report of a fit without draws.
    pub(super) fn report(&self, objective: &str, rows: usize, parameters: u64) -> FitReport {
        FitReport {
            rows: rows as u64,
            parameters,
            objective: objective.to_owned(),
            value: self.cost,
            rmse: (self.cost / rows as f64).sqrt(),
            termination: self.termination,
            evaluations: self.evaluations,
            starts: self.starts,
            at_best: self.reached,
            condition: self.condition,
            draws: 0,
            seed: 0,
        }
    }
}
