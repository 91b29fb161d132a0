//! open_clip: a folder with a JSON file for `add_model_config`; its stem is the model's name.
//!
//! open_clip's own tower has a class token and no bias of the patches. What else the encoder may be is built by timm:
//! the JSON file names a model that the module beside it registers, for a config cannot describe one.

mod train;

use serde::Serialize;

use super::{Activation, Feature, Job, Piece, Pooling, Position, timm};
use crate::diagnostic::Diagnostic;
use crate::emit::ratio;
use crate::vit::{TextFamily, TextTower};

pub(super) fn print(job: &Job<'_>) -> Result<Vec<Piece>, Diagnostic> {
    let vit = &job.answer.vit;
    let architecture = &vit.architecture;
    if architecture.classes > 0 {
        return Err(job.use_timm("a classifier", "its towers are compared with texts"));
    }
    if architecture.channels != 3 {
        return Err(job.use_timm("other channels than 3", "its towers take RGB images"));
    }
    let text = job.text_tower(TextFamily::Clip);
    let own = Own {
        embed_dim: job.emit.options.embed_dim.unwrap_or(text.shared_width(vit.shape.width)),
        text,
        head_width: vit.head_dim(),
        mlp_ratio: ratio::mlp_ratio(vit.shape.width, vit.shape.mlp_dim),
        pool_type: if architecture.pooling == Pooling::Average { "avg" } else { "tok" },
        tanh: architecture.activation == Activation::GeluTanh,
        quick: architecture.activation == Activation::QuickGelu,
        sines: architecture.variant.position == Position::SinCos2d,
        pre_norm: architecture.variant.pre_norm,
        layer_scale: architecture.variant.layer_scale,
        block: timm::block_class(architecture.variant.block),
        registered: None,
        arguments: Vec::new(),
    };
    let file = format!("{}.json", job.answer.search);
    let is_native = is_native(job);
    let train = job.recipe().map(|recipe| train::print(job, recipe, !is_native)).transpose()?.map(Piece::from);
    if is_native {
        let mut pieces = vec![job.in_folder(&file, job.text("open_clip.json.j2", &own)?)?.into()];
        pieces.extend(train);
        return Ok(pieces);
    }
    let arguments = timm::arguments(job)?;
    let registered = Some(format!("sovit_{}", job.answer.search.to_lowercase()));
    let own = Own { registered, arguments, ..own };
    let mut pieces = vec![
        job.in_folder(&file, job.text("open_clip.json.j2", &own)?)?.into(),
        job.in_folder("register.py", job.text("open_clip.py.j2", &own)?)?.into(),
    ];
    pieces.extend(train);
    Ok(pieces)
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line of the config")]
struct Own {
    embed_dim: u64,
    text: TextTower,
    head_width: u64,
    mlp_ratio: f64,
    pool_type: &'static str,
    tanh: bool,
    quick: bool,
    sines: bool,
    pre_norm: bool,
    layer_scale: Option<f64>,
    /// The class of its blocks, where timm builds others than its usual ones.
    block: Option<&'static str>,
    /// The name under which the module registers the encoder.
    registered: Option<String>,
    arguments: Vec<timm::Argument>,
}

/// Whether open_clip's own tower is the encoder.
fn is_native(job: &Job<'_>) -> bool {
    let architecture = &job.answer.vit.architecture;
    let can = |feature: &Feature| {
        matches!(
            feature,
            Feature::PreNorm | Feature::NoPatchBias | Feature::LayerScale | Feature::Position(Position::SinCos2d)
        )
    };
    let variant = &architecture.variant;
    architecture.class_token
        && architecture.pooling != Pooling::Map
        && architecture.activation != Activation::SwiGlu
        && !variant.patch_bias
        && variant.features().iter().all(can)
}
