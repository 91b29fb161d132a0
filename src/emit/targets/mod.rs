//! Trainers and tools that are written for; one file each.

mod big_vision;
mod burn;
mod candle;
mod dino;
mod keras_hub;
mod kernels;
mod lightning;
mod mmpretrain;
mod nano_vlm;
mod nemo;
mod open_clip;
mod recipe;
mod scenic;
mod template;
mod timm;
mod torchvision;
mod transformers;

use serde::Serialize;

use super::{Artefact, Request, codes, engine, path, ratio};
use crate::diagnostic::{Diagnostic, Edit, Help};
use crate::kernel::KernelPlan;
use crate::plan::{Emit, Target};
use crate::shape::{Answer, Spending};
use crate::vit::{
    Activation, BlockForm, Cost, Feature, Norm, Pooling, Position, PositionRows, QkNorm, QkvBias, TextFamily,
    TextTower, Vit,
};

/// One `emit` for one answer.
pub(super) struct Job<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) emit: &'a Emit,
    pub(super) answer: &'a Answer,
}

/// An artefact, and the kernel whose source it is.
pub(super) struct Piece {
    pub(super) artefact: Artefact,
    pub(super) kernel: Option<Kernel>,
}

/// A kernel, and those that small batches launch in its place.
pub(crate) struct Kernel {
    pub(crate) plan: KernelPlan,
    /// The most rows that each is launched over, rising, and its name.
    pub(crate) up_to: Vec<(u64, String)>,
}

impl From<Artefact> for Piece {
    fn from(artefact: Artefact) -> Self {
        Self { artefact, kernel: None }
    }
}

/// What one `emit` writes for one answer, below a folder named after the search.
pub(super) fn print(job: &Job<'_>) -> Result<Vec<Piece>, Diagnostic> {
    let pieces = match job.emit.target.value {
        Target::Transformers => transformers::print(job),
        Target::Timm => timm::print(job),
        Target::OpenClip => open_clip::print(job),
        Target::BigVision => big_vision::print(job).map(one),
        Target::Torchvision => torchvision::print(job).map(one),
        Target::Scenic => scenic::print(job).map(one),
        Target::KerasHub => keras_hub::print(job).map(one),
        Target::Mmpretrain => mmpretrain::print(job).map(one),
        Target::Lightning => lightning::print(job).map(one),
        Target::DinoV2 => dino::dinov2(job).map(one),
        Target::DinoV3 => dino::dinov3(job).map(one),
        Target::NanoVlm => nano_vlm::print(job).map(one),
        Target::Nemo => nemo::print(job).map(one),
        Target::Burn => burn::print(job).map(one),
        Target::Candle => candle::print(job).map(one),
        Target::Kernels => kernels::print(job),
        Target::Template => template::print(job).map(one),
    }?;
    // These have no MLP size, but what `int(width * ratio)` gives.
    if matches!(job.emit.target.value, Target::Timm | Target::OpenClip | Target::Lightning) {
        for piece in &pieces {
            ratio::recheck(&piece.artefact.text, job.answer.vit.shape)?;
        }
    }
    Ok(pieces)
}

fn one(artefact: Artefact) -> Vec<Piece> {
    vec![artefact.into()]
}

impl Job<'_> {
    /// The text tower beside the encoder: of the plan's sizes, or the smallest published one of the family.
    fn text_tower(&self, family: TextFamily) -> TextTower {
        self.emit.options.text.map_or(family.smallest(), |sizes| sizes.tower(family))
    }

    /// A file inside the folder that the plan names.
    fn in_folder(&self, file: &str, text: String) -> Result<Artefact, Diagnostic> {
        let path = path::join(&[&self.answer.search, &self.emit.path.value, file]);
        Ok(Artefact { path: path.map_err(|diagnostic| self.here(diagnostic))?, text })
    }

    /// The file that the plan names.
    fn file(&self, text: String) -> Result<Artefact, Diagnostic> {
        if self.emit.path.value.ends_with('/') {
            let message = format!("`{}` writes one file, but this names a folder", self.emit.target.value.name());
            let ending = self.emit.target.value.ending().unwrap_or("txt");
            let help = format!("name the file, such as \"{}config.{ending}\"", self.emit.path.value);
            return Err(self.here(Diagnostic::error(codes::UNSAFE_PATH, message).help(help)));
        }
        let path = path::join(&[&self.answer.search, &self.emit.path.value]);
        Ok(Artefact { path: path.map_err(|diagnostic| self.here(diagnostic))?, text })
    }

    fn here(&self, diagnostic: Diagnostic) -> Diagnostic {
        diagnostic.label(self.emit.path.span, "")
    }

    /// The target has no way to say `what`; `why` is one clause.
    fn inexpressible(&self, what: &str, why: &str) -> Diagnostic {
        let target = self.emit.target.value.name();
        Diagnostic::error(codes::INEXPRESSIBLE, format!("`{target}` cannot express {what}: {why}"))
            .label(self.emit.target.span, format!("for search `{}`", self.answer.search))
    }

    /// Refuses the first feature that the target cannot express; `why` is one clause about the target.
    fn only(&self, can: impl Fn(Feature) -> bool, why: &str) -> Result<(), Diagnostic> {
        let features = self.answer.vit.architecture.variant.features();
        match features.into_iter().find(|feature| !can(*feature)) {
            None => Ok(()),
            Some(feature) if self.emit.target.value != Target::Timm && timm::can(feature) => {
                Err(self.use_timm(&feature.phrase(), why))
            }
            Some(feature) => Err(self.inexpressible(&feature.phrase(), why).help(
                "no target writes it yet: leave this out, and build the model from `sovitc build --format json`",
            )),
        }
    }

    /// As [`Job::inexpressible`], where timm can express it.
    fn use_timm(&self, what: &str, why: &str) -> Diagnostic {
        let error = self.inexpressible(what, why);
        let timm =
            |emit: &&Emit| emit.target.value == Target::Timm && super::applies(self.request.plan, emit, self.answer);
        if self.request.plan.emits.iter().any(|emit| timm(&emit)) {
            return error.help("leave this out: the plan emits for timm already, which can");
        }
        let mut edits = vec![Edit { span: self.emit.target.span, text: Target::Timm.name().to_owned() }];
        if self.emit.target.value.is_file() {
            // One writes a file, the other a folder.
            edits.push(Edit { span: self.emit.path.span, text: "\"timm/\"".to_owned() });
        }
        let message = "emit for timm, which can".to_owned();
        Diagnostic { help: vec![Help { message, edits }], ..error }
    }
}

/// What templates of users see, as JSON Schema.
#[cfg(feature = "cli")]
pub fn schema() -> serde_json::Value {
    template::schema()
}

/// A target as `sovitc emit --list` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name in plans.
    pub name: &'static str,
    /// What it writes.
    pub writes: &'static str,
    /// Whether the tests of sovitc load it with its library.
    pub verified: bool,
    /// That library, as it was tested with.
    pub tested_with: Option<&'static str>,
    /// The file that a recipe adds or goes into, where the trainer can follow one.
    pub recipe: Option<&'static str>,
}

/// Every target, in the order of [`Target::ALL`].
pub fn list() -> Vec<Listed> {
    let listed = |&(name, target): &(&'static str, Target)| {
        let (writes, verified) = about(target);
        Listed { name, writes, verified, tested_with: tested_with(target), recipe: recipe::file(target) }
    };
    Target::ALL.iter().map(listed).collect()
}

/// What a target writes, and whether the tests of sovitc load it with its library.
const fn about(target: Target) -> (&'static str, bool) {
    match target {
        Target::Transformers => ("`config.json` of Hugging Face transformers for `AutoConfig.from_pretrained`", true),
        Target::Timm => ("`config.json` of timm for `create_model(\"local-dir:...\")`", true),
        Target::OpenClip => {
            ("a JSON file for `open_clip.add_model_config`, and a module that registers what it names", true)
        }
        Target::BigVision => ("a Python file with `get_config` for big_vision", true),
        Target::Torchvision => ("a Python file with `get_model` for torchvision", true),
        Target::Scenic => ("a Python file with `get_config` for Scenic", false),
        Target::KerasHub => ("a Python file with `get_model` for KerasHub", true),
        Target::Mmpretrain => ("a Python config with the `model` of MMPretrain", false),
        Target::Lightning => ("a YAML file for a `LightningCLI` whose module takes an `encoder` of timm", false),
        Target::DinoV2 => ("a YAML file with the `student` of DINOv2, for the shapes that its repository names", false),
        Target::DinoV3 => ("a YAML file with the `student` of DINOv3, for the shapes that its repository names", false),
        Target::NanoVlm => ("a Python file with the vision fields of nanoVLM's `VLMConfig`", false),
        Target::Nemo => ("a YAML file with the encoder in the `model` of NeMo's ViT classification", false),
        Target::Burn => ("a Rust file with the blocks as a `TransformerEncoderConfig` of Burn", false),
        Target::Candle => ("`config.json` of candle's `siglip::VisionConfig`", true),
        Target::Kernels => {
            ("CUDA sources specialised to the shape, their `manifest.json`, and a README about both", true)
        }
        Target::Template => {
            ("whatever a template of your own says: `emit template \"mine.j2\" to \"mine.yaml\"`", true)
        }
    }
}

/// The library that the tests of sovitc load a target's files with, as it is installed for them.
const fn tested_with(target: Target) -> Option<&'static str> {
    match target {
        Target::Transformers => Some("transformers 5.23.0"),
        Target::Timm => Some("timm 1.0.31"),
        Target::OpenClip => Some("open_clip_torch 3.3.0"),
        Target::BigVision => Some("ml-collections 1.1.0"),
        Target::Torchvision => Some("torchvision 0.29.2"),
        Target::KerasHub => Some("keras-hub 0.32.0"),
        Target::Candle => Some("candle-transformers 0.10"),
        _ => None,
    }
}

/// What the templates of files for people see, and what one target adds.
#[derive(Serialize)]
struct View<'a, T> {
    plan: &'a str,
    search: &'a str,
    vit: Vit,
    cost: Cost,
    budget: &'a Spending,
    /// Whole examples that the budget pays for.
    examples: u64,
    tested_with: Option<&'static str>,
    #[serde(flatten)]
    own: T,
}

impl Job<'_> {
    /// A template's text, with what the target adds to what all see.
    fn text(&self, template: &str, own: impl Serialize) -> Result<String, Diagnostic> {
        let answer = self.answer;
        let view = View {
            plan: &self.request.plan.name,
            search: &answer.search,
            vit: answer.vit,
            cost: answer.cost,
            budget: &answer.budget,
            examples: super::whole_examples(&answer.budget),
            tested_with: tested_with(self.emit.target.value),
            own,
        };
        engine::render(template, view)
    }

    /// Refuses a class token, or one that is missing, and MAP pooling: for libraries that read a class token or the mean.
    fn class_or_average(&self) -> Result<(), Diagnostic> {
        let architecture = &self.answer.vit.architecture;
        match architecture.pooling {
            Pooling::Map => Err(self.use_timm("MAP pooling", "its encoders have no probe")),
            Pooling::Average if architecture.class_token => {
                Err(self.use_timm("a class token that nobody reads", "its encoders have one only to be read"))
            }
            Pooling::Average | Pooling::Class => Ok(()),
        }
    }

    /// Refuses other activations than one.
    fn only_activation(&self, can: Activation, why: &str) -> Result<(), Diagnostic> {
        let activation = self.answer.vit.architecture.activation;
        if activation == can {
            return Ok(());
        }
        let what = format!("the activation `{}`", activation.name());
        Err(if activation == Activation::SwiGlu { self.inexpressible(&what, why) } else { self.use_timm(&what, why) })
    }

    /// Refuses other epsilons than 1e-6.
    fn only_fixed_epsilon(&self) -> Result<(), Diagnostic> {
        if self.answer.vit.architecture.norm_epsilon == FIXED_EPSILON {
            return Ok(());
        }
        let help = "use the epsilon 1e-6 in the model, or emit for transformers";
        Err(self.inexpressible("this layer norm epsilon", "its layer norms use 1e-6").help(help))
    }
}

/// Layer norms whose epsilon a target fixes.
const FIXED_EPSILON: f64 = 1e-6;
