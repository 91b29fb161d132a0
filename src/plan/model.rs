//! The checked plan: every name resolved to an index, every quantity in base units.
//!
//! Base units: FLOP, s, B, gpu, $, example, px, token, param.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Cluster, Expression, Input, KnownForm, RecipeSpec, Results, Serving, TextSizes};
use crate::hardware::Device;
use crate::source::{Span, Spanned};
use crate::units::Dimension;
use crate::vit::{Architecture, Contrastive, KernelForm, PerAxis, Shape, Step};

/// A checked plan. Indices point into its own lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The file stem, or the folder's name when the stem is `plan`.
    pub name: String,
    /// Devices that it defines.
    pub devices: Vec<Arc<Device>>,
    /// Architectures.
    pub models: Vec<Model>,
    /// Result tables to read.
    pub results: Vec<Results>,
    /// Laws, stated or to be fitted.
    pub laws: Vec<LawSpec>,
    /// Small optima from which the recipe starts.
    pub starts: Vec<Start>,
    /// Amounts of compute.
    pub budgets: Vec<Budget>,
    /// How models are trained.
    pub recipes: Vec<RecipeSpec>,
    /// Questions.
    pub searches: Vec<Search>,
    /// What to write.
    pub emits: Vec<Emit>,
}

impl Plan {
    /// A plan that says nothing yet.
    pub fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            devices: Vec::new(),
            models: Vec::new(),
            results: Vec::new(),
            laws: Vec::new(),
            starts: Vec::new(),
            budgets: Vec::new(),
            recipes: Vec::new(),
            searches: Vec::new(),
            emits: Vec::new(),
        }
    }
}

/// `model NAME { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name.
    pub name: Spanned<String>,
    /// What it fixes.
    pub architecture: Architecture,
    /// Where `heads` was written, or the name where it was not; for messages.
    pub heads_span: Span,
}

/// `law NAME = ...`
#[derive(Clone, Debug, PartialEq)]
pub struct LawSpec {
    /// Its name.
    pub name: Spanned<String>,
    /// The whole definition.
    pub span: Span,
    /// What it is.
    pub kind: LawKind,
}

/// The laws a plan can write.
#[derive(Clone, Debug, PartialEq)]
pub enum LawKind {
    /// `sovit { ... }`: exponents alone, hence no loss.
    Stated(StatedExponents),
    /// `sovit fitted to TABLE.METRIC`
    Sovit {
        /// What to fit.
        data: LawData,
        /// Shares w_k of log compute; sum 1.
        weights: PerAxis<f64>,
        /// The centre of the star, where the plan declares it; otherwise most rows agree on it.
        centre: Option<Spanned<Shape>>,
        /// How to fit.
        settings: FitSettings,
    },
    /// `chinchilla fitted to TABLE.METRIC`, and every other form.
    Form {
        /// What to fit.
        data: LawData,
        /// Which form.
        form: &'static KnownForm,
        /// Where the table has the form's variables, in its order.
        inputs: Vec<Input>,
        /// How to fit.
        settings: FitSettings,
    },
}

/// How a plan wants a law fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FitSettings {
    /// What to minimise; the form's own choice where absent.
    pub objective: Option<Objective>,
    /// Starts of the search; the form's own number where absent.
    pub starts: Option<u32>,
    /// Bootstrap refits behind the intervals; [`FitSettings::DRAWS`] where absent.
    pub draws: Option<u32>,
    /// Seed of the draws; 0 where absent.
    pub seed: Option<u64>,
    /// Where refits draw their data from; the form's own choice where absent.
    pub bootstrap: Option<Bootstrap>,
    /// How the noise is taken to depend on compute.
    pub spread: Spread,
}

/// How the noise of rows is taken to depend on compute while a law is fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// Not at all: rows count alike, but for weights that are given.
    #[default]
    Constant,
    /// As the residuals of a first fit do: rows count by the inverse square of the fitted spread at their compute.
    Fitted,
}

impl Spread {
    /// By its word.
    pub const NAMED: [(&str, Self); 2] = [("constant", Self::Constant), ("fitted", Self::Fitted)];
}

/// Where refits draw their data from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bootstrap {
    /// The fit with fresh noise, whose spread over compute is fitted to the residuals.
    #[default]
    Parametric,
    /// The fit with the residuals of whole runs under random weights; each row is a run where none are named.
    Wild,
}

impl Bootstrap {
    /// By its word.
    pub const NAMED: [(&str, Self); 2] = [("parametric", Self::Parametric), ("wild", Self::Wild)];
}

impl FitSettings {
    /// Refits where none are asked for: as many as `benches/results/coverage.md` was simulated with.
    pub const DRAWS: u32 = 300;
}

/// What is minimised. Residuals are `ln f - ln y` unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// Sum of squares of `f / y - 1`.
    Relative,
    /// Sum of squares of `f - y`.
    Absolute,
    /// Sum of squared log residuals.
    Log,
    /// Sum of Huber's function of log residuals: `r^2 / 2` up to delta, `delta (|r| - delta / 2)` beyond.
    /// Without a delta it is 1.345 times the robust standard deviation of the residuals, 1.4826 times their median
    /// absolute value: 95 % efficient where noise is normal.
    Huber(Option<f64>),
    /// Sum of absolute log residuals.
    L1,
    /// What the authors of the form's reference minimised, in their way.
    Published,
}

impl Objective {
    /// Those that are one word, by it; `huber` ties its delta to the residuals.
    pub const NAMED: [(&str, Self); 5] = [
        ("relative", Self::Relative),
        ("log", Self::Log),
        ("huber", Self::Huber(None)),
        ("l1", Self::L1),
        ("published", Self::Published),
    ];
}

/// A metric of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LawData {
    /// Index into [`Plan::results`].
    pub table: usize,
    /// Index into [`Results::metrics`].
    pub metric: usize,
    /// Where the plan says so.
    pub span: Span,
}

/// Exponents written in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatedExponents {
    /// `e_k` in `x_k = x0_k (t/t0)^e_k`: `s_k w_k` of stated exponents, or the effective ones as written.
    pub effective: PerAxis<Uncertain>,
    /// `s_k`, where stated so.
    pub exponents: Option<PerAxis<Uncertain>>,
    /// `w_k`, where `s_k` is stated; sum 1.
    pub weights: Option<PerAxis<f64>>,
    /// What the exponents were calibrated on; reaching it is then no prediction.
    pub calibrated_on: Option<String>,
}

/// A number with its standard deviation; 0 for an exact one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Uncertain {
    /// The value.
    pub value: f64,
    /// Its standard deviation.
    pub sd: f64,
}

/// `start NAME ...`
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Its name.
    pub name: Spanned<String>,
    /// Where it comes from.
    pub kind: StartKind,
}

/// The starts a plan can write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StartKind {
    /// `start NAME { shape = ..., compute = ... }`
    Stated(SmallOptimum),
    /// `start NAME = best of TABLE.METRIC`
    BestOf {
        /// The grid sweep; a table with shapes.
        data: LawData,
        /// t(0) in forward FLOPs, where the plan states it.
        compute: Option<f64>,
    },
}

/// A small shape and the compute at which it is the best one: where the recipe starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SmallOptimum {
    /// The shape x(0).
    pub shape: Shape,
    /// Its compute t(0), in forward FLOPs.
    pub forward_flops: f64,
}

/// `budget NAME = EXPR`
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Its name.
    pub name: Spanned<String>,
    /// Where the amount was written.
    pub span: Span,
    /// The amount in forward FLOPs; the median of an uncertain one.
    pub forward_flops: f64,
    /// The interval that holds an uncertain amount with 90 %, in forward FLOPs.
    pub interval: Option<[f64; 2]>,
    /// The amount as counted in the plan.
    pub stated: f64,
    /// How the plan counts it.
    pub kind: Counting,
}

/// What a budget counts.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// Forward passes.
    Forward,
    /// Training: [`Counting::TRAINING_FACTOR`] times forward.
    Training,
}

impl Counting {
    /// Training FLOPs per forward FLOP: one forward, two backward, by convention.
    pub const TRAINING_FACTOR: f64 = 3.0;
}

/// `search NAME { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Its name.
    pub name: Spanned<String>,
    /// Index into [`Plan::models`].
    pub model: usize,
    /// Index into [`Plan::laws`]; a shape law.
    pub law: usize,
    /// Index into [`Plan::starts`]; without one the law is fitted and no shape can be chosen.
    pub start: Option<usize>,
    /// Index into [`Plan::budgets`].
    pub budget: usize,
    /// Images that the trained model encodes in its life, paid by the same budget.
    pub inference: f64,
    /// The data, where they are finite and what is seen again is worth less.
    pub data: Option<FiniteData>,
    /// The box: each axis a range.
    pub ranges: PerAxis<Spanned<Range>>,
    /// What a legal shape satisfies, besides being buildable.
    pub requires: Vec<Requirement>,
    /// Which of the legal shapes is wanted, where it is not the one with the least loss.
    pub prefer: Option<Preference>,
    /// How many more shapes the answer holds, each some way from better ones.
    pub runners_up: u64,
    /// Where the model will serve: what `latency` and `throughput` are of.
    pub serving: Option<Serving>,
    /// How it is trained: what `memory` is of.
    pub training: Option<Step>,
    /// Where it is trained: what a training takes of devices and of money.
    pub cluster: Option<Cluster>,
    /// What is trained beside it, to compare images with texts; counted in `memory`, not in budgets.
    pub contrastive: Option<Contrastive>,
    /// Index into [`Plan::recipes`]: what the emitted configs train with.
    pub recipe: Option<usize>,
    /// Models whose shapes the answer is compared with.
    pub compare: Vec<Baseline>,
}

/// `data = { unique = ..., repeats = ... }`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FiniteData {
    /// Distinct examples; at least 1.
    pub unique: f64,
    /// What seeing one again is worth.
    pub repeats: Repeats,
    /// Where that was written.
    pub span: Span,
}

/// After how many repeats one more is worth 1/e of a new example: R of Muennighoff et al. 2023, arXiv 2305.16264.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Repeats {
    /// As written; above 0.
    Stated(f64),
    /// As a law found it: an index into [`Plan::laws`], of the form `repeats`.
    Fitted(usize),
}

/// A shape to compare with, in the plan's architecture but with its own heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The model's name.
    pub name: String,
    /// Attention heads.
    pub heads: u64,
    /// Width, depth and MLP size.
    pub shape: Shape,
}

/// `prefer ... within ... of best loss`
#[derive(Clone, Debug, PartialEq)]
pub struct Preference {
    /// As written, for messages and reports.
    pub text: String,
    /// Where it was written.
    pub span: Span,
    /// The number that the wanted shape has the least or the most of, in base units.
    pub objective: Expression<ShapeVariable>,
    /// What that number counts.
    pub dimension: Dimension,
    /// Whether most is wanted.
    pub most: bool,
    /// By what fraction of the best legal loss the wanted shape may be worse; where absent the objective speaks of the
    /// loss.
    pub within: Option<f64>,
}

/// `low..high step STEP` or `low..high by FACTOR`, both ends included where the spacing reaches them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lowest value; at least 1.
    pub low: u64,
    /// The highest value; at least `low`.
    pub high: u64,
    /// How neighbours follow each other.
    pub spacing: Spacing,
}

/// How the values of a range follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spacing {
    /// By this difference, at least 1.
    Step(u64),
    /// By this quotient, rounded to whole numbers; so large that no two values are the same: `low (factor - 1) >= 1`.
    Factor(f64),
}

impl Range {
    /// Every `step`th number from `low` to `high`.
    pub const fn stepped(low: u64, high: u64, step: u64) -> Self {
        Self { low, high, spacing: Spacing::Step(step) }
    }

    /// How many values it has.
    pub fn len(&self) -> u64 {
        match self.spacing {
            Spacing::Step(step) => (self.high - self.low) / step + 1,
            Spacing::Factor(factor) => {
                // The logarithm may be off by a rounding error.
                let about = ((self.high as f64 + 0.5) / self.low as f64).ln() / factor.ln();
                let last = about as u64 + 1;
                let beyond = (last.saturating_sub(2)..=last).find(|&i| self.at(i) > self.high);
                beyond.unwrap_or(last + 1)
            }
        }
    }

    /// The value of index `i`, from 0 up.
    pub fn at(&self, i: u64) -> u64 {
        match self.spacing {
            Spacing::Step(step) => self.low + i * step,
            Spacing::Factor(factor) => (self.low as f64 * factor.powf(i as f64)).round() as u64,
        }
    }

    /// The index of the largest value that is at most `value`; 0 where there is none.
    pub fn position(&self, value: u64) -> u64 {
        let (mut low, mut high) = (0, self.len());
        while high - low > 1 {
            let middle = u64::midpoint(low, high);
            if self.at(middle) <= value { low = middle } else { high = middle }
        }
        low
    }

    /// Never: a range has its lowest value.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The values, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u64> + Clone + use<> {
        let range = *self;
        (0..range.len()).map(move |i| range.at(i))
    }
}

/// `require EXPR`
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// As written, for messages and reports.
    pub text: String,
    /// Where it was written.
    pub span: Span,
    /// The predicate.
    pub predicate: Expression<ShapeVariable>,
}

/// What a requirement may speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShapeVariable {
    /// `width`, a pure number.
    Width,
    /// `depth`, a pure number.
    Depth,
    /// `mlp`, a pure number.
    Mlp,
    /// `heads`, a pure number.
    Heads,
    /// `head_dim`, a pure number.
    HeadDim,
    /// `params`, in param.
    Params,
    /// `tokens`, in token.
    Tokens,
    /// `flops`, forward FLOP per example.
    Flops,
    /// `examples`, what the budget pays for, in example.
    Examples,
    /// `latency`, of one pass of the batch that is served, in s.
    Latency,
    /// `throughput`, of passes one after the other, in example/s.
    Throughput,
    /// `memory`, that a training step takes on each device, in B.
    Memory,
    /// `loss`, as the law predicts it at the budget, a pure number.
    Loss,
}

impl ShapeVariable {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 13] = [
        ("width", Self::Width),
        ("depth", Self::Depth),
        ("mlp", Self::Mlp),
        ("heads", Self::Heads),
        ("head_dim", Self::HeadDim),
        ("params", Self::Params),
        ("tokens", Self::Tokens),
        ("flops", Self::Flops),
        ("examples", Self::Examples),
        ("latency", Self::Latency),
        ("throughput", Self::Throughput),
        ("memory", Self::Memory),
        ("loss", Self::Loss),
    ];
}

/// `emit TARGET "PATH"`
#[derive(Clone, Debug, PartialEq)]
pub struct Emit {
    /// The target.
    pub target: Spanned<Target>,
    /// Where to, below the search's folder; relative, no `..`, with `/`.
    pub path: Spanned<String>,
    /// Index into [`Plan::searches`]; every search where absent.
    pub search: Option<usize>,
    /// Architectures to compile kernels for, such as `sm_90a`; kernels only.
    pub arch: Vec<String>,
    /// What else it says.
    pub options: EmitOptions,
    /// The user's template, from the plan's folder; that target only.
    pub template: Option<Spanned<String>>,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Hugging Face transformers: a folder with `config.json`.
    Transformers,
    /// timm: a folder with `config.json` for `create_model("local-dir:...")`.
    Timm,
    /// `open_clip`: a folder for `add_model_config`.
    OpenClip,
    /// `big_vision`: a Python file with `get_config`.
    BigVision,
    /// torchvision: a Python file with `get_model`.
    Torchvision,
    /// Scenic: a Python file with `get_config`.
    Scenic,
    /// `KerasHub`: a Python file with `get_model`.
    KerasHub,
    /// `MMPretrain`: a Python config.
    Mmpretrain,
    /// Lightning: a YAML file for `LightningCLI`.
    Lightning,
    /// DINOv2: a YAML file over its default config.
    #[serde(rename = "dinov2", alias = "dino_v2")]
    DinoV2,
    /// DINOv3: a YAML file over its default config.
    #[serde(rename = "dinov3", alias = "dino_v3")]
    DinoV3,
    /// Burn: a Rust file with the blocks.
    Burn,
    /// nanoVLM: a Python file with the vision fields of `VLMConfig`.
    NanoVlm,
    /// `NeMo`: a YAML file over the config of its ViT classification.
    Nemo,
    /// candle-transformers: a folder with the `config.json` of a `siglip::VisionConfig`.
    Candle,
    /// Fused CUDA kernels: a folder of sources.
    Kernels,
    /// A template of the user's own: a file.
    Template,
}

impl Target {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 17] = [
        ("transformers", Self::Transformers),
        ("timm", Self::Timm),
        ("open_clip", Self::OpenClip),
        ("big_vision", Self::BigVision),
        ("torchvision", Self::Torchvision),
        ("scenic", Self::Scenic),
        ("keras_hub", Self::KerasHub),
        ("mmpretrain", Self::Mmpretrain),
        ("lightning", Self::Lightning),
        ("dinov2", Self::DinoV2),
        ("dinov3", Self::DinoV3),
        ("nano_vlm", Self::NanoVlm),
        ("nemo", Self::Nemo),
        ("burn", Self::Burn),
        ("candle", Self::Candle),
        ("kernels", Self::Kernels),
        ("template", Self::Template),
    ];

    /// The name in plans.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Whether it writes one file, not a folder.
    pub const fn is_file(self) -> bool {
        self.ending().is_some() || matches!(self, Self::Template)
    }

    /// The ending of the one file that it writes; none where it writes a folder, or a file of any ending.
    pub const fn ending(self) -> Option<&'static str> {
        match self {
            Self::BigVision | Self::Torchvision | Self::Scenic | Self::KerasHub | Self::Mmpretrain | Self::NanoVlm => {
                Some("py")
            }
            Self::Burn => Some("rs"),
            Self::Lightning | Self::DinoV2 | Self::DinoV3 | Self::Nemo => Some("yaml"),
            Self::Transformers | Self::Timm | Self::OpenClip | Self::Candle | Self::Kernels | Self::Template => None,
        }
    }
}

/// What an emit says beyond its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmitOptions {
    /// The model class of transformers; the first that can express the model where absent.
    pub model_type: Option<ModelType>,
    /// Size of the space that images and texts share; the text tower's width where absent.
    pub embed_dim: Option<u64>,
    /// The text tower beside the encoder.
    pub text: Option<TextSizes>,
    /// Whether the search's recipe stays out.
    pub model_alone: bool,
    /// How the kernels are made.
    pub form: KernelForm,
}

/// Model classes of transformers, by the `model_type` of their configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the name it is found by")]
pub enum ModelType {
    SiglipVisionModel,
    Vit,
    ClipVisionModel,
    Ijepa,
    VitMae,
    Dinov2,
    Dinov2WithRegisters,
    Dinov3Vit,
    Siglip2VisionModel,
    Siglip,
}

impl ModelType {
    /// All of them with their names, in the order in which they are tried.
    pub const ALL: [(&'static str, Self); 10] = [
        ("siglip_vision_model", Self::SiglipVisionModel),
        ("vit", Self::Vit),
        ("clip_vision_model", Self::ClipVisionModel),
        ("ijepa", Self::Ijepa),
        ("vit_mae", Self::VitMae),
        ("dinov2", Self::Dinov2),
        ("dinov2_with_registers", Self::Dinov2WithRegisters),
        ("dinov3_vit", Self::Dinov3Vit),
        ("siglip2_vision_model", Self::Siglip2VisionModel),
        ("siglip", Self::Siglip),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}
