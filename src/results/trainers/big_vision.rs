//! big_vision: `big_vision_metrics.txt`, a JSON object for each logged step, and the run's `config.json`.

use serde_json::Value;

use super::{Entry, Log, Problem, cell, json_lines, merge};
use crate::plan::Trainer;

pub(super) fn log(text: &str, config: &Value, trainer: &Trainer) -> Result<Log, Problem> {
    // Older configs have the batch of all processes at their root.
    let batch = config["input"]["batch_size"].as_u64().or_else(|| config["batch_size"].as_u64());
    let mut log = Log::default();
    for line in json_lines(text) {
        let (line, object) = line?;
        let step = object.get("step").and_then(Value::as_u64);
        let examples = step.zip(batch).map(|(step, batch)| step as f64 * batch as f64);
        let metrics = object.iter().filter(|(name, _)| *name != "step");
        // Lists are the shapes of arrays.
        let values = metrics.filter_map(|(name, value)| Some((name.clone(), cell(value)?))).collect();
        merge(&mut log.entries, Entry { line, step, epoch: None, examples, values });
    }
    let [steps, examples, epochs] = ["total_steps", "total_examples", "total_epochs"].map(|name| config[name].as_f64());
    let of_epochs = match epochs {
        None => None,
        Some(epochs) => Some(
            epochs
                * trainer.dataset.ok_or_else(|| {
                    let what = "is of a run whose length its config counts in epochs".to_owned();
                    Problem(None, what, "say how many examples an epoch has: `dataset = 1281167 example`")
                })?,
        ),
    };
    let last = log.entries.last();
    let reached = (last.and_then(|entry| entry.step).map(|step| step as f64), last.and_then(|entry| entry.examples));
    // Steps are whole, and so may lack a part of one.
    let lacks = |reached: Option<f64>, total: Option<f64>, slack: f64| {
        reached.zip(total).is_some_and(|(reached, total)| reached + slack < total)
    };
    let of_step = batch.map_or(0.0, |batch| batch as f64);
    log.has_ended = !lacks(reached.0, steps, 0.0) && !lacks(reached.1, examples.or(of_epochs), of_step);
    Ok(log)
}
