//! From many starts to the best fit, and from it to refits.

use super::Separable;
use super::design::Design;
use super::problem::{Full, Point, Projected, value};
use crate::law::bootstrap::interval;
use crate::law::exact::{Smooth as _, descend, follow};
use crate::law::findings::{self, Shape};
use crate::law::form::Fitted;
use crate::law::levenberg::{LeastSquares as _, Minimum, Tolerance, condition, minimise};
use crate::law::loss::Loss;
use crate::law::random::low_discrepancy;
use crate::law::resample::{Resample, Residuals};
use crate::law::{Scores, Termination};
use crate::plan::Bootstrap;

/// Starts from which functions with kinks are minimised without a minimum of squares between.
const FROM_AFAR: u64 = 4;

/// The best of all starts.
pub(super) struct Best<const N: usize, const K: usize> {
    pub(super) point: Point<N, K>,
    pub(super) z: [f64; K],
    pub(super) value: f64,
    pub(super) termination: Termination,
    pub(super) reached: u64,
    pub(super) condition: f64,
    /// The objective with its scale fixed, for refits.
    pub(super) loss: Loss,
}

pub(super) struct Search<'a, F, const N: usize, const K: usize> {
    pub(super) form: &'a F,
    pub(super) design: &'a Design,
    pub(super) loss: Loss,
    pub(super) starts: u64,
    pub(super) draws: u32,
    pub(super) bootstrap: Option<Bootstrap>,
}

impl<F: Separable<N, K> + Copy + Send + 'static, const N: usize, const K: usize> Search<'_, F, N, K> {
    /// How much of the work the starts are.
    fn share_of_starts(&self) -> f64 {
        let starts = self.starts as f64;
        starts / (starts + f64::from(self.draws) / 4.0)
    }

    fn bounds() -> [(f64, f64); K] {
        F::OUTER.map(|outer| (outer.z(outer.bounds.0), outer.z(outer.bounds.1)))
    }

    /// A start, by its number.
    fn start(i: u64) -> [f64; K] {
        let cube = low_discrepancy::<K>(i);
        std::array::from_fn(|k| {
            let outer = F::OUTER[k];
            let (low, high) = (outer.z(outer.starts.0), outer.z(outer.starts.1));
            low + cube[k] * (high - low)
        })
    }

    pub(super) fn run(&self, progress: &mut dyn FnMut(f64)) -> Option<Best<N, K>> {
        let bounds = Self::bounds();
        let mut problem = Projected::new(self.form, self.design, &self.design.y, self.loss);
        let mut ends: Vec<Minimum<K>> = Vec::new();
        for i in 0..self.starts {
            ends.push(minimise(&mut problem, Self::start(i), &bounds, Tolerance::TIGHT));
            progress(self.share_of_starts() * 0.5 * (i + 1) as f64 / self.starts as f64);
        }
        ends.retain(|end| end.cost.is_finite());
        let first = ends.iter().min_by(|a, b| a.cost.total_cmp(&b.cost))?;
        let loss = self.scaled(&mut problem, first.at);

        // Starts with one end go on as one.
        let mut distinct: Vec<(Minimum<K>, u64, Option<Outcome<N, K>>)> = Vec::new();
        for end in &ends {
            let same = |other: &Minimum<K>| {
                (other.cost - end.cost).abs() <= 1e-9 * other.cost + 1e-18
                    && other.at.iter().zip(&end.at).all(|(a, b)| (a - b).abs() < 1e-5)
            };
            match distinct.iter_mut().find(|(other, _, _)| same(other)) {
                Some((_, count, _)) => *count += 1,
                None => distinct.push((*end, 1, None)),
            }
        }
        // Squares may have one minimum where kinks have several, and rounding decides which of them lies below it.
        let kinks = if loss.delta().is_finite() { self.starts.min(FROM_AFAR) } else { 0 };
        for i in 0..kinks {
            let at = Self::start(i);
            let cost = problem.cost(&at);
            distinct.push((Minimum { at, cost, termination: Termination::Step, evaluations: 1 }, 0, None));
        }
        let total = distinct.len() as f64;
        for (i, (end, _, outcome)) in distinct.iter_mut().enumerate() {
            problem.cost(&end.at);
            *outcome = Some(self.refine(&problem, &end.at, &self.design.y, loss, Some(end.termination)));
            progress(self.share_of_starts() * (0.5 + 0.5 * (i + 1) as f64 / total));
        }
        let outcomes = || distinct.iter().filter_map(|(_, count, outcome)| Some((*count, outcome.as_ref()?)));
        let (_, best) =
            outcomes().filter(|(_, end)| end.value.is_finite()).min_by(|(_, a), (_, b)| a.value.total_cmp(&b.value))?;
        // Data without noise end at rounding errors, which are as good as each other.
        let level = best.value + 1e-8 * best.value.abs() + 1e-16;
        let reached: u64 = outcomes().filter(|(_, outcome)| outcome.value <= level).map(|(count, _)| count).sum();
        let z = std::array::from_fn(|k| F::OUTER[k].z(best.point.theta[k]));
        problem.cost(&z);
        Some(Best {
            point: best.point,
            z,
            value: best.value,
            termination: best.termination,
            reached: reached.max(1),
            condition: condition(&mut problem),
            loss,
        })
    }

    /// The objective with its scale fitted to the residuals, where it has one.
    fn scaled(&self, problem: &mut Projected<'_, F, N, K>, at: [f64; K]) -> Loss {
        if !matches!(self.loss, Loss::RobustHuber | Loss::HuberLikelihood(_)) {
            return self.loss;
        }
        problem.cost(&at);
        let mut loss = self.loss.with_scale(&self.residuals(&problem.point(&at), &self.design.y));
        let mut z = at;
        for _ in 0..50 {
            problem.cost(&z);
            let end = self.refine(problem, &z, &self.design.y, loss, None);
            z = std::array::from_fn(|k| F::OUTER[k].z(end.point.theta[k]));
            let next = self.loss.with_scale(&self.residuals(&end.point, &self.design.y));
            let (before, after) = (loss.delta(), next.delta());
            loss = next;
            if (before - after).abs() <= 1e-7 * before {
                break;
            }
        }
        loss
    }

    /// Goes on from the projected problem's last point, at `z`, to a minimum of `loss`.
    fn refine(
        &self,
        problem: &Projected<'_, F, N, K>,
        z: &[f64; K],
        y: &[f64],
        loss: Loss,
        done: Option<Termination>,
    ) -> Outcome<N, K> {
        let point = problem.point(z);
        if loss.is_square() {
            let value = problem.cost;
            return Outcome { point, value, termination: done.unwrap_or(Termination::Step) };
        }
        self.descend(&point, y, loss)
    }

    fn descend(&self, point: &Point<N, K>, y: &[f64], loss: Loss) -> Outcome<N, K> {
        let mut full = Full { form: self.form, design: self.design, y };
        let end = descend(&mut full, Self::full_point(point), &Self::full_bounds(), loss);
        Outcome { point: Full::<F, N, K>::point(&end.at), value: end.value, termination: end.termination }
    }

    fn residuals(&self, point: &Point<N, K>, y: &[f64]) -> Vec<f64> {
        self.predictions(point).iter().zip(y).map(|(f, y)| (f / y).ln()).collect()
    }

    fn predictions(&self, point: &Point<N, K>) -> Vec<f64> {
        (0..self.design.rows()).map(|row| value(self.form, point, self.design.row(row))).collect()
    }

    /// Refits to data drawn with the noise that the residuals show: a fitted spread, or whole runs where they are known.
    pub(super) fn draws(&self, best: &Best<N, K>, seed: u64, progress: &mut dyn FnMut(f64)) -> Vec<Point<N, K>> {
        if self.draws == 0 {
            return Vec::new();
        }
        let fitted = self.predictions(&best.point);
        let (log, gradients, columns) = self.linearised(best, &fitted);
        let residuals = Residuals {
            log: &log,
            gradients: &gradients,
            columns,
            ln_scale: &self.design.ln_scale,
            clusters: &self.design.clusters,
        };
        let noise = Resample::new(self.bootstrap, &residuals);
        let mut y = fitted.clone();
        let mut problem = Projected::new(self.form, self.design, &y, best.loss);
        let (bounds, full_bounds) = (Self::bounds(), Self::full_bounds());
        let share = self.share_of_starts();
        (0..u64::from(self.draws))
            .map(|stream| {
                noise.draw(seed, stream, &fitted, &self.design.ln_scale, &mut y);
                if stream % 64 == 0 {
                    progress(share + (1.0 - share) * stream as f64 / f64::from(self.draws));
                }
                if best.loss.is_square() {
                    problem.weigh(&y);
                    let end = minimise(&mut problem, best.z, &bounds, Tolerance::LOOSE);
                    problem.point(&end.at)
                } else {
                    let mut full = Full { form: self.form, design: self.design, y: &y };
                    Full::<F, N, K>::point(&follow(&mut full, Self::full_point(&best.point), &full_bounds, best.loss))
                }
            })
            .collect()
    }

    /// Log residuals `ln y - ln f` and the gradients of `ln f` by the free parameters, so many a row.
    fn linearised(&self, best: &Best<N, K>, fitted: &[f64]) -> (Vec<f64>, Vec<f64>, usize) {
        let free: Vec<usize> = (0..K + N).filter(|&i| i < K || best.point.coefficients[i - K] > 0.0).collect();
        let mut full = Full { form: self.form, design: self.design, y: &self.design.y };
        let mut gradients = vec![0.0; self.design.rows() * (K + N)];
        full.gradients(&Self::full_point(&best.point), &mut gradients);
        let rows = gradients.chunks_exact(K + N).zip(fitted);
        let kept = rows.flat_map(|(row, f)| free.iter().map(move |&i| row[i] / f)).collect();
        let residuals = self.design.y.iter().zip(fitted).map(|(y, f)| (y / f).ln()).collect();
        (residuals, kept, free.len())
    }

    fn full_bounds() -> Vec<(f64, f64)> {
        Self::bounds().into_iter().chain(std::iter::repeat_n((0.0, f64::INFINITY), N)).collect()
    }

    fn full_point(point: &Point<N, K>) -> Vec<f64> {
        let z = (0..K).map(|k| F::OUTER[k].z(point.theta[k]));
        z.chain(point.coefficients).collect()
    }

    /// Everything about the fit.
    pub(super) fn told(&self, best: &Best<N, K>, draws: &[Point<N, K>], shape: &Shape<'_>) -> Fitted {
        let raw = |point: &Point<N, K>| {
            let (mut theta, mut w) = (point.theta, point.coefficients);
            self.form.raw(&self.design.ln_units, &mut theta, &mut w);
            let w = w.map(|w| w * self.design.unit);
            let derived = self.form.derived(&theta, &w);
            let named =
                F::COEFFICIENTS.into_iter().zip(w).chain(F::OUTER.map(|outer| outer.name).into_iter().zip(theta));
            named.chain(derived).collect::<Vec<_>>()
        };
        let refits: Vec<_> = draws.iter().map(&raw).collect();
        let parameters: Vec<_> = raw(&best.point)
            .into_iter()
            .enumerate()
            .map(|(i, (name, value))| {
                let draws = refits.iter().filter_map(|refit| Some(refit.get(i)?.1)).collect();
                (name.to_owned(), interval(value, draws))
            })
            .collect();
        let about = self.form.about();
        let zero: Vec<&str> =
            (0..N).filter(|&j| best.point.coefficients[j] == 0.0).map(|j| F::COEFFICIENTS[j]).collect();
        let at_bound: Vec<(&str, f64)> = (0..K)
            .filter(|&k| F::OUTER[k].is_bound(best.point.theta[k]))
            .map(|k| (F::OUTER[k].name, best.point.theta[k]))
            .collect();
        let mut found = shape.findings();
        found.extend(findings::of_fit(&findings::Fit {
            law: about.name,
            zero: &zero,
            at_bound: &at_bound,
            parameters: &parameters,
            condition: best.condition,
            starts: (self.starts, best.reached),
            termination: best.termination,
        }));
        let (residuals, gradients, columns) = self.linearised(best, &self.predictions(&best.point));
        let (form, point, unit) = (*self.form, best.point, self.design.unit);
        let ln_units = self.design.ln_units.clone();
        Fitted {
            parameters,
            objective: (
                best.loss.name(),
                if best.loss == Loss::Absolute { best.value * unit * unit } else { best.value },
            ),
            rows: self.design.rows() as u64,
            hold_out: None,
            termination: best.termination,
            starts: (self.starts, best.reached),
            condition: best.condition,
            scores: Scores::of(&residuals, &gradients, columns),
            findings: found,
            predict: Box::new(move |inputs| {
                let ln_x: Vec<f64> = inputs.iter().zip(&ln_units).map(|(x, unit)| x.ln() - unit).collect();
                unit * value(&form, &point, &ln_x)
            }),
        }
    }
}

/// Where one start ended.
#[derive(Clone, Debug)]
struct Outcome<const N: usize, const K: usize> {
    pub(super) point: Point<N, K>,
    pub(super) value: f64,
    pub(super) termination: Termination,
}
