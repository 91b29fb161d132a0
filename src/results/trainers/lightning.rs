//! Lightning's CSV logger: `metrics.csv`, several rows a step with empty cells. Steps of the optimizer count from 0.
//! How long a run was to be is not written: its last row is taken for its end.

use super::{Entry, Log, Problem, csv, merge, take_count};
use crate::plan::Trainer;

pub(super) fn log(text: &str, trainer: &Trainer) -> Result<Log, Problem> {
    let mut log = Log { has_ended: true, ..Log::default() };
    for (line, mut values) in csv(text)? {
        let epoch = take_count(&mut values, "epoch", line)?;
        let step = take_count(&mut values, "step", line)?;
        let of_step = trainer.batch.map(|batch| trainer.examples_of_a_step(batch));
        let examples = step.zip(of_step).map(|(step, of_step)| (step + 1) as f64 * of_step);
        merge(&mut log.entries, Entry { line, step, epoch, examples, values });
    }
    Ok(log)
}
