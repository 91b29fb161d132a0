//! `sovitc cost`

mod packed;
mod refuse;
mod show;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::{Common, Format, Located, Status, Uses, answer, report, tell};
use crate::diagnostic::{Diagnostic, any_error};
use crate::disk;
use crate::hardware::{self, AttentionLibrary, Device, Launch};
use crate::plan::{codes::NOTHING_ASKED, no_device};
use crate::source::Sources;
use crate::vit::{
    Activation, Architecture, AttentionKind, BlockForm, CATALOGUE, Memory, Norm, NumberFormat, Optimizer, Packed,
    Pooling, Position, QkNorm, QkvBias, Shape, Step, Vit, named, read_config,
};

use packed::Mix;
use text::{Beside, Contrast};

#[derive(Debug, Args)]
#[command(after_help = "\
A model is a name of the catalogue, the config file of a trainer, or its sizes; sizes given with a name or a file take
the place of its own.

Examples: sovitc cost siglip_so400m14 --image 384 --on h200 --batch 64
          sovitc cost hf/config.json --batch 32 --optimizer adafactor --shards 8
          sovitc cost siglip_b16 --images 224,384,512 --pack 1296 --batch 64
          sovitc cost siglip_so400m14 --text siglip_so400m --batch 64 --global-batch 32768
          sovitc cost vit_b16 --on ours --plan plan.sov --batch 256
          sovitc cost --width 1152 --depth 27 --mlp 4304 --heads 16 --patch 14 --image 224 --pool map")]
pub(super) struct Arguments {
    /// A name of the catalogue, or a config of transformers, timm, open_clip, big_vision, Lightning or NeMo.
    #[arg(value_name = "NAME|FILE")]
    model: Option<String>,
    /// Show the catalogue.
    #[arg(long, conflicts_with = "model")]
    list: bool,
    #[command(flatten)]
    sizes: Sizes,
    #[command(flatten)]
    training: Training,
    #[command(flatten)]
    contrast: Contrast,
    #[command(flatten)]
    mix: Mix,
    /// Tell what a batch takes on a device, such as `h200`.
    #[arg(long, value_name = "DEVICE")]
    on: Option<String>,
    /// A plan whose own devices `--on` may name.
    #[arg(long, value_name = "PLAN.sov", requires = "on")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    uses: Uses,
    /// Let the host queue every kernel, as PyTorch does without graphs.
    #[arg(long, requires = "on")]
    eager: bool,
    #[command(flatten)]
    common: Common,
}

/// Sizes and parts of a model.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Model")]
struct Sizes {
    /// Embedding width.
    #[arg(long)]
    width: Option<u64>,
    /// Number of encoder blocks.
    #[arg(long)]
    depth: Option<u64>,
    /// Hidden size of the MLP.
    #[arg(long)]
    mlp: Option<u64>,
    /// Attention heads.
    #[arg(long)]
    heads: Option<u64>,
    /// Side of a patch, in pixels.
    #[arg(long)]
    patch: Option<u64>,
    /// Side of the image, in pixels.
    #[arg(long)]
    image: Option<u64>,
    /// Colour channels.
    #[arg(long)]
    channels: Option<u64>,
    /// How the tokens become one vector; `class` brings the class token with it.
    #[arg(long, value_enum)]
    pool: Option<Pool>,
    /// Prepend a class token.
    #[arg(long)]
    class_token: bool,
    /// Outputs of the classifier.
    #[arg(long)]
    classes: Option<u64>,
    /// Activation of the MLPs.
    #[arg(long, value_parser = words(&Activation::ALL))]
    activation: Option<Activation>,
    /// Where the norms of a block stand: before attention and MLP, behind their residual sums, on what they give, or one
    /// before both in parallel.
    #[arg(long, value_parser = words(&BlockForm::ALL))]
    block: Option<BlockForm>,
    /// Norms, but for those of queries and keys.
    #[arg(long, value_parser = words(&Norm::ALL))]
    norm: Option<Norm>,
    /// Register tokens.
    #[arg(long)]
    registers: Option<u64>,
    /// How tokens learn where they are.
    #[arg(long, value_parser = words(&Position::ALL))]
    position: Option<Position>,
    /// Biases of queries, keys and values.
    #[arg(long, value_parser = words(&QkvBias::ALL))]
    qkv_bias: Option<QkvBias>,
    /// Norms of queries and keys.
    #[arg(long, value_parser = words(&QkNorm::ALL))]
    qk_norm: Option<QkNorm>,
    /// Scale attention and MLP by channel, from this value on.
    #[arg(long, value_name = "VALUE", value_parser = finite)]
    layer_scale: Option<f64>,
    /// Share of the patches that training hides from the blocks.
    #[arg(long, value_name = "SHARE")]
    masked: Option<f64>,
}

/// How it is trained.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Training")]
struct Training {
    /// Images that a device sees at once, or sequences of several.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=Architecture::LIMIT))]
    batch: u64,
    /// The optimizer.
    #[arg(long, value_parser = words(&Optimizer::ALL), default_value = "adamw")]
    optimizer: Optimizer,
    /// Format of the weights that the optimizer updates.
    #[arg(long, value_parser = words(&NumberFormat::ALL), default_value = "fp32")]
    weights: NumberFormat,
    /// Format of the activations.
    #[arg(long, value_parser = words(&NumberFormat::ALL), default_value = "bf16")]
    compute: NumberFormat,
    /// The library whose attention runs, or `math`, which keeps every attention weight.
    #[arg(long, value_parser = words(&ATTENTION), default_value = "flash")]
    attention: Attention,
    /// Keep the inputs of blocks alone, and compute the blocks again.
    #[arg(long)]
    checkpoint: bool,
    /// Devices that share weights, gradients and states.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=Architecture::LIMIT))]
    shards: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attention {
    Library(AttentionLibrary),
    Math,
}

const ATTENTION: [(&str, Attention); 5] = [
    ("flash", Attention::Library(AttentionLibrary::Flash)),
    ("flash3", Attention::Library(AttentionLibrary::Flash3)),
    ("cudnn", Attention::Library(AttentionLibrary::CuDnn)),
    ("triton", Attention::Library(AttentionLibrary::Triton)),
    ("math", Attention::Math),
];

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Pool {
    Map,
    Average,
    Class,
}

impl Pool {
    pub(super) const fn pooling(self) -> Pooling {
        match self {
            Self::Map => Pooling::Map,
            Self::Average => Pooling::Average,
            Self::Class => Pooling::Class,
        }
    }
}

fn finite(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "this is no number".to_owned())?;
    if value.is_finite() { Ok(value) } else { Err("this is not finite".to_owned()) }
}

/// One of a few words.
fn words<T: Copy + Send + Sync + 'static>(list: &'static [(&'static str, T)]) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(list.iter().map(|(name, _)| *name));
    // The parser lets no other word pass.
    names.map(move |word| list.iter().find(|(name, _)| *name == word).map_or(list[0].1, |(_, value)| *value))
}

/// What is asked of which model.
struct Counted {
    /// Where the model comes from, if not from sizes alone.
    origin: Option<String>,
    vit: Vit,
    step: Step,
    /// What is trained beside it.
    beside: Option<Beside>,
    /// Images of several sizes that it sees in the place of one.
    packed: Option<Packed>,
    timing: Option<Timing>,
}

impl Counted {
    /// What a training step keeps on one device.
    fn memory(&self) -> Memory {
        match (&self.beside, &self.packed) {
            (Some(beside), _) => beside.contrastive.memory(&self.vit, &self.step).memory,
            (None, Some(packed)) => packed.memory(&self.vit, &self.step),
            (None, None) => self.vit.memory(&self.step),
        }
    }
}

struct Timing {
    device: Arc<Device>,
    library: AttentionLibrary,
    launch: Launch,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let format = arguments.common.format;
    if arguments.list {
        return answer(&show::catalogue(format), format);
    }
    let (devices, found, sources) =
        arguments.plan.as_deref().map(|plan| own_devices(plan, arguments.uses)).unwrap_or_default();
    if any_error(&found) {
        return tell(&found, &sources, format, "");
    }
    match counted(arguments, &devices) {
        Ok(counted) => {
            let status = report(&found, &sources, format);
            let text = match format {
                Format::Json => show::json(&counted),
                Format::Human => show::human(&counted),
            };
            status.max(answer(&text, format))
        }
        Err(error) => tell(&[error], &Sources::default(), format, ""),
    }
}

/// The devices of a plan, which need not ask anything, and what was found.
fn own_devices(plan: &Path, uses: Uses) -> (Vec<Arc<Device>>, Vec<Diagnostic>, Sources) {
    let located = Located::new(plan).using(uses);
    let mut checked = crate::check(&located.world(), &located.plan());
    checked.diagnostics.retain(|found| found.code != NOTHING_ASKED);
    (checked.plan.devices, checked.diagnostics, checked.sources)
}

fn counted(arguments: &Arguments, devices: &[Arc<Device>]) -> Result<Counted, Diagnostic> {
    let (origin, base) = match &arguments.model {
        Some(model) => {
            let (origin, vit) = model_of(model)?;
            (Some(origin), Some(vit))
        }
        None => (None, None),
    };
    let vit = arguments.sizes.over(base)?;
    let vit = vit
        .architecture
        .with(vit.shape)
        .map_err(|problem| refuse::unbuildable(problem, &vit.architecture, vit.shape))?;
    let training = &arguments.training;
    let step = Step {
        batch: training.batch,
        optimizer: training.optimizer,
        weights: training.weights,
        compute: training.compute,
        attention: if training.attention == Attention::Math { AttentionKind::Math } else { AttentionKind::Fused },
        checkpointed: training.checkpoint,
        shards: training.shards,
    };
    let timing = arguments.on.as_deref().map(|name| {
        let own = devices.iter().find(|device| device.name == name);
        let device = own.or_else(|| hardware::device(name)).ok_or_else(|| no_device(name, devices))?.clone();
        let Attention::Library(library) = training.attention else { return Err(refuse::math_attention()) };
        Ok(Timing { device, library, launch: if arguments.eager { Launch::Eager } else { Launch::Graph } })
    });
    Ok(Counted {
        origin,
        vit,
        step,
        beside: arguments.contrast.beside(&step)?,
        packed: arguments.mix.packed(&vit)?,
        timing: timing.transpose()?,
    })
}

/// A model of the catalogue or of a config, and where it comes from.
fn model_of(model: &str) -> Result<(String, Vit), Diagnostic> {
    if let Some(entry) = named(model) {
        return Ok((format!("{model}, {}", entry.source), entry.vit()));
    }
    let mut path = PathBuf::from(model);
    if path.is_dir() {
        path.push("config.json");
    }
    if !path.exists() {
        return Err(refuse::unknown(&path.to_string_lossy()));
    }
    config_of(&path)
}

fn config_of(path: &Path) -> Result<(String, Vit), Diagnostic> {
    let bytes = disk::read(path).map_err(|error| refuse::unreadable(path, &error))?;
    let read = read_config(&String::from_utf8_lossy(&bytes)).map_err(|problem| refuse::config(path, &problem))?;
    Ok((format!("{}, {}", path.display(), read.format), read.vit))
}

impl Sizes {
    /// The sizes over those of a model, or all of them where there is none.
    fn over(&self, base: Option<Vit>) -> Result<Vit, Diagnostic> {
        let needed = [
            ("--width", self.width, base.map(|vit| vit.shape.width)),
            ("--depth", self.depth, base.map(|vit| vit.shape.depth)),
            ("--mlp", self.mlp, base.map(|vit| vit.shape.mlp_dim)),
            ("--heads", self.heads, base.map(|vit| vit.architecture.heads)),
            ("--patch", self.patch, base.map(|vit| vit.architecture.patch)),
            ("--image", self.image, base.map(|vit| vit.architecture.image)),
        ];
        let missing: Vec<&str> =
            needed.iter().filter(|(_, own, base)| own.or(*base).is_none()).map(|(option, ..)| *option).collect();
        let [Some(width), Some(depth), Some(mlp_dim), Some(heads), Some(patch), Some(image)] =
            needed.map(|(_, own, base)| own.or(base))
        else {
            return Err(refuse::missing(&missing));
        };
        let base = base.map(|vit| vit.architecture).unwrap_or_default();
        let pooling = self.pool.map_or(base.pooling, Pool::pooling);
        let mut variant = base.variant;
        variant.block = self.block.unwrap_or(variant.block);
        variant.norm = self.norm.unwrap_or(variant.norm);
        variant.registers = self.registers.unwrap_or(variant.registers);
        variant.position = self.position.unwrap_or(variant.position);
        variant.qkv_bias = self.qkv_bias.unwrap_or(variant.qkv_bias);
        variant.qk_norm = self.qk_norm.unwrap_or(variant.qk_norm);
        variant.layer_scale = self.layer_scale.or(variant.layer_scale);
        variant.masked = self.masked.unwrap_or(variant.masked);
        let architecture = Architecture {
            image,
            patch,
            heads,
            channels: self.channels.unwrap_or(base.channels),
            pooling,
            class_token: self.class_token || pooling == Pooling::Class || base.class_token,
            classes: self.classes.unwrap_or(base.classes),
            activation: self.activation.unwrap_or(base.activation),
            variant,
            ..base
        };
        Ok(Vit { architecture, shape: Shape { width, depth, mlp_dim } })
    }
}
