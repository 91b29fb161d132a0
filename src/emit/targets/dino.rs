//! DINOv2 and DINOv3: a YAML file with the `student` of their training configs.
//!
//! Their configs name an architecture of the repository, so only shapes that have a name there can be expressed. The
//! image's side goes into the size of the global crops. DINOv2's repository always has a class token whose position is
//! learned with the patches', DINOv3's has rotary positions; both have a mask token.

use serde::Serialize;

use super::{Activation, Feature, Job, Pooling, Position, PositionRows, QkvBias};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

/// An architecture of a repository: its name, width, depth, heads, and the hidden size that its MLP ratio gives.
type Named = (&'static str, [u64; 4]);

/// `dinov2/models/vision_transformer.py`.
const DINOV2: &[Named] = &[
    ("vit_small", [384, 12, 6, 1536]),
    ("vit_base", [768, 12, 12, 3072]),
    ("vit_large", [1024, 24, 16, 4096]),
    ("vit_giant2", [1536, 40, 24, 6144]),
];

/// `dinov3/models/vision_transformer.py`.
const DINOV3: &[Named] = &[
    ("vit_small", [384, 12, 6, 1536]),
    ("vit_base", [768, 12, 12, 3072]),
    ("vit_large", [1024, 24, 16, 4096]),
    ("vit_so400m", [1152, 27, 18, 4352]),
    ("vit_huge2", [1280, 32, 20, 5120]),
    ("vit_giant2", [1536, 40, 24, 6144]),
    ("vit_7b", [4096, 40, 32, 12288]),
];

pub(super) fn dinov2(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    common(job)?;
    job.only_fixed_epsilon()?;
    let can = |feature| {
        let biases = matches!(feature, Feature::QkvBias(QkvBias::None));
        biases || matches!(feature, Feature::Registers | Feature::LayerScale | Feature::MaskToken)
    };
    job.only(can, "its encoder is that of DINOv2")?;
    if job.answer.vit.architecture.channels != 3 {
        return Err(job.use_timm("other channels than 3", "its configs have no such field"));
    }
    // Fused SwiGLU takes two thirds of the hidden size, in whole eighths.
    let (arch, ffn_layer) = architecture(job, DINOV2, [("swiglufused", 8)])?;
    job.file(job.text("dino.yaml.j2", own(job, 2, arch, ffn_layer, None))?)
}

pub(super) fn dinov3(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    common(job)?;
    let vit = &job.answer.vit.architecture;
    let norm = match vit.norm_epsilon {
        1e-6 => "layernorm",
        1e-5 => "layernormbf16",
        _ => {
            let error = job.inexpressible("this layer norm epsilon", "its layer norms use 1e-6 or 1e-5");
            return Err(error.help("use one of these in the model"));
        }
    };
    if vit.variant.position != Position::Rope {
        let error = job.inexpressible("these positions", "its encoders turn queries and keys by them");
        return Err(error.help("write `position = rope`"));
    }
    let can = |feature| {
        let known = matches!(feature, Feature::QkvBias(_) | Feature::Position(Position::Rope) | Feature::MaskToken);
        known || matches!(feature, Feature::Registers | Feature::LayerScale)
    };
    job.only(can, "its encoder is that of DINOv3")?;
    if vit.channels != 3 {
        return Err(job.use_timm("other channels than 3", "its published recipes take RGB images"));
    }
    let aligned = [("swiglu", 8), ("swiglu32", 32), ("swiglu64", 64), ("swiglu128", 128)];
    let (arch, ffn_layer) = architecture(job, DINOV3, aligned)?;
    job.file(job.text("dino.yaml.j2", own(job, 3, arch, ffn_layer, Some(norm)))?)
}

/// What both repositories ask of a model.
fn common(job: &Job<'_>) -> Result<(), Diagnostic> {
    let vit = &job.answer.vit.architecture;
    if vit.pooling != Pooling::Class || vit.classes > 0 {
        let why = "its encoders give a class token, and their heads are those of self-supervision";
        return Err(job.use_timm("this pooling or a classifier", why));
    }
    if vit.variant.position_rows != PositionRows::Class {
        return Err(job.use_timm("these rows of positions", "its class token has one, and its registers have none"));
    }
    if !vit.variant.mask_token {
        let error = job.inexpressible("an encoder without mask token", "its encoders have one");
        return Err(error.help("write `mask_token = true` in the model"));
    }
    Ok(())
}

/// The architecture of that shape, and its MLP: of GELU, or of a gate whose hidden size is aligned so.
fn architecture<const N: usize>(
    job: &Job<'_>,
    known: &[Named],
    gates: [(&'static str, u64); N],
) -> Result<(&'static str, &'static str), Diagnostic> {
    let vit = &job.answer.vit;
    let heads = vit.architecture.heads;
    let layer = |hidden: u64| match vit.architecture.activation {
        Activation::Gelu => (hidden == vit.shape.mlp_dim).then_some("mlp"),
        Activation::SwiGlu => {
            let gate = |multiple: u64| (hidden * 2 / 3).next_multiple_of(multiple) == vit.shape.mlp_dim;
            gates.iter().find(|(_, multiple)| gate(*multiple)).map(|(name, _)| *name)
        }
        _ => None,
    };
    let found = known.iter().find_map(|&(name, [width, depth, with_heads, hidden])| {
        let is_it = (width, depth, with_heads) == (vit.shape.width, vit.shape.depth, heads);
        Some((name, layer(hidden).filter(|_| is_it)?))
    });
    found.ok_or_else(|| {
        let what = format!("the shape {} with {heads} heads and this activation", vit.shape);
        let names: Vec<_> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
        let why = format!("its configs name one of {}", names.join(", "));
        job.inexpressible(&what, &why).help("emit for transformers, whose `dinov3_vit` takes any shape")
    })
}

#[derive(Serialize)]
struct Own {
    version: u8,
    arch: &'static str,
    ffn_layer: &'static str,
    norm_layer: Option<&'static str>,
    registers: u64,
    layer_scale: Option<f64>,
    has_qkv_bias: bool,
    masks_key_bias: bool,
}

fn own(job: &Job<'_>, version: u8, arch: &'static str, ffn_layer: &'static str, norm: Option<&'static str>) -> Own {
    let variant = &job.answer.vit.architecture.variant;
    Own {
        version,
        arch,
        ffn_layer,
        norm_layer: norm,
        registers: variant.registers,
        layer_scale: variant.layer_scale,
        has_qkv_bias: variant.qkv_bias != QkvBias::None,
        masks_key_bias: variant.qkv_bias == QkvBias::NoKey,
    }
}
