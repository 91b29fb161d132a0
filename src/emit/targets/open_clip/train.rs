//! A recipe as a Python file that registers the config and calls open_clip's own training.
//!
//! An epoch is a whole number of batches for every worker, so that open_clip rounds nothing. Its passes compare all
//! features of the batch, for which it computes them twice; the recipe has so many examples less.

use serde::Serialize;

use super::super::Job;
use super::super::recipe::Epochs;
use crate::diagnostic::Diagnostic;
use crate::emit::{Artefact, whole_examples};
use crate::plan::{Decay, Precision, RecipeOptimizer, Task};
use crate::shape::Recipe;

/// Workers of a process that read data, where an epoch has batches enough: open_clip's default.
const WORKERS: u64 = 4;

pub(super) fn print(job: &Job<'_>, recipe: &Recipe, has_module: bool) -> Result<Artefact, Diagnostic> {
    if recipe.task == Task::Classification {
        let why = "its trainer compares images with texts";
        return Err(job.cannot_train(recipe, "the task", why, "write `task = contrastive` in the recipe"));
    }
    if recipe.optimizer == RecipeOptimizer::Adafactor {
        return Err(job.cannot_train(recipe, "the optimizer", "its own optimizer is AdamW", ""));
    }
    let (scheduler, has_cooldown) = match (recipe.decay, recipe.cooldown_steps) {
        (Decay::Cosine, _) => ("cosine", false),
        (Decay::Constant, 0) => ("const", false),
        (Decay::Constant, _) => ("const-cooldown", true),
        (Decay::Rsqrt, _) => {
            return Err(job.cannot_train(recipe, "the schedule", "it has `cosine` and `constant` only", ""));
        }
    };
    let batches = job.dataset(recipe)? / recipe.batch;
    let workers = if batches < WORKERS { 1 } else { WORKERS };
    let steps = batches / workers * workers;
    let epochs = job.epochs(recipe, steps, steps.saturating_mul(recipe.batch))?;
    let cooldown =
        has_cooldown.then(|| job.whole_epochs(recipe, epochs, ("cooldown", recipe.cooldown_steps))).transpose()?;
    let own = Own {
        recipe,
        paid: if recipe.accumulation > 1 { recipe.examples } else { whole_examples(&job.answer.budget) },
        epochs,
        workers,
        has_module,
        scheduler,
        cooldown,
        precision: match recipe.precision {
            Precision::Bf16 => "amp_bf16",
            Precision::Fp16 => "amp",
            Precision::Fp32 => "fp32",
        },
    };
    job.in_folder("train.py", job.text("open_clip_train.py.j2", own)?)
}

#[derive(Serialize)]
struct Own<'a> {
    recipe: &'a Recipe,
    /// Examples that the budget pays for.
    paid: u64,
    epochs: Epochs,
    workers: u64,
    /// Whether a module beside the file registers the encoder.
    has_module: bool,
    scheduler: &'static str,
    /// In epochs.
    cooldown: Option<u64>,
    precision: &'static str,
}
