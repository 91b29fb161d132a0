//! open_clip: `results.jsonl`, an object for each evaluation. Its `num_samples` are those of the validation.
//! How long a run was to be is not written: its last row is taken for its end.

use serde_json::Value;

use super::{Entry, Log, Problem, cell, json_lines};
use crate::plan::Trainer;

pub(super) fn log(text: &str, trainer: &Trainer) -> Result<Log, Problem> {
    let mut log = Log { has_ended: true, ..Log::default() };
    for line in json_lines(text) {
        let (line, object) = line?;
        // Epochs are counted once they are over.
        let epoch = object.get("epoch").and_then(Value::as_u64);
        let examples = epoch.zip(trainer.dataset).map(|(epoch, dataset)| epoch as f64 * dataset);
        let metrics = object.iter().filter(|(name, _)| !matches!(name.as_str(), "epoch" | "num_samples"));
        let values = metrics.filter_map(|(name, value)| Some((name.clone(), cell(value)?))).collect();
        log.entries.push(Entry { line, step: None, epoch, examples, values });
    }
    Ok(log)
}
