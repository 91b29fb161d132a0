//! Recipes as a plan states them, in units of nothing but what was written.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::source::Spanned;

/// `recipe NAME { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct RecipeSpec {
    /// Its name.
    pub name: Spanned<String>,
    /// What the loss compares.
    pub task: Task,
    /// Examples of one optimizer step, over all processes.
    pub batch: u64,
    /// Processes, each with a device.
    pub processes: u64,
    /// Examples of one pass of one process; `batch` is a multiple of this times `processes`.
    pub micro_batch: u64,
    /// Examples of the data set, for trainers that count epochs.
    pub dataset: Option<u64>,
    /// How the learning rate falls after the warm-up.
    pub decay: Decay,
    /// How long the learning rate rises linearly from zero.
    pub warmup: Stretch,
    /// How long it falls linearly to zero at the end, on top of the decay.
    pub cooldown: Stretch,
    /// Of [`Decay::Rsqrt`]: steps after which the rate has fallen by the root of two.
    pub timescale: Stretch,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Weight decay; the learning rate of each step multiplies it.
    pub weight_decay: f64,
    /// The optimizer.
    pub optimizer: RecipeOptimizer,
    /// Adam's decay of the first moment.
    pub beta1: f64,
    /// Adam's decay of the second moment.
    pub beta2: f64,
    /// What Adam adds to the root of the second moment.
    pub epsilon: f64,
    /// The norm that all gradients together are clipped to.
    pub clip: Option<f64>,
    /// What the forward and backward pass compute in.
    pub precision: Precision,
    /// Seed of initial weights and of the order of examples.
    pub seed: u64,
    /// Fields that were written; all others have their default.
    pub written: BTreeSet<&'static str>,
}

/// A part of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stretch {
    /// So many optimizer steps.
    Steps(u64),
    /// A share of all steps, below 1.
    Share(f64),
    /// So many examples.
    Examples(f64),
}

/// What a training's loss compares.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Each example with its labels.
    #[default]
    Classification,
    /// Each example with every other of the batch: a batch cannot be split into passes without changing the loss.
    Contrastive,
}

impl Task {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 2] =
        [("classification", Self::Classification), ("contrastive", Self::Contrastive)];
}

/// How a learning rate falls after the warm-up of W steps; T is the last step.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// `(1 + cos(pi (s - W) / (T - W))) / 2` (Loshchilov and Hutter, arXiv 1608.03983).
    Cosine,
    /// `1 / sqrt(1 + (s - W) / timescale)` (Zhai et al., arXiv 2106.04560, section 3.5).
    Rsqrt,
    /// It does not.
    Constant,
}

impl Decay {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("cosine", Self::Cosine), ("rsqrt", Self::Rsqrt), ("constant", Self::Constant)];
}

/// Optimizers of recipes.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecipeOptimizer {
    /// Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).
    #[default]
    AdamW,
    /// Adafactor with a first moment in bf16 and second-moment decay capped at 0.999 (Zhai et al., arXiv 2106.04560,
    /// section 3.4).
    Adafactor,
}

impl RecipeOptimizer {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 2] = [("adamw", Self::AdamW), ("adafactor", Self::Adafactor)];
}

/// What a training computes in; weights and optimizer states stay in fp32.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// bf16 by autocast.
    #[default]
    Bf16,
    /// fp16 by autocast, the loss scaled.
    Fp16,
    /// fp32 throughout.
    Fp32,
}

impl Precision {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 3] = [("bf16", Self::Bf16), ("fp16", Self::Fp16), ("fp32", Self::Fp32)];
}
