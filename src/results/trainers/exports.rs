//! Tables of runs that a tracker exports: a row a run with its state, its hyperparameters and its last metrics.

use std::sync::Arc;

use super::points::{TrackedRun, parsed, sizes};
use super::{Opener, Run, RunRow};
use crate::diagnostic::Diagnostic;
use crate::plan::{Model, Results};
use crate::results::records::{Record, Records};
use crate::vit::{Axis, PerAxis};

/// How a tracker writes such a table.
pub(super) struct Export {
    /// The column that names a run.
    pub(super) run: usize,
    /// The column of its state.
    pub(super) state: usize,
    /// The state of a run that has ended as it was meant to.
    pub(super) finished: &'static str,
    /// What stands before the names of hyperparameters.
    pub(super) prefix: &'static str,
    /// What a cell means.
    pub(super) cell: fn(&str) -> &str,
}

/// Reads the runs of a table; the plan's columns are those of its header, besides `run`, `kind` and the sizes.
pub(super) fn runs<'a>(
    results: &'a Results,
    model: Option<&Model>,
    (path, opener): (&str, &Opener<'_>),
    mut records: Box<dyn Records + '_>,
    export: &Export,
) -> Result<Run<'a>, Diagnostic> {
    let mut names: Vec<String> = records.header().iter().map(|name| name.trim().to_owned()).collect();
    let wanted: Vec<&str> = results.columns.iter().map(|column| column.value.trim()).collect();
    let mut record = Record::default();
    let mut rows = Vec::new();
    loop {
        let next = records.next(&mut record).map_err(|broken| broken.diagnostic(path, results.path.span))?;
        if records.header().len() > names.len() {
            names = records.header().iter().map(|name| name.trim().to_owned()).collect();
        }
        if !next {
            break;
        }
        // Sizes that are no columns under their names follow from hyperparameters.
        let asked = PerAxis::from_fn(|axis| wanted.contains(&axis.name()) && !names.iter().any(|n| n == axis.name()));
        let is_finished = record.cell(export.state).trim().eq_ignore_ascii_case(export.finished);
        let mut run = TrackedRun::new(record.cell(export.run).trim(), is_finished);
        if Axis::ALL.into_iter().any(|axis| *asked.get(axis)) {
            for (at, name) in names.iter().enumerate() {
                let cell = record.cell(at).trim();
                if let Some(name) = name.strip_prefix(export.prefix).filter(|_| !cell.is_empty()) {
                    run.config.insert(name.to_owned(), parsed(cell));
                }
            }
        }
        let sizes = match sizes(results, model, &run, asked) {
            Ok(sizes) => sizes,
            Err(problem) if is_finished => return Err(opener.told(path, problem)),
            Err(_) => PerAxis::from_fn(|_| None),
        };
        let cells = wanted.iter().map(|&name| match name {
            "run" => run.name.clone(),
            "kind" => (if is_finished { "final" } else { "intermediate" }).to_owned(),
            name => match names.iter().position(|known| known == name) {
                Some(at) => (export.cell)(record.cell(at).trim()).to_owned(),
                None => Axis::ALL
                    .into_iter()
                    .find(|axis| axis.name() == name)
                    .and_then(|axis| *sizes.get(axis))
                    .map_or_else(String::new, |size| size.to_string()),
            },
        });
        rows.push((record.line, Arc::from(run.name.as_str()), cells.collect::<Vec<_>>()));
    }
    let sizes = Axis::ALL.map(Axis::name);
    let is_ours = move |name: &str| ["run", "kind"].contains(&name) || sizes.contains(&name);
    let is_there = |name: &str| is_ours(name) || names.iter().any(|known| known == name);
    let keep: Vec<bool> = wanted.iter().map(|name| is_there(name)).collect();
    let mut header: Vec<String> =
        wanted.iter().zip(&keep).filter(|(_, is_kept)| **is_kept).map(|(name, _)| (*name).to_owned()).collect();
    header.extend(names.into_iter().filter(|name| !wanted.contains(&name.as_str())));
    let rows = rows.into_iter().map(move |(line, run, cells)| {
        let kept = cells.into_iter().zip(&keep).filter(|(_, is_kept)| **is_kept).map(|(cell, _)| cell);
        RunRow { line, run: Some(run), cells: kept.collect() }
    });
    Ok(Run { header, rows: Box::new(rows) })
}
