//! timm: a folder with the `train.yaml` of a recipe, and the `config.json` that `create_model("local-dir:...")` and the hub read.
//!
//! `model_args` override every size of the named architecture, which only chooses the classes of the model and its blocks.

mod train;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Activation, BlockForm, FIXED_EPSILON, Feature, Job, Norm, Piece, Pooling, PositionRows, QkNorm, QkvBias};
use crate::diagnostic::Diagnostic;
use crate::emit::{engine, ratio};
use crate::vit::Vit;

pub(super) fn print(job: &Job<'_>) -> Result<Vec<Piece>, Diagnostic> {
    let vit = job.answer.vit;
    let arguments = arguments(job)?;
    let context =
        Context { vit, architecture: named(&vit), global_pool: global_pool(vit.architecture.pooling), arguments };
    let text = engine::render("timm.json.j2", context)?;
    let mut pieces = vec![job.in_folder("config.json", text)?.into()];
    if let Some(recipe) = job.recipe() {
        pieces.push(train::print(job, recipe)?.into());
    }
    Ok(pieces)
}

/// An architecture of timm with the classes of the model.
const fn named(vit: &Vit) -> &'static str {
    match (vit.architecture.variant.block, vit.architecture.pooling) {
        (BlockForm::ResPost, _) => "vit_base_patch16_rpn_224",
        (BlockForm::Parallel, _) => "vit_base_patch16_xp_224",
        (_, Pooling::Map) => "vit_so400m_patch14_siglip_224",
        (_, Pooling::Average | Pooling::Class) => "vit_base_patch16_224",
    }
}

/// The class of blocks that are not timm's usual ones.
pub(super) const fn block_class(form: BlockForm) -> Option<&'static str> {
    match form {
        BlockForm::Pre | BlockForm::Post => None,
        BlockForm::ResPost => Some("ResPostBlock"),
        BlockForm::Parallel => Some("ParallelScalingBlock"),
    }
}

const fn global_pool(pooling: Pooling) -> &'static str {
    match pooling {
        Pooling::Map => "map",
        Pooling::Average => "avg",
        Pooling::Class => "token",
    }
}

/// An argument of timm's `VisionTransformer`.
#[derive(Serialize)]
pub(super) struct Argument {
    name: &'static str,
    value: Value,
}

/// The arguments with which timm's `VisionTransformer` is the model, its classifier aside.
pub(super) fn arguments(job: &Job<'_>) -> Result<Vec<Argument>, Diagnostic> {
    let vit = job.answer.vit;
    let architecture = &vit.architecture;
    if architecture.norm_epsilon != FIXED_EPSILON {
        return Err(job
            .inexpressible("this layer norm epsilon", "its configs name a norm, whose epsilon is 1e-6")
            .help("use the epsilon 1e-6 in the model, or emit for transformers"));
    }
    let variant = &architecture.variant;
    // Its norms of queries and keys are those of the encoder.
    let rms = variant.norm == Norm::Rms;
    job.only(
        |feature| can(feature) || rms && feature == Feature::QkNorm(QkNorm::Rms),
        "its configs have no such argument",
    )?;
    if rms && variant.qk_norm == QkNorm::Layer {
        let help = "write `qk_norm = rms` in the model";
        return Err(job.inexpressible("`qk_norm = layer` beside `norm = rms`", "its norms are of one kind").help(help));
    }
    // One switch says whether the patches alone have positions, or all tokens.
    let no_embed_class = match variant.position_rows {
        PositionRows::All => false,
        PositionRows::Patches => true,
        PositionRows::Class if variant.registers == 0 => false,
        PositionRows::Class if !architecture.class_token => true,
        PositionRows::Class => {
            let why = "its positions are of the patches or of every token";
            let help = "write `position_rows = patches` or `position_rows = all` in the model";
            return Err(job.inexpressible("positions of the class token without the registers'", why).help(help));
        }
    };
    if variant.pre_norm == variant.patch_bias {
        let why = "a norm before the first block takes the place of the patch embedding's bias";
        let help = "write `pre_norm = true, patch_bias = false`, or neither";
        return Err(job.inexpressible("one without the other", why).help(help));
    }
    let act_layer = match architecture.activation {
        Activation::Gelu => "gelu",
        Activation::GeluTanh => "gelu_tanh",
        Activation::QuickGelu => "quick_gelu",
        Activation::SwiGlu => {
            return Err(job.inexpressible("the activation `swiglu`", "its configs cannot name a gated MLP"));
        }
    };
    // Its blocks with a norm behind each branch take this for the first value of the norms' weights.
    let init_values = match (variant.block, variant.layer_scale) {
        (BlockForm::ResPost, None) => Some(1.0),
        (BlockForm::ResPost, Some(_)) => {
            let why = "its norms begin at the value of the scale, which they are in the place of";
            let help = "leave `layer_scale` out";
            return Err(job.inexpressible("a layer scale behind the norms of `res_post`", why).help(help));
        }
        (_, scale) => scale,
    };
    // The architectures that other blocks are named by have more of their own that must be overridden.
    let all_said = variant.block != BlockForm::Pre;
    let has_prefix = architecture.prefix() > 0;
    let said = |switch: bool, usual: bool| (all_said || switch != usual).then_some(json!(switch));
    let all = [
        ("img_size", Some(json!(architecture.image))),
        ("patch_size", Some(json!(architecture.patch))),
        ("in_chans", Some(json!(architecture.channels))),
        ("embed_dim", Some(json!(vit.shape.width))),
        ("depth", Some(json!(vit.shape.depth))),
        ("num_heads", Some(json!(architecture.heads))),
        ("mlp_ratio", Some(json!(ratio::mlp_ratio(vit.shape.width, vit.shape.mlp_dim)))),
        ("class_token", Some(json!(architecture.class_token))),
        ("global_pool", Some(json!(global_pool(architecture.pooling)))),
        // timm alone would take the mean first, and norm it then.
        ("fc_norm", (architecture.pooling == Pooling::Average).then_some(json!(false))),
        // The MAP probe attends to every token; timm would leave class token and registers out.
        ("pool_include_prefix", (has_prefix && architecture.pooling == Pooling::Map).then_some(json!(true))),
        ("reg_tokens", (variant.registers > 0).then(|| json!(variant.registers))),
        ("no_embed_class", said(no_embed_class && has_prefix, false)),
        ("qkv_bias", said(variant.qkv_bias == QkvBias::All, true)),
        ("qk_norm", said(variant.qk_norm != QkNorm::None, false)),
        ("init_values", init_values.map(|scale| json!(scale))),
        ("pre_norm", said(variant.pre_norm, false)),
        ("norm_layer", (all_said || rms).then_some(json!(if rms { "rmsnorm" } else { "layernorm" }))),
        ("act_layer", Some(json!(act_layer))),
    ];
    Ok(all.into_iter().filter_map(|(name, value)| Some(Argument { name, value: value? })).collect())
}

/// What the arguments of timm's `VisionTransformer` can say.
pub(super) fn can(feature: Feature) -> bool {
    matches!(
        feature,
        Feature::Block(BlockForm::ResPost | BlockForm::Parallel)
            | Feature::Norm(Norm::Rms)
            | Feature::Registers
            | Feature::PositionRows(_)
            | Feature::QkvBias(QkvBias::None)
            | Feature::LayerScale
            | Feature::PreNorm
            | Feature::NoPatchBias
            | Feature::QkNorm(QkNorm::Layer)
    )
}

#[derive(Serialize)]
struct Context {
    vit: Vit,
    architecture: &'static str,
    global_pool: &'static str,
    arguments: Vec<Argument>,
}
