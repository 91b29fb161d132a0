//! Learning curves, one for each group.

use std::collections::BTreeMap;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::law::forms::{m1, m2, m3, m4};
use crate::law::learning::{self, Points, solve};
use crate::law::loss::Loss;
use crate::law::{Curve, CurveLaw, CurveParameters, FitReport, HoldOut, Sample, Termination, codes};
use crate::plan::CurveForm;
use crate::results::Row;

/// A fitted curve.
struct Found {
    parameters: CurveParameters,
    fit: FitReport,
    /// Exponents at a bound.
    at_bound: Vec<&'static str>,
}

impl Context<'_> {
    /// Fits one curve for each group of the table, in order of first appearance.
    pub(super) fn curves(&mut self, form: CurveForm) -> Option<CurveLaw> {
        let table = self.table;
        let mut groups: Vec<(&[String], Vec<&Row>)> = Vec::new();
        let mut places: BTreeMap<&[String], usize> = BTreeMap::new();
        for row in &table.rows {
            let place = *places.entry(&row.group).or_insert(groups.len());
            match groups.get_mut(place) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((&row.group, vec![row])),
            }
        }
        let curves: Vec<_> = groups.iter().map(|(group, rows)| self.curve(form, group, rows)).collect();
        let curves: Option<Vec<Curve>> = curves.into_iter().collect();
        Some(CurveLaw { form_name: form, metric: self.metric(), group: table.group.clone(), curves: curves? })
    }

    fn curve(&mut self, form: CurveForm, group: &[String], rows: &[&Row]) -> Option<Curve> {
        let metric = self.data.metric;
        let point = |row: &&Row| Some((row.examples, *row.metrics.get(metric)?));
        let points: Vec<(f64, f64)> = rows.iter().filter(|row| !row.hold_out).filter_map(point).collect();
        let held_out: Vec<(f64, f64)> = rows.iter().filter(|row| row.hold_out).filter_map(point).collect();
        let of = if group.is_empty() { String::new() } else { format!(" of `{}`", group.join(", ")) };

        let parameters = parameters(form);
        let mut durations: Vec<f64> = points.iter().map(|p| p.0).collect();
        durations.sort_by(f64::total_cmp);
        durations.dedup();
        if durations.len() <= parameters {
            let message = format!(
                "`{}` has {} points to fit for the curve{of}, and the law needs at least {}",
                self.table.name,
                durations.len(),
                parameters + 1
            );
            let help = "add checkpoints at other numbers of examples, or hold fewer rows out";
            let note = format!("the law has {parameters} parameters; points of equal examples count once");
            self.report(Diagnostic::error(codes::TOO_FEW_POINTS, message).help(help).note(note));
            return None;
        }
        let Some(fitted) = fit(form, &self.metric(), points) else {
            let message = format!("the curve{of} cannot be fitted: no start has a finite objective");
            self.report(Diagnostic::error(codes::NO_FIT, message).help("check the table for extreme values"));
            return None;
        };
        for exponent in &fitted.at_bound {
            let message =
                format!("`{}`: the exponent `{exponent}`{of} is at a bound of its search", self.spec.name.value);
            let help = "judge the curve by its held-out rows; its parameters are not what the data say";
            self.report(Diagnostic::warning(codes::AT_BOUND, message).help(help));
        }
        if fitted.fit.termination == Termination::Iterations {
            let message =
                format!("`{}`: the fit{of} had not converged when its iterations ended", self.spec.name.value);
            let help = "distrust its parameters, which the data do not tell apart; judge it by its held-out rows";
            self.report(Diagnostic::warning(codes::NOT_CONVERGED, message).help(help));
        }
        let hold_out = hold_out(form, &fitted.parameters, &held_out);
        Some(Curve { group: group.to_vec(), parameters: fitted.parameters, fit: fitted.fit, hold_out })
    }
}

const fn parameters(form: CurveForm) -> usize {
    match form {
        CurveForm::M1 => 2,
        CurveForm::M2 | CurveForm::M3 => 3,
        CurveForm::M4 => 5,
    }
}

/// Fits one form to the points that serve extrapolation best: M4 to the whole curve, the others to its later half.
///
/// They have no bend at the start of training, where losses leave their ceiling; fitted to the whole curve they pay for
/// that bend with a wrong tail. M4 has that bend, and needs the beginning to find it. Held-out rows take no part.
fn fit(form: CurveForm, metric: &str, mut points: Vec<(f64, f64)>) -> Option<Found> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let later = later_half(&points, parameters(form));
    let is_rate = metric == "error";
    let mut found = match form {
        CurveForm::M1 => of::<m1::M1, 2>(later, is_rate),
        CurveForm::M2 => of::<m2::M2, 3>(later, is_rate),
        CurveForm::M3 => of::<m3::M3, 3>(later, is_rate),
        CurveForm::M4 => return of::<m4::M4, 5>(&points, is_rate),
    }?;
    found.fit.objective += ", later half of the points";
    Some(found)
}

fn of<C: learning::Curve<P>, const P: usize>(points: &[(f64, f64)], is_rate: bool) -> Option<Found> {
    let columns = vec![points.iter().map(|p| p.0).collect(), points.iter().map(|p| p.1).collect()];
    let points = Points::new(&Sample { columns, ..Sample::default() }).of_rate(is_rate);
    let best = solve::<C, P>(&points, Loss::Log, None)?;
    let at_bound = best.held::<C>(&points).1.into_iter().filter(|name| ["c", "a"].contains(name)).collect();
    let rows = points.iter().len();
    let fit = FitReport {
        rows: rows as u64,
        parameters: P as u64,
        objective: best.loss.name(),
        value: best.value,
        rmse: (best.value / rows as f64).sqrt(),
        termination: best.termination,
        evaluations: best.evaluations,
        starts: best.starts.0,
        at_best: best.starts.1,
        condition: best.condition,
        draws: 0,
        seed: 0,
    };
    Some(Found { parameters: C::raw(&best.z, &points), fit, at_bound })
}

/// The later half of sorted points, reaching further back until it has two more numbers of examples than parameters.
fn later_half(points: &[(f64, f64)], parameters: usize) -> &[(f64, f64)] {
    let half = points.len() / 2;
    let mut distinct = 0;
    for (start, point) in points.iter().enumerate().rev() {
        distinct += usize::from(points.get(start + 1).is_none_or(|next| next.0 != point.0));
        if start <= half && distinct >= parameters + 2 {
            return &points[start..];
        }
    }
    points
}

/// `None` without held-out rows.
fn hold_out(form: CurveForm, curve: &CurveParameters, points: &[(f64, f64)]) -> Option<HoldOut> {
    let squares: f64 = points.iter().map(|&(x, y)| (curve.predict(form, x) / y).ln().powi(2)).sum();
    let rows = points.len() as u64;
    (rows > 0).then(|| HoldOut { rows, rmse_log: (squares / rows as f64).sqrt() })
}
