//! A recipe at a shape: how many steps the budget pays for, and what each of them does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::codes;
use crate::diagnostic::Diagnostic;
use crate::plan::{Decay, Precision, RecipeOptimizer, RecipeSpec, Stretch, Task};

/// How the chosen model is trained, in steps.
///
/// At step s, counted from 0, the learning rate is `learning_rate` times [`Recipe::factor`].
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Its name in the plan.
    pub name: String,
    /// What the loss compares.
    pub task: Task,
    /// Examples of one optimizer step, over all processes.
    pub batch: u64,
    /// Processes, each with a device.
    pub processes: u64,
    /// Examples of one pass of one process.
    pub micro_batch: u64,
    /// Passes of one optimizer step: `batch / (processes micro_batch)`.
    pub accumulation: u64,
    /// Optimizer steps: the whole ones that the budget pays for.
    pub steps: u64,
    /// Examples of all steps.
    pub examples: u64,
    /// Examples of the data set, where the plan gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<u64>,
    /// How the learning rate falls after the warm-up.
    pub decay: Decay,
    /// Steps of the linear warm-up from zero.
    pub warmup_steps: u64,
    /// Steps of the linear cooldown to zero at the end.
    pub cooldown_steps: u64,
    /// Of `rsqrt`: steps after which the rate has fallen by the root of two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timescale_steps: Option<u64>,
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
    /// The norm that all gradients together are clipped to; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// What passes compute in.
    pub precision: Precision,
    /// Seed of initial weights and of the order of examples.
    pub seed: u64,
    /// Where each number comes from, by the field's name in a plan: `plan`, `default: ...` or how it was computed.
    pub origins: BTreeMap<String, String>,
}

/// Why a default is what it is.
const DEFAULTS: [(&str, &str); 10] = [
    ("task", "every example has its own loss"),
    ("processes", "one process"),
    ("micro_batch", "the batch in one pass"),
    ("timescale", "that of big_vision"),
    ("optimizer", "Loshchilov and Hutter, arXiv 1711.05101"),
    ("beta1", "Kingma and Ba, arXiv 1412.6980"),
    ("beta2", "Kingma and Ba, arXiv 1412.6980"),
    ("epsilon", "Kingma and Ba, arXiv 1412.6980"),
    ("precision", "what the time model and the kernels count with"),
    ("seed", "any would do"),
];

impl Recipe {
    /// The recipe for a training on `examples` examples, or why there is none.
    ///
    /// A contrastive loss over several passes needs the features of all of them first: each example then costs a forward
    /// pass more beside the three that a training step comes to, and the same compute pays for three quarters of them.
    pub(super) fn new(spec: &RecipeSpec, examples: f64, search: &str) -> Result<Self, Diagnostic> {
        let accumulation = spec.batch / (spec.processes * spec.micro_batch);
        let is_twice = spec.task == Task::Contrastive && accumulation > 1;
        let examples = if is_twice { 0.75 * examples } else { examples };
        let whole = examples / spec.batch as f64;
        // A quotient a rounding error below a whole number is that number.
        let steps = (whole * (1.0 + 1e-12)).floor() as u64;
        let refused = |message: String| {
            Diagnostic::error(codes::RECIPE, message).label(spec.name.span, format!("trains search `{search}`"))
        };
        if steps == 0 {
            let message =
                format!("the budget pays for {} examples, less than one batch of {}", examples.floor(), spec.batch);
            return Err(refused(message).help("take a smaller `batch` or a larger budget"));
        }
        let stretch = |stretch: Stretch| match stretch {
            Stretch::Steps(steps) => steps,
            Stretch::Share(share) => (share * steps as f64).round() as u64,
            Stretch::Examples(examples) => (examples / spec.batch as f64).round() as u64,
        };
        let (warmup_steps, cooldown_steps) = (stretch(spec.warmup), stretch(spec.cooldown));
        if warmup_steps.saturating_add(cooldown_steps) >= steps {
            let message = format!(
                "recipe `{}` warms up for {warmup_steps} steps and cools down for {cooldown_steps}, and the budget pays for {steps}",
                spec.name.value
            );
            return Err(refused(message).help("write `warmup` and `cooldown` as shares: `warmup = 2 %`"));
        }
        let timescale_steps = (spec.decay == Decay::Rsqrt).then(|| stretch(spec.timescale).max(1));
        Ok(Self {
            name: spec.name.value.clone(),
            task: spec.task,
            batch: spec.batch,
            processes: spec.processes,
            micro_batch: spec.micro_batch,
            accumulation,
            steps,
            examples: steps.saturating_mul(spec.batch),
            dataset: spec.dataset,
            decay: spec.decay,
            warmup_steps,
            cooldown_steps,
            timescale_steps,
            learning_rate: spec.learning_rate,
            weight_decay: spec.weight_decay,
            optimizer: spec.optimizer,
            beta1: spec.beta1,
            beta2: spec.beta2,
            epsilon: spec.epsilon,
            clip: spec.clip,
            precision: spec.precision,
            seed: spec.seed,
            origins: origins(spec, examples, steps, is_twice),
        })
    }

    /// What the learning rate is multiplied by at a step, from 0: the warm-up, the decay, the cooldown.
    pub fn factor(&self, step: u64) -> f64 {
        let (s, warmup, all) = (step as f64, self.warmup_steps as f64, self.steps as f64);
        let rise = if step < self.warmup_steps { s / warmup } else { 1.0 };
        let after = (s - warmup).max(0.0);
        let fall = match self.decay {
            Decay::Cosine => f64::midpoint(1.0, (std::f64::consts::PI * after / (all - warmup)).cos()),
            Decay::Rsqrt => 1.0 / (1.0 + after / self.timescale_steps.unwrap_or(1) as f64).sqrt(),
            Decay::Constant => 1.0,
        };
        let end = if self.cooldown_steps == 0 { 1.0 } else { ((all - s) / self.cooldown_steps as f64).min(1.0) };
        rise * fall * end
    }
}

fn origins(spec: &RecipeSpec, examples: f64, steps: u64, is_twice: bool) -> BTreeMap<String, String> {
    let written = spec.written.iter().map(|name| ((*name).to_owned(), "plan".to_owned()));
    let defaults = DEFAULTS.iter().filter(|(name, _)| !spec.written.contains(name));
    let defaults = defaults.map(|(name, why)| ((*name).to_owned(), format!("default: {why}")));
    let mut all: BTreeMap<_, _> = written.chain(defaults).collect();
    let short = examples - steps as f64 * spec.batch as f64;
    let paid = if is_twice { "what the budget pays for, features computed twice" } else { "what the budget pays for" };
    let steps = if short < 0.5 {
        format!("computed: {paid}, exactly")
    } else {
        format!("computed: {paid}, but for {short:.0} examples that fill no batch")
    };
    all.insert("steps".to_owned(), steps);
    all.insert("accumulation".to_owned(), "computed: batch / (processes x micro_batch)".to_owned());
    for (name, stretch) in [("warmup", spec.warmup), ("cooldown", spec.cooldown)] {
        let how = match stretch {
            Stretch::Steps(_) => continue,
            Stretch::Share(share) => format!("plan: {} % of the steps, rounded", 100.0 * share),
            Stretch::Examples(examples) => format!("plan: {examples} examples, rounded to steps"),
        };
        all.insert(name.to_owned(), how);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceId, Span, Spanned};
    use proptest::prelude::*;

    fn spec(decay: Decay, batch: u64, warmup: Stretch, cooldown: Stretch) -> RecipeSpec {
        RecipeSpec {
            name: Spanned::new("web".to_owned(), Span::new(SourceId(0), 0, 0)),
            task: Task::Classification,
            batch,
            processes: 1,
            micro_batch: batch,
            dataset: None,
            decay,
            warmup,
            cooldown,
            timescale: Stretch::Steps(100),
            learning_rate: 1e-3,
            weight_decay: 0.1,
            optimizer: RecipeOptimizer::AdamW,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: None,
            precision: Precision::Bf16,
            seed: 0,
            written: ["batch", "warmup"].into(),
        }
    }

    #[test]
    fn stretches_become_steps() {
        let spec = spec(Decay::Constant, 100, Stretch::Share(0.1), Stretch::Examples(2049.0));
        let recipe = Recipe::new(&spec, 10_099.0, "s").unwrap();
        assert_eq!((recipe.steps, recipe.examples), (100, 10_000));
        assert_eq!((recipe.warmup_steps, recipe.cooldown_steps, recipe.timescale_steps), (10, 20, None));
        assert_eq!(recipe.origins["batch"], "plan");
        assert!(recipe.origins["beta1"].starts_with("default: Kingma"));
        assert!(recipe.origins["steps"].contains("but for 99 examples"), "{}", recipe.origins["steps"]);
    }

    /// Features that are computed twice are paid for.
    #[test]
    fn contrastive_passes_cost_a_forward_pass_more() {
        let one = spec(Decay::Cosine, 100, Stretch::Steps(0), Stretch::Steps(0));
        let four = RecipeSpec { micro_batch: 25, ..one.clone() };
        let steps =
            |spec: &RecipeSpec, task| Recipe::new(&RecipeSpec { task, ..spec.clone() }, 1e6, "s").unwrap().steps;
        assert_eq!([steps(&one, Task::Contrastive), steps(&four, Task::Classification)], [10_000; 2]);
        // 3 forward passes an example, or 4.
        assert_eq!(steps(&four, Task::Contrastive), 7_500);
    }

    #[test]
    fn what_the_budget_cannot_pay_for_is_refused() {
        let short = Recipe::new(&spec(Decay::Cosine, 100, Stretch::Steps(0), Stretch::Steps(0)), 99.0, "s");
        assert_eq!(short.unwrap_err().code, codes::RECIPE);
        let long = Recipe::new(&spec(Decay::Cosine, 1, Stretch::Steps(99), Stretch::Steps(0)), 99.0, "s");
        assert!(long.unwrap_err().message.contains("the budget pays for 99"));
    }

    #[test]
    fn factors_at_known_steps() {
        let at = |decay, step| {
            let spec =
                spec(decay, 1, Stretch::Steps(100), Stretch::Steps(if decay == Decay::Cosine { 0 } else { 200 }));
            Recipe::new(&spec, 1100.0, "s").unwrap().factor(step)
        };
        for decay in [Decay::Cosine, Decay::Rsqrt, Decay::Constant] {
            assert_eq!([at(decay, 0), at(decay, 50), at(decay, 100)], [0.0, 0.5, 1.0]);
        }
        assert!((at(Decay::Cosine, 600) - 0.5).abs() < 1e-15);
        assert!((at(Decay::Rsqrt, 200) - 0.5_f64.sqrt()).abs() < 1e-15);
        assert_eq!([at(Decay::Constant, 900), at(Decay::Constant, 1000)], [1.0, 0.5]);
    }

    proptest! {
        #[test]
        fn a_rate_rises_and_then_falls(
            steps in 2u64..10_000, warmup in 0.0..0.5f64, cooldown in 0.0..0.5f64, decay in 0..3usize,
        ) {
            let decay = Decay::ALL[decay].1;
            let cooldown = if decay == Decay::Cosine { 0.0 } else { cooldown };
            let spec = spec(decay, 1, Stretch::Share(warmup), Stretch::Share(cooldown));
            let Ok(recipe) = Recipe::new(&spec, steps as f64, "s") else { return Ok(()) };
            let rates: Vec<f64> = (0..steps).map(|step| recipe.factor(step)).collect();
            let top = recipe.warmup_steps as usize;
            prop_assert!(rates.iter().all(|rate| (0.0..=1.0).contains(rate)));
            prop_assert!(rates[..=top].windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(rates[top..].windows(2).all(|pair| pair[0] >= pair[1]));
            prop_assert!(rates[top] == 1.0);
        }
    }
}
