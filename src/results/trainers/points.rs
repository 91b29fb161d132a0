//! Runs of trackers, which log numbers by name and step: what the plan asks of them, as rows.
//!
//! Only the columns that the plan asks for are held, so that logs may be of any length.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Problem, Run, RunRow, cell, same_parts, unknown_sizes};
use crate::plan::{Model, Results, Trainer};
use crate::vit::{Axis, PerAxis, read_config};

/// Most steps of all runs of one file that have what the plan asks for.
const STEPS: usize = if cfg!(test) { 1 << 10 } else { 1 << 22 };
/// Most names that are told where one is missing.
const NAMES: usize = 10_000;

/// Columns of every run; those of its sizes last.
const COLUMNS: [&str; 7] = ["run", "kind", "step", "examples", "width", "depth", "mlp"];

/// A number, and when it was written; of one step the later holds.
type Point = Option<(i64, f64)>;

/// One run of a tracker.
#[derive(Debug, Default)]
pub(super) struct TrackedRun {
    /// The column `run`.
    pub(super) name: String,
    /// Columns that are one value for the whole run.
    pub(super) given: BTreeMap<String, String>,
    /// What its hyperparameters say of the model.
    pub(super) config: Map<String, Value>,
    /// What the wanted metrics were at each step.
    steps: BTreeMap<i64, Vec<Point>>,
    /// Whether the last of them is the end of the run.
    pub(super) has_ended: bool,
}

/// The runs of one place.
pub(super) struct Points<'a> {
    results: &'a Results,
    trainer: &'a Trainer,
    /// Names of all metrics.
    pub(super) names: BTreeSet<String>,
    held: usize,
}

impl<'a> Points<'a> {
    pub(super) const fn new(results: &'a Results, trainer: &'a Trainer) -> Self {
        Self { results, trainer, names: BTreeSet::new(), held: 0 }
    }

    /// The place of a metric among the columns of the plan; none where it is not asked for.
    pub(super) fn wanted(&mut self, name: &str) -> Option<usize> {
        if self.names.len() < NAMES && !self.names.contains(name) {
            self.names.insert(name.to_owned());
        }
        let is_ours = COLUMNS.contains(&name);
        self.results.columns.iter().position(|column| column.value.trim() == name && !is_ours)
    }

    /// Adds what a metric was at a step, written at a time.
    pub(super) fn add(
        &mut self,
        run: &mut TrackedRun,
        metric: usize,
        step: i64,
        point: (i64, f64),
    ) -> Result<(), Problem> {
        let metrics = self.results.columns.len();
        let at_step = run.steps.entry(step).or_insert_with(|| {
            self.held += 1;
            vec![None; metrics]
        });
        if self.held > STEPS {
            let what = format!("has what the plan asks for at more than {STEPS} steps");
            return Err(Problem(None, what, "ask for metrics that are logged now and then, or thin the log out"));
        }
        if let Some(known) = at_step.get_mut(metric).filter(|known| known.is_none_or(|(time, _)| time <= point.0)) {
            *known = Some(point);
        }
        Ok(())
    }

    /// The rows of the runs: steps at which all is there that the plan asks for.
    pub(super) fn rows(&self, runs: Vec<TrackedRun>, model: Option<&Model>) -> Result<Run<'a>, Problem> {
        let names: Vec<&'a str> = self.results.columns.iter().map(|column| column.value.trim()).collect();
        let mut known: BTreeSet<&str> = self.names.iter().map(String::as_str).collect();
        known.extend(runs.iter().flat_map(|run| run.given.keys().map(String::as_str)));
        let asked = PerAxis::from_fn(|axis| names.contains(&axis.name()));
        known.extend(COLUMNS.into_iter().filter(|name| {
            let axis = Axis::ALL.into_iter().find(|axis| axis.name() == *name);
            axis.is_none_or(|axis| *asked.get(axis))
        }));
        // The plan's columns stand first: rows have no others.
        let columns: Vec<(usize, &'a str)> =
            names.iter().copied().enumerate().filter(|(_, name)| known.contains(name)).collect();
        let mut header: Vec<String> = columns.iter().map(|(_, name)| (*name).to_owned()).collect();
        header.extend(known.iter().filter(|name| !names.contains(name)).map(|name| (*name).to_owned()));
        let mut whole = Vec::new();
        for mut run in runs {
            run.steps.retain(|_, at| {
                columns.iter().all(|&(column, name)| {
                    let is_there = at.get(column).is_some_and(Option::is_some);
                    is_there || COLUMNS.contains(&name) || run.given.contains_key(name)
                })
            });
            if !run.steps.is_empty() {
                let sizes = match sizes(self.results, model, &run, asked) {
                    Err(problem) if run.has_ended => return Err(problem),
                    sizes => sizes.unwrap_or_else(|_| PerAxis::from_fn(|_| None)),
                };
                whole.push((run, sizes));
            }
        }
        let of_step = self.trainer.batch.map(|batch| self.trainer.examples_of_a_step(batch));
        let is_one = whole.len() == 1;
        let rows = whole.into_iter().flat_map(move |(run, sizes)| {
            let named: Option<Arc<str>> = (!is_one).then(|| Arc::from(run.name.as_str()));
            let last = run.steps.last_key_value().map(|(&step, _)| step).filter(|_| run.has_ended);
            let columns = columns.clone();
            run.steps.into_iter().map(move |(step, at)| {
                let cell = |&(column, name): &(usize, &str)| match name {
                    "run" => run.name.clone(),
                    "kind" => (if last == Some(step) { "final" } else { "intermediate" }).to_owned(),
                    "step" => step.to_string(),
                    "examples" => of_step.map_or_else(String::new, |of_step| (step as f64 * of_step).to_string()),
                    name => match Axis::ALL.into_iter().find(|axis| axis.name() == name) {
                        Some(axis) => sizes.get(axis).map_or_else(String::new, |size| size.to_string()),
                        None => match at.get(column).copied().flatten() {
                            Some((_, number)) => number.to_string(),
                            None => run.given.get(name).cloned().unwrap_or_default(),
                        },
                    },
                };
                let cells = columns.iter().map(cell).collect();
                RunRow { line: step.max(1) as u64, run: named.clone(), cells }
            })
        });
        Ok(Run { header, rows: Box::new(rows) })
    }
}

impl TrackedRun {
    /// A run that has logged nothing yet.
    pub(super) fn new(name: &str, has_ended: bool) -> Self {
        Self { name: name.to_owned(), has_ended, ..Self::default() }
    }

    /// Forgets what was logged from a step on.
    pub(super) fn purge(&mut self, step: i64) {
        self.steps.split_off(&step);
    }

    /// Notes a hyperparameter: a column under its full name, and a word of the config under its own.
    pub(super) fn give(&mut self, prefix: &str, name: &str, value: Value) {
        if let Some(cell) = cell(&value) {
            self.given.insert(format!("{prefix}{name}"), cell);
        }
        self.config.insert(name.to_owned(), value);
    }
}

/// The sizes that a run's hyperparameters say: those of a config of transformers, or under the names of plans.
pub(super) fn sizes(
    results: &Results,
    model: Option<&Model>,
    run: &TrackedRun,
    asked: PerAxis<bool>,
) -> Result<PerAxis<Option<u64>>, Problem> {
    if Axis::ALL.into_iter().all(|axis| !asked.get(axis)) {
        return Ok(PerAxis::from_fn(|_| None));
    }
    let sizes = if run.config.contains_key("model_type") {
        let text = Value::Object(run.config.clone()).to_string();
        let vit = read_config(&text).map_err(|problem| unknown_sizes(&problem))?.vit;
        same_parts(results, model, &vit)?;
        let shape = vit.shape;
        PerAxis { width: Some(shape.width), depth: Some(shape.depth), mlp: Some(shape.mlp_dim) }
    } else {
        let size = |names: &[&str]| names.iter().find_map(|name| whole(run.config.get(*name)?));
        PerAxis { width: size(&["width"]), depth: size(&["depth"]), mlp: size(&["mlp", "mlp_dim"]) }
    };
    match Axis::ALL.into_iter().find(|&axis| *asked.get(axis) && sizes.get(axis).is_none()) {
        None => Ok(sizes),
        Some(axis) => {
            let what =
                format!("says no `{}` of run `{}`, by that name or in a config of transformers", axis.name(), run.name);
            let help = "write `width`, `depth` and `mlp` in the plan, as numbers or as columns of what was logged";
            Err(Problem(None, what, help))
        }
    }
}

/// A whole number, also one that was written as a real.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().filter(|x| x.fract() == 0.0 && (1.0..1e15).contains(x)).map(|x| x as u64))
}

/// A hyperparameter that was written as text: a number, a truth value of Python or JSON, or the text.
pub(super) fn parsed(text: &str) -> Value {
    match text {
        "True" => json!(true),
        "False" => json!(false),
        "None" => Value::Null,
        text => match serde_json::from_str(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => value,
            _ => json!(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::TrainerKind;
    use crate::source::{Span, Spanned};

    #[test]
    fn runs_are_held_up_to_a_limit() {
        let text = |text: &str| Spanned::new(text.to_owned(), Span::default());
        let results = Results {
            name: text("a"),
            path: text("a"),
            trainer: None,
            model: None,
            columns: vec![text("loss")],
            shape: None,
            examples: None,
            metrics: Vec::new(),
            numbers: Vec::new(),
            weight: None,
            keep: None,
            hold_out: None,
            group: Vec::new(),
            cluster: None,
            seeds: crate::plan::Seeds::Keep,
        };
        let kind = TrainerKind::Tensorboard;
        let trainer =
            Trainer { kind, span: Span::default(), processes: 1, dataset: None, batch: None, accumulation: 1 };
        let mut points = Points::new(&results, &trainer);
        assert_eq!((points.wanted("loss"), points.wanted("other"), points.wanted("run")), (Some(0), None, None));
        let mut run = TrackedRun::new("a", true);
        for step in (0..).take(STEPS) {
            points.add(&mut run, 0, step, (1, 0.5)).unwrap();
        }
        // A step that is known takes no room, and what was written before does not hold.
        points.add(&mut run, 0, 7, (0, 0.9)).unwrap();
        assert_eq!(run.steps[&7], [Some((1, 0.5))]);
        let Problem(_, what, _) = points.add(&mut run, 0, -1, (1, 0.5)).unwrap_err();
        assert_eq!(what, format!("has what the plan asks for at more than {STEPS} steps"));
    }

    #[test]
    fn parameters_are_read_as_python_writes_them() {
        let read: Vec<Value> = ["64", "1e-06", "True", "None", "map", "[14, 14]"].map(parsed).into();
        assert_eq!(read, [json!(64), json!(1e-6), json!(true), Value::Null, json!("map"), json!("[14, 14]")]);
    }
}
