//! What a search answers.

use serde::{Deserialize, Serialize};

use super::{Bill, Recipe, Waste};
use crate::law::Estimate;
use crate::plan::Counting;
use crate::units::Dimension;
use crate::vit::{Axis, Contrastive, ContrastiveCost, Cost, Memory, PerAxis, Shape, Step, Vit};

/// The answer of one search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The search.
    pub search: String,
    /// The law it asked.
    pub law: String,
    /// The model it scaled.
    pub model: String,
    /// The chosen shape in its architecture.
    pub vit: Vit,
    /// What the model costs.
    pub cost: Cost,
    /// What it is trained with.
    pub budget: Spending,
    /// Where the law wants to be, before rounding and requirements.
    pub frontier: PerAxis<f64>,
    /// 95 % interval of `frontier`, where the law is uncertain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontier_interval: Option<PerAxis<(f64, f64)>>,
    /// Everything that needs a loss; absent where the law has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// What was preferred to the least loss, where the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<Preferred>,
    /// Legal neighbours one grid step away, by axis, lower first.
    pub alternatives: Vec<Alternative>,
    /// The next best legal shapes, least loss first, each at least 5 % away from better ones in one of its sizes; as
    /// many as the plan asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runners_up: Vec<Alternative>,
    /// Axes whose chosen value is an end of its range while the frontier lies beyond it.
    pub at_edge: Vec<Axis>,
    /// Requirements without which another shape would have been chosen, as written.
    pub binding: Vec<String>,
    /// What a little more of each binding requirement would be worth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadow_prices: Vec<ShadowPrice>,
    /// Shapes of published models at the same budget, as the plan asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<Compared>,
    /// How fast it serves, where the plan says where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Served>,
    /// What training it takes of each device, where the plan says how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Trained>,
    /// What the budget takes of devices and of money, where the plan says where it is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
    /// How it is trained, where the plan has a recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
}

/// What was preferred to the least loss, and what it took.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preferred {
    /// The preference, as written.
    pub text: String,
    /// The number that was wanted, of the chosen shape.
    pub value: f64,
    /// The same of the legal shape with the least loss.
    pub value_at_least_loss: f64,
    /// What both count, in base units.
    pub unit: Dimension,
    /// The legal shape with the least loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_loss: Option<Alternative>,
    /// By what fraction the loss of the chosen shape lies above the least.
    pub loss_given_up: f64,
    /// Whether every better shape was ruled out before the search was ended.
    pub proven: bool,
    /// Where not: by what fraction a shape may be better at most; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<f64>,
}

/// What a little more of a requirement would be worth.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowPrice {
    /// The requirement, as written.
    pub requirement: String,
    /// By what fraction its bound was relaxed.
    pub relaxed: f64,
    /// The shape that would be chosen then.
    pub shape: Shape,
    /// By how much the predicted loss would fall; absent where the law has no loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
}

/// A published shape in the plan's architecture, with its own heads, at the same budget.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// Its name in the catalogue.
    pub name: String,
    /// Whether it is in the box and satisfies every requirement.
    pub legal: bool,
    /// What it costs.
    pub alternative: Alternative,
    /// Seconds of one pass of the batch that is served, where the plan says where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
}

/// Inference on a device, as the time model predicts it.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The device.
    pub device: String,
    /// Images of one pass.
    pub batch: u64,
    /// The library whose attention runs.
    pub attention: String,
    /// Seconds of one pass, from graphs that wait for no host.
    pub latency: f64,
    /// The measured rows that the model was calibrated on; absent where nobody measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated: Option<String>,
    /// What the sizes cost there beyond what they are worth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A training step on each device.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// How it is trained.
    pub step: Step,
    /// What it takes, in bytes; with a text tower what both and their loss do.
    pub memory: Memory,
    /// What is trained beside it, where the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrastive: Option<Contrasted>,
}

/// A text tower and the loss beside an encoder, which no budget counts.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrasted {
    /// What it is.
    pub asked: Contrastive,
    /// What comes to the encoder's cost.
    pub cost: ContrastiveCost,
    /// Forward FLOPs of one pair that come to the encoder's.
    pub forward_flops_per_example: u64,
    /// Forward FLOPs of the whole training that come to the budget's.
    pub forward_flops: f64,
    /// Bytes of the text tower's activations.
    pub text_activations: u64,
    /// Bytes of the logits' activations, and of the features that they are made of.
    pub loss_activations: u64,
}

impl Trained {
    pub(super) fn new(vit: &Vit, step: Step, contrastive: Option<Contrastive>, examples: f64) -> Self {
        let Some(asked) = contrastive else { return Self { step, memory: vit.memory(&step), contrastive: None } };
        let (cost, memory) = (asked.cost(vit), asked.memory(vit, &step));
        let contrasted = Contrasted {
            asked,
            cost,
            forward_flops_per_example: cost.flops(),
            forward_flops: cost.flops() as f64 * examples,
            text_activations: memory.text,
            loss_activations: memory.logits.saturating_add(memory.features),
        };
        Self { step, memory: memory.memory, contrastive: Some(contrasted) }
    }
}

/// Compute and what it buys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spending {
    /// The budget's name.
    pub name: String,
    /// Forward FLOPs of the whole training.
    pub forward_flops: f64,
    /// How the plan counted it.
    pub counted: Counting,
    /// Examples the budget pays for at the chosen shape, those seen again counted again.
    pub examples: f64,
    /// What the trained model encodes out of the same budget, where the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference: Option<Inference>,
    /// How often finite data are seen, where the plan says how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Epochs>,
}

/// Inference that the budget of a training pays for too.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inference {
    /// Images that the model encodes in its life.
    pub examples: f64,
    /// Forward FLOPs of all of them; three of them count as one that is trained on.
    pub forward_flops: f64,
    /// The share of the budget that they take.
    pub share: f64,
    /// Where the law would want to be if all of the budget went into training.
    pub frontier_without: PerAxis<f64>,
}

/// Finite data, and how often they are seen.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epochs {
    /// Distinct examples.
    pub unique: f64,
    /// How often each is seen.
    pub epochs: f64,
    /// After how many repeats one more is worth 1/e of a new example.
    pub repeats: f64,
    /// What all that is seen is worth, in examples seen once.
    pub worth: f64,
}

/// What a law with a loss adds to an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// `error` or `loss`.
    pub metric: String,
    /// Predicted value at the chosen shape.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// How much of `value` is due to not standing on the frontier; the anchored loss delta.
    pub excess: f64,
    /// Shapes that are practically as good.
    pub plateau: Plateau,
    /// The star optimum `x_k*(t)` of each axis at the budget, with its 95 % interval: the best size of that axis alone,
    /// with the others at the centre of the star. Not a shape; infinite where an arm does not bend.
    pub star_optimum: PerAxis<Estimate>,
}

/// Shapes whose predicted loss is within a tolerance of the chosen one's.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    /// The tolerance as a fraction of the predicted loss.
    pub tolerance: f64,
    /// For each axis the lowest and highest legal value within it, the others as chosen.
    pub ranges: PerAxis<(u64, u64)>,
}

/// Another legal shape at the same budget.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// The shape.
    pub shape: Shape,
    /// Its parameters.
    pub params: u64,
    /// Its forward FLOPs of one image.
    pub forward_flops_per_example: u64,
    /// Examples the budget pays for.
    pub examples: f64,
    /// Predicted loss minus the chosen shape's; absent where the law has no loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excess: Option<f64>,
    /// The share of the budget that the frontier could do without and still lose no more than this shape does
    /// against the chosen one. Absent where the law has no loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasted_compute: Option<f64>,
    /// What that share takes of devices and of money, where the plan says where it is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waste: Option<Waste>,
}
