//! MMPretrain: a Python config with the `model` of a classifier, its backbone of this shape.

use serde::Serialize;

use super::{Activation, Feature, Job, Pooling, PositionRows, QkvBias};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let architecture = &job.answer.vit.architecture;
    if architecture.pooling != Pooling::Class {
        let why = "its encoder gives the class token, or a mean that it norms once more";
        return Err(job.use_timm("this pooling", why));
    }
    let can = |feature| {
        let biases = matches!(feature, Feature::QkvBias(QkvBias::None));
        biases || matches!(feature, Feature::LayerScale | Feature::PreNorm | Feature::NoPatchBias)
    };
    job.only(can, "its encoder is the plain one")?;
    let variant = &architecture.variant;
    if variant.position_rows != PositionRows::Class {
        return Err(job.use_timm("these rows of positions", "its class token has one"));
    }
    if variant.pre_norm == variant.patch_bias {
        let why = "a norm before the first block takes the place of the patch embedding's bias";
        let help = "write `pre_norm = true, patch_bias = false`, or neither";
        return Err(job.inexpressible("one without the other", why).help(help));
    }
    let tanh = match architecture.activation {
        Activation::Gelu => false,
        Activation::GeluTanh => true,
        _ => return Err(job.use_timm("this activation", "its MLPs use GELU")),
    };
    let own = Own {
        tanh,
        has_qkv_bias: variant.qkv_bias == QkvBias::All,
        layer_scale: variant.layer_scale.unwrap_or(0.0),
        pre_norm: variant.pre_norm,
    };
    job.file(job.text("mmpretrain.py.j2", own)?)
}

#[derive(Serialize)]
struct Own {
    tanh: bool,
    has_qkv_bias: bool,
    layer_scale: f64,
    pre_norm: bool,
}
