//! big_vision: `big_vision_metrics.txt`, a JSON object for each logged step, and the run's `config.json`.

use serde_json::Value;

use super::{Entry, Log, Problem, cell, json_lines, merge};

pub(super) fn log(text: &str, config: Option<&str>) -> Result<Log, Problem> {
    let config: Value = config.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    // Older configs have the batch of all processes at their root.
    let batch = config["input"]["batch_size"].as_u64().or_else(|| config["batch_size"].as_u64());
    let mut log = Log { has_ended: true, ..Log::default() };
    for line in json_lines(text) {
        let (line, object) = line?;
        let step = object.get("step").and_then(Value::as_u64);
        let examples = step.zip(batch).map(|(step, batch)| step as f64 * batch as f64);
        let metrics = object.iter().filter(|(name, _)| *name != "step");
        // Lists are the shapes of arrays.
        let values = metrics.filter_map(|(name, value)| Some((name.clone(), cell(value)?))).collect();
        merge(&mut log.entries, Entry { line, step, epoch: None, examples, values });
    }
    let total = ["total_steps", "total_examples"].map(|name| config[name].as_f64());
    let last = log.entries.last();
    let fewer = |reached: Option<f64>, total: Option<f64>| {
        reached.zip(total).is_some_and(|(reached, total)| reached < 0.99 * total)
    };
    let step = last.and_then(|entry| entry.step).map(|step| step as f64);
    log.has_ended = !fewer(step, total[0]) && !fewer(last.and_then(|entry| entry.examples), total[1]);
    Ok(log)
}
