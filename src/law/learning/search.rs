//! From many starts to the best fit, and from it to refits.

use super::problem::{Problem, first};
use super::{Curve, Points};
use crate::law::Termination;
use crate::law::exact::{descend, follow};
use crate::law::levenberg::{LeastSquares as _, Minimum, Tolerance, condition, minimise};
use crate::law::loss::Loss;
use crate::law::random::low_discrepancy;
use crate::law::starts::{best_of, ends, from_all};

/// Of more points every start sees an even choice; what is best there is refined on all of them.
const MANY: usize = 128;

/// The best of all starts.
#[derive(Clone, Copy, Debug)]
pub(in crate::law) struct Solved<const P: usize> {
    /// Parameters in natural units.
    pub(in crate::law) z: [f64; P],
    /// The objective there.
    pub(in crate::law) value: f64,
    /// Why the best start stopped.
    pub(in crate::law) termination: Termination,
    /// Starts, and those that came as low.
    pub(in crate::law) starts: (u64, u64),
    /// Condition number of the Jacobian.
    pub(in crate::law) condition: f64,
    /// The objective with its scale fixed, for refits.
    pub(in crate::law) loss: Loss,
}

impl<const P: usize> Solved<P> {
    /// Names of the parameters that are held at 0, and of those at another bound.
    pub(in crate::law) fn held<C: Curve<P>>(&self, points: &Points) -> (Vec<&'static str>, Vec<&'static str>) {
        let (mut zero, mut at_bound) = (Vec::new(), Vec::new());
        for ((name, z), (low, high)) in C::NAMES.into_iter().zip(self.z).zip(C::bounds(points)) {
            if z <= low && ["e", "g", "a"].contains(&name) {
                zero.push(name);
            } else if z <= low || z >= high {
                at_bound.push(name);
            }
        }
        (zero, at_bound)
    }
}

/// Fits one form from its own starts, or from so many. `None` where no start has a finite objective.
pub(in crate::law) fn solve<C: Curve<P>, const P: usize>(
    points: &Points,
    loss: Loss,
    starts: Option<u32>,
) -> Option<Solved<P>> {
    let places: Vec<[f64; 2]> = match starts {
        Some(n) => (0..u64::from(n.max(1))).map(low_discrepancy::<2>).collect(),
        None => C::GRID.to_vec(),
    };
    let starts: Vec<[f64; P]> = places.into_iter().map(|place| C::start(points, place)).collect();
    let bounds = C::bounds(points);
    let few = points.thinned(MANY);
    let seen = few.as_ref().unwrap_or(points);
    let mut problem = Problem::<C, P>::new(seen);
    let found = ends(&mut problem, &starts, &bounds);
    let coarse = best_of(&mut problem, &found, &bounds, starts.len() as u64)?;
    if loss != Loss::Log {
        return other::<C, P>(points, seen, loss, &found, starts.len() as u64);
    }
    let best = match few {
        None => coarse,
        Some(_) => from_all(&mut Problem::<C, P>::new(points), &[coarse.at], &bounds)?,
    };
    Some(Solved {
        z: best.at,
        value: best.cost,
        termination: best.termination,
        starts: (coarse.starts, coarse.reached),
        condition: best.condition,
        loss,
    })
}

/// Minimises another objective from every end of least squares.
fn other<C: Curve<P>, const P: usize>(
    points: &Points,
    seen: &Points,
    loss: Loss,
    found: &[Minimum<P>],
    starts: u64,
) -> Option<Solved<P>> {
    let bounds = C::bounds(points);
    let least = found.iter().min_by(|a, b| a.cost.total_cmp(&b.cost))?;
    let loss = scaled::<C, P>(seen, loss, least.at);
    let mut distinct: Vec<(&Minimum<P>, u64)> = Vec::new();
    for end in found {
        let same = |other: &Minimum<P>| (other.cost - end.cost).abs() <= 1e-9 * other.cost + 1e-18;
        match distinct.iter_mut().find(|(other, _)| same(other)) {
            Some((_, count)) => *count += 1,
            None => distinct.push((end, 1)),
        }
    }
    let mut problem = Problem::<C, P>::new(seen);
    let descended: Vec<_> =
        distinct.iter().map(|(end, count)| (descend(&mut problem, end.at.to_vec(), &bounds, loss), *count)).collect();
    let finite = || descended.iter().filter(|(end, _)| end.value.is_finite());
    let (best, _) = finite().min_by(|(a, _), (b, _)| a.value.total_cmp(&b.value))?;
    // Data without noise end at rounding errors, which are as good as each other.
    let level = best.value + 1e-8 * best.value.abs() + 1e-16;
    let reached = finite().filter(|(end, _)| end.value <= level).map(|(_, count)| count).sum();
    let best = if seen.rows() < points.rows() {
        descend(&mut Problem::<C, P>::new(points), best.at.clone(), &bounds, loss)
    } else {
        best.clone()
    };
    let z = first::<P>(&best.at);
    Some(Solved {
        z,
        value: best.value,
        termination: best.termination,
        starts: (starts, reached),
        condition: condition_at::<C, P>(points, &z),
        loss,
    })
}

/// The objective with its scale fitted to the residuals, where it has one.
fn scaled<C: Curve<P>, const P: usize>(points: &Points, loss: Loss, at: [f64; P]) -> Loss {
    let fitted = |z: &[f64; P]| {
        let residuals: Vec<f64> = points.iter().map(|p| (C::predict(z, p.x).0 / p.y).ln()).collect();
        loss.with_scale(&residuals)
    };
    let mut now = fitted(&at);
    if now == loss {
        return loss;
    }
    let mut z = at;
    for _ in 0..50 {
        let end = descend(&mut Problem::<C, P>::new(points), z.to_vec(), &C::bounds(points), now);
        z = first::<P>(&end.at);
        let before = now.delta();
        now = fitted(&z);
        if (before - now.delta()).abs() <= 1e-7 * before {
            break;
        }
    }
    now
}

/// Condition number of the Jacobian of log predictions at `z`.
pub(super) fn condition_at<C: Curve<P>, const P: usize>(points: &Points, z: &[f64; P]) -> f64 {
    let mut problem = Problem::<C, P>::new(points);
    problem.cost(z);
    condition(&mut problem)
}

/// Goes from the fit of other data, which differ by noise, to that of these, as far as intervals need.
pub(super) fn refit<C: Curve<P>, const P: usize>(points: &Points, from: &Solved<P>) -> [f64; P] {
    let (mut problem, bounds) = (Problem::<C, P>::new(points), C::bounds(points));
    if from.loss == Loss::Log {
        return minimise(&mut problem, from.z, &bounds, Tolerance::LOOSE).at;
    }
    let inside = from.z.iter().zip(bounds).map(|(z, (low, high))| z.clamp(low, high)).collect();
    first::<P>(&follow(&mut problem, inside, &bounds, from.loss))
}
