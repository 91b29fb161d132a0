//! Charts that Weights & Biases exports: a column for each line, `RUN - METRIC`, with `__MIN` and `__MAX` of the points
//! that were drawn as one, by the steps of the first column.
//!
//! A chart does not say whether its runs have ended: the last point of each is taken for its end.

use std::collections::BTreeMap;

use super::points::{Points, TrackedRun};
use super::{Opener, Problem, Run, short};
use crate::diagnostic::Diagnostic;
use crate::plan::{Model, Results, Trainer};
use crate::results::records::{Record, Records};

/// What stands between the name of a run and that of a metric.
const BETWEEN: &str = " - ";
/// Endings of columns that are no lines.
const BOUNDS: [&str; 2] = ["__MIN", "__MAX"];

/// Whether a header is that of a chart.
pub(super) fn is_chart(header: &[String]) -> bool {
    header.iter().skip(1).any(|name| is_bound(name, header))
}

/// Whether a column bounds a line of the chart.
fn is_bound(name: &str, header: &[String]) -> bool {
    let line = BOUNDS.iter().find_map(|bound| name.strip_suffix(bound)).filter(|line| line.contains(BETWEEN));
    line.is_some_and(|line| header.iter().any(|known| known == line))
}

/// A line of a chart: its column, its run and its metric among those of the plan.
struct Line {
    at: usize,
    run: usize,
    metric: usize,
}

pub(super) fn runs<'a>(
    results: &'a Results,
    trainer: &'a Trainer,
    model: Option<&Model>,
    (path, opener): (&str, &Opener<'_>),
    (header, mut records): (&[String], Box<dyn Records + '_>),
) -> Result<Run<'a>, Diagnostic> {
    let told = |line, what, help| opener.told(path, Problem(line, what, help));
    let mut points = Points::new(results, trainer);
    let mut runs: Vec<TrackedRun> = Vec::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for (at, name) in header.iter().enumerate().skip(1).filter(|(_, name)| !is_bound(name, header)) {
        let Some((run, metric)) = name.rsplit_once(BETWEEN) else { continue };
        if header.iter().take(at).any(|before| before == name) {
            let what = format!("has two columns `{}`: its runs are not told apart", short(name));
            return Err(told(Some(1), what, "give the runs names of their own, and export the chart again"));
        }
        let run = *known.entry(run).or_insert_with(|| {
            runs.push(TrackedRun::new(run, true));
            runs.len() - 1
        });
        if let Some(metric) = points.wanted(metric) {
            lines.push(Line { at, run, metric });
        }
    }
    // The plan may ask for the steps by the name of their column.
    let axis = header.first().and_then(|name| points.wanted(name));
    let mut record = Record::default();
    while records.next(&mut record).map_err(|broken| broken.diagnostic(path, results.path.span))? {
        let line = record.line;
        let number = |at: usize| match record.cell(at).trim() {
            "" => Ok(None),
            cell => cell.parse::<f64>().map(Some).map_err(|_| {
                let name = header.get(at).map_or("", String::as_str);
                let what = format!("has `{}` in column `{}`, line {line}", short(cell), short(name));
                told(Some(line), what, "export the chart again")
            }),
        };
        let Some(step) = number(0)?.filter(|step| step.fract() == 0.0 && step.abs() < 1e15) else {
            let what = format!("has no step in line {line}: its first column is no count");
            return Err(told(Some(line), what, "choose steps for the x axis, and export the chart again"));
        };
        for &Line { at, run, metric } in &lines {
            let (Some(value), Some(run)) = (number(at)?, runs.get_mut(run)) else { continue };
            for (metric, value) in [Some((metric, value)), axis.map(|axis| (axis, step))].into_iter().flatten() {
                let added = points.add(run, metric, step as i64, (0, value));
                added.map_err(|problem| opener.told(path, problem))?;
            }
        }
    }
    points.rows(runs, model).map_err(|problem| opener.told(path, problem))
}
