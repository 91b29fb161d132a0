//! TensorBoard: event files, several of a run where its training began anew.
//!
//! Numbers are of 32 bits, so that a copy of them in a table may differ behind the seventh digit. Hyperparameters are
//! those of its plugin, also where PyTorch's `add_hparams` writes them: in a folder below the run's. How long a run was
//! to be is not written: its last row is taken for its end, unless its hyperparameters say that it failed.
//! Keras keeps a run in two folders, `train` and `validation`, whose tags are the same: here they begin with the folder.

mod event;
mod folders;
mod records;

use std::io::Read;

use event::{Given, Logged, event};
use folders::half;
pub(super) use folders::{folders, logs};
use records::{EventRecords, Unread};
use serde_json::{Value, json};

use super::points::{Points, TrackedRun};
use super::{Opener, Problem, Run, folder};
use crate::diagnostic::Diagnostic;
use crate::plan::{Model, Results, Trainer};
use crate::results::files::{files, sources};
use crate::source::Pattern;

pub(super) fn run<'a>(
    results: &'a Results,
    trainer: &'a Trainer,
    model: Option<&Model>,
    paths: &[String],
    opener: &Opener<'_>,
) -> Result<Run<'a>, Diagnostic> {
    let Some(first) = paths.first() else { return Ok(Run { header: Vec::new(), rows: Box::new(std::iter::empty()) }) };
    let mut points = Points::new(results, trainer);
    let here = folders(results)(first);
    let mut run = TrackedRun::new(here, true);
    for path in paths.iter().filter(|path| folder(path) == here) {
        let read = read(opener.open(path)?, &mut points, &mut run, Part::Run);
        read.map_err(|problem| opener.told(path, problem))?;
    }
    for path in &below(results, here, opener) {
        let part = half(path).map_or(Part::Hyperparameters, |(_, half)| Part::Half(half));
        let read = read(opener.open(path)?, &mut points, &mut run, part);
        read.map_err(|problem| opener.told(path, problem))?;
    }
    points.rows(vec![run], model).map_err(|problem| opener.told(first, problem))
}

/// What a file holds of a run.
#[derive(Clone, Copy)]
enum Part<'a> {
    Run,
    /// Numbers of the half of that name.
    Half(&'a str),
    Hyperparameters,
}

/// Event files in the folders right below a run's.
fn below(results: &Results, folder: &str, opener: &Opener<'_>) -> Vec<String> {
    let Some(pattern) = sources(results).pop() else { return Vec::new() };
    let file = pattern.rsplit('/').next().unwrap_or_default();
    let here = Pattern::new(&if folder.is_empty() { format!("*/{file}") } else { format!("{folder}/*/{file}") });
    let found = files(&pattern, opener.world).unwrap_or_default();
    found.into_iter().filter(|path| here.matches(path)).collect()
}

/// Reads one file, of which a part counts.
fn read(input: impl Read, points: &mut Points<'_>, run: &mut TrackedRun, part: Part<'_>) -> Result<(), Problem> {
    let is_of_run = matches!(part, Part::Run);
    let mut records = EventRecords::new(std::io::BufReader::with_capacity(1 << 16, input));
    loop {
        let next = records.next();
        let data = match next {
            Ok(Some(data)) => data,
            Ok(None) => return Ok(()),
            Err(Unread::Damaged) => {
                let what = match records.count {
                    0 => "is no event file: the checksum of its first record is wrong".to_owned(),
                    count => {
                        format!("is damaged: the checksum of record {}, at byte {}, is wrong", count + 1, records.at)
                    }
                };
                return Err(Problem(None, what, "copy the file again, or leave the run out"));
            }
            Err(Unread::World(error)) => {
                return Err(Problem(None, format!("cannot be read to its end: {error}"), "make the file anew"));
            }
        };
        let (step, logged) = event(data);
        for logged in logged {
            match logged {
                Logged::Scalar(tag, number) if !matches!(part, Part::Hyperparameters) => {
                    let tag = if let Part::Half(half) = part { format!("{half}/{tag}") } else { tag };
                    if let Some(metric) = points.wanted(&tag) {
                        points.add(run, metric, step, (0, number))?;
                    }
                }
                // The Trainer of transformers writes its model's config so.
                Logged::Text(tag, text) if is_of_run && tag == "model_config/text_summary" => {
                    if let Ok(Value::Object(config)) = serde_json::from_str(&text) {
                        run.config.extend(config);
                    }
                }
                Logged::Hyperparameter(name, given) => {
                    let value = match given {
                        // All numbers are reals here, sizes too.
                        Given::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => json!(number as i64),
                        Given::Number(number) => json!(number),
                        Given::Text(text) => json!(text),
                        Given::Truth(truth) => json!(truth),
                    };
                    run.give("hparams.", &name, value);
                }
                Logged::Ended(has_ended) => run.has_ended = has_ended,
                Logged::Restart if is_of_run => run.purge(step),
                Logged::Scalar(..) | Logged::Text(..) | Logged::Restart => {}
            }
        }
    }
}
