//! Weights & Biases: the table of a project's runs as its page exports it, its charts, and histories of runs.
//!
//! `_step` counts calls of `wandb.log`, not steps of an optimizer: the plan says the examples. A history does not say
//! whether its run has ended: its last row is taken for its end.

use std::collections::BTreeMap;

use super::charts;
use super::exports::{self, Export};
use super::points::{Points, TrackedRun};
use super::{Opener, Problem, Run};
use crate::diagnostic::Diagnostic;
use crate::plan::{Model, Results, Trainer};
use crate::results::records::{Record, Records, open};

pub(super) fn run<'a>(
    results: &'a Results,
    trainer: &'a Trainer,
    model: Option<&Model>,
    path: &str,
    opener: &Opener<'_>,
) -> Result<Run<'a>, Diagnostic> {
    let broken = |broken: crate::results::records::Broken| broken.diagnostic(path, results.path.span);
    // The header of JSON is that of its first row.
    let mut peeked = open(path, opener.open(path)?).map_err(broken)?;
    let is_open = peeked.is_open();
    if is_open {
        peeked.next(&mut Record::default()).map_err(broken)?;
    }
    let header: Vec<String> = peeked.header().iter().map(|name| name.trim().to_owned()).collect();
    let place = |names: &[&str]| header.iter().position(|known| names.contains(&known.as_str()));
    let records = if is_open { open(path, opener.open(path)?).map_err(broken)? } else { peeked };
    match (place(&["State", "state"]), place(&["_step"])) {
        (Some(state), _) => {
            let run = place(&["Name", "name"]).or_else(|| place(&["ID", "id"])).unwrap_or(state);
            let export = Export { run, state, finished: "finished", prefix: "", cell: |cell| cell };
            exports::runs(results, model, (path, opener), records, &export)
        }
        (None, Some(_)) if place(&["Name", "name"]).is_none() => {
            history(results, trainer, model, (path, opener), records)
        }
        (None, _) if charts::is_chart(&header) => {
            charts::runs(results, trainer, model, (path, opener), (&header, records))
        }
        (None, _) => {
            let what = "has no `State` of runs, as the table of a project has, and is no history, which has `_step`";
            let help =
                "export the table of the project's runs as CSV with their states, a chart, or the history of a run";
            Err(opener.told(path, Problem(Some(1), what.to_owned(), help)))
        }
    }
}

/// The steps of one run, or of those that `run_id` tells apart.
fn history<'a>(
    results: &'a Results,
    trainer: &'a Trainer,
    model: Option<&Model>,
    (path, opener): (&str, &Opener<'_>),
    mut records: Box<dyn Records + '_>,
) -> Result<Run<'a>, Diagnostic> {
    let mut points = Points::new(results, trainer);
    let mut runs: BTreeMap<String, TrackedRun> = BTreeMap::new();
    let mut record = Record::default();
    let mut known = 0;
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    let (mut step_at, mut run_at, mut metrics) = (None, None, Vec::new());
    while records.next(&mut record).map_err(|broken| broken.diagnostic(path, results.path.span))? {
        let header = records.header();
        if header.len() > known {
            known = header.len();
            let place = |name: &str| header.iter().position(|known| known.trim() == name);
            (step_at, run_at) = (place("_step"), place("run_id"));
            let wanted = header.iter().enumerate().map(|(at, name)| (at, points.wanted(name.trim())));
            metrics = wanted.filter_map(|(at, metric)| Some((at, metric?))).collect();
        }
        let told = |what: String, help| opener.told(path, Problem(Some(record.line), what, help));
        let number = |at: usize| match record.cell(at).trim() {
            "" => Ok(None),
            cell => cell.parse::<f64>().map(Some).map_err(|_| {
                let name = header.get(at).map_or("", String::as_str);
                let what = format!("has `{}` in column `{name}`, line {}", super::short(cell), record.line);
                told(what, "ask for columns of numbers: a history has one of each at a step")
            }),
        };
        let Some(step) = step_at.map(number).transpose()?.flatten() else {
            return Err(told(format!("has no `_step` in line {}", record.line), "export the history again"));
        };
        let name = run_at.map_or(path, |at| record.cell(at).trim());
        if last.get(name).is_some_and(|&last| last >= step) {
            let what = format!("is no history of one run: its `_step` does not grow in line {}", record.line);
            return Err(told(what, "tell runs apart by `run_id`; a table of runs needs their `State`"));
        }
        last.insert(name.to_owned(), step);
        let run = runs.entry(name.to_owned()).or_insert_with(|| TrackedRun::new(name, true));
        for &(at, metric) in &metrics {
            if let Some(value) = number(at)? {
                points.add(run, metric, step as i64, (0, value)).map_err(|problem| opener.told(path, problem))?;
            }
        }
    }
    points.rows(runs.into_values().collect(), model).map_err(|problem| opener.told(path, problem))
}
