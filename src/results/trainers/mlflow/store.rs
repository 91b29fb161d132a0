//! The file store of MLflow: a folder a run, with `meta.yaml`, a file for each parameter and tag, and one for each
//! metric, whose lines are a time, a number and a step.

use super::{begun, given};
use crate::diagnostic::Diagnostic;
use crate::results::trainers::points::{Points, TrackedRun};
use crate::results::trainers::{CONFIG, Opener, Problem, folder};
use crate::source::yaml;

/// Largest file of a metric, in bytes.
const METRIC: u64 = 256 << 20;

/// The run whose `meta.yaml` lies at `path`; none where it was deleted.
pub(super) fn run(points: &mut Points<'_>, path: &str, opener: &Opener<'_>) -> Result<Option<TrackedRun>, Diagnostic> {
    let text = opener.text(path, CONFIG)?.unwrap_or_default();
    let said = yaml(&text).map_err(|bad| opener.told(path, bad.into()))?;
    let Some(id) = said["run_id"].as_str().or_else(|| said["run_uuid"].as_str()) else {
        let help = "name folders of runs, such as `mlruns/*/*`";
        return Err(opener.told(path, Problem(None, "is of no run: it has no `run_id`".to_owned(), help)));
    };
    if said["lifecycle_stage"].as_str() == Some("deleted") {
        return Ok(None);
    }
    // The numbers of its `RunStatus`.
    let status = match said["status"].as_u64() {
        Some(1) => "RUNNING",
        Some(2) => "SCHEDULED",
        Some(3) => "FINISHED",
        Some(4) => "FAILED",
        Some(5) => "KILLED",
        _ => "UNKNOWN",
    };
    let mut run = begun(id, status);
    if let Some(experiment) = said["experiment_id"].as_str() {
        run.given.insert("experiment_id".to_owned(), experiment.to_owned());
    }
    for kind in ["params", "tags"] {
        for (name, path) in files(folder(path), kind, opener) {
            let value = opener.text(&path, CONFIG)?.unwrap_or_default();
            given(&mut run, &format!("{kind}."), &name, &value);
        }
    }
    for (name, path) in files(folder(path), "metrics", opener) {
        let Some(metric) = points.wanted(&format!("metrics.{name}")) else {
            continue;
        };
        let text = opener.text(&path, METRIC)?.unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            let (time, number, step) = point(line).ok_or_else(|| {
                let what = format!("has no time, number and step in line {}", index + 1);
                opener.told(&path, Problem(Some(index as u64 + 1), what, "keep it as MLflow wrote it"))
            })?;
            points.add(&mut run, metric, step, (time, number)).map_err(|problem| opener.told(&path, problem))?;
        }
    }
    Ok(Some(run))
}

/// The files of a kind in a run's folder, with their names.
fn files(folder: &str, kind: &str, opener: &Opener<'_>) -> Vec<(String, String)> {
    let inside = if folder.is_empty() { format!("{kind}/") } else { format!("{folder}/{kind}/") };
    let found = opener.world.list(&format!("{inside}**/*")).unwrap_or_default();
    found.into_iter().filter_map(|path| Some((path.strip_prefix(&inside)?.to_owned(), path.clone()))).collect()
}

/// The time, the number and the step of a line; older versions write no step.
fn point(line: &str) -> Option<(i64, f64, i64)> {
    let mut words = line.split_ascii_whitespace();
    let (time, number) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let step = words.next().map_or(Some(0), |step| step.parse().ok())?;
    Some((time, number, step))
}
