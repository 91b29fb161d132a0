//! timm's `train.py`: `summary.csv`, a row an epoch, and `args.yaml` beside it.
//!
//! Epochs count from 0, accuracies are in percent, and neither the processes nor the data set's size is written.

use serde_json::Value;

use super::{Entry, Log, Problem, csv, take_count};
use crate::plan::Trainer;

pub(super) fn log(text: &str, arguments: &Value, trainer: &Trainer) -> Result<Log, Problem> {
    if arguments["epoch_repeats"].as_f64().is_some_and(|repeats| repeats != 0.0) {
        let what = "is of a run with `epoch_repeats`, whose examples do not follow from its epochs".to_owned();
        return Err(Problem(None, what, "leave the run out, or write its rows as a table"));
    }
    // Every process takes an equal part of the data, padded, and drops its last batch that is not full; gradients that
    // are added up change nothing of it.
    let of_epoch = arguments["batch_size"].as_u64().zip(trainer.dataset).map(|(batch, dataset)| {
        let (batch, processes) = (batch as f64, trainer.processes as f64);
        ((dataset / processes).ceil() / batch).floor() * batch * processes
    });
    let mut log = Log::default();
    for (line, mut values) in csv(text)? {
        let epoch = take_count(&mut values, "epoch", line)?;
        let examples = epoch.zip(of_epoch).map(|(epoch, of_epoch)| (epoch + 1) as f64 * of_epoch);
        log.entries.push(Entry { line, step: None, epoch, examples, values });
    }
    let extra = |name: &str| arguments[name].as_u64().unwrap_or(0);
    let warmup = if arguments["warmup_prefix"] == true { extra("warmup_epochs") } else { 0 };
    let more = extra("cooldown_epochs").saturating_add(warmup);
    let epochs = arguments["epochs"].as_u64().map(|epochs| epochs.saturating_add(more));
    let seen = log.entries.last().and_then(|entry| entry.epoch).map(|epoch| epoch + 1);
    // Without the arguments nobody knows how long it was to be.
    log.has_ended = epochs.is_none_or(|epochs| seen.is_some_and(|seen| seen >= epochs));
    Ok(log)
}
