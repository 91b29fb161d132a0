//! NeMo: a YAML file over its `megatron_vit_classification_config.yaml`, with the encoder's part of `model`.
//!
//! Its class token has any number of rows, all with positions, and the first is read: a class token with registers.
//! Its classifier has a hidden layer, which no encoder here has: the encoder alone is exact. The recipe of Megatron-LM
//! itself has no file and always eight rows.

use serde::Serialize;

use super::{Activation, Feature, Job, Pooling, PositionRows};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let architecture = &job.answer.vit.architecture;
    if architecture.pooling != Pooling::Class {
        let what = if architecture.pooling == Pooling::Map { "MAP pooling" } else { "average pooling" };
        return Err(job.use_timm(what, "its encoder gives the class token to a classifier"));
    }
    if architecture.classes > 0 {
        let why = "its classifier has a hidden layer as wide as the encoder";
        let error = job.use_timm("a classifier of one layer", why);
        return Err(
            error.help("or leave `classes` out: the encoder is exact without, and NeMo adds its own classifier")
        );
    }
    let can = |feature| {
        let is_plain = matches!(feature, Feature::PreNorm | Feature::Registers | Feature::Masked);
        is_plain || feature == Feature::PositionRows(PositionRows::All)
    };
    job.only(can, "its encoder has no such switch")?;
    let variant = &architecture.variant;
    if variant.registers > 0 && variant.position_rows != PositionRows::All {
        let why = "its registers are rows of the class token, which have one";
        let help = "write `position_rows = all` in the model";
        return Err(job.inexpressible("registers without a position", why).help(help));
    }
    let openai_gelu = match architecture.activation {
        Activation::Gelu => false,
        Activation::GeluTanh => true,
        Activation::QuickGelu => return Err(job.use_timm("the activation `quick_gelu`", "its MLPs use GELU")),
        Activation::SwiGlu => return Err(job.inexpressible("the activation `swiglu`", "its MLPs use GELU")),
    };
    let own = Own {
        openai_gelu,
        class_token_length: architecture.prefix(),
        patches: architecture.patches(),
        preprocess_layernorm: variant.pre_norm,
        drop_patch_rate: variant.masked,
    };
    job.file(job.text("nemo.yaml.j2", own)?)
}

#[derive(Serialize)]
struct Own {
    /// GELU by the tanh approximation.
    openai_gelu: bool,
    /// Rows of the class token, registers among them.
    class_token_length: u64,
    patches: u64,
    preprocess_layernorm: bool,
    drop_patch_rate: f64,
}
