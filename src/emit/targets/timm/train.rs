//! A recipe as the YAML file that timm's `train.py --config` reads.
//!
//! Steps follow from whole epochs: a process takes an equal part of the data, padded, and drops its last short batch; the
//! last step of an epoch may be of fewer passes. Schedules are stepped by updates, with the warm-up before them.

use serde::Serialize;
use serde_json::Value;

use super::super::Job;
use super::super::recipe::Epochs;
use super::{Argument, arguments, global_pool, named};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;
use crate::plan::{Decay, Precision, RecipeOptimizer, Task};
use crate::shape::Recipe;

/// What `train.py` takes at the top level, and gives the model itself.
const TOP: [&str; 2] = ["global_pool", "in_chans"];

pub(super) fn print(job: &Job<'_>, recipe: &Recipe) -> Result<Artefact, Diagnostic> {
    if recipe.task == Task::Contrastive {
        let why = "its trainer compares each image with its label";
        return Err(job.cannot_train(recipe, "the contrastive loss", why, ""));
    }
    let architecture = &job.answer.vit.architecture;
    if architecture.classes == 0 {
        let why = "its trainer trains a classifier, and the model has none";
        return Err(job.cannot_train(recipe, "the task", why, "give the model its `classes`"));
    }
    let dataset = job.dataset(recipe)?;
    let batches = dataset.div_ceil(recipe.processes) / recipe.micro_batch;
    let examples = batches.saturating_mul(recipe.micro_batch * recipe.processes);
    let epochs = job.epochs(recipe, batches.div_ceil(recipe.accumulation), examples)?;
    let [warmup, cooldown] =
        [("warmup", recipe.warmup_steps), ("cooldown", recipe.cooldown_steps)].map(|part| match part.1 {
            0 => Ok(0),
            _ => job.whole_epochs(recipe, epochs, part),
        });
    let (warmup, cooldown) = (warmup?, cooldown?);
    let (sched, decay_fn) = match (recipe.decay, cooldown) {
        (Decay::Cosine, _) => ("cosine", None),
        (Decay::Constant, 0) => ("constant", None),
        (Decay::Constant, _) => ("wsd", Some("linear")),
        (Decay::Rsqrt, 0) => {
            let why = "its `rsqrt` ends with a cooldown";
            return Err(job.cannot_train(recipe, "the schedule", why, "add a `cooldown`"));
        }
        (Decay::Rsqrt, _) => ("rsqrt", Some("linear")),
    };
    let (top, model_kwargs) = arguments(job)?.into_iter().partition::<Vec<_>, _>(|one| TOP.contains(&one.name));
    let in_chans = top.into_iter().find(|one| one.name == "in_chans").map(|one| one.value);
    let own = Own {
        recipe,
        model: named(&job.answer.vit),
        epochs,
        dataset,
        gp: global_pool(architecture.pooling),
        in_chans,
        model_kwargs,
        warmup,
        cooldown,
        sched,
        decay_fn,
        timescale: recipe.timescale_steps.map(|steps| steps as f64 / epochs.steps as f64),
        amp: recipe.precision != Precision::Fp32,
        amp_dtype: if recipe.precision == Precision::Fp16 { "float16" } else { "bfloat16" },
        opt: match recipe.optimizer {
            RecipeOptimizer::AdamW => "adamw",
            RecipeOptimizer::Adafactor => "adafactorbv",
        },
    };
    job.in_folder("train.yaml", job.text("timm_train.yaml.j2", own)?)
}

#[derive(Serialize)]
struct Own<'a> {
    recipe: &'a Recipe,
    model: &'static str,
    epochs: Epochs,
    dataset: u64,
    gp: &'static str,
    in_chans: Option<Value>,
    model_kwargs: Vec<Argument>,
    warmup: u64,
    cooldown: u64,
    sched: &'static str,
    decay_fn: Option<&'static str>,
    /// In epochs.
    timescale: Option<f64>,
    amp: bool,
    amp_dtype: &'static str,
    opt: &'static str,
}
