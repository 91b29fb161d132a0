//! timm's `train.py`: `summary.csv`, a row an epoch, and `args.yaml` beside it.
//!
//! Epochs count from 0, accuracies are in percent, and neither the processes nor the data set's size is written.

use serde_json::{Map, Value, json};
use yaml_rust2::{Yaml, YamlLoader};

use super::{Entry, Log, Problem, csv, take, unknown_sizes};
use crate::plan::Trainer;
use crate::vit::{Vit, read_config};

pub(super) fn log(text: &str, arguments: Option<&str>, trainer: &Trainer) -> Result<Log, Problem> {
    let arguments = arguments.map(yaml).transpose()?.unwrap_or(Value::Null);
    let batch = trainer.batch.or_else(|| arguments["batch_size"].as_u64());
    // The loader drops the last batch that is not full, and gradients that are added up change nothing of it.
    let of_epoch = batch.zip(trainer.dataset).map(|(batch, dataset)| {
        let batch = batch as f64 * trainer.processes as f64;
        (dataset / batch).floor() * batch
    });
    let epochs = arguments["epochs"].as_u64().map(|epochs| epochs + arguments["cooldown_epochs"].as_u64().unwrap_or(0));
    let mut log = Log::default();
    for (line, mut values) in csv(text)? {
        let epoch = take(&mut values, "epoch").map(|epoch| epoch as u64);
        let examples = epoch.zip(of_epoch).map(|(epoch, of_epoch)| (epoch + 1) as f64 * of_epoch);
        log.entries.push(Entry { line, step: None, epoch, examples, values });
    }
    // Without the arguments nobody knows how long it was to be.
    let last = log.entries.last().and_then(|entry| entry.epoch);
    log.has_ended = match (epochs, last) {
        (Some(epochs), Some(last)) => last + 1 >= epochs || last + 1 >= arguments["epochs"].as_u64().unwrap_or(epochs),
        _ => true,
    };
    Ok(log)
}

/// The encoder that `args.yaml` names: its sizes stand in `model_kwargs`.
pub(super) fn encoder(text: &str) -> Result<Vit, Problem> {
    let arguments = yaml(text)?;
    let mut sizes = arguments["model_kwargs"].as_object().cloned().unwrap_or_default();
    if let Some(pool) = arguments["gp"].as_str() {
        sizes.insert("global_pool".to_owned(), json!(pool));
    }
    let classes = arguments["num_classes"].as_u64().unwrap_or(1000);
    let config = json!({ "num_classes": classes, "model_args": sizes });
    let read = read_config(&config.to_string()).map_err(|problem| unknown_sizes(&problem))?;
    Ok(read.vit)
}

/// YAML as JSON; what JSON has no word for is null.
fn yaml(text: &str) -> Result<Value, Problem> {
    let documents = YamlLoader::load_from_str(text)
        .map_err(|error| Problem(Some(error.marker().line() as u64), format!("is no YAML: {error}"), "make it anew"))?;
    Ok(documents.first().map_or(Value::Null, value))
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
