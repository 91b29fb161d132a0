//! Logs of trainers to rows: one module a trainer, and the columns that all of them have.
//!
//! | column | what it holds |
//! |---|---|
//! | `run` | the run's folder |
//! | `kind` | `final` for what a run ended with, else `intermediate` |
//! | `step`, `epoch` | as the trainer counts them |
//! | `examples` | what the run had seen |
//! | `width`, `depth`, `mlp`, `heads` | what its config says |
//!
//! and every metric under the name that the trainer logs.

mod big_vision;
mod charts;
mod exports;
mod lightning;
mod mlflow;
mod open_clip;
mod points;
mod tensorboard;
mod timm;
mod transformers;
mod wandb;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use serde_json::Value;

use super::codes;
use super::files::{files, sources};
use super::row::short;
use crate::diagnostic::{DataPlace, Diagnostic};
use crate::plan::{Model, Results, Trainer, TrainerKind};
use crate::source::{BadYaml, ReadError, World, yaml};
use crate::vit::{Activation, Architecture, ConfigProblem, Vit, read_config};

/// Largest log, in bytes.
const LOG: u64 = 64 << 20;
/// Largest config, in bytes.
const CONFIG: u64 = 1 << 20;

/// What a run logged, in the order of its steps.
#[derive(Debug, Default)]
struct Log {
    entries: Vec<Entry>,
    /// Whether the last of them is the end of the run.
    has_ended: bool,
}

/// Cells with their names.
type Values = Vec<(String, String)>;

/// What was logged at one point of a run.
#[derive(Debug, Default)]
struct Entry {
    line: u64,
    step: Option<u64>,
    epoch: Option<u64>,
    examples: Option<f64>,
    /// Metrics with their names.
    values: Values,
}

impl Entry {
    /// Where in the run it stands, as the trainer counts.
    fn point(&self) -> Option<u64> {
        self.step.or(self.epoch)
    }
}

/// The rows of one run, or of all that a tracker holds in one place.
pub(super) struct Run<'a> {
    pub(super) header: Vec<String>,
    pub(super) rows: Box<dyn Iterator<Item = RunRow> + 'a>,
}

/// One row of a run.
pub(super) struct RunRow {
    pub(super) line: u64,
    /// The run's name, where one place holds several.
    pub(super) run: Option<Arc<str>>,
    /// Its cells, which may be fewer than the header.
    pub(super) cells: Vec<String>,
}

/// Why a file of a run cannot be used: the line, what is wrong with it, and what to do.
#[derive(Debug)]
struct Problem(Option<u64>, String, &'static str);

impl From<BadYaml> for Problem {
    fn from(BadYaml { line, what }: BadYaml) -> Self {
        Self(line, what, "keep it as the trainer wrote it")
    }
}

/// The files of each run, of those that fit the first of its patterns.
pub(super) fn runs<'a>(results: &Results, trainer: &Trainer, files: &'a [String]) -> Vec<&'a [String]> {
    match trainer.kind {
        TrainerKind::Tensorboard => {
            let folder = tensorboard::folders(results);
            files.chunk_by(|a, b| folder(a) == folder(b)).collect()
        }
        // One of them may have failed before it logged anything.
        TrainerKind::Mlflow => files.chunk_by(|a, b| mlflow::is_of_store(a) && mlflow::is_of_store(b)).collect(),
        _ => files.chunks(1).collect(),
    }
}

/// The logs of a trainer's runs, those of a run one after another.
///
/// # Errors
/// Those of [`World::list`].
pub(super) fn logs(results: &Results, trainer: &Trainer, world: &dyn World) -> Result<Vec<String>, ReadError> {
    match trainer.kind {
        TrainerKind::Tensorboard => tensorboard::logs(results, world),
        _ => files(sources(results).first().map_or("", String::as_str), world),
    }
}

/// Reads the run whose log lies in these files. Rows without one of the metrics that the plan asks for are left out.
pub(super) fn run<'a>(
    results: &'a Results,
    trainer: &'a Trainer,
    model: Option<&Model>,
    files: &[String],
    world: &dyn World,
) -> Result<Run<'a>, Diagnostic> {
    let path = files.first().map_or("", String::as_str);
    let open = Opener { results, world };
    match trainer.kind {
        TrainerKind::Tensorboard => tensorboard::run(results, trainer, model, files, &open),
        TrainerKind::Wandb => wandb::run(results, trainer, model, path, &open),
        TrainerKind::Mlflow => mlflow::run(results, trainer, model, files, &open),
        _ => of_trainer(results, trainer, model, path, &open),
    }
}

/// Opens the files of a table, and says what is wrong with them.
struct Opener<'a> {
    results: &'a Results,
    world: &'a dyn World,
}

impl<'a> Opener<'a> {
    fn told(&self, path: &str, Problem(line, what, help): Problem) -> Diagnostic {
        Diagnostic::error(codes::BAD_LOG, format!("`{path}` {what}"))
            .label(self.results.path.span, "a run of this trainer")
            .at(DataPlace { path: path.to_owned(), line, column: None })
            .help(help)
    }

    fn unreadable(&self, path: &str, why: &ReadError) -> Diagnostic {
        Diagnostic::error(codes::UNREADABLE_TABLE, format!("cannot read `{path}`: {why}"))
            .from_world()
            .label(self.results.path.span, why.to_string())
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + 'a>, Diagnostic> {
        self.world.open(path).map_err(|why| self.unreadable(path, &why))
    }

    /// The text of a file; none where it is not there.
    fn text(&self, path: &str, limit: u64) -> Result<Option<String>, Diagnostic> {
        match self.world.open(path) {
            Ok(input) => text(input, limit).map(Some).map_err(|problem| self.told(path, problem)),
            Err(ReadError::NotFound) => Ok(None),
            Err(error) => Err(self.unreadable(path, &error)),
        }
    }
}

fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

fn of_trainer<'a>(
    results: &Results,
    trainer: &Trainer,
    model: Option<&Model>,
    path: &str,
    files: &Opener<'_>,
) -> Result<Run<'a>, Diagnostic> {
    let told = |path: &str, problem| files.told(path, problem);
    let log = files.text(path, LOG)?.ok_or_else(|| files.unreadable(path, &ReadError::NotFound))?;
    let folder = folder(path);
    let config = match trainer.kind.files().1 {
        None => None,
        Some(file) => {
            let at = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
            match files.text(&at, CONFIG)? {
                None => None,
                Some(text) => Some((parsed(trainer.kind, &text).map_err(|problem| told(&at, problem))?, at)),
            }
        }
    };
    let said = config.as_ref().map_or(&Value::Null, |(config, _)| config);
    let log = match trainer.kind {
        TrainerKind::Timm => timm::log(&log, said, trainer),
        TrainerKind::Transformers => transformers::log(&log, trainer),
        TrainerKind::BigVision => big_vision::log(&log, said, trainer),
        TrainerKind::Lightning => lightning::log(&log, trainer),
        TrainerKind::OpenClip => open_clip::log(&log, trainer),
        TrainerKind::Tensorboard | TrainerKind::Wandb | TrainerKind::Mlflow => Ok(Log::default()),
    };
    let log = log.map_err(|problem| told(path, problem))?;
    if log.entries.is_empty() {
        let what = "has no rows: its run logged nothing".to_owned();
        return Err(told(path, Problem(None, what, "leave the run out until it has logged something")));
    }
    let asks_sizes = results.columns.iter().any(|column| SIZES.contains(&column.value.as_str()));
    let vit = match &config {
        Some((said, at)) if asks_sizes => {
            let vit = read_config(&said.to_string()).map_err(|problem| told(at, unknown_sizes(&problem)))?.vit;
            same_parts(results, model, &vit).map_err(|problem| told(at, problem))?;
            Some(vit)
        }
        None if asks_sizes => {
            let file = trainer.kind.files().1.unwrap_or("config");
            let what = format!("has no `{file}` beside it, which says what was trained");
            let help = "keep it there, or write `width`, `depth` and `mlp` in the plan";
            return Err(told(path, Problem(None, what, help)));
        }
        _ => None,
    };
    Ok(table(results, &log, folder, vit.as_ref()))
}

/// The text of a file of at most so many bytes.
fn text(input: impl Read, limit: u64) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    let read = input.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| Problem(None, format!("cannot be read to its end: {error}"), "make the file anew"))?;
    if bytes.len() as u64 > limit {
        return Err(Problem(None, format!("has more than {limit} bytes"), "name the files of one run"));
    }
    String::from_utf8(bytes).map_err(|_| Problem(None, "is not UTF-8".to_owned(), "save the file as UTF-8 text"))
}

/// What a config says.
fn parsed(kind: TrainerKind, text: &str) -> Result<Value, Problem> {
    if kind == TrainerKind::Timm {
        return Ok(yaml(text)?);
    }
    let broken = |error: serde_json::Error| {
        Problem(Some(error.line() as u64), format!("is no JSON: {error}"), "keep it as the trainer wrote it")
    };
    serde_json::from_str(text).map_err(broken)
}

/// Columns that a run's config gives.
const SIZES: [&str; 4] = ["width", "depth", "mlp", "heads"];
/// Columns of every run, before the metrics.
const COLUMNS: [&str; 9] = ["run", "kind", "step", "epoch", "examples", "width", "depth", "mlp", "heads"];

fn table<'a>(results: &Results, log: &Log, folder: &str, vit: Option<&Vit>) -> Run<'a> {
    let mut header: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
    let names: BTreeSet<&str> =
        log.entries.iter().flat_map(|entry| entry.values.iter().map(|(name, _)| name.as_str())).collect();
    header.extend(names.iter().filter(|name| !COLUMNS.contains(name)).map(|name| (*name).to_owned()));
    let wanted: Vec<&str> = results.columns.iter().map(|column| column.value.as_str()).collect();
    let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
    let mut reached = None;
    let size = |pick: fn(&Vit) -> u64| vit.map_or_else(String::new, |vit| pick(vit).to_string());
    for entry in &log.entries {
        let value =
            |name: &str| entry.values.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let cells: Vec<String> = header
            .iter()
            .map(|name| match name.as_str() {
                "run" => folder.to_owned(),
                "kind" => "intermediate".to_owned(),
                "step" => number(entry.step),
                "epoch" => number(entry.epoch),
                "examples" => entry.examples.map_or_else(String::new, |examples| examples.to_string()),
                "width" => size(|vit| vit.shape.width),
                "depth" => size(|vit| vit.shape.depth),
                "mlp" => size(|vit| vit.shape.mlp_dim),
                "heads" => size(|vit| vit.architecture.heads),
                name => value(name).unwrap_or_default(),
            })
            .collect();
        // Metrics are logged now and then: what is not there at a step is no mistake.
        let is_there = |name: &&str| {
            let at = header.iter().position(|known| known == *name);
            at.is_none_or(|at| cells.get(at).is_some_and(|cell| !cell.is_empty()))
        };
        if wanted.iter().all(is_there) {
            rows.push((entry.line, cells));
            reached = entry.point();
        }
    }
    // What was logged for the last time before the end is not what the run ended with.
    let is_end = log.has_ended && reached == log.entries.last().and_then(Entry::point);
    if let Some((_, last)) = rows.last_mut().filter(|_| is_end) {
        "final".clone_into(&mut last[1]);
    }
    Run { header, rows: Box::new(rows.into_iter().map(|(line, cells)| RunRow { line, run: None, cells })) }
}

/// The parts of the encoder are those of the plan's model, by which FLOPs are counted; the classifier is left aside.
fn same_parts(results: &Results, model: Option<&Model>, vit: &Vit) -> Result<(), Problem> {
    let Some(model) = model.filter(|_| results.shape.is_some()) else { return Ok(()) };
    let (run, plan) = (&vit.architecture, &model.architecture);
    let texts = [
        ("heads", run.heads.to_string(), plan.heads.to_string()),
        ("image", run.image.to_string(), plan.image.to_string()),
        ("patch", run.patch.to_string(), plan.patch.to_string()),
        ("pool", run.pooling.name().to_owned(), plan.pooling.name().to_owned()),
        ("class_token", run.class_token.to_string(), plan.class_token.to_string()),
        ("registers", run.variant.registers.to_string(), plan.variant.registers.to_string()),
        ("channels", run.channels.to_string(), plan.channels.to_string()),
        ("masked", run.variant.masked.to_string(), plan.variant.masked.to_string()),
        ("gated MLPs", is_gated(run).to_string(), is_gated(plan).to_string()),
    ];
    match texts.into_iter().find(|(_, run, plan)| run != plan) {
        None => Ok(()),
        Some((name, run, plan)) => {
            let what =
                format!("was trained with `{name} = {run}`, and model `{}` has `{name} = {plan}`", model.name.value);
            Err(Problem(None, what, "give the table a model of these runs: their FLOPs are counted by it"))
        }
    }
}

fn is_gated(architecture: &Architecture) -> bool {
    architecture.activation == Activation::SwiGlu
}

fn unknown_sizes(problem: &ConfigProblem) -> Problem {
    let what = match problem {
        ConfigProblem::Broken(why) => format!("is no config: {why}"),
        ConfigProblem::UnknownFormat => "says no encoder".to_owned(),
        ConfigProblem::UnknownModel(name) => format!("is of `{name}`, whose sizes are not known"),
        ConfigProblem::NameOfTimm(name) => format!("names `{name}` of timm, and says none of its sizes"),
        ConfigProblem::Missing(field) => format!("does not say `{field}`"),
        ConfigProblem::Field(field, value) => format!("says `{field} = {value}`, which means nothing here"),
    };
    Problem(None, what, "write `width`, `depth` and `mlp` of these runs in the plan")
}

/// JSON as Python writes it: numbers that JSON has no word for stand in quotes behind this, to be told as what they are.
fn plain_numbers(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];
    if !WORDS.iter().any(|word| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let (mut plain, mut rest, mut is_text) = (String::new(), text, false);
    while let Some(c) = rest.chars().next() {
        let word = WORDS.into_iter().find(|word| !is_text && rest.starts_with(word));
        let escaped = rest.chars().nth(1).filter(|_| is_text && c == '\\').map_or(0, char::len_utf8);
        is_text ^= c == '"';
        let (piece, after) = rest.split_at(word.map_or(c.len_utf8() + escaped, str::len));
        match word {
            Some(word) => plain.extend(["\"", word, "\""]),
            None => plain.push_str(piece),
        }
        rest = after;
    }
    Cow::Owned(plain)
}

/// The lines of JSON objects.
fn json_lines(text: &str) -> impl Iterator<Item = Result<(u64, serde_json::Map<String, Value>), Problem>> + '_ {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| match serde_json::from_str(&plain_numbers(line)) {
        Ok(Value::Object(object)) => Ok((index as u64 + 1, object)),
        Ok(_) => Err(Problem(Some(index as u64 + 1), "holds a line that is no object".to_owned(), "remove it")),
        Err(error) => Err(Problem(Some(index as u64 + 1), format!("is no JSON lines: {error}"), "remove the line")),
    })
}

/// A logged value as a cell; lists, objects and nulls are none.
fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The rows of a CSV log by the names of its header.
fn csv(text: &str) -> Result<Vec<(u64, Values)>, Problem> {
    let mut reader = super::records::open("log.csv", Box::new(text.as_bytes()))
        .map_err(|_| Problem(None, "is no CSV".to_owned(), "keep it as the trainer wrote it"))?;
    let header = reader.header().to_vec();
    let mut record = super::records::Record::default();
    let mut rows = Vec::new();
    while reader
        .next(&mut record)
        .map_err(|_| Problem(None, "is no CSV to its end".to_owned(), "keep it as the trainer wrote it"))?
    {
        // A run that was taken up again writes its header once more.
        if header.iter().enumerate().all(|(at, name)| record.cell(at) == name) {
            continue;
        }
        let cells =
            header.iter().enumerate().map(|(at, name)| (name.trim().to_owned(), record.cell(at).trim().to_owned()));
        rows.push((record.line, cells.filter(|(_, cell)| !cell.is_empty()).collect()));
    }
    Ok(rows)
}

/// Takes a count out of the cells of a line; none where it is not there.
fn take_count(values: &mut Values, name: &str, line: u64) -> Result<Option<u64>, Problem> {
    let Some(at) = values.iter().position(|(known, _)| known == name) else { return Ok(None) };
    let (_, cell) = values.remove(at);
    let is_count = |number: &f64| number.fract() == 0.0 && (0.0..1e15).contains(number);
    cell.parse().ok().filter(is_count).map(|number| Some(number as u64)).ok_or_else(|| {
        let what = format!("says `{name} = {}`, which is no count", short(&cell));
        Problem(Some(line), what, "keep it as the trainer wrote it")
    })
}

/// Adds what was logged to the entry of its step, or begins one.
fn merge(entries: &mut Vec<Entry>, new: Entry) {
    match entries.last_mut() {
        Some(last) if last.step == new.step && last.epoch == new.epoch => last.values.extend(new.values),
        _ => entries.push(new),
    }
}

impl Trainer {
    /// Examples of one optimizer step.
    fn examples_of_a_step(&self, batch: u64) -> f64 {
        batch as f64 * self.processes as f64 * self.accumulation as f64
    }
}
