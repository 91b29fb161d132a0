//! A learning curve as a law form: intervals, scores and findings around one fit.

use super::problem::Problem;
use super::search::{Solved, condition_at, refit, solve};
use super::{Curve, Points, VARIABLES, published};
use crate::diagnostic::Diagnostic;
use crate::law::bootstrap::interval;
use crate::law::exact::Smooth as _;
use crate::law::findings::{self, Shape};
use crate::law::form::{FitOptions, Fitted, Form, Sample, Variable};
use crate::law::learning::CurveParameters;
use crate::law::loss::Loss;
use crate::law::resample::{Resample, Residuals};
use crate::law::{Scores, codes};
use crate::plan::Objective;

/// A learning curve, fitted as one form.
#[derive(Debug)]
pub(in crate::law) struct One<C, const P: usize>(pub(in crate::law) C);

impl<C: Curve<P>, const P: usize> Form for One<C, P> {
    fn name(&self) -> &'static str {
        C::FORM.name()
    }

    fn formula(&self) -> &'static str {
        C::FORMULA
    }

    fn source(&self) -> &'static str {
        "Alabdulmohsin, Neyshabur, Zhai 2022, arXiv 2209.06640; published: the authors' procedure"
    }

    fn variables(&self) -> &'static [Variable] {
        VARIABLES
    }

    fn fit(&self, sample: &Sample, options: &FitOptions, progress: &mut dyn FnMut(f64)) -> Result<Fitted, Diagnostic> {
        let law = C::FORM.name();
        let shape = Shape::of(law, VARIABLES, sample, P);
        shape.enough()?;
        let points = Points::new(sample);
        if options.objective == Some(Objective::Published) {
            let best = published::<C, P>(sample, &points)?;
            let told = Told { points: &points, best: &best, shape: &shape, objective: Some(PUBLISHED) };
            return Ok(told.fitted::<C>(&[]));
        }
        let loss = Loss::of(options.objective.unwrap_or(Objective::Log)).unwrap_or(Loss::Log);
        let Some(best) = solve::<C, P>(&points, loss, options.starts) else {
            let message = format!("`{law}` cannot be fitted: no start has a finite objective");
            return Err(Diagnostic::error(codes::NO_FIT, message).help("check the table for extreme values"));
        };
        let told = Told { points: &points, best: &best, shape: &shape, objective: None };
        let draws = told.draws::<C>(options, progress);
        Ok(told.fitted::<C>(&draws))
    }
}

/// The name of what the authors minimised.
const PUBLISHED: &str = "sum of squares between the logarithms of both sides, by the authors' procedure";

/// The authors' procedure. Its end has no refits: it is no estimate that refits would spread about.
fn published<C: Curve<P>, const P: usize>(sample: &Sample, points: &Points) -> Result<Solved<P>, Diagnostic> {
    let law = C::FORM.name();
    if !points.is_even() {
        let message = format!("the published procedure of `{law}` knows no weights");
        return Err(Diagnostic::error(codes::NO_SUCH_OBJECTIVE, message)
            .help("fit another objective, or give every row the same weight"));
    }
    let columns = sample.columns.first().map_or(&[][..], Vec::as_slice).iter().zip(sample.target());
    let mut pairs: Vec<(f64, f64)> = columns.map(|(x, y)| (*x, *y)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let Some(end) = published::run(C::FORM, &pairs) else {
        let message = format!("`{law}` cannot be fitted: the published procedure comes to no falling curve");
        return Err(Diagnostic::error(codes::NO_FIT, message).help("fit another objective, or check the table"));
    };
    let z = C::natural(&end.parameters, points);
    Ok(Solved {
        z,
        value: end.value,
        termination: end.termination,
        starts: (1, 1),
        condition: condition_at::<C, P>(points, &z),
        loss: Loss::Log,
    })
}

/// A fit and what it was fitted to.
struct Told<'a, const P: usize> {
    points: &'a Points,
    best: &'a Solved<P>,
    shape: &'a Shape<'a>,
    /// Its objective's name, where that is not its loss's.
    objective: Option<&'static str>,
}

impl<const P: usize> Told<'_, P> {
    fn predictions<C: Curve<P>>(&self) -> Vec<f64> {
        self.points.iter().map(|p| C::predict(&self.best.z, p.x).0).collect()
    }

    /// Log residuals `ln y - ln f` and the gradients of `ln f` by the parameters that no bound holds, so many a row.
    fn linearised<C: Curve<P>>(&self, fitted: &[f64]) -> (Vec<f64>, Vec<f64>, usize) {
        let bounds = C::bounds(self.points);
        let is_free = |&i: &usize| self.best.z[i] > bounds[i].0 && self.best.z[i] < bounds[i].1;
        let free: Vec<usize> = (0..P).filter(is_free).collect();
        let mut gradients = vec![0.0; fitted.len() * P];
        Problem::<C, P>::new(self.points).gradients(&self.best.z, &mut gradients);
        let rows = gradients.chunks_exact(P).zip(fitted);
        let kept = rows.flat_map(|(row, f)| free.iter().map(move |&i| row[i] / f)).collect();
        (self.points.iter().zip(fitted).map(|(p, f)| (p.y / f).ln()).collect(), kept, free.len())
    }

    /// Refits to data drawn with the noise that the residuals show: a fitted spread, or whole runs where they are known.
    fn draws<C: Curve<P>>(&self, options: &FitOptions, progress: &mut dyn FnMut(f64)) -> Vec<CurveParameters> {
        if options.draws == 0 {
            return Vec::new();
        }
        let fitted = self.predictions::<C>();
        let ln_x: Vec<f64> = self.points.iter().map(|p| p.x).collect();
        let (log, gradients, columns) = self.linearised::<C>(&fitted);
        let clusters = self.points.clusters();
        let residuals = Residuals { log: &log, gradients: &gradients, columns, ln_scale: &ln_x, clusters };
        let noise = Resample::new(options.bootstrap, &residuals);
        let (mut points, mut y) = (self.points.clone(), fitted.clone());
        (0..u64::from(options.draws))
            .map(|stream| {
                noise.draw(options.seed, stream, &fitted, &ln_x, &mut y);
                points.set(&y);
                if stream % 16 == 0 {
                    progress(stream as f64 / f64::from(options.draws));
                }
                C::raw(&refit::<C, P>(&points, self.best), &points)
            })
            .collect()
    }

    /// Everything about the fit.
    fn fitted<C: Curve<P>>(&self, draws: &[CurveParameters]) -> Fitted {
        let (best, unit) = (self.best, self.points.y_unit);
        let curve = C::raw(&best.z, self.points);
        let refits: Vec<_> = draws.iter().map(|draw| draw.named(C::FORM)).collect();
        let named = curve.named(C::FORM);
        let parameters: Vec<_> = named
            .iter()
            .enumerate()
            .map(|(i, (name, value))| {
                let draws = refits.iter().filter_map(|refit| Some(refit.get(i)?.1)).collect();
                ((*name).to_owned(), interval(*value, draws))
            })
            .collect();
        let (zero, at_bound) = best.held::<C>(self.points);
        let at_bound: Vec<(&str, f64)> = named.iter().copied().filter(|(name, _)| at_bound.contains(name)).collect();
        let mut found = self.shape.findings();
        found.extend(findings::of_fit(&findings::Fit {
            law: C::FORM.name(),
            zero: &zero,
            at_bound: &at_bound,
            parameters: &parameters,
            condition: best.condition,
            starts: best.starts,
            termination: best.termination,
        }));
        let (residuals, gradients, columns) = self.linearised::<C>(&self.predictions::<C>());
        let square = if best.loss == Loss::Absolute { unit * unit } else { 1.0 };
        Fitted {
            parameters,
            objective: (self.objective.map_or_else(|| best.loss.name(), str::to_owned), best.value * square),
            rows: self.points.rows() as u64,
            hold_out: None,
            termination: best.termination,
            starts: best.starts,
            condition: best.condition,
            scores: Scores::of(&residuals, &gradients, columns),
            findings: found,
            predict: Box::new(move |inputs| curve.predict(C::FORM, inputs.first().copied().unwrap_or(f64::NAN))),
        }
    }
}
