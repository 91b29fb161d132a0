//! A recipe as the JSON file of `TrainingArguments` that `HfArgumentParser.parse_json_file` reads.

use serde_json::json;

use super::super::Job;
use super::Fields;
use crate::diagnostic::Diagnostic;
use crate::plan::{Decay, Precision, RecipeOptimizer, Task};
use crate::shape::Recipe;

pub(super) fn fields(job: &Job<'_>, recipe: &Recipe) -> Result<Fields, Diagnostic> {
    job.no_naive_accumulation(recipe)?;
    if recipe.task == Task::Contrastive && recipe.processes > 1 {
        let what = format!("the contrastive loss over {} processes", recipe.processes);
        return Err(job.cannot_train(recipe, &what, "its models compare the examples of one process alone", ""));
    }
    if recipe.optimizer == RecipeOptimizer::Adafactor {
        let why = "its Adafactor has no momentum and another second moment";
        return Err(job.cannot_train(recipe, "the optimizer", why, ""));
    }
    let (schedule, arguments) = match (recipe.decay, recipe.cooldown_steps) {
        (Decay::Cosine, _) => ("cosine", json!({})),
        (Decay::Constant, 0) => ("constant_with_warmup", json!({})),
        (Decay::Constant, steps) => {
            let linear = json!({ "num_decay_steps": steps, "decay_type": "linear", "min_lr_ratio": 0.0 });
            ("warmup_stable_decay", linear)
        }
        (Decay::Rsqrt, 0) => ("inverse_sqrt", json!({ "timescale": recipe.timescale_steps })),
        (Decay::Rsqrt, _) => {
            let why = "its `inverse_sqrt` has none";
            return Err(job.cannot_train(recipe, "the cooldown", why, ""));
        }
    };
    Ok(vec![
        ("per_device_train_batch_size", json!(recipe.micro_batch)),
        ("gradient_accumulation_steps", json!(recipe.accumulation)),
        ("max_steps", json!(recipe.steps)),
        ("dataloader_drop_last", json!(true)),
        ("learning_rate", json!(recipe.learning_rate)),
        ("weight_decay", json!(recipe.weight_decay)),
        ("lr_scheduler_type", json!(schedule)),
        ("lr_scheduler_kwargs", arguments),
        ("warmup_steps", json!(recipe.warmup_steps)),
        ("optim", json!("adamw_torch")),
        ("adam_beta1", json!(recipe.beta1)),
        ("adam_beta2", json!(recipe.beta2)),
        ("adam_epsilon", json!(recipe.epsilon)),
        // Zero clips nothing; its default is 1.
        ("max_grad_norm", json!(recipe.clip.unwrap_or(0.0))),
        ("bf16", json!(recipe.precision == Precision::Bf16)),
        ("fp16", json!(recipe.precision == Precision::Fp16)),
        ("seed", json!(recipe.seed)),
    ])
}
