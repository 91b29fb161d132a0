//! What trainers share in following a recipe: refusals, and whole epochs.

use serde::Serialize;

use super::Job;
use crate::diagnostic::Diagnostic;
use crate::plan::{Target, Task};
use crate::shape::Recipe;

/// Where a stretch of steps is taken for whole epochs: this far from them, as a share.
const NEARLY: f64 = 0.01;

/// The file of a target that follows a recipe.
pub(super) const fn file(target: Target) -> Option<&'static str> {
    match target {
        Target::Timm => Some("train.yaml"),
        Target::Transformers => Some("training_args.json"),
        Target::OpenClip => Some("train.py"),
        Target::BigVision => Some("the same file"),
        _ => None,
    }
}

/// What to do where a batch must be one pass.
pub(super) const ONE_PASS: &str = "raise `processes` or `micro_batch` until one pass holds the batch";

/// A training in whole epochs, for trainers that count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Epochs {
    /// All of them, the warm-up included.
    pub(super) all: u64,
    /// Optimizer steps of one.
    pub(super) steps: u64,
    /// Examples of one that the trainer uses.
    pub(super) examples: u64,
    /// Examples of all.
    pub(super) total_examples: u64,
}

impl<'a> Job<'a> {
    /// The recipe that configs of this emit follow.
    pub(super) fn recipe(&self) -> Option<&'a Recipe> {
        self.answer.recipe.as_ref().filter(|_| !self.emit.options.model_alone)
    }

    /// The trainer cannot follow the recipe: `why` is one clause about it, `help` what would do, if anything.
    pub(super) fn cannot_train(&self, recipe: &Recipe, what: &str, why: &str, help: &str) -> Diagnostic {
        let what = format!("{what} of recipe `{}`", recipe.name);
        let alone = "write `recipe = false` in this `emit` to have the model alone";
        let error = self.inexpressible(&what, why);
        if help.is_empty() { error.help(alone) } else { error.help(help).help(format!("or {alone}")) }
    }

    /// Refuses a contrastive loss over batches that passes split: each pass would compare its own examples alone.
    pub(super) fn no_naive_accumulation(&self, recipe: &Recipe) -> Result<(), Diagnostic> {
        if recipe.task == Task::Classification || recipe.accumulation == 1 {
            return Ok(());
        }
        let what = format!("the contrastive loss over {} passes", recipe.accumulation);
        let why = "each pass would compare its own examples alone";
        Err(self.cannot_train(recipe, &what, why, ONE_PASS))
    }

    /// The data set's size.
    pub(super) fn dataset(&self, recipe: &Recipe) -> Result<u64, Diagnostic> {
        recipe.dataset.ok_or_else(|| {
            let why = "it counts epochs, and the recipe gives no data set";
            let help = "add its size to the recipe: `dataset = 1281167 example`";
            self.cannot_train(recipe, "the length", why, help)
        })
    }

    /// The whole epochs nearest to the recipe's steps.
    pub(super) fn epochs(&self, recipe: &Recipe, steps: u64, examples: u64) -> Result<Epochs, Diagnostic> {
        let all = if steps == 0 { 0 } else { (recipe.examples as f64 / examples as f64).round() as u64 };
        if all == 0 {
            let what = format!("the length of {} steps", recipe.steps);
            let why = "it counts whole epochs, and this is less than one";
            let help = "train with big_vision or transformers, which count steps";
            return Err(self.cannot_train(recipe, &what, why, help));
        }
        Ok(Epochs { all, steps, examples, total_examples: all.saturating_mul(examples) })
    }

    /// A stretch of steps as whole epochs, where it nearly is.
    pub(super) fn whole_epochs(
        &self,
        recipe: &Recipe,
        epochs: Epochs,
        (field, steps): (&str, u64),
    ) -> Result<u64, Diagnostic> {
        let whole = (steps as f64 / epochs.steps as f64).round();
        let near = whole * epochs.steps as f64;
        if (steps as f64 - near).abs() <= NEARLY * steps as f64 && (whole as u64) < epochs.all {
            return Ok(whole as u64);
        }
        let what = format!("the {field} of {steps} steps");
        let why = format!("it counts whole epochs, of {} steps here", epochs.steps);
        // It must leave an epoch to train with.
        let fitting = (whole.max(1.0) as u64).min(epochs.all.saturating_sub(1));
        let help = match fitting.saturating_mul(epochs.steps) {
            0 => format!("write `{field} = 0`: the training is one epoch"),
            near => format!("write `{field} = {near}`, which is whole epochs"),
        };
        Err(self.cannot_train(recipe, &what, &why, &help))
    }
}
