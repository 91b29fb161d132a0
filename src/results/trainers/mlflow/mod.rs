//! MLflow: its database, its file store, and the table of `mlflow experiments csv` or `search_runs`.
//!
//! Columns are called as in that table: `params.NAME`, `metrics.NAME`, `tags.NAME`, `run_id` and `status`. Parameters
//! are texts; a number that is none is marked beside it, and an infinite one is written as the largest there is. Of
//! what a metric was at one step, that of the latest time holds. Deleted runs are left out.

mod sqlite;
mod store;

use std::collections::BTreeMap;
use std::io::Read;

use sqlite::{Cell, Database};

use super::exports::{self, Export};
use super::points::{Points, TrackedRun, parsed};
use super::{Opener, Problem, Run};
use crate::diagnostic::Diagnostic;
use crate::plan::{Model, Results, Trainer};
use crate::results::files::is_database;
use crate::results::records::open;

/// Largest database, in bytes.
const DATABASE: u64 = 1 << 30;

pub(super) fn run<'a>(
    results: &'a Results,
    trainer: &'a Trainer,
    model: Option<&Model>,
    paths: &[String],
    opener: &Opener<'_>,
) -> Result<Run<'a>, Diagnostic> {
    let path = paths.first().map_or("", String::as_str);
    let mut points = Points::new(results, trainer);
    let runs = if is_of_store(path) {
        let mut runs = Vec::new();
        for path in paths {
            runs.extend(store::run(&mut points, path, opener)?);
        }
        runs
    } else if is_database(path) {
        let problem = |problem| opener.told(path, problem);
        let bytes = held(opener.open(path)?).map_err(problem)?;
        let database = Database::new(bytes).map_err(|what| problem(wrong(what)))?;
        no_changes_beside(&database, path, opener)?;
        of_database(&mut points, &database).map_err(problem)?
    } else {
        return table(results, model, path, opener);
    };
    points.rows(runs, model).map_err(|problem| opener.told(path, problem))
}

/// Whether a file says of what a folder of the file store is.
pub(super) fn is_of_store(path: &str) -> bool {
    path.rsplit('/').next() == Some("meta.yaml")
}

fn wrong(what: String) -> Problem {
    Problem(None, what, "copy it again while nothing writes to it, or export it by `mlflow experiments csv`")
}

fn held(input: impl Read) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let read = input.take(DATABASE + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(format!("cannot be read to its end: {error}")))?;
    if bytes.len() as u64 > DATABASE {
        let help = "export it by `mlflow experiments csv`";
        return Err(Problem(None, format!("has more than {DATABASE} bytes, which are held whole"), help));
    }
    Ok(bytes)
}

/// A log beside a database holds changes that are not in it yet, or takes back some that are.
fn no_changes_beside(database: &Database, path: &str, opener: &Opener<'_>) -> Result<(), Diagnostic> {
    let ending = if database.has_log { "-wal" } else { "-journal" };
    let beside = format!("{path}{ending}");
    let mut first = [0; 8];
    let has_changes = opener.world.open(&beside).is_ok_and(|mut log| log.read_exact(&mut first).is_ok());
    if has_changes && first != [0; 8] {
        let what = format!("has changes in `{beside}` that are not in it yet");
        return Err(opener.told(path, Problem(None, what, "end what writes to it, and open it once with `sqlite3`")));
    }
    Ok(())
}

fn of_database(points: &mut Points<'_>, database: &Database) -> Result<Vec<TrackedRun>, Problem> {
    let table = |name: &str| {
        let found = database.table(name).map_err(wrong)?;
        found.ok_or_else(|| {
            Problem(None, format!("has no table `{name}`: it is none of MLflow"), "name its `mlflow.db`")
        })
    };
    let mut runs: BTreeMap<String, TrackedRun> = BTreeMap::new();
    // In the order in which they were begun.
    let mut order = Vec::new();
    let columns = ["run_uuid", "status", "lifecycle_stage", "experiment_id"];
    let found = database.rows(&table("runs")?, columns, |[id, status, stage, experiment]| {
        if let (Cell::Text(id), Cell::Text(status)) = (id, status)
            && stage != Cell::Text("deleted".into())
        {
            let mut run = begun(&id, &status);
            if let Cell::Whole(experiment) = experiment {
                run.given.insert("experiment_id".to_owned(), experiment.to_string());
            }
            order.push(id.clone());
            runs.insert(id.into_owned(), run);
        }
        Ok(())
    });
    found.map_err(wrong)?;
    for (name, prefix) in [("params", "params."), ("tags", "tags.")] {
        let found = database.rows(&table(name)?, ["key", "value", "run_uuid"], |[key, value, id]| {
            if let (Cell::Text(key), Cell::Text(value), Cell::Text(id)) = (key, value, id)
                && let Some(run) = runs.get_mut(id.as_ref())
            {
                given(run, prefix, &key, &value);
            }
            Ok(())
        });
        found.map_err(wrong)?;
    }
    let mut full = None;
    let columns = ["key", "value", "timestamp", "run_uuid", "step", "is_nan"];
    let found = database.rows(&table("metrics")?, columns, |[key, value, time, id, step, is_nan]| {
        let (Cell::Text(key), Cell::Text(id)) = (key, id) else { return Ok(()) };
        let Some(metric) = points.wanted(&format!("metrics.{key}")) else { return Ok(()) };
        let value = match value {
            _ if is_nan == Cell::Whole(1) => f64::NAN,
            Cell::Real(value) if value.abs() == f64::MAX => value.signum() * f64::INFINITY,
            Cell::Real(value) => value,
            // A whole real is written so.
            Cell::Whole(value) => value as f64,
            _ => return Ok(()),
        };
        let [time, step] = [time, step].map(|cell| if let Cell::Whole(number) = cell { number } else { 0 });
        if let Some(run) = runs.get_mut(id.as_ref()) {
            points.add(run, metric, step, (time, value)).map_err(|problem| {
                let what = problem.1.clone();
                full = Some(problem);
                what
            })?;
        }
        Ok(())
    });
    found.map_err(|what| full.unwrap_or_else(|| wrong(what)))?;
    Ok(order.iter().filter_map(|id| runs.remove(id.as_ref())).collect())
}

/// A run of which nothing but its state is known.
fn begun(id: &str, status: &str) -> TrackedRun {
    let mut run = TrackedRun::new(id, status == "FINISHED");
    run.given.insert("run_id".to_owned(), id.to_owned());
    run.given.insert("status".to_owned(), status.to_owned());
    run
}

/// Notes a parameter, or a tag, which says nothing of the model.
fn given(run: &mut TrackedRun, prefix: &str, name: &str, value: &str) {
    if prefix == "params." {
        run.config.insert(name.to_owned(), parsed(value));
    }
    run.given.insert(format!("{prefix}{name}"), value.to_owned());
}

fn table<'a>(
    results: &'a Results,
    model: Option<&Model>,
    path: &str,
    opener: &Opener<'_>,
) -> Result<Run<'a>, Diagnostic> {
    let records = open(path, opener.open(path)?).map_err(|broken| broken.diagnostic(path, results.path.span))?;
    let place = |name: &str| records.header().iter().position(|known| known.trim() == name);
    let (Some(run), Some(state)) = (place("run_id"), place("status")) else {
        let what = "has no `run_id` and `status`, as the table of `mlflow experiments csv` has".to_owned();
        let help = "name that table, an `mlflow.db`, or folders of runs such as `mlruns/*/*`";
        return Err(opener.told(path, Problem(Some(1), what, help)));
    };
    let export = Export { run, state, finished: "FINISHED", prefix: "params.", cell: number };
    exports::runs(results, model, (path, opener), records, &export)
}

/// Infinite numbers are written as the largest there are.
fn number(cell: &str) -> &str {
    match cell {
        "1.7976931348623157e+308" => "inf",
        "-1.7976931348623157e+308" => "-inf",
        cell => cell,
    }
}
