//! timm's `train.py`: `summary.csv`, a row an epoch, and `args.yaml` beside it.
//!
//! Epochs count from 0, accuracies are in percent, and neither the processes nor the data set's size is written.

use serde_json::{Map, Value, json};
use yaml_rust2::parser::{Event, EventReceiver, Parser};
use yaml_rust2::{ScanError, Yaml, YamlLoader};

use super::{Entry, Log, Problem, csv, take};
use crate::plan::Trainer;

pub(super) fn log(text: &str, arguments: &Value, trainer: &Trainer) -> Result<Log, Problem> {
    if arguments["epoch_repeats"].as_f64().is_some_and(|repeats| repeats != 0.0) {
        let what = "is of a run with `epoch_repeats`, whose examples do not follow from its epochs".to_owned();
        return Err(Problem(None, what, "leave the run out, or write its rows as a table"));
    }
    // The loader drops the last batch that is not full, and gradients that are added up change nothing of it.
    let of_epoch = arguments["batch_size"].as_u64().zip(trainer.dataset).map(|(batch, dataset)| {
        let batch = batch as f64 * trainer.processes as f64;
        (dataset / batch).floor() * batch
    });
    let mut log = Log::default();
    for (line, mut values) in csv(text)? {
        let epoch = take(&mut values, "epoch").map(|epoch| epoch as u64);
        let examples = epoch.zip(of_epoch).map(|(epoch, of_epoch)| (epoch + 1) as f64 * of_epoch);
        log.entries.push(Entry { line, step: None, epoch, examples, values });
    }
    let cooldown = arguments["cooldown_epochs"].as_u64().unwrap_or(0);
    let epochs = arguments["epochs"].as_u64().map(|epochs| epochs + cooldown);
    let seen = log.entries.last().and_then(|entry| entry.epoch).map(|epoch| epoch + 1);
    // Without the arguments nobody knows how long it was to be.
    log.has_ended = epochs.is_none_or(|epochs| seen.is_some_and(|seen| seen >= epochs));
    Ok(log)
}

/// The encoder that `args.yaml` names, as timm's configs say it: its sizes stand in `model_kwargs`.
pub(super) fn model_config(arguments: &Value) -> Value {
    let mut sizes = arguments["model_kwargs"].as_object().cloned().unwrap_or_default();
    if let Some(pool) = arguments["gp"].as_str() {
        sizes.insert("global_pool".to_owned(), json!(pool));
    }
    json!({ "num_classes": arguments["num_classes"].as_u64().unwrap_or(1000), "model_args": sizes })
}

/// Most aliases of a text; each copies what it names, those of copies too.
const ALIASES: usize = 8;

/// YAML as JSON; what JSON has no word for is null.
pub(super) fn yaml(text: &str) -> Result<Value, Problem> {
    let help = "keep it as the trainer wrote it";
    let broken = |error: ScanError| Problem(Some(error.marker().line() as u64), format!("is no YAML: {error}"), help);
    let mut aliases = Aliases(0);
    Parser::new_from_str(text).load(&mut aliases, true).map_err(broken)?;
    if aliases.0 > ALIASES {
        return Err(Problem(None, format!("has more than {ALIASES} aliases"), help));
    }
    let documents = YamlLoader::load_from_str(text).map_err(broken)?;
    Ok(documents.first().map_or(Value::Null, value))
}

/// Counts aliases.
struct Aliases(usize);

impl EventReceiver for Aliases {
    fn on_event(&mut self, event: Event) {
        self.0 += usize::from(matches!(event, Event::Alias(_)));
    }
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Integer(number) => json!(number),
        Yaml::Real(_) => yaml.as_f64().map_or(Value::Null, |number| json!(number)),
        Yaml::String(text) => json!(text),
        Yaml::Boolean(truth) => json!(truth),
        Yaml::Array(list) => list.iter().map(value).collect(),
        Yaml::Hash(map) => {
            let entries = map.iter().filter_map(|(key, entry)| Some((key.as_str()?.to_owned(), value(entry))));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
    }
}
