//! The Trainer of transformers: `trainer_state.json` and the model's `config.json` beside it.
//!
//! `train_batch_size` is that of one process. `total_flos` counts 6 times parameters times pixels, and is never used.

use serde_json::Value;

use super::{Entry, Log, Problem, cell, merge, plain_numbers};
use crate::plan::Trainer;

pub(super) fn log(text: &str, trainer: &Trainer) -> Result<Log, Problem> {
    let state: Value = serde_json::from_str(&plain_numbers(text)).map_err(|error| {
        Problem(Some(error.line() as u64), format!("is no JSON: {error}"), "keep it as it was written")
    })?;
    let Some(history) = state["log_history"].as_array() else {
        return Err(Problem(None, "has no `log_history`".to_owned(), "keep it as it was written"));
    };
    let batch = state["train_batch_size"].as_u64();
    let mut log = Log::default();
    for logged in history.iter().filter_map(Value::as_object) {
        let step = logged.get("step").and_then(Value::as_u64);
        let examples = step.zip(batch).map(|(step, batch)| step as f64 * trainer.examples_of_a_step(batch));
        let metrics = logged.iter().filter(|(name, _)| !matches!(name.as_str(), "step" | "epoch" | "total_flos"));
        let values = metrics.filter_map(|(name, value)| Some((name.clone(), cell(value)?))).collect();
        merge(&mut log.entries, Entry { line: 1, step, epoch: None, examples, values });
    }
    let last = log.entries.last().and_then(|entry| entry.step);
    log.has_ended = state["max_steps"].as_u64().is_none_or(|most| last.is_some_and(|last| last >= most));
    Ok(log)
}
